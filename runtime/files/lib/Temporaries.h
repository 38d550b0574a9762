//===- Temporaries.h - temporary names that exist now -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include <string>

namespace aimc::files {

/// Tells removeTemporaries() of a file or folder, before it is made: a signal may come in between.
void announce(const std::string &name);
/// The name is nobody's any more, or another's.
void withdraw(const std::string &name);

} // namespace aimc::files
