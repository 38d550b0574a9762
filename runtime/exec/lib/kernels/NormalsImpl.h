//===- NormalsImpl.h - normal draws, sixteen at a time ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The vector form of model/Random: Philox4x32-10 and the Box-Muller transform in the order of
// operations that model::boxMuller states. Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelTable.h"
#include "aimc/model/NormalTransform.h"

namespace {

/// Philox4x32-10 on sixteen counters (c[0] .. c[3]) under one key.
inline void philox(I16 (&c)[4], uint32_t key0, uint32_t key1) {
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    I16 hi0, lo0, hi1, lo1;
    mulHiLo(c[0], 0xD2511F53u, hi0, lo0);
    mulHiLo(c[2], 0xCD9E8D57u, hi1, lo1);
    c[0] = xori(xori(hi1, c[1]), seti(static_cast<int32_t>(key0)));
    c[1] = lo1;
    c[2] = xori(xori(hi0, c[3]), seti(static_cast<int32_t>(key1)));
    c[3] = lo0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

inline void boxMuller(I16 radiusWord, I16 angleWord, F16 &first, F16 &second) {
  using namespace aimc::model::normal_transform;
  const F16 u = fma(toFloat(srl<1>(radiusWord)), set1(kUniform), set1(kHalfStep));
  const I16 bitsU = asInt(u);
  const I16 exponent = sra<23>(subi(bitsU, seti(kSqrtHalfBits)));
  const F16 f = sub(asFloat(subi(bitsU, sll<23>(exponent))), set1(1.0f));
  F16 p = set1(kLog[6]);
#pragma GCC unroll 6
  for (int i = 5; i >= 0; --i)
    p = fma(p, f, set1(kLog[i]));
  const F16 f2 = mul(f, f);
  p = fma(mul(p, f), f2, mul(f2, set1(-0.5f)));
  const F16 logU = fma(toFloat(exponent), set1(kLn2), add(p, f));
  const F16 radius = sqrt(max(mul(logU, set1(-2.0f)), set1(0.0f)));

  const I16 quadrant = srl<30>(addi(angleWord, seti(0x20000000)));
  const F16 x = mul(toFloat(subi(angleWord, sll<30>(quadrant))), set1(kRadians));
  const F16 z = mul(x, x);
  const F16 sine = fma(mul(x, z), fma(fma(set1(kSin[2]), z, set1(kSin[1])), z, set1(kSin[0])), x);
  const F16 cosine = fma(mul(z, z), fma(fma(set1(kCos[2]), z, set1(kCos[1])), z, set1(kCos[0])),
                         fma(z, set1(-0.5f), set1(1.0f)));
  const I16 swap = sra<31>(sll<31>(quadrant));
  const I16 sinSign = sll<30>(andi(quadrant, seti(2)));
  const I16 cosSign = sll<30>(andi(addi(quadrant, seti(1)), seti(2)));
  first = mul(radius, asFloat(xori(asInt(select(swap, sine, cosine)), cosSign)));
  second = mul(radius, asFloat(xori(asInt(select(swap, cosine, sine)), sinSign)));
}

/// Normals of the 32 columns of (row, group), and of (row + rowStep, group + groupStep).
inline void normalPanels(const aimc::exec::RawDraws &draws, uint32_t row, uint32_t group,
                         uint32_t rowStep, uint32_t groupStep, float *first, float *second) {
  static const int32_t lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7};
  static const int32_t half[16] = {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1};
  const auto at = [](uint32_t base, uint32_t step) {
    return addi(seti(static_cast<int32_t>(base)),
                andi(loadi(half), seti(static_cast<int32_t>(step))));
  };
  I16 c[4] = {addi(loadi(lane), at(group * 8, groupStep * 8)), at(row, rowStep),
              seti(static_cast<int32_t>(draws.counter[0])),
              seti(static_cast<int32_t>(draws.counter[1]))};
  philox(c, draws.key[0], draws.key[1]);
  F16 n[4];
  boxMuller(c[0], c[1], n[0], n[1]);
  boxMuller(c[2], c[3], n[2], n[3]);
  for (int w = 0; w < 4; ++w)
    storeHalves(first + 8 * w, second + 8 * w, n[w]);
}

void normals(const aimc::exec::RawDraws &draws, uint32_t row, uint32_t column0, int64_t n,
             float *out) {
  alignas(64) float values[64];
  for (int64_t done = 0; done < n;) {
    const uint32_t column = column0 + static_cast<uint32_t>(done);
    normalPanels(draws, row, column / 32, 0, 1, values, values + 32);
    for (uint32_t k = column % 32; k < 64 && done < n; ++k, ++done)
      out[done] = values[k];
  }
}

} // namespace
