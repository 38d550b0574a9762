//===- Kernels.h - compute kernels of a tile read --------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Single-threaded kernels over a rectangle of a read: some input rows times some column panels of
// one block. The caller owns threads and the loop over blocks:
//
//   PackedBlock block = packBlock(source);                    // once, at programming
//   const Kernels &k = bestKernels();
//   PackedInput input;  input.reserve(k, maxRows, maxInputs, noise);   // once per thread
//   k.packInput(input, x, ldx, m, block.rows, dac, noiseTable);  // per rows x row block; serves
//                                                      // every block with the same inputs
//   k.read(block, input, panel0, panel1, {&stream, firstRow}, y, ldy, accumulate, counters);
//
// Reading row blocks in increasing order into the same y (accumulate = row block > 0) gives the
// digital sum. Every output element accumulates its inputs in increasing order with fused
// multiply-adds, so the bits of a result depend neither on the instruction set, nor on how rows
// and panels are split among calls or threads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Adc.h"
#include "aimc/model/Programming.h"
#include "aimc/model/Random.h"
#include "aimc/model/ReadNoise.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace aimc::exec {

/// Columns of a panel, the unit that columns are split in.
inline constexpr int64_t kPanelCols = 32;

template <class T> struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U> AlignedAllocator(const AlignedAllocator<U> &) {}
  T *allocate(size_t n) {
    return static_cast<T *>(::operator new (n * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T *p, size_t) { ::operator delete (p, std::align_val_t{64}); }
  bool operator==(const AlignedAllocator &) const { return true; }
};
template <class T> using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// One block of a weight as the kernels read it. The ADC unit is one LSB, or 1 fC without an ADC.
struct PackedBlock {
  int64_t rows = 0, cols = 0;         ///< inputs, outputs
  AlignedVector<float> charge;        ///< [panels][rows][32]: ADC units per tick
  AlignedVector<int16_t> variance;    ///< [panels][ceil(rows/2)][32][2]; empty without read noise
  AlignedVector<float> varianceScale; ///< [panels * 32]: (ADC unit)^2 per ns^2 and step
  AlignedVector<float> varianceSlope; ///< [panels * 32]: mean readNoiseSlope / unit^2
  AlignedVector<float> scale;         ///< [panels * 32]: output per code and unit of row scale
  model::AdcKind adc = model::AdcKind::Ideal;
  float maxCode = 0;

  int64_t panels() const { return (cols + kPanelCols - 1) / kPanelCols; }
};

/// What packBlock folds into a PackedBlock. Pointers are to the block's first cell (its row and
/// column in the tile already added).
struct BlockSource {
  int64_t rows = 0, cols = 0;
  const float *gPlus = nullptr, *gMinus = nullptr; ///< uS, row-major
  int64_t gStride = 0;
  const float *transfer = nullptr; ///< T of foldTile, row-major; null: no wire
  int64_t transferStride = 0;
  const float *columnScale = nullptr; ///< s_j [cols]
  model::DeviceRange range;
  double readVolt = 0.2, tickNs = 1.0;
  model::Adc adc;
  const model::ReadNoiseTable *noise = nullptr; ///< null: no read noise
};
PackedBlock packBlock(const BlockSource &source);

/// A weight without any analog effect, for Kernels::gemm.
PackedBlock packWeights(const model::WeightView &weight);

/// How inputs become pulses.
struct Dac {
  int32_t levels = 127;
  bool quantise = true; ///< false: pulses of any length, nothing clamped
  float range = 0.0f;   ///< full-scale input; <= 0: the largest magnitude of each vector
};

struct Kernels;

/// Inputs of some rows and one row block, converted to pulses. Owned by one thread, reused.
/// Rows come in groups of at most Kernels::groupRows whose sizes differ by one at most.
struct PackedInput {
  int64_t rows = 0, inputs = 0;
  AlignedVector<float> ticks;    ///< per group: [ceil(inputs/16)][group rows][16]
  AlignedVector<int16_t> power;  ///< per group: [ceil(inputs/32)][group rows][32], in powerScale
  AlignedVector<float> rowScale; ///< input units per tick; NaN for a row with a non-finite input
  AlignedVector<float> powerScale, powerDelta;
  bool noise = false;
  int64_t clipped = 0; ///< inputs beyond the DAC's range in the last packInput

  /// Space for `maxRows` x `maxInputs`.
  void reserve(const Kernels &kernels, int64_t maxRows, int64_t maxInputs, bool withNoise);
};

/// Which draws a read takes: `stream` null means none. Row r of the input draws as row
/// firstRow + r, column c of the block as column c.
struct ReadDraws {
  const model::Stream *stream = nullptr;
  uint32_t firstRow = 0;
};

/// Optional sums over a read, in ADC units.
struct ReadCounters {
  int64_t codes = 0, saturated = 0;
  double signalPower = 0; ///< sum of squared charges without noise
  double noisePower = 0;  ///< sum of variances
};

enum class Isa : uint8_t { Scalar, Avx2, Avx512 };

struct KernelTable;

/// The kernels of one instruction set. Stateless: any number of threads may call them.
struct Kernels {
  Isa isa = Isa::Scalar;
  const char *name = "";
  int64_t groupRows = 0; ///< most rows of one register block
  const KernelTable *table = nullptr;

  /// Converts x [m x k] (row stride ldx) to pulses. `noise` null: no read-noise powers. The table
  /// must be of `dac.levels`.
  void packInput(PackedInput &out, const float *x, int64_t ldx, int64_t m, int64_t k,
                 const Dac &dac, const model::ReadNoiseTable *noise) const;
  /// Takes x as it is, for gemm.
  void packPlain(PackedInput &out, const float *x, int64_t ldx, int64_t m, int64_t k) const;
  /// y [rows x cols] (row stride ldy, column 0 of the block) (+)= the digital result of a read of
  /// panels [panel0, panel1). Columns outside these panels and beyond the block are not touched.
  /// Noise needs a stream here, powers in the input and variances in the block.
  void read(const PackedBlock &block, const PackedInput &input, int64_t panel0, int64_t panel1,
            ReadDraws draws, float *y, int64_t ldy, bool accumulate,
            ReadCounters *counters = nullptr) const;
  /// y (+)= x w: plain single-precision product of packWeights and packPlain.
  void gemm(const PackedBlock &block, const PackedInput &input, int64_t panel0, int64_t panel1,
            float *y, int64_t ldy, bool accumulate) const;
  /// out[i] = model::normal(stream, row, column0 + i).
  void normals(const model::Stream &stream, uint32_t row, uint32_t column0, int64_t n,
               float *out) const;
};

/// The kernels of an instruction set; null where this processor lacks it.
const Kernels *kernelsFor(Isa isa);
/// The best that this processor runs.
const Kernels &bestKernels();

} // namespace aimc::exec
