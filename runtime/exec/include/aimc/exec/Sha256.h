//===- Sha256.h - SHA-256 of a range of bytes -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <cstddef>
#include <string>

namespace aimc::exec {

/// The digest as 64 lower-case hexadecimal digits. libcrypto uses the processor's SHA instructions
/// where it has them (about 2 GB/s).
Result<std::string> sha256Hex(const std::byte *data, size_t size);

} // namespace aimc::exec
