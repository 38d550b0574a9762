//===- Place.cpp - tile symbols to physical tiles -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Largest blocks first, each into the opened tile that it fits best (Analysis/Packing.h). Ties are
// broken by the order of symbols and of tiles, so the same module gets the same places everywhere.
// Blocks of one tile may share its rows and columns: a read drives the rows of one block and leaves
// the others idle, which the wire model accounts for.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/Place.h"
#include "Remarks.h"
#include "aimc/Analysis/Packing.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"

#include "llvm/ADT/MapVector.h"

#include <map>
#include <set>

namespace mlir::aimc {
#define GEN_PASS_DEF_PLACE
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {
/// A physical tile of one target, and what it holds.
struct PhysicalTile {
  Bin room;
  std::optional<std::pair<int64_t, int64_t>> address; ///< chip and tile, once known
  SmallVector<std::pair<size_t, Rect>> blocks;        ///< new blocks, by index of their symbol
};

struct PlacePass : mlir::aimc::impl::PlaceBase<PlacePass> {
  using Base::Base;
  void runOnOperation() override;

private:
  void placeOn(TargetOp target, ArrayRef<TileOp> tiles);
};
} // namespace

/// The packing's row 0 is at the ADC. The mapping is its own inverse.
static int64_t mirrorRow(GeometryAttr geometry, int64_t row, int64_t rows) {
  auto readout = geometry.getReadout() == Readout::Single ? ::aimc::model::Readout::Single
                                                          : ::aimc::model::Readout::Alternating;
  return ::aimc::model::rowFromAdc(readout, geometry.getRows(), rows, row);
}

/// Puts every tile without a place into one of `physical`, which grows as needed.
static void packBlocks(ArrayRef<TileOp> tiles, GeometryAttr geometry, bool pack,
                       std::vector<PhysicalTile> &physical) {
  SmallVector<size_t> order;
  for (size_t i = 0; i < tiles.size(); ++i)
    if (!TileOp(tiles[i]).getPlace())
      order.push_back(i);
  auto area = [&](size_t i) { return TileOp(tiles[i]).numRows() * TileOp(tiles[i]).numCols(); };
  auto longSide = [&](size_t i) {
    return std::max(TileOp(tiles[i]).numRows(), TileOp(tiles[i]).numCols());
  };
  llvm::stable_sort(order, [&](size_t a, size_t b) {
    return std::pair(area(a), longSide(a)) > std::pair(area(b), longSide(b));
  });

  std::vector<size_t> open; // tiles with room, in the order in which they were opened
  if (pack)
    for (size_t i = 0; i < physical.size(); ++i)
      if (!physical[i].room.isFull())
        open.push_back(i);
  for (size_t i : order) {
    TileOp tile = tiles[i];
    std::optional<Bin::Fit> best;
    size_t bestTile = 0;
    for (size_t candidate : open) {
      auto fit = physical[candidate].room.fit(tile.numRows(), tile.numCols());
      if (fit && (!best || *fit < *best)) {
        best = fit;
        bestTile = candidate;
        if (best->longMargin == 0)
          break; // fills a free rectangle exactly
      }
    }
    if (!best) {
      bestTile = physical.size();
      physical.push_back({Bin(geometry.getRows(), geometry.getCols()), std::nullopt, {}});
      best = Bin::Fit{0, 0, Rect{0, 0, tile.numRows(), tile.numCols()}};
      if (pack)
        open.push_back(bestTile);
    }
    physical[bestTile].room.occupy(best->at);
    physical[bestTile].blocks.push_back({i, best->at});
    if (pack && physical[bestTile].room.isFull())
      open.erase(llvm::find(open, bestTile));
  }
}

void PlacePass::placeOn(TargetOp target, ArrayRef<TileOp> tiles) {
  GeometryAttr geometry = target.getGeometry();
  std::vector<PhysicalTile> physical;
  std::map<std::pair<int64_t, int64_t>, size_t> byAddress;
  int64_t usedCells = 0;
  for (TileOp tile : tiles) {
    usedCells += tile.numRows() * tile.numCols();
    std::optional<PlaceAttr> place = tile.getPlace();
    if (!place)
      continue;
    std::pair address(place->getChip(), place->getTile());
    auto [known, isNew] = byAddress.try_emplace(address, physical.size());
    if (isNew)
      physical.push_back({Bin(geometry.getRows(), geometry.getCols()), address, {}});
    physical[known->second].room.occupy({mirrorRow(geometry, place->getRow(), tile.numRows()),
                                         place->getCol(), tile.numRows(), tile.numCols()});
  }
  packBlocks(tiles, geometry, pack, physical);

  // Number new tiles in the order of the first symbol that they hold, around given ones.
  SmallVector<PhysicalTile *> fresh;
  for (PhysicalTile &tile : physical)
    if (!tile.address)
      fresh.push_back(&tile);
  auto firstSymbol = [](const PhysicalTile *tile) {
    return llvm::min_element(tile->blocks, llvm::less_first())->first;
  };
  llvm::sort(fresh, [&](const PhysicalTile *a, const PhysicalTile *b) {
    return firstSymbol(a) < firstSymbol(b);
  });
  std::pair<int64_t, int64_t> next(0, 0);
  auto advance = [&] {
    ++next.second;
    if (tilesPerChip > 0 && next.second >= tilesPerChip)
      next = {next.first + 1, 0};
  };
  for (PhysicalTile *tile : fresh) {
    while (byAddress.contains(next))
      advance();
    tile->address = next;
    advance();
  }
  std::set<int64_t> chips;
  for (PhysicalTile &tile : physical) {
    chips.insert(tile.address->first);
    for (auto &[i, rect] : tile.blocks)
      TileOp(tiles[i]).setPlaceAttr(
          PlaceAttr::get(&getContext(), tile.address->first, tile.address->second,
                         mirrorRow(geometry, rect.row, rect.rows), rect.col));
  }
  double cells = double(physical.size()) * geometry.getRows() * geometry.getCols();
  remark::analysis(target.getLoc(), remarkOf(getArgument()))
      << remark::metric("target", target.getSymName())
      << remark::metric("blocks", static_cast<int64_t>(tiles.size()))
      << remark::metric("tiles", static_cast<int64_t>(physical.size()))
      << remark::metric("chips", static_cast<int64_t>(chips.size()))
      << remark::metric("utilisation", double(usedCells) / cells);
}

void PlacePass::runOnOperation() {
  ModuleOp module = getOperation();
  if (tilesPerChip < 0) {
    emitError(module.getLoc()) << "expected the option tiles-per-chip to be at least 0, but got "
                               << tilesPerChip.getValue();
    return signalPassFailure();
  }
  llvm::MapVector<Attribute, SmallVector<TileOp>> byTarget;
  for (TileOp tile : module.getOps<TileOp>())
    byTarget[tile.getTargetAttr()].push_back(tile);
  for (auto &[name, tiles] : byTarget)
    placeOn(SymbolTable::lookupNearestSymbolFrom<TargetOp>(module, cast<FlatSymbolRefAttr>(name)),
            tiles);
}
