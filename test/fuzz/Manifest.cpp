//===- Manifest.cpp - manifest.json ---------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/exec/ChipFile.h"
#include "aimc/exec/Manifest.h"

using namespace aimc::exec;
using namespace aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text = textOf(data, size);
  if (auto whole = checkManifestHash(text, "manifest.json"); !whole)
    requireLine(whole.error().message);
  const auto manifest = Manifest::parse(text, "manifest.json");
  if (!manifest) {
    requireLine(manifest.error().message);
    return 0;
  }
  for (const Weight &weight : manifest->weights) {
    // Covered exactly once: as many elements in blocks as in the weight.
    double elements = 0;
    for (const Block &block : weight.blocks) {
      require(block.row + block.rows <= weight.rows && block.col + block.cols <= weight.cols,
              "expected blocks inside their weight");
      elements += static_cast<double>(block.rows) * static_cast<double>(block.cols);
    }
    require(elements == static_cast<double>(weight.rows) * static_cast<double>(weight.cols),
            "expected blocks that cover their weight");
  }
  for (const Entry &entry : manifest->entries)
    for (const std::vector<Port> *ports : {&entry.inputs, &entry.outputs})
      for (const Port &port : *ports)
        require(port.bytes() >= 0, "expected ports of a size");
  require(mappingHash(*manifest).has_value(), "expected a hash of the mapping");
  return 0;
}
