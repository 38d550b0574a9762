//===- NormalsTest.cpp - vector normals against the scalar definition -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "KernelFixture.h"

#include <gtest/gtest.h>

using namespace aimc;

namespace {

TEST(Normals, EveryInstructionSetGivesTheBitsOfTheModel) {
  const model::Stream s = model::makeStream(123, model::StreamKind::Programming, 45);
  for (const exec::Kernels *k : test::allKernels())
    for (uint32_t row : {0u, 1u, 77777u, 0xffffffffu})
      for (uint32_t column : {0u, 5u, 31u, 32u, 1000u})
        for (int64_t n : {0, 1, 7, 32, 100}) {
          std::vector<float> out(static_cast<size_t>(n) + 1, -99.0f);
          k->normals(s, row, column, n, out.data());
          for (int64_t i = 0; i < n; ++i)
            ASSERT_EQ(out[static_cast<size_t>(i)],
                      model::normal(s, row, column + static_cast<uint32_t>(i)))
                << k->name << " " << row << " " << column << " " << i;
          ASSERT_EQ(out.back(), -99.0f) << "wrote past the end";
        }
}

TEST(Normals, AMillionDrawsAreTheSameBits) {
  const model::Stream s = model::makeStream(7, model::StreamKind::Read, 1);
  std::vector<float> expected(4096), got(4096);
  for (uint32_t row = 0; row < 256; ++row) {
    for (uint32_t i = 0; i < 4096; ++i)
      expected[i] = model::normal(s, row, i);
    for (const exec::Kernels *k : test::allKernels()) {
      k->normals(s, row, 0, 4096, got.data());
      ASSERT_EQ(got, expected) << k->name;
    }
  }
}

} // namespace
