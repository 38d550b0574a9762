//===- Safetensors.cpp - weights of a package -----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/exec/Safetensors.h"
#include "aimc/files/Json.h"

#include <nlohmann/json.hpp>

using namespace aimc::exec;
using namespace aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile memory("weights");
  const std::string bytes = safetensorsOf(textOf(data, size));
  const auto file = MappedFile::open(memory.hold(bytes));
  require(file.has_value(), "expected a file that can be mapped");
  const auto tensors = Safetensors::parse(*file, "weights.safetensors");
  if (!tensors) {
    requireLine(tensors.error().message);
    return 0;
  }
  uint64_t length = 0;
  memcpy(&length, bytes.data(), sizeof length);
  const auto header = aimc::files::parseJson(std::string_view(bytes).substr(8, length));
  require(header.has_value(), "expected a header of JSON");
  size_t read = 0;
  for (const auto &[name, entry] : header->items())
    if (const StoredTensor *tensor = name == "__metadata__" ? nullptr : tensors->find(name)) {
      ++read;
      const std::byte *begin = (*file)->data(), *end = begin + (*file)->size();
      require(tensor->data >= begin && tensor->data <= end &&
                  tensor->bytes <= static_cast<size_t>(end - tensor->data),
              "expected tensors inside the file");
    }
  require(read == tensors->size(), "expected every tensor by its name");
  return 0;
}
