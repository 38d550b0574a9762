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

struct RawReference {
  int64_t rows;
  float conductance, wire, terminal;
  bool reversed;
};

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
  int32_t shift, bits;               ///< of the pass; bits 0: all
  const RawReference *predistort[2]; ///< null: none
  const float *referenceMean[2];     ///< [rows]
  int sweeps;
};

struct RawNoise {
  const float *rows; ///< [longest pulse + 1][2]: power, powerDelta
  double tickNs, ratio0;
};

/// PackedOpen of a block that is read slot by slot or in segments.
struct RawOpen {
  const float *load, *drive, *pieces, *last, *vOff; ///< `pieces`, `vOff` may be null
  int64_t firstSidePanels; ///< panels from here on are walked from the last row to the first
  float wire, growth;
  bool segments;
  int64_t segmentCells, groups;
};

struct RawBlock {
  int64_t rows, cols, panels;
  const float *charge;
  const int16_t *variance;
  const float *varianceScale, *varianceSlope, *scale;
  const float *offset, *leak, *correction; ///< each may be null
  int adc;                                 ///< 0 ideal, 1 linear, 2 cco
  float maxCode;
  const RawOpen *open;   ///< null: a matrix product
  const int32_t *column; ///< [panels * 32]: output column, -1 for filling; null: as they come
};

struct RawDraws {
  uint32_t key[2], counter[2], firstRow;
};

struct RawCounters {
  int64_t codes, saturated;
  double signalPower, noisePower, codePower;
};

/// One conversion of a read.
struct RawConversion {
  RawBlock block;
  RawInput input;
  RawDraws draws;
  // Per reference; null: the input's own ticks.
  const float *arrived, *arrivedLeak;
  int64_t arrivedStride, arrivedRows;
  const int32_t *panelReference;
  float window;
  int32_t longest; ///< ticks of the pass
  float weight;    ///< of its codes among the conversions
  bool noisy;
};

/// Power of a pulse of any length, for reads without a DAC.
void fractionalPower(double ticks, double tickNs, double ratio0, float *power, float *powerDelta);

struct KernelTable {
  int64_t groupRows;
  /// Returns the number of clipped inputs. `noise` may be null.
  int64_t (*packInput)(const RawInput &out, const float *x, int64_t ldx, const RawDac &dac,
                       const RawNoise *noise);
  void (*packPlain)(const RawInput &out, const float *x, int64_t ldx);
  /// Reference r's results are at ticks + r * stride and leak + r * pulses.rows.
  void (*arrive)(float *ticks, int64_t stride, float *leak, const RawInput &pulses,
                 const RawReference *references, int64_t count, int32_t longest);
  /// `counters` may be null.
  void (*read)(const RawConversion *conversions, int64_t count, int64_t panel0, int64_t panel1,
               float *y, int64_t ldy, bool accumulate, RawCounters *counters);
  void (*gemm)(const RawBlock &block, const RawInput &input, int64_t panel0, int64_t panel1,
               float *y, int64_t ldy, bool accumulate);
  void (*normals)(const RawDraws &draws, uint32_t row, uint32_t column0, int64_t n, float *out);
};

extern const KernelTable kScalarKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;

} // namespace aimc::exec
