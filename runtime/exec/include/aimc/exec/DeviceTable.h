//===- DeviceTable.h - reading a device file --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A device of kind `table` comes as a JSON object: docs/Devices.md has the schema. The reader is
// strict: unknown keys, missing halves of a pair and values out of range are mistakes.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/JsonReader.h"
#include "aimc/model/DeviceTable.h"

#include <memory>
#include <string>
#include <string_view>

namespace aimc::exec {

/// Null after a mistake.
std::shared_ptr<const model::DeviceTable> readDeviceTable(const JsonObject &object);

/// The same from text; `file` opens the message.
Result<std::shared_ptr<const model::DeviceTable>> parseDeviceTable(std::string_view text,
                                                                   const std::string &file);

} // namespace aimc::exec
