//===- Vector.h - an input vector from the command line ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace aimc::translate {

/// Numbers separated by commas, or row `vector` of a float array: file.npy, the only array of
/// file.npz, or file.npz:name. All dimensions but the last count as rows.
tl::expected<std::vector<double>, std::string> readVector(const std::string &text, int64_t vector);

} // namespace aimc::translate
