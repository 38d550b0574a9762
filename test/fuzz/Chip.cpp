//===- Chip.cpp - chip instances as files ---------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/exec/ChipFile.h"
#include "aimc/exec/Options.h"

using namespace aimc::exec;
using namespace aimc::fuzz;

namespace {
/// What a session, aimc-chip and aimc-run do with a chip that is whole.
void use(const ChipFile &chip) {
  Manifest manifest;
  manifest.targets = chip.targets();
  for (const Target &target : manifest.targets)
    manifest.targetTexts.push_back(chip.options()["targets"][target.name]);
  if (auto fits = chip.checkFits(manifest); !fits)
    requireLine(fits.error().message);
  const auto resumed = Options::resume("{}", chip.options(), manifest);
  if (!resumed)
    requireLine(resumed.error().message);
  for (const ChipTile &tile : chip.tiles()) {
    std::vector<TileBlock> blocks;
    TileState state;
    chip.restore(tile, blocks, state);
    require(blocks.size() == tile.blocks.size(), "expected every block of the tile");
  }
  static const Folder folder;
  const std::string aged = folder.path() + "/aged.safetensors";
  if (const auto saved = chip.saveAs(aged, 3600); !saved) {
    requireLine(saved.error().message);
    return;
  }
  const auto again = ChipFile::open(aged);
  require(again && (*again)->timeS() == 3600 && (*again)->tiles().size() == chip.tiles().size(),
          "expected the same chip at another time");
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile memory("chip");
  const auto chip = ChipFile::open(memory.hold(safetensorsOf(textOf(data, size))));
  if (chip)
    use(**chip);
  else
    requireLine(chip.error().message);
  return 0;
}
