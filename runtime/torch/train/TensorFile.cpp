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

#include "aimc/files/Json.h"
#include "aimc/files/Seal.h"
#include "aimc/files/Text.h"

#include <ATen/ATen.h>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace aimc::train {

using nlohmann::json;

namespace {
tl::unexpected<Error> fail(const std::string &path, const std::string &message) {
  return tl::unexpected(Error{files::printable(path + ": " + message)});
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

/// Bytes that the header says follow it.
uint64_t dataBytes(const json &header) {
  uint64_t last = 0;
  for (const json &entry : header)
    if (entry.is_object() && entry.contains("data_offsets"))
      if (const json &places = entry["data_offsets"];
          places.is_array() && places.size() == 2 && places[1].is_number_unsigned())
        last = std::max(last, places[1].get<uint64_t>());
  return last;
}

/// One tensor of the header, whose data are in `data`; undefined where the header is at fault.
at::Tensor tensorOf(const json &entry, std::string_view data) {
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

Result<TensorFile> readTensors(const std::string &path, const std::optional<Kind> &kind) {
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream)
    return fail(path, std::string("cannot open the file: ") + std::strerror(errno));
  std::string bytes(static_cast<size_t>(stream.tellg()), '\0');
  stream.seekg(0);
  uint64_t length = 0;
  if (!stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size())) || bytes.size() < 8 ||
      (std::memcpy(&length, bytes.data(), 8), length > bytes.size() - 8))
    return fail(path,
                "expected a safetensors file, but it is damaged, cut short or another format");
  const std::string_view data = std::string_view(bytes).substr(8 + length);
  auto parsed = files::parseJson(std::string_view(bytes).substr(8, length));
  if (!parsed || !parsed->is_object())
    return fail(path,
                "expected a safetensors file, but it is damaged, cut short or another format");
  if (uint64_t needed = 8 + length + dataBytes(*parsed); needed > bytes.size())
    return fail(path, "expected " + std::to_string(needed) + " bytes, but got " +
                          std::to_string(bytes.size()) + ": the file is cut short");
  const json metadata = parsed->value("__metadata__", json::object());
  if (kind || metadata.contains(files::kSealKey))
    if (auto good = files::checkSeal(bytes, path, kind ? kind->what : "tensors of a noise spec",
                                     kind ? kind->remedy : "write it again");
        !good)
      return tl::unexpected(Error{good.error()});
  TensorFile file;
  for (auto &[name, entry] : parsed->items()) {
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
  header["__metadata__"] = file.metadata;
  header["__metadata__"][std::string(files::kSealKey)] = files::emptySeal();
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
  const uint64_t length = text.size();
  auto writer = files::SealedWriter::create(path);
  if (!writer)
    return tl::unexpected(Error{writer.error()});
  auto done = writer->write(&length, sizeof length);
  if (done)
    done = writer->write(text.data(), text.size());
  for (const at::Tensor &tensor : dense)
    if (done)
      done = writer->write(tensor.const_data_ptr(), tensor.nbytes());
  if (done)
    done = writer->commit();
  return done ? Result<>() : tl::unexpected(Error{done.error()});
}

} // namespace aimc::train
