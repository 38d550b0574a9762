//===- Cluster.cpp - the operations of one kernel -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Cluster.h"

using namespace mlir;
using namespace mlir::aimc;

bool mlir::aimc::isContraction(linalg::LinalgOp op) {
  return linalg::isaContractionOpInterface(op) && op.getNumReductionLoops() > 0;
}

namespace {

/// A kernel's passes take more than linear time in its operations: a long chain of row-wise
/// operations is cut. Softmax has 4, layer normalisation 8.
constexpr size_t kMaxOperations = 16;

/// A tile size for a loop of `extent` iterations of which a tile should cover about `limit`: the
/// largest divisor up to `limit`; where that is far below it (a prime extent), the whole loop if
/// that is not far above.
int64_t tileSize(int64_t extent, int64_t limit) {
  limit = std::max<int64_t>(1, std::min(extent, limit));
  int64_t size = limit;
  while (extent % size != 0)
    --size;
  return size * 4 <= limit && extent <= 4 * limit ? extent : size;
}

/// Contractions: one batch element per tile; rows only where batches alone give too few tiles.
Split splitContraction(linalg::LinalgOp op) {
  constexpr int64_t enoughTiles = 8, rowTarget = 64;
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  Split split{SmallVector<int64_t>(extents.size(), 0), 1};
  auto dims = linalg::inferContractionDims(op);
  if (failed(dims))
    return split;
  for (unsigned b : dims->batch)
    if (extents[b] > 1)
      split.sizes[b] = 1, split.tiles *= extents[b];
  if (split.tiles < enoughTiles)
    for (unsigned m : dims->m)
      if (int64_t size = tileSize(extents[m], rowTarget); size < extents[m]) {
        split.sizes[m] = size;
        split.tiles *= extents[m] / size;
      }
  return split;
}

/// Everything else: outer parallel loops, innermost first, until a tile covers `target` elements.
Split splitRows(linalg::LinalgOp op, int64_t target) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  auto kinds = op.getIteratorTypesArray();
  Split split{SmallVector<int64_t>(extents.size(), 0), 1};
  SmallVector<unsigned> rows;
  int64_t inner = 1;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (kinds[d] == utils::IteratorType::parallel && d + 1 != extents.size())
      rows.push_back(d);
    else
      inner *= std::max<int64_t>(1, extents[d]);
  for (unsigned d : llvm::reverse(rows)) {
    if (extents[d] <= 1)
      continue;
    int64_t size = tileSize(extents[d], target / inner);
    split.sizes[d] = size;
    split.tiles *= extents[d] / size;
    inner *= size;
  }
  // A single long row: split the row itself.
  if (split.tiles == 1 && !extents.empty() && kinds.back() == utils::IteratorType::parallel &&
      extents.back() > target) {
    int64_t size = tileSize(extents.back(), target);
    if (size >= target / 8) {
      split.sizes.back() = size;
      split.tiles = extents.back() / size;
    }
  }
  return split;
}

class ClusterBuilder {
public:
  ClusterBuilder(linalg::LinalgOp anchor, int64_t target) {
    cluster.anchor = anchor;
    cluster.split = isContraction(anchor) ? splitContraction(anchor) : splitRows(anchor, target);
    cluster.ops.insert(anchor);
  }

  /// Adds producers as long as they qualify. The last loop of a row-wise anchor is never a tile
  /// loop when producers join: reductions along it must see whole rows.
  Cluster build() {
    linalg::LinalgOp anchor = cluster.anchor;
    if (isContraction(anchor) || anchor->getNumResults() != 1)
      return finish();
    for (auto [d, size] : llvm::enumerate(cluster.split.sizes))
      if (size != 0)
        tiled.push_back(static_cast<unsigned>(d));
    if (tiled.empty() || cluster.split.sizes.back() != 0)
      return finish();
    loops[anchor] = tiled;
    for (bool grew = true; grew;) {
      grew = false;
      for (Operation *member : llvm::to_vector(cluster.ops))
        for (OpOperand *input : cast<linalg::LinalgOp>(member).getDpsInputOperands())
          grew |= tryAdd(input->get());
    }
    return finish();
  }

private:
  Cluster finish() {
    SmallVector<Operation *> order = cluster.ops.takeVector();
    llvm::sort(order, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    cluster.ops.insert(order.begin(), order.end());
    return cluster;
  }

  bool tryAdd(Value value) {
    auto producer = value.getDefiningOp<linalg::GenericOp>();
    if (!producer || cluster.ops.size() >= kMaxOperations || cluster.ops.contains(producer) ||
        producer->getNumResults() != 1 || producer->getBlock() != cluster.anchor->getBlock() ||
        isContraction(cast<linalg::LinalgOp>(producer.getOperation())))
      return false;
    AffineMap resultMap = producer.getIndexingMapsArray().back();
    if (!resultMap.isProjectedPermutation())
      return false;
    std::optional<SmallVector<unsigned>> found;
    for (OpOperand &use : value.getUses()) {
      auto user = dyn_cast<linalg::LinalgOp>(use.getOwner());
      if (!user || !cluster.ops.contains(user) || !user.isDpsInput(&use))
        return false;
      auto dims = dimsThrough(user.getMatchingIndexingMap(&use), loops.lookup(user), resultMap);
      if (!dims || (found && *found != *dims))
        return false;
      found = dims;
    }
    if (!found)
      return false;
    cluster.ops.insert(producer);
    loops[producer] = *found;
    return true;
  }

  /// The producer's loops that follow the tile loops `userDims` of a user reading through `read`.
  static std::optional<SmallVector<unsigned>>
  dimsThrough(AffineMap read, ArrayRef<unsigned> userDims, AffineMap resultMap) {
    SmallVector<unsigned> dims;
    for (unsigned dim : userDims) {
      std::optional<unsigned> at = read.getResultPosition(getAffineDimExpr(dim, read.getContext()));
      if (!at)
        return std::nullopt; // broadcast along a tile loop: it would be computed once per tile
      dims.push_back(cast<AffineDimExpr>(resultMap.getResult(*at)).getPosition());
    }
    return dims;
  }

  Cluster cluster;
  SmallVector<unsigned> tiled;
  llvm::DenseMap<Operation *, SmallVector<unsigned>> loops;
};

} // namespace

Cluster Cluster::around(linalg::LinalgOp anchor, int64_t tileElements) {
  return ClusterBuilder(anchor, tileElements).build();
}
