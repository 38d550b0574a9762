//===- KernelTable.h - between dispatch and instruction sets ---*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Plain data that a unit built for one instruction set needs. Such a unit includes no C++ library
// header with inline functions: the linker keeps one copy of an inline function, and it must not
// be one that only some processors run.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace aimc::exec {

/// Steps of the integer variance product: row powers up to kPowerSteps, cell weights up to
/// kWeightSteps, and kVarianceInputs inputs of them still fit 31 bits.
inline constexpr int32_t kPowerSteps = 4095;
inline constexpr int32_t kWeightSteps = 1023;
inline constexpr int64_t kVarianceInputs = 512;
static_assert(int64_t{kPowerSteps} * kWeightSteps * kVarianceInputs < (int64_t{1} << 31));

struct RawInput {
  float *ticks;
  int16_t *power;
  float *rowScale, *powerScale, *powerDelta;
  int64_t rows, inputs;
};

struct RawDac {
  int32_t levels;
  bool quantise;
  float range;
};

struct RawNoise {
  const float *rows; ///< [levels + 1][2]: power, powerDelta
  double tickNs, ratio0;
};

struct RawBlock {
  int64_t rows, cols;
  const float *charge;
  const int16_t *variance;
  const float *varianceScale, *varianceSlope, *scale;
  int adc; ///< 0 ideal, 1 linear, 2 cco
  float maxCode;
};

struct RawDraws {
  uint32_t key[2], counter[2], firstRow;
};

struct RawCounters {
  int64_t codes, saturated;
  double signalPower, noisePower;
};

/// Power of a pulse of any length, for reads without a DAC.
void fractionalPower(double ticks, double tickNs, double ratio0, float *power, float *powerDelta);

struct KernelTable {
  int64_t groupRows;
  /// Returns the number of clipped inputs. `noise` may be null.
  int64_t (*packInput)(const RawInput &out, const float *x, int64_t ldx, const RawDac &dac,
                       const RawNoise *noise);
  void (*packPlain)(const RawInput &out, const float *x, int64_t ldx);
  /// `draws` and `counters` may be null.
  void (*read)(const RawBlock &block, const RawInput &input, int64_t panel0, int64_t panel1,
               const RawDraws *draws, float *y, int64_t ldy, bool accumulate,
               RawCounters *counters);
  void (*gemm)(const RawBlock &block, const RawInput &input, int64_t panel0, int64_t panel1,
               float *y, int64_t ldy, bool accumulate);
  void (*normals)(const RawDraws &draws, uint32_t row, uint32_t column0, int64_t n, float *out);
};

extern const KernelTable kScalarKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;

} // namespace aimc::exec
