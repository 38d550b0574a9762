//===- LanesScalar.h - sixteen lanes without vectors -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Sixteen lanes as arrays: what every processor runs, and the definition that the vector versions
// must match bit for bit. Everything has internal linkage: units built for other instruction sets
// define the same names.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace {

struct F16 {
  float v[16];
};
struct I16 {
  int32_t v[16];
};

constexpr int kGroupRows = 4;  ///< rows of a register block
constexpr int kPassLanes = 16; ///< columns of a register block

template <class Op> inline F16 mapF(Op op) {
  F16 r;
  for (int i = 0; i < 16; ++i)
    r.v[i] = op(i);
  return r;
}
template <class Op> inline I16 mapI(Op op) {
  I16 r;
  for (int i = 0; i < 16; ++i)
    r.v[i] = static_cast<int32_t>(op(i));
  return r;
}
inline uint32_t bits(int32_t x) { return static_cast<uint32_t>(x); }

inline F16 set1(float x) {
  return mapF([&](int) { return x; });
}
inline F16 load(const float *p) {
  return mapF([&](int i) { return p[i]; });
}
inline F16 loadPart(const float *p, int n) {
  return mapF([&](int i) { return i < n ? p[i] : 0.0f; });
}
inline void store(float *p, F16 a) {
  for (int i = 0; i < 16; ++i)
    p[i] = a.v[i];
}
inline void storePart(float *p, F16 a, int n) {
  for (int i = 0; i < n; ++i)
    p[i] = a.v[i];
}
inline void storeHalves(float *low, float *high, F16 a) {
  for (int i = 0; i < 8; ++i) {
    low[i] = a.v[i];
    high[i] = a.v[i + 8];
  }
}
inline F16 fma(F16 a, F16 b, F16 c) {
  return mapF([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
}
inline F16 add(F16 a, F16 b) {
  return mapF([&](int i) { return a.v[i] + b.v[i]; });
}
inline F16 sub(F16 a, F16 b) {
  return mapF([&](int i) { return a.v[i] - b.v[i]; });
}
inline F16 mul(F16 a, F16 b) {
  return mapF([&](int i) { return a.v[i] * b.v[i]; });
}
inline F16 div(F16 a, F16 b) {
  return mapF([&](int i) { return a.v[i] / b.v[i]; });
}
inline F16 max(F16 a, F16 b) { // as maxps: the second where equal or unordered
  return mapF([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline F16 min(F16 a, F16 b) {
  return mapF([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
inline F16 abs(F16 a) {
  return mapF([&](int i) {
    return std::bit_cast<float>(bits(std::bit_cast<int32_t>(a.v[i])) & 0x7fffffffu);
  });
}
inline F16 sqrt(F16 a) {
  return mapF([&](int i) { return std::sqrt(a.v[i]); });
}
inline F16 rint(F16 a) {
  return mapF([&](int i) { return std::nearbyint(a.v[i]); });
}
inline F16 trunc(F16 a) {
  return mapF([&](int i) { return std::trunc(a.v[i]); });
}
inline int countGreater(F16 a, F16 b) {
  int n = 0;
  for (int i = 0; i < 16; ++i)
    n += a.v[i] > b.v[i];
  return n;
}

inline I16 seti(int32_t x) {
  return mapI([&](int) { return x; });
}
inline I16 loadi(const int32_t *p) {
  return mapI([&](int i) { return p[i]; });
}
inline I16 addi(I16 a, I16 b) {
  return mapI([&](int i) { return bits(a.v[i]) + bits(b.v[i]); });
}
inline I16 subi(I16 a, I16 b) {
  return mapI([&](int i) { return bits(a.v[i]) - bits(b.v[i]); });
}
inline I16 andi(I16 a, I16 b) {
  return mapI([&](int i) { return a.v[i] & b.v[i]; });
}
inline I16 xori(I16 a, I16 b) {
  return mapI([&](int i) { return a.v[i] ^ b.v[i]; });
}
template <int N> inline I16 sll(I16 a) {
  return mapI([&](int i) { return bits(a.v[i]) << N; });
}
template <int N> inline I16 srl(I16 a) {
  return mapI([&](int i) { return bits(a.v[i]) >> N; });
}
template <int N> inline I16 sra(I16 a) {
  return mapI([&](int i) { return a.v[i] >> N; });
}
inline F16 toFloat(I16 a) {
  return mapF([&](int i) { return static_cast<float>(a.v[i]); });
}
inline I16 toInt(F16 a) {
  return mapI([&](int i) { return static_cast<int32_t>(a.v[i]); });
}
inline I16 asInt(F16 a) {
  return mapI([&](int i) { return std::bit_cast<int32_t>(a.v[i]); });
}
inline F16 asFloat(I16 a) {
  return mapF([&](int i) { return std::bit_cast<float>(a.v[i]); });
}
/// Lanes of `a` where `mask` is all ones, of `b` where it is zero.
inline F16 select(I16 mask, F16 a, F16 b) {
  return mapF([&](int i) { return mask.v[i] ? a.v[i] : b.v[i]; });
}
/// acc + the sum of the two products of int16 halves.
inline I16 dot16(I16 acc, I16 a, I16 b) {
  return mapI([&](int i) {
    const auto half = [](int32_t x, int k) { return int32_t(int16_t(bits(x) >> (16 * k))); };
    return acc.v[i] + half(a.v[i], 0) * half(b.v[i], 0) + half(a.v[i], 1) * half(b.v[i], 1);
  });
}
inline void mulHiLo(I16 a, uint32_t b, I16 &hi, I16 &lo) {
  for (int i = 0; i < 16; ++i) {
    const uint64_t product = uint64_t(bits(a.v[i])) * b;
    hi.v[i] = static_cast<int32_t>(product >> 32);
    lo.v[i] = static_cast<int32_t>(product);
  }
}
/// table[index] of each lane for a table of 128 entries.
inline F16 lookup128(const float *table, I16 index) {
  return mapF([&](int i) { return table[index.v[i]]; });
}
/// table[index] of each lane for a table of 16 entries.
inline F16 lookup16(const float *table, I16 index) { return lookup128(table, index); }
/// Lane i has a's lane i - N; the first N are zero.
template <int N> inline F16 shiftUp(F16 a) {
  return mapF([&](int i) { return i < N ? 0.0f : a.v[i - N]; });
}
/// base[index * 2] of each lane: one field of a table of pairs.
inline F16 gatherPairs(const float *base, I16 index) {
  return mapF([&](int i) { return base[2 * index.v[i]]; });
}
inline void storeInt16(int16_t *p, I16 a) {
  for (int i = 0; i < 16; ++i)
    p[i] = static_cast<int16_t>(a.v[i]);
}

} // namespace
