//===- Safetensors.cpp - tensors of a mapped weights file -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Safetensors.h"

#include "aimc/exec/JsonReader.h"

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

namespace aimc::exec {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

namespace {
/// The bound of the format's own reader; a longer header is a damaged length field.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

/// Bits per element, 0 for an unknown name.
int64_t elementBytes(std::string_view dtype) {
  if (dtype == "BOOL" || dtype == "U8" || dtype == "I8" || dtype == "F8_E5M2" || dtype == "F8_E4M3")
    return 1;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16")
    return 2;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32")
    return 4;
  if (dtype == "F64" || dtype == "I64" || dtype == "U64")
    return 8;
  return 0;
}
} // namespace

std::string shapeText(const int64_t *shape, size_t rank) {
  std::string text = "[";
  for (size_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

int64_t byteCount(const int64_t *shape, size_t rank, int64_t elementBytes) {
  int64_t total = elementBytes;
  for (size_t i = 0; i < rank; ++i)
    if (shape[i] < 0 || __builtin_mul_overflow(total, shape[i], &total))
      return -1;
  return total;
}

Result<Safetensors> Safetensors::parse(std::shared_ptr<const MappedFile> file,
                                       const std::string &name) {
  size_t size = file->size();
  uint64_t headerBytes = 0;
  if (size < sizeof headerBytes)
    return fail(AIMC_BAD_PACKAGE,
                name + ": expected a safetensors file, but got " + std::to_string(size) + " bytes");
  std::memcpy(&headerBytes, file->data(), sizeof headerBytes);
  if (headerBytes > kMaxHeaderBytes || headerBytes > size - sizeof headerBytes)
    return fail(AIMC_BAD_PACKAGE, name + ": expected a header inside the file of " +
                                      std::to_string(size) + " bytes, but got one of " +
                                      std::to_string(headerBytes) + " bytes");
  const std::byte *base = file->data() + sizeof headerBytes + headerBytes;
  auto dataBytes = static_cast<int64_t>(size - sizeof headerBytes - headerBytes);
  std::string_view text(reinterpret_cast<const char *>(file->data()) + sizeof headerBytes,
                        headerBytes);
  auto header = parseJson(text, name, AIMC_BAD_PACKAGE);
  if (!header)
    return tl::unexpected(header.error());

  Safetensors result;
  JsonReader reader(name, AIMC_BAD_PACKAGE);
  JsonObject root = reader.root(*header);
  for (const std::string &key : root.keys()) {
    if (key == "__metadata__") {
      JsonObject texts = root.object(key);
      for (const std::string &name : texts.keys())
        result.texts.emplace(name, texts.string(name));
      continue;
    }
    JsonObject entry = root.object(key);
    StoredTensor tensor;
    tensor.dtype = entry.string("dtype");
    tensor.shape = entry.integers("shape", 0, INT64_MAX);
    std::vector<int64_t> range = entry.integers("data_offsets", 0, INT64_MAX);
    if (reader.failed())
      break;
    int64_t width = elementBytes(tensor.dtype);
    if (width == 0)
      entry.mistake("dtype", "unknown element type " + quote(tensor.dtype));
    else if (range.size() != 2 || range[0] > range[1] || range[1] > dataBytes)
      entry.mistake("data_offsets", "expected a range within " + std::to_string(dataBytes) +
                                        " bytes of data, but got " + shapeText(range));
    else if (byteCount(tensor.shape.data(), tensor.shape.size(), width) != range[1] - range[0])
      entry.mistake("shape", "expected " + std::to_string(range[1] - range[0]) +
                                 " bytes, but got shape " + shapeText(tensor.shape) + " of " +
                                 tensor.dtype);
    if (reader.failed())
      break;
    tensor.data = base + range[0];
    tensor.bytes = static_cast<size_t>(range[1] - range[0]);
    result.tensors.emplace(key, std::move(tensor));
  }
  if (reader.failed())
    return reader.result();
  result.file = std::move(file);
  return result;
}

const StoredTensor *Safetensors::find(std::string_view name) const {
  auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : &it->second;
}

} // namespace aimc::exec
