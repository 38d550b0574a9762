//===- GemmTest.cpp - plain product -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "KernelFixture.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace aimc;

namespace {

class Gemm : public testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(Gemm, IsTheFusedSumInIncreasingOrder) {
  const auto [m, k, n] = GetParam();
  std::mt19937 engine(3);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(m * k)), w(static_cast<size_t>(k * n));
  for (float &v : x)
    v = normal(engine);
  for (float &v : w)
    v = normal(engine);
  std::vector<float> expected(static_cast<size_t>(m * n));
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0.0f;
      for (int l = 0; l < k; ++l)
        sum = std::fma(x[static_cast<size_t>(i * k + l)], w[static_cast<size_t>(l * n + j)], sum);
      expected[static_cast<size_t>(i * n + j)] = sum;
    }
  for (const exec::Kernels *kernels : test::allKernels()) {
    std::vector<float> y(static_cast<size_t>(m * n), 5.0f);
    // Two row blocks, each in two column ranges: no split may show.
    const int half = (k + 2) / 3;
    for (int begin : {0, half}) {
      const int count = begin == 0 ? half : k - half;
      if (count == 0)
        continue;
      const auto block = exec::packWeights({w.data() + begin * n, count, n, n, 1});
      exec::PackedInput input;
      kernels->packPlain(input, x.data() + begin, k, m, count);
      const int64_t middle = block.panels() / 2;
      kernels->gemm(block, input, middle, block.panels(), y.data(), n, begin != 0);
      kernels->gemm(block, input, 0, middle, y.data(), n, begin != 0);
    }
    ASSERT_EQ(y, expected) << kernels->name;
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, Gemm,
                         testing::Values(std::tuple(1, 1, 1), std::tuple(1, 384, 384),
                                         std::tuple(3, 17, 31), std::tuple(14, 100, 33),
                                         std::tuple(15, 64, 32), std::tuple(29, 513, 65),
                                         std::tuple(128, 40, 16), std::tuple(5, 1030, 48)));

TEST(Gemm, TransposedWeights) {
  const int64_t k = 37, n = 45;
  std::vector<float> w(static_cast<size_t>(k * n)), t(w.size());
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      w[static_cast<size_t>(i * n + j)] = t[static_cast<size_t>(j * k + i)] =
          static_cast<float>(i * 100 + j);
  const auto a = exec::packWeights({w.data(), k, n, n, 1});
  const auto b = exec::packWeights({t.data(), k, n, 1, k});
  EXPECT_EQ(a.charge, b.charge);
}

} // namespace
