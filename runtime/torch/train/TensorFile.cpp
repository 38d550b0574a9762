//===- TensorFile.cpp - named tensors in a file ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The format: the length of a JSON header as eight bytes, the header, the data. What the header
// says is checked against the file's size before anything is used.
//
//===----------------------------------------------------------------------===//
#include "aimc/torch/TensorFile.h"

#include <ATen/ATen.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace aimc::train {

using nlohmann::json;

namespace {
tl::unexpected<Error> fail(const std::string &path, const std::string &message) {
  return tl::unexpected(Error{path + ": " + message});
}

constexpr struct {
  const char *name;
  at::ScalarType type;
} kTypes[] = {{"F32", at::kFloat}, {"F64", at::kDouble}, {"I64", at::kLong},
              {"I32", at::kInt},   {"BOOL", at::kBool},  {"U8", at::kByte}};

const char *nameOf(at::ScalarType type) {
  for (const auto &entry : kTypes)
    if (entry.type == type)
      return entry.name;
  return nullptr;
}

/// One tensor of the header, whose data are in `data`; undefined where the header is at fault.
at::Tensor tensorOf(const json &entry, const std::string &data) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
      !entry.contains("shape") || !entry.contains("data_offsets"))
    return {};
  const json &places = entry["data_offsets"];
  if (!places.is_array() || places.size() != 2 || !places[0].is_number_unsigned() ||
      !places[1].is_number_unsigned() || !entry["shape"].is_array())
    return {};
  auto begin = places[0].get<uint64_t>(), end = places[1].get<uint64_t>();
  if (begin > end || end > data.size())
    return {};
  for (const auto &type : kTypes) {
    if (entry["dtype"] != type.name)
      continue;
    std::vector<int64_t> shape;
    uint64_t bytes = c10::elementSize(type.type);
    for (const json &dim : entry["shape"]) {
      if (!dim.is_number_unsigned() || dim.get<uint64_t>() > (uint64_t(1) << 40))
        return {};
      shape.push_back(dim.get<int64_t>());
      if (dim.get<uint64_t>() && bytes > (uint64_t(1) << 60) / dim.get<uint64_t>())
        return {};
      bytes *= dim.get<uint64_t>();
    }
    if (bytes != end - begin)
      return {};
    at::Tensor tensor = at::empty(shape, at::TensorOptions(type.type));
    std::memcpy(tensor.mutable_data_ptr(), data.data() + begin, bytes);
    return tensor;
  }
  return {};
}
} // namespace

Result<TensorFile> readTensors(const std::string &path) {
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream)
    return fail(path, std::string("cannot open the file: ") + std::strerror(errno));
  auto size = static_cast<uint64_t>(stream.tellg());
  stream.seekg(0);
  uint64_t length = 0;
  if (size < 8 || !stream.read(reinterpret_cast<char *>(&length), 8) || length > size - 8)
    return fail(path,
                "expected a safetensors file, but it is damaged, cut short or another format");
  std::string header(length, '\0'), data(size - 8 - length, '\0');
  stream.read(header.data(), static_cast<std::streamsize>(header.size()));
  stream.read(data.data(), static_cast<std::streamsize>(data.size()));
  json parsed = json::parse(header, nullptr, false);
  if (!stream || !parsed.is_object())
    return fail(path,
                "expected a safetensors file, but it is damaged, cut short or another format");
  TensorFile file;
  for (auto &[name, entry] : parsed.items()) {
    if (name == "__metadata__") {
      for (auto &[key, value] : entry.items())
        if (value.is_string())
          file.metadata[key] = value.get<std::string>();
      continue;
    }
    at::Tensor tensor = tensorOf(entry, data);
    if (!tensor.defined())
      return fail(path, "tensor '" + name + "': expected a type, a shape and a place in the file");
    file.tensors[name] = tensor;
  }
  return file;
}

Result<> writeTensors(const std::string &path, const TensorFile &file) {
  json header = json::object();
  if (!file.metadata.empty())
    header["__metadata__"] = file.metadata;
  uint64_t offset = 0;
  std::vector<at::Tensor> dense;
  for (const auto &[name, tensor] : file.tensors) {
    dense.push_back(tensor.detach().contiguous());
    const char *type = nameOf(tensor.scalar_type());
    if (!type)
      return fail(path, "tensor '" + name + "': expected a type that safetensors knows");
    header[name] = {{"dtype", type},
                    {"shape", dense.back().sizes().vec()},
                    {"data_offsets", {offset, offset + dense.back().nbytes()}}};
    offset += dense.back().nbytes();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  uint64_t length = text.size();
  std::string temporary = path + ".tmp"; // of one name: what a killed run left is written over
  std::FILE *stream = std::fopen(temporary.c_str(), "wb");
  if (!stream)
    return fail(path, std::string("cannot write: ") + std::strerror(errno));
  bool good = std::fwrite(&length, 8, 1, stream) == 1 &&
              std::fwrite(text.data(), 1, text.size(), stream) == text.size();
  for (const at::Tensor &tensor : dense)
    good =
        good && std::fwrite(tensor.const_data_ptr(), 1, tensor.nbytes(), stream) == tensor.nbytes();
  good = good && std::fflush(stream) == 0 && ::fsync(::fileno(stream)) == 0;
  int error = errno;
  good = std::fclose(stream) == 0 && good;
  if (good && std::rename(temporary.c_str(), path.c_str()) == 0)
    return {};
  error = good ? errno : error;
  ::unlink(temporary.c_str());
  return fail(path, std::string("cannot write: ") + std::strerror(error));
}

} // namespace aimc::train
