//===- LanesAvx512.h - sixteen lanes in one register -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The operations of LanesScalar.h on 512-bit registers (F, BW, VL, DQ, VNNI).
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace {

using F16 = __m512;
using I16 = __m512i;

constexpr int kGroupRows = 14;
constexpr int kPassLanes = 32;

inline F16 set1(float x) { return _mm512_set1_ps(x); }
inline F16 load(const float *p) { return _mm512_loadu_ps(p); }
inline __mmask16 firstLanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
inline F16 loadPart(const float *p, int n) { return _mm512_maskz_loadu_ps(firstLanes(n), p); }
inline void store(float *p, F16 a) { _mm512_storeu_ps(p, a); }
inline void storePart(float *p, F16 a, int n) { _mm512_mask_storeu_ps(p, firstLanes(n), a); }
inline void storeHalves(float *low, float *high, F16 a) {
  _mm256_storeu_ps(low, _mm512_castps512_ps256(a));
  _mm256_storeu_ps(high, _mm512_extractf32x8_ps(a, 1));
}
inline F16 fma(F16 a, F16 b, F16 c) { return _mm512_fmadd_ps(a, b, c); }
inline F16 add(F16 a, F16 b) { return _mm512_add_ps(a, b); }
inline F16 sub(F16 a, F16 b) { return _mm512_sub_ps(a, b); }
inline F16 mul(F16 a, F16 b) { return _mm512_mul_ps(a, b); }
inline F16 div(F16 a, F16 b) { return _mm512_div_ps(a, b); }
inline F16 max(F16 a, F16 b) { return _mm512_max_ps(a, b); }
inline F16 min(F16 a, F16 b) { return _mm512_min_ps(a, b); }
inline F16 abs(F16 a) { return _mm512_abs_ps(a); }
inline F16 sqrt(F16 a) { return _mm512_sqrt_ps(a); }
inline F16 rint(F16 a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline F16 trunc(F16 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
inline int countGreater(F16 a, F16 b) {
  return __builtin_popcount(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ));
}

inline I16 seti(int32_t x) { return _mm512_set1_epi32(x); }
inline I16 loadi(const int32_t *p) { return _mm512_loadu_si512(p); }
inline I16 addi(I16 a, I16 b) { return _mm512_add_epi32(a, b); }
inline I16 subi(I16 a, I16 b) { return _mm512_sub_epi32(a, b); }
inline I16 andi(I16 a, I16 b) { return _mm512_and_si512(a, b); }
inline I16 xori(I16 a, I16 b) { return _mm512_xor_si512(a, b); }
template <int N> inline I16 sll(I16 a) { return _mm512_slli_epi32(a, N); }
template <int N> inline I16 srl(I16 a) { return _mm512_srli_epi32(a, N); }
template <int N> inline I16 sra(I16 a) { return _mm512_srai_epi32(a, N); }
inline F16 toFloat(I16 a) { return _mm512_cvtepi32_ps(a); }
inline I16 toInt(F16 a) { return _mm512_cvttps_epi32(a); }
inline I16 asInt(F16 a) { return _mm512_castps_si512(a); }
inline F16 asFloat(I16 a) { return _mm512_castsi512_ps(a); }
inline F16 select(I16 mask, F16 a, F16 b) {
  return asFloat(_mm512_ternarylogic_epi32(mask, asInt(a), asInt(b), 0xca));
}
inline I16 dot16(I16 acc, I16 a, I16 b) {
  // GCC 12 copies and spills the accumulator around the intrinsic; in place costs half.
  __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
}
inline void mulHiLo(I16 a, uint32_t b, I16 &hi, I16 &lo) {
  const I16 c = _mm512_set1_epi32(static_cast<int32_t>(b));
  const I16 even = _mm512_mul_epu32(a, c), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), c);
  lo = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
  hi = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
}
/// table[index] of each lane for a table of 128 entries: several times as fast as a gather.
inline F16 lookup128(const float *table, I16 index) {
  const auto part = [&](int i) {
    return _mm512_permutex2var_ps(load(table + 32 * i), index, load(table + 32 * i + 16));
  };
  const __mmask16 bit5 = _mm512_test_epi32_mask(index, _mm512_set1_epi32(32));
  const __mmask16 bit6 = _mm512_test_epi32_mask(index, _mm512_set1_epi32(64));
  return _mm512_mask_blend_ps(bit6, _mm512_mask_blend_ps(bit5, part(0), part(1)),
                              _mm512_mask_blend_ps(bit5, part(2), part(3)));
}
/// table[index] of each lane for a table of 16 entries.
inline F16 lookup16(const float *table, I16 index) {
  const F16 entries = load(table);
  return _mm512_permutex2var_ps(entries, index, entries);
}
/// Lane i has a's lane i - N; the first N are zero.
template <int N> inline F16 shiftUp(F16 a) {
  return asFloat(_mm512_alignr_epi32(asInt(a), _mm512_setzero_si512(), 16 - N));
}
inline F16 gatherPairs(const float *base, I16 index) { return _mm512_i32gather_ps(index, base, 8); }
inline void storeInt16(int16_t *p, I16 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), _mm512_cvtepi32_epi16(a));
}

} // namespace
