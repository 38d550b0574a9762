//===- Share.cpp - weights of equal content are programmed once -----------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Equal means equal bits at equal (row, column), however the values are stored. Candidates are
// found by the shape and a hash of a sample, then by a hash of everything that does not depend on
// the storage order, then compared; so weights that differ cost a sample each. The first weight of
// the module keeps its name.
//
//===----------------------------------------------------------------------===//
#include "Remarks.h"
#include "aimc/Analysis/ConstantView.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/bit.h"

#include <cstring>
#include <map>

namespace mlir::aimc {
#define GEN_PASS_DEF_SHARE
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {
/// The values of one weight, addressed as rows x cols.
struct Content {
  ArrayRef<float> data;
  int64_t rows = 0, cols = 0;
  bool isSplat = false, transposed = false;

  uint32_t bits(int64_t row, int64_t col) const {
    int64_t at = isSplat ? 0 : transposed ? col * rows + row : row * cols + col;
    return llvm::bit_cast<uint32_t>(data[at]);
  }
};

struct SharePass : aimc::impl::ShareBase<SharePass> {
  using Base::Base;
  void runOnOperation() override;

private:
  using Renaming = llvm::DenseMap<StringAttr, StringAttr>;
  Renaming findEqualWeights();
  Renaming findEqualTiles();
  void rename(const Renaming &renaming);
};
} // namespace

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 27)) * 0xbf58476d1ce4e5b9ull;
  return x ^ (x >> 32);
}

/// Sum over cells of a hash of (position, value): the same in every storage order.
static uint64_t hashCells(const Content &content, int64_t rowStep, int64_t colStep) {
  uint64_t hash = 0;
  for (int64_t row = 0; row < content.rows; row += rowStep)
    for (int64_t col = 0; col < content.cols; col += colStep)
      hash += mix(mix(row * content.cols + col) + content.bits(row, col));
  return hash;
}

static uint64_t hashSample(const Content &content) {
  constexpr int64_t perDimension = 32;
  return hashCells(content, std::max<int64_t>(1, content.rows / perDimension),
                   std::max<int64_t>(1, content.cols / perDimension));
}

static bool equalCells(const Content &a, const Content &b) {
  if (a.rows != b.rows || a.cols != b.cols)
    return false;
  if (a.transposed == b.transposed && !a.isSplat && !b.isSplat)
    return std::memcmp(a.data.data(), b.data.data(), a.data.size() * sizeof(float)) == 0;
  for (int64_t row = 0; row < a.rows; ++row)
    for (int64_t col = 0; col < a.cols; ++col)
      if (a.bits(row, col) != b.bits(row, col))
        return false;
  return true;
}

SharePass::Renaming SharePass::findEqualWeights() {
  auto weights = llvm::to_vector(getOperation().getOps<WeightOp>());
  // A grid lists no weight twice, so two weights of one grid stay apart.
  llvm::DenseMap<StringAttr, SmallVector<GridOp>> gridsOf;
  getOperation().walk([&](GridOp grid) {
    for (auto weight : grid.getWeights().getAsRange<FlatSymbolRefAttr>())
      gridsOf[weight.getAttr()].push_back(grid);
  });
  Renaming renaming;
  auto unite = [&](WeightOp first, WeightOp second) {
    for (GridOp grid : gridsOf.lookup(second.getSymNameAttr()))
      for (auto other : grid.getWeights().getAsRange<FlatSymbolRefAttr>()) {
        StringAttr name = other.getAttr();
        if (name != second.getSymNameAttr() &&
            renaming.lookup_or(name, name) == first.getSymNameAttr()) {
          remark::missed(second.getLoc(), remarkOf(getArgument()))
              << remark::add("@{0} holds the same matrix as @{1}, but one grid reads both",
                             second.getSymName(), first.getSymName());
          return false;
        }
      }
    renaming[second.getSymNameAttr()] = first.getSymNameAttr();
    if (Attribute initializer = second->getAttr(kInitializerAttr);
        initializer && !first->hasAttr(kInitializerAttr) &&
        first.getTransposed() == second.getTransposed())
      first->setAttr(kInitializerAttr, initializer);
    llvm::append_range(gridsOf[first.getSymNameAttr()],
                       SmallVector<GridOp>(gridsOf.lookup(second.getSymNameAttr())));
    remark::passed(second.getLoc(), remarkOf(getArgument())) << remark::add(
        "@{0} holds the same matrix as @{1}", second.getSymName(), first.getSymName());
    return true;
  };

  // Same attribute or same resource: equal without a look at the data.
  std::map<std::tuple<const void *, const void *, int64_t, bool>, WeightOp> byIdentity;
  SmallVector<std::pair<WeightOp, Content>> contents;
  for (WeightOp weight : weights) {
    Attribute value = weight.getValue().value_or(Attribute());
    if (!value)
      continue;
    const void *resource = nullptr;
    if (auto dense = dyn_cast<DenseResourceElementsAttr>(value))
      resource = dense.getRawHandle().getResource();
    auto [known, isNew] =
        byIdentity.try_emplace({resource ? nullptr : value.getAsOpaquePointer(), resource,
                                weight.numRows(), weight.getTransposed()},
                               weight);
    if (!isNew && known->second.numCols() == weight.numCols() && unite(known->second, weight))
      continue;
    auto elements = dyn_cast<ElementsAttr>(value);
    Content content;
    FailureOr<ArrayRef<float>> data = failure();
    if (elements)
      data = elementsOf(elements, content.isSplat);
    if (failed(data))
      continue; // external or not loaded: equal by name only
    content.data = *data;
    content.rows = weight.numRows();
    content.cols = weight.numCols();
    content.transposed = weight.getTransposed();
    contents.push_back({weight, content});
  }

  // MapVector keeps the module's order, so that the result does not depend on hash values.
  llvm::MapVector<std::tuple<int64_t, int64_t, uint64_t>, SmallVector<size_t>> bySample;
  for (auto [i, entry] : llvm::enumerate(contents)) {
    const Content &content = entry.second;
    bySample[{content.rows, content.cols, hashSample(content)}].push_back(i);
  }
  for (auto &[key, members] : bySample) {
    if (members.size() < 2)
      continue;
    llvm::MapVector<uint64_t, SmallVector<size_t>> distinct;
    for (size_t member : members) {
      auto &[weight, content] = contents[member];
      SmallVector<size_t> &known = distinct[hashCells(content, 1, 1)];
      bool united = llvm::any_of(known, [&](size_t other) {
        return equalCells(contents[other].second, content) && unite(contents[other].first, weight);
      });
      if (!united)
        known.push_back(member);
    }
  }
  // A weight that took others in by identity may itself have been united by content.
  for (auto &[from, to] : renaming)
    for (StringAttr next = renaming.lookup(to); next; next = renaming.lookup(to))
      to = next;
  return renaming;
}

SharePass::Renaming SharePass::findEqualTiles() {
  Renaming renaming;
  using Key = std::tuple<Attribute, Attribute, Attribute, Attribute>;
  llvm::DenseMap<Key, SmallVector<TileOp, 1>> known;
  for (TileOp tile : getOperation().getOps<TileOp>()) {
    SmallVector<TileOp, 1> &same = known[Key(tile.getWeightAttr(), tile.getRowsAttr(),
                                             tile.getColsAttr(), tile.getTargetAttr())];
    // Blocks that were given different places are replicas and stay.
    auto first = llvm::find_if(same, [&](TileOp other) {
      return !tile.getPlace() || !other.getPlace() || tile.getPlace() == other.getPlace();
    });
    if (first == same.end()) {
      same.push_back(tile);
      continue;
    }
    if (!first->getPlace() && tile.getPlace())
      first->setPlaceAttr(*tile.getPlace());
    renaming[tile.getSymNameAttr()] = first->getSymNameAttr();
  }
  return renaming;
}

/// Points every use at the symbol that stays and erases the others.
void SharePass::rename(const Renaming &renaming) {
  if (renaming.empty())
    return;
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](FlatSymbolRefAttr symbol) -> std::pair<Attribute, WalkResult> {
    StringAttr name = symbol.getAttr();
    return {FlatSymbolRefAttr::get(renaming.lookup_or(name, name)), WalkResult::skip()};
  });
  SmallVector<Operation *> erased;
  getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op != getOperation() && op->hasTrait<OpTrait::SymbolTable>())
      return WalkResult::skip(); // names inside are its own
    if (isa<WeightOp, TileOp>(op) && renaming.contains(SymbolTable::getSymbolName(op)))
      erased.push_back(op);
    else
      replacer.replaceElementsIn(op);
    return WalkResult::advance();
  });
  for (Operation *op : erased)
    op->erase();
}

void SharePass::runOnOperation() {
  Renaming weights = findEqualWeights();
  rename(weights);
  Renaming tiles = findEqualTiles();
  rename(tiles);
  remark::analysis(getOperation().getLoc(), remarkOf(getArgument()))
      << remark::metric("weights united", static_cast<int64_t>(weights.size()))
      << remark::metric("tiles united", static_cast<int64_t>(tiles.size()));
}
