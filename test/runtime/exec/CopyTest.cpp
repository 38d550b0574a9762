//===- CopyTest.cpp - strided copies against one element at a time --------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Copy.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <vector>

using aimc::exec::stridedCopy;
using aimc::exec::Threads;

namespace {
struct Shape {
  std::vector<int64_t> sizes, dst, src; ///< strides in elements
};

int64_t extent(const std::vector<int64_t> &sizes, const std::vector<int64_t> &strides) {
  int64_t last = 0;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 0)
      return 0;
    last += (sizes[d] - 1) * strides[d];
  }
  return last + 1;
}

/// Copies by the definition, from and into buffers that hold distinct bytes.
void check(Threads &threads, const Shape &s, int32_t bytes) {
  auto size = [&](const std::vector<int64_t> &strides) {
    return size_t(std::max<int64_t>(1, extent(s.sizes, strides)) * bytes);
  };
  std::vector<unsigned char> src(size(s.src)), dst(size(s.dst), 0xee), expected;
  for (size_t i = 0; i < src.size(); ++i)
    src[i] = static_cast<unsigned char>(i * 131 + i / 256 * 7);
  expected = dst;
  int64_t count = 1;
  for (int64_t n : s.sizes)
    count *= n;
  for (int64_t e = 0; e < count; ++e) {
    int64_t rest = e, from = 0, to = 0;
    for (size_t d = s.sizes.size(); d-- > 0;) {
      from += rest % s.sizes[d] * s.src[d];
      to += rest % s.sizes[d] * s.dst[d];
      rest /= s.sizes[d];
    }
    std::memcpy(expected.data() + to * bytes, src.data() + from * bytes, size_t(bytes));
  }
  ASSERT_TRUE(stridedCopy(threads, dst.data(), s.dst.data(), src.data(), s.src.data(),
                          s.sizes.data(), int32_t(s.sizes.size()), bytes));
  ASSERT_EQ(dst, expected);
}

std::vector<int64_t> rowMajor(const std::vector<int64_t> &sizes, int64_t padding = 0) {
  std::vector<int64_t> strides(sizes.size());
  int64_t stride = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= sizes[d] + (d + 1 == sizes.size() ? padding : 0);
  }
  return strides;
}
} // namespace

TEST(Copy, NamedShapes) {
  Threads threads(3);
  for (int32_t bytes : {1, 2, 4, 8, 16, 3}) {
    check(threads, {{}, {}, {}}, bytes);
    check(threads, {{5}, {1}, {1}}, bytes);
    check(threads, {{5}, {1}, {0}}, bytes);              // broadcast
    check(threads, {{5, 0}, {1, 1}, {1, 1}}, bytes);     // nothing
    check(threads, {{33, 70}, {70, 1}, {1, 33}}, bytes); // transpose
    check(threads, {{2, 12, 40, 64}, {30720, 2560, 64, 1}, {30720, 64, 768, 1}}, bytes); // heads
    check(threads, {{300, 500}, {500, 1}, {1, 300}}, bytes); // threaded transpose
    check(threads, {{300, 500}, {500, 1}, {0, 1}}, bytes);
    check(threads, {{2, 12, 64, 40}, {30720, 2560, 40, 1}, {30720, 64, 1, 768}}, bytes);
  }
}

TEST(Copy, RandomShapesAndPermutations) {
  Threads threads(2);
  std::mt19937 engine(1);
  auto pick = [&](int64_t low, int64_t high) {
    return low + int64_t(engine() % uint32_t(high - low + 1));
  };
  for (int round = 0; round < 400; ++round) {
    auto rank = size_t(pick(1, 5));
    std::vector<int64_t> sizes(rank);
    for (int64_t &n : sizes)
      n = pick(1, rank > 3 ? 9 : 40);
    std::vector<size_t> order(rank);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), engine);
    std::vector<int64_t> permuted(rank), src(rank);
    for (size_t d = 0; d < rank; ++d)
      permuted[d] = sizes[order[d]];
    std::vector<int64_t> strides = rowMajor(permuted, pick(0, 2));
    for (size_t d = 0; d < rank; ++d)
      src[order[d]] = pick(0, 6) == 0 ? 0 : strides[d];
    const int32_t widths[] = {1, 4, 8};
    check(threads, {sizes, rowMajor(sizes, pick(0, 1)), src}, widths[pick(0, 2)]);
  }
}

TEST(Copy, NegativeSourceStrideReverses) {
  Threads threads(1);
  const int32_t src[4] = {1, 2, 3, 4};
  int32_t dst[4] = {};
  const int64_t size = 4, forward = 1, backward = -1;
  ASSERT_TRUE(stridedCopy(threads, dst, &forward, src + 3, &backward, &size, 1, 4));
  EXPECT_EQ(std::vector<int32_t>(dst, dst + 4), (std::vector<int32_t>{4, 3, 2, 1}));
}

TEST(Copy, RefusesWhatHasNoMeaning) {
  Threads threads(1);
  int32_t value = 0;
  const int64_t size = -1, stride = 1;
  EXPECT_FALSE(stridedCopy(threads, &value, &stride, &value, &stride, &size, 1, 4));
  EXPECT_FALSE(stridedCopy(threads, &value, &stride, &value, &stride, &size, -1, 4));
  EXPECT_FALSE(stridedCopy(threads, &value, &stride, &value, &stride, &size, 17, 4));
  EXPECT_FALSE(stridedCopy(threads, &value, &stride, &value, &stride, &size, 0, 0));
}
