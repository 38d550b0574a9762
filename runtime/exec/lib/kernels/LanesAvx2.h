//===- LanesAvx2.h - sixteen lanes in two registers ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The operations of LanesScalar.h on pairs of 256-bit registers (AVX2, FMA).
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace {

struct F16 {
  __m256 lo, hi;
};
struct I16 {
  __m256i lo, hi;
};

constexpr int kGroupRows = 6;
constexpr int kPassLanes = 16;

inline F16 set1(float x) {
  const __m256 v = _mm256_set1_ps(x);
  return {v, v};
}
inline F16 load(const float *p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline __m256i firstLanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline F16 loadPart(const float *p, int n) {
  // The second half's address is only formed from lanes that its mask reads.
  return {_mm256_maskload_ps(p, firstLanes(n)),
          n > 8 ? _mm256_maskload_ps(p + 8, firstLanes(n - 8)) : _mm256_setzero_ps()};
}
inline void store(float *p, F16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
inline void storePart(float *p, F16 a, int n) {
  _mm256_maskstore_ps(p, firstLanes(n), a.lo);
  if (n > 8)
    _mm256_maskstore_ps(p + 8, firstLanes(n - 8), a.hi);
}
inline void storeHalves(float *low, float *high, F16 a) {
  _mm256_storeu_ps(low, a.lo);
  _mm256_storeu_ps(high, a.hi);
}
inline F16 fma(F16 a, F16 b, F16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline F16 add(F16 a, F16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline F16 sub(F16 a, F16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline F16 mul(F16 a, F16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline F16 div(F16 a, F16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline F16 max(F16 a, F16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
inline F16 min(F16 a, F16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
inline F16 abs(F16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
inline F16 sqrt(F16 a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
inline F16 rint(F16 a) {
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.lo, mode), _mm256_round_ps(a.hi, mode)};
}
inline F16 trunc(F16 a) {
  constexpr int mode = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.lo, mode), _mm256_round_ps(a.hi, mode)};
}
inline int countGreater(F16 a, F16 b) {
  return __builtin_popcount(
             static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_GT_OQ)))) +
         __builtin_popcount(
             static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_GT_OQ))));
}

inline I16 seti(int32_t x) {
  const __m256i v = _mm256_set1_epi32(x);
  return {v, v};
}
inline I16 loadi(const int32_t *p) {
  const auto *q = reinterpret_cast<const __m256i *>(p);
  return {_mm256_loadu_si256(q), _mm256_loadu_si256(q + 1)};
}
inline I16 addi(I16 a, I16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
inline I16 subi(I16 a, I16 b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}
inline I16 andi(I16 a, I16 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
inline I16 xori(I16 a, I16 b) {
  return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
}
template <int N> inline I16 sll(I16 a) {
  return {_mm256_slli_epi32(a.lo, N), _mm256_slli_epi32(a.hi, N)};
}
template <int N> inline I16 srl(I16 a) {
  return {_mm256_srli_epi32(a.lo, N), _mm256_srli_epi32(a.hi, N)};
}
template <int N> inline I16 sra(I16 a) {
  return {_mm256_srai_epi32(a.lo, N), _mm256_srai_epi32(a.hi, N)};
}
inline F16 toFloat(I16 a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
inline I16 toInt(F16 a) { return {_mm256_cvttps_epi32(a.lo), _mm256_cvttps_epi32(a.hi)}; }
inline I16 asInt(F16 a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
inline F16 asFloat(I16 a) { return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)}; }
inline F16 select(I16 mask, F16 a, F16 b) {
  const F16 m = asFloat(mask);
  return {_mm256_blendv_ps(b.lo, a.lo, m.lo), _mm256_blendv_ps(b.hi, a.hi, m.hi)};
}
inline I16 dot16(I16 acc, I16 a, I16 b) {
  return addi(acc, {_mm256_madd_epi16(a.lo, b.lo), _mm256_madd_epi16(a.hi, b.hi)});
}
inline void mulHiLo(__m256i a, __m256i c, __m256i &hi, __m256i &lo) {
  const __m256i even = _mm256_mul_epu32(a, c);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), c);
  lo = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  hi = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}
inline void mulHiLo(I16 a, uint32_t b, I16 &hi, I16 &lo) {
  const __m256i c = _mm256_set1_epi32(static_cast<int32_t>(b));
  mulHiLo(a.lo, c, hi.lo, lo.lo);
  mulHiLo(a.hi, c, hi.hi, lo.hi);
}
/// table[index] of each lane for a table of 128 entries.
inline F16 lookup128(const float *table, I16 index) {
  return {_mm256_i32gather_ps(table, index.lo, 4), _mm256_i32gather_ps(table, index.hi, 4)};
}
inline F16 lookup16(const float *table, I16 index) { return lookup128(table, index); }
/// Lane i has a's lane i - N; the first N are zero.
template <int N> inline F16 shiftUp(F16 a) {
  static_assert(N == 1 || N == 2 || N == 4 || N == 8);
  const __m256i lo = _mm256_castps_si256(a.lo), hi = _mm256_castps_si256(a.hi);
  if constexpr (N == 8)
    return {_mm256_setzero_ps(), a.lo};
  // Four lanes up, then back within halves.
  const __m256i lo4 = _mm256_permute2x128_si256(lo, lo, 0x08);
  const __m256i hi4 = _mm256_permute2x128_si256(lo, hi, 0x21);
  constexpr int kBytes = N == 8 ? 0 : 16 - 4 * N;
  return {_mm256_castsi256_ps(_mm256_alignr_epi8(lo, lo4, kBytes)),
          _mm256_castsi256_ps(_mm256_alignr_epi8(hi, hi4, kBytes))};
}
inline F16 gatherPairs(const float *base, I16 index) {
  return {_mm256_i32gather_ps(base, index.lo, 8), _mm256_i32gather_ps(base, index.hi, 8)};
}
inline void storeInt16(int16_t *p, I16 a) {
  // Values are within int16; packing works per 128-bit half, so the quarters need sorting.
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.lo, a.hi), 0xd8);
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), packed);
}

} // namespace
