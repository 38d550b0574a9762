//===- Copy.cpp - strided copies for compiled code ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Copy.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace aimc::exec {

namespace {
constexpr int kMaxRank = 16;
/// Below this a second thread costs more than it brings.
constexpr int64_t kSerialBytes = 64 << 10;
/// 32 x 32 elements of 4 bytes: source and destination block together fit a 32 KiB L1.
constexpr int64_t kTransposeBlock = 32;

struct Dimension {
  int64_t size, dst, src; // strides in bytes
};

struct Plan {
  std::array<Dimension, kMaxRank> dims{};
  int rank = 0;
  char *dst = nullptr;
  const char *src = nullptr;
  int64_t elementBytes = 0;
};

int64_t magnitude(int64_t value) { return value < 0 ? -value : value; }

/// Outermost first by destination stride, so that writes walk forward; then merge.
void normalise(Plan &plan) {
  auto begin = plan.dims.begin(), end = begin + plan.rank;
  std::stable_sort(begin, end, [](const Dimension &a, const Dimension &b) {
    return magnitude(a.dst) > magnitude(b.dst);
  });
  int kept = 0;
  for (int i = 0; i < plan.rank; ++i) {
    const Dimension next = plan.dims[i];
    if (kept > 0) {
      Dimension &outer = plan.dims[kept - 1];
      if (outer.dst == next.dst * next.size && outer.src == next.src * next.size) {
        outer = {outer.size * next.size, next.dst, next.src};
        continue;
      }
    }
    plan.dims[kept++] = next;
  }
  plan.rank = kept;
}

template <class T> void copyElements(char *dst, const char *src, const Dimension &d) {
  for (int64_t i = 0; i < d.size; ++i)
    std::memcpy(dst + i * d.dst, src + i * d.src, sizeof(T));
}

struct Wide {
  char bytes[16];
};

void copyRow(char *dst, const char *src, const Dimension &d, int64_t bytes) {
  if (d.dst == bytes && d.src == bytes) {
    std::memcpy(dst, src, static_cast<size_t>(d.size * bytes));
    return;
  }
  switch (bytes) {
  case 1:
    return copyElements<uint8_t>(dst, src, d);
  case 2:
    return copyElements<uint16_t>(dst, src, d);
  case 4:
    return copyElements<uint32_t>(dst, src, d);
  case 8:
    return copyElements<uint64_t>(dst, src, d);
  case 16:
    return copyElements<Wide>(dst, src, d);
  default:
    for (int64_t i = 0; i < d.size; ++i)
      std::memcpy(dst + i * d.dst, src + i * d.src, static_cast<size_t>(bytes));
  }
}

/// Rows `outer` in [begin, end) of a plane whose inner dimension is contiguous in the destination
/// and whose outer one is contiguous in the source.
void copyPlane(char *dst, const char *src, const Dimension &outer, const Dimension &inner,
               int64_t bytes, int64_t begin, int64_t end) {
  for (int64_t o = begin; o < end; o += kTransposeBlock) {
    int64_t oEnd = std::min(end, o + kTransposeBlock);
    for (int64_t i = 0; i < inner.size; i += kTransposeBlock) {
      Dimension part{std::min(kTransposeBlock, inner.size - i), inner.dst, inner.src};
      for (int64_t r = o; r < oEnd; ++r)
        copyRow(dst + r * outer.dst + i * inner.dst, src + r * outer.src + i * inner.src, part,
                bytes);
    }
  }
}

/// All of dims[depth..] below one index of the dimensions before.
void copyNest(const Plan &plan, int depth, char *dst, const char *src, int64_t begin, int64_t end) {
  const Dimension &d = plan.dims[depth];
  int left = plan.rank - depth;
  if (left == 1) {
    copyRow(dst + begin * d.dst, src + begin * d.src, {end - begin, d.dst, d.src},
            plan.elementBytes);
    return;
  }
  const Dimension &inner = plan.dims[depth + 1];
  if (left == 2 && inner.src != plan.elementBytes) {
    copyPlane(dst, src, d, inner, plan.elementBytes, begin, end);
    return;
  }
  for (int64_t i = begin; i < end; ++i)
    copyNest(plan, depth + 1, dst + i * d.dst, src + i * d.src, 0, inner.size);
}
} // namespace

bool stridedCopy(Threads &threads, void *dst, const int64_t *dstStrides, const void *src,
                 const int64_t *srcStrides, const int64_t *sizes, int32_t rank,
                 int32_t elementBytes) {
  if (rank < 0 || rank > kMaxRank || elementBytes <= 0)
    return false;
  Plan plan;
  plan.dst = static_cast<char *>(dst);
  plan.src = static_cast<const char *>(src);
  plan.elementBytes = elementBytes;
  int64_t bytes = elementBytes;
  for (int i = 0; i < rank; ++i) {
    if (sizes[i] < 0)
      return false;
    bytes *= sizes[i];
    if (sizes[i] != 1)
      plan.dims[plan.rank++] = {sizes[i], dstStrides[i] * elementBytes,
                                srcStrides[i] * elementBytes};
  }
  if (bytes == 0)
    return true;
  if (plan.rank == 0) {
    std::memcpy(dst, src, static_cast<size_t>(elementBytes));
    return true;
  }
  normalise(plan);
  // In a transpose with more than two dimensions the pair that matters is the innermost
  // destination dimension and the one that is innermost in the source: make them neighbours.
  if (plan.rank > 2 && plan.dims[plan.rank - 1].src != elementBytes) {
    auto last = plan.dims.begin() + plan.rank - 1;
    auto nearest =
        std::min_element(plan.dims.begin(), last, [](const Dimension &a, const Dimension &b) {
          return magnitude(a.src) < magnitude(b.src);
        });
    if (magnitude(nearest->src) < magnitude(last->src))
      std::rotate(nearest, nearest + 1, last);
  }
  int64_t outer = plan.dims[0].size;
  // Threads split the largest of the outer dimensions that leaves whole inner work.
  if (bytes <= kSerialBytes || threads.count() == 1) {
    copyNest(plan, 0, plan.dst, plan.src, 0, outer);
    return true;
  }
  if (plan.rank >= 2 && outer < threads.count()) {
    auto widest =
        std::max_element(plan.dims.begin(), plan.dims.begin() + plan.rank - 1,
                         [](const Dimension &a, const Dimension &b) { return a.size < b.size; });
    if (plan.rank > 2 && widest < plan.dims.begin() + plan.rank - 2)
      std::rotate(plan.dims.begin(), widest, widest + 1);
  }
  threads.parallelFor(plan.dims[0].size, [&](int64_t begin, int64_t end) {
    copyNest(plan, 0, plan.dst, plan.src, begin, end);
  });
  return true;
}

} // namespace aimc::exec
