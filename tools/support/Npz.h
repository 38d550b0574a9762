//===- Npz.h - NumPy .npz archives ------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A .npz is a zip of .npy files: a short header with type and shape, then the data. What the
// header says is checked against the size of the data before anything is used.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/runtime.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

struct zip; // libzip

namespace aimc::run {

/// An array in C order that owns its data.
struct Array {
  std::string name;
  aimc_dtype dtype = AIMC_F32;
  std::vector<int64_t> shape;
  std::vector<std::byte> data;
};

const char *dtypeName(aimc_dtype dtype);
size_t dtypeBytes(aimc_dtype dtype);
/// "i64 [8, 32]".
std::string typeText(const Array &array);

/// All arrays of `path`; the error is one line that names file and array.
tl::expected<std::vector<Array>, std::string> readNpz(const std::string &path);

/// One .npy file from memory; the error does not name the file.
tl::expected<Array, std::string> parseNpy(std::vector<std::byte> bytes);

/// Makes an entry of an archive one that is stored as it is, without the time of its making: equal
/// arrays are equal files. False where libzip refuses.
bool settle(::zip *archive, uint64_t index);

/// The bytes of an uncompressed .npz.
tl::expected<std::vector<std::byte>, std::string> writeNpz(const std::vector<Array> &arrays);

} // namespace aimc::run
