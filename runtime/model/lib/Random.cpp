//===- Random.cpp - counter-based random numbers -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Random.h"

#include "aimc/model/NormalTransform.h"

#include <Random123/philox.h>

#include <bit>
#include <cmath>

namespace aimc::model {

namespace {
std::array<uint32_t, 4> philox(const uint32_t (&counter)[4], const uint32_t (&key)[2]) {
  r123::Philox4x32::ctr_type c = {{counter[0], counter[1], counter[2], counter[3]}};
  r123::Philox4x32::key_type k = {{key[0], key[1]}};
  c = r123::Philox4x32()(c, k);
  return {c[0], c[1], c[2], c[3]};
}

uint32_t low(uint64_t x) { return static_cast<uint32_t>(x); }
uint32_t high(uint64_t x) { return static_cast<uint32_t>(x >> 32); }
} // namespace

Stream makeStream(uint64_t seed, StreamKind kind, uint64_t id, uint32_t sub) {
  // One encryption of the identity gives 128 bits that tell streams apart.
  const uint32_t counter[4] = {low(id), high(id), sub, static_cast<uint32_t>(kind)};
  const auto words = philox(counter, {low(seed), high(seed)});
  return {{words[0], words[1]}, {words[2], words[3]}};
}

Stream atTime(const Stream &s, double seconds) {
  const auto bits = std::bit_cast<uint64_t>(seconds == 0.0 ? 0.0 : seconds); // -0 is 0
  const auto words = philox({low(bits), high(bits), s.counter[0], s.counter[1]}, s.key);
  return {{words[0], words[1]}, {words[2], words[3]}};
}

std::array<uint32_t, 4> draw(const Stream &s, uint32_t lowWord, uint32_t highWord) {
  return philox({lowWord, highWord, s.counter[0], s.counter[1]}, s.key);
}

NormalPair boxMuller(uint32_t radiusWord, uint32_t angleWord) {
  using namespace normal_transform;
  // Radius: sqrt(-2 log u), u in (0, 1].
  const float u =
      std::fma(static_cast<float>(static_cast<int32_t>(radiusWord >> 1)), kUniform, kHalfStep);
  const int32_t bits = std::bit_cast<int32_t>(u);
  const int32_t exponent = (bits - kSqrtHalfBits) >> 23;
  const float f = std::bit_cast<float>(bits - (exponent << 23)) - 1.0f;
  float p = kLog[6];
  for (int i = 5; i >= 0; --i)
    p = std::fma(p, f, kLog[i]);
  const float f2 = f * f;
  p = std::fma(p * f, f2, f2 * -0.5f);
  const float logU = std::fma(static_cast<float>(exponent), kLn2, p + f);
  const float twice = logU * -2.0f;
  const float radius = std::sqrt(twice > 0.0f ? twice : 0.0f);

  // Angle: a quadrant and a remainder within 45 degrees of its axis.
  const uint32_t quadrant = (angleWord + 0x20000000u) >> 30;
  const int32_t rest = static_cast<int32_t>(angleWord - (quadrant << 30));
  const float x = static_cast<float>(rest) * kRadians;
  const float z = x * x;
  const float sine = std::fma(x * z, std::fma(std::fma(kSin[2], z, kSin[1]), z, kSin[0]), x);
  const float cosine = std::fma(z * z, std::fma(std::fma(kCos[2], z, kCos[1]), z, kCos[0]),
                                std::fma(z, -0.5f, 1.0f));
  const bool swap = quadrant & 1;
  const uint32_t sinSign = (quadrant & 2) << 30;
  const uint32_t cosSign = ((quadrant + 1) & 2) << 30;
  const float s = swap ? cosine : sine;
  const float c = swap ? sine : cosine;
  return {radius * std::bit_cast<float>(std::bit_cast<uint32_t>(c) ^ cosSign),
          radius * std::bit_cast<float>(std::bit_cast<uint32_t>(s) ^ sinSign)};
}

float normal(const Stream &stream, uint32_t row, uint32_t column) {
  const uint32_t lane = column % 8, word = column % 32 / 8;
  const auto w = draw(stream, column / 32 * 8 + lane, row);
  const NormalPair pair = boxMuller(w[word & 2], w[(word & 2) + 1]);
  return word & 1 ? pair.second : pair.first;
}

void uniforms(const Stream &stream, uint32_t row, uint32_t column0, int64_t n, float *out) {
  for (int64_t done = 0; done < n;) {
    // One draw serves columns 8 apart; eight draws fill a group of 32.
    const uint32_t column = column0 + static_cast<uint32_t>(done), group = column / 32;
    float values[32];
    for (uint32_t lane = 0; lane < 8; ++lane) {
      const auto w = draw(stream, group * 8 + lane, row);
      for (uint32_t word = 0; word < 4; ++word)
        values[8 * word + lane] = static_cast<float>(w[word] >> 8) * 0x1p-24f;
    }
    for (uint32_t k = column % 32; k < 32 && done < n; ++k, ++done)
      out[done] = values[k];
  }
}

} // namespace aimc::model
