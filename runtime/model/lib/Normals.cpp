//===- Normals.cpp - normal draws, a group of columns at a time -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// `normal` (Random.cpp) over arrays, in its order of operations, as loops that compilers turn into
// vector code. Builtins, because calls of std:: functions inside a clone may stay calls.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/NormalTransform.h"
#include "aimc/model/Random.h"

#include <algorithm>

// Fused multiply-adds need more than the plain avx2 clone of Clones.h has.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define AIMC_FMA_CLONES                                                                            \
  __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define AIMC_FMA_CLONES
#endif

namespace aimc::model {

namespace {

constexpr int kLanes = 64; ///< draws at a time: eight groups of 32 columns

[[gnu::always_inline]] inline void multiply(uint32_t a, uint32_t b, uint32_t &high, uint32_t &low) {
  const uint64_t product = static_cast<uint64_t>(a) * b;
  high = static_cast<uint32_t>(product >> 32);
  low = static_cast<uint32_t>(product);
}

/// One pair of normals per lane. Inlined by force: it must become part of each clone.
[[gnu::always_inline]] inline void transform(const uint32_t *radiusWord, const uint32_t *angleWord,
                                             float *first, float *second) {
  using namespace normal_transform;
  for (int l = 0; l < kLanes; ++l) {
    const float u = __builtin_fmaf(static_cast<float>(static_cast<int32_t>(radiusWord[l] >> 1)),
                                   kUniform, kHalfStep);
    const int32_t bits = __builtin_bit_cast(int32_t, u);
    const int32_t exponent = (bits - kSqrtHalfBits) >> 23;
    const float f = __builtin_bit_cast(float, bits - (exponent << 23)) - 1.0f;
    float p = kLog[6];
    p = __builtin_fmaf(p, f, kLog[5]);
    p = __builtin_fmaf(p, f, kLog[4]);
    p = __builtin_fmaf(p, f, kLog[3]);
    p = __builtin_fmaf(p, f, kLog[2]);
    p = __builtin_fmaf(p, f, kLog[1]);
    p = __builtin_fmaf(p, f, kLog[0]);
    const float f2 = f * f;
    p = __builtin_fmaf(p * f, f2, f2 * -0.5f);
    const float twice = __builtin_fmaf(static_cast<float>(exponent), kLn2, p + f) * -2.0f;
    const float radius = __builtin_sqrtf(twice > 0.0f ? twice : 0.0f);
    const uint32_t quadrant = (angleWord[l] + 0x20000000u) >> 30;
    const float x =
        static_cast<float>(static_cast<int32_t>(angleWord[l] - (quadrant << 30))) * kRadians;
    const float z = x * x;
    const float sine =
        __builtin_fmaf(x * z, __builtin_fmaf(__builtin_fmaf(kSin[2], z, kSin[1]), z, kSin[0]), x);
    const float cosine =
        __builtin_fmaf(z * z, __builtin_fmaf(__builtin_fmaf(kCos[2], z, kCos[1]), z, kCos[0]),
                       __builtin_fmaf(z, -0.5f, 1.0f));
    // Selection by bits, which vectorises.
    const uint32_t swap = 0u - (quadrant & 1);
    const uint32_t s = __builtin_bit_cast(uint32_t, sine), c = __builtin_bit_cast(uint32_t, cosine);
    const uint32_t asCos = (c & ~swap) | (s & swap), asSin = (s & ~swap) | (c & swap);
    first[l] = radius * __builtin_bit_cast(float, asCos ^ (((quadrant + 1) & 2) << 30));
    second[l] = radius * __builtin_bit_cast(float, asSin ^ ((quadrant & 2) << 30));
  }
}

/// All columns of groups `group` .. `group` + 7 of a row: out [8 x 32].
AIMC_FMA_CLONES
void eightGroups(const Stream &stream, uint32_t row, uint32_t group, float *out) {
  uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    c0[l] = group * 8 + static_cast<uint32_t>(l);
    c1[l] = row;
    c2[l] = stream.counter[0];
    c3[l] = stream.counter[1];
  }
  uint32_t key0 = stream.key[0], key1 = stream.key[1];
  for (int round = 0; round < 10; ++round) {
    for (int l = 0; l < kLanes; ++l) {
      uint32_t high0, low0, high1, low1;
      multiply(c0[l], 0xD2511F53u, high0, low0);
      multiply(c2[l], 0xCD9E8D57u, high1, low1);
      c0[l] = high1 ^ c1[l] ^ key0;
      c1[l] = low1;
      c2[l] = high0 ^ c3[l] ^ key1;
      c3[l] = low0;
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  float n[4][kLanes];
  transform(c0, c1, n[0], n[1]);
  transform(c2, c3, n[2], n[3]);
  // Lane 8 g + k holds columns k, k + 8, k + 16, k + 24 of group g.
  for (int g = 0; g < 8; ++g)
    for (int word = 0; word < 4; ++word)
      for (int k = 0; k < 8; ++k)
        out[32 * g + 8 * word + k] = n[word][8 * g + k];
}

} // namespace

void normals(const Stream &stream, uint32_t row, uint32_t column0, int64_t n, float *out) {
  constexpr int64_t kColumns = 8 * 32;
  alignas(64) float values[kColumns];
  const int64_t end = static_cast<int64_t>(column0) + n;
  for (int64_t from = column0 / 32 * 32; from < end; from += kColumns) {
    eightGroups(stream, row, static_cast<uint32_t>(from / 32), values);
    const int64_t begin = std::max<int64_t>(from, column0), stop = std::min(end, from + kColumns);
    std::copy_n(values + (begin - from), stop - begin, out + (begin - column0));
  }
}

} // namespace aimc::model
