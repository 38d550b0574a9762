//===- NoiseSpec.cpp - noise specs with the tensors beside them -----------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The input is a spec, and after an end of line that begins with a NUL its tensors, which a spec
// calls "t".
//
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/torch/Tiles.h"

#include <ATen/ATen.h>

using namespace aimc::train;
using namespace aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder;
  const std::string_view input = textOf(data, size);
  const size_t cut = input.find(std::string_view("\n\0", 2));
  const bool both = cut != std::string_view::npos;
  folder.put("t", both ? safetensorsOf(input.substr(cut + 2)) : "");
  const auto sites = readSpec(folder.put("spec.json", both ? input.substr(0, cut) : input));
  if (!sites) {
    requireLine(sites.error().message);
    return 0;
  }
  for (const SiteSpec &site : *sites) {
    require(site.target != nullptr && !site.blocks.empty(), "expected a target and its blocks");
    double elements = 0;
    for (const TileBlock &block : site.blocks) {
      elements += static_cast<double>(block.rows) * static_cast<double>(block.cols);
      require(!block.scales.defined() || block.scales.numel() == block.cols,
              "expected a scale for every column");
    }
    require(elements == static_cast<double>(site.rows) * static_cast<double>(site.cols),
            "expected blocks that cover their weight");
  }
  return 0;
}
