//===- Safetensors.h - tensors of a mapped weights file ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The safetensors format: eight bytes little-endian header length, a JSON header, then raw data.
// Everything the header says is checked against the file before a pointer is handed out.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/MappedFile.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace aimc::exec {

struct StoredTensor {
  std::string dtype; ///< as in the file: "F32", "I64", "I32", "BOOL", ...
  std::vector<int64_t> shape;
  const std::byte *data = nullptr;
  size_t bytes = 0;
};

class Safetensors {
public:
  static Result<Safetensors> parse(std::shared_ptr<const MappedFile> file, const std::string &name);

  /// Null when there is no such tensor.
  const StoredTensor *find(std::string_view name) const;
  size_t size() const { return tensors.size(); }
  const std::map<std::string, std::string, std::less<>> &metadata() const { return texts; }

private:
  std::shared_ptr<const MappedFile> file;
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> texts; ///< of __metadata__
};

/// "[8, 32]".
std::string shapeText(const int64_t *shape, size_t rank);
inline std::string shapeText(const std::vector<int64_t> &shape) {
  return shapeText(shape.data(), shape.size());
}

/// Product of the dimensions times elementBytes; negative on overflow or a negative dimension.
int64_t byteCount(const int64_t *shape, size_t rank, int64_t elementBytes);

} // namespace aimc::exec
