//===- Kernels.h - compute kernels of a tile read --------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Single-threaded kernels over a rectangle of a read: some input rows times some column panels of
// one block. The caller owns threads and the loop over blocks:
//
//   PackedBlock block = packBlock(source);                    // once, at programming, per plane
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

#include "aimc/model/Activity.h"
#include "aimc/model/Adc.h"
#include "aimc/model/Ladder.h"
#include "aimc/model/OneProduct.h"
#include "aimc/model/Programming.h"
#include "aimc/model/Random.h"
#include "aimc/model/ReadNoise.h"
#include "aimc/model/Wires.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
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

/// With idle = open and alternating read-out a block's columns are packed in two parts, each with
/// panels of its own.
inline constexpr int kSides = model::kReadSides;
static_assert(kPanelCols == model::kReferencePanel);

/// A reference column of one_product (Kernels::arrive). g_ref comes in steps, so that panels and
/// blocks share it.
using OpenReference = model::ReferenceColumn;

/// What a block with idle = open holds beside PackedBlock.
struct PackedOpen {
  model::Fidelity fidelity = model::Fidelity::OneProduct;
  int64_t sidePanels[kSides] = {}; ///< panels whose ADC is at the last and at the first row
  /// Column of the block in each place, [panels * 32]; -1: filling, at the end of a panel.
  /// Empty: as they come.
  AlignedVector<int32_t> column;
  /// Fidelity one_product: columns that load alike share a panel, each panel has a reference.
  std::vector<OpenReference> references;
  std::vector<int32_t> panelReference; ///< [panels]
  /// Of all columns of a side, and its Tm^ref [rows]: pulses are pre-distorted by it.
  OpenReference reference[kSides];
  AlignedVector<float> referenceMean[kSides];
  /// Circuit of fidelity exact and segments: cells in row order, [panels][rows][32].
  AlignedVector<float> load;   ///< G+ + G-, uS
  AlignedVector<float> drive;  ///< ADC units per tick through no wire
  AlignedVector<float> pieces; ///< wire that leads to a cell, 1/uS; empty: `wire` everywhere
  AlignedVector<float> last;   ///< from the last cell to the virtual ground, 1/uS, [panels * 32]
  AlignedVector<float> vOff;   ///< ADC units per uS and tick, [panels * 32]; empty: none
  float wire = 0;
  float growth = 0;   ///< log of what a step of the ladder can multiply its quotients with
  float strength = 0; ///< wire of all rows times load of the fullest column
};

/// One block of a weight on one plane as the kernels read it. The ADC unit is one LSB, or 1 fC
/// without an ADC.
struct PackedBlock {
  int64_t rows = 0, cols = 0;         ///< inputs, outputs
  AlignedVector<float> charge;        ///< [panels][rows][32]: ADC units per tick
  AlignedVector<int16_t> variance;    ///< [panels][ceil(rows/2)][32][2]; empty without read noise
  AlignedVector<float> varianceScale; ///< [panels * 32]: (ADC unit)^2 per ns^2 and step
  AlignedVector<float> varianceSlope; ///< [panels * 32]: mean readNoiseSlope / unit^2
  AlignedVector<float> scale;         ///< [panels * 32]: output per code and unit of row scale
  // Empty arrays cost nothing. All [panels * 32].
  AlignedVector<float> offset;     ///< ADC units, before conversion
  AlignedVector<float> leak;       ///< ADC units per tick of the read's window, before conversion
  AlignedVector<float> correction; ///< codes, added after conversion
  model::AdcKind adc = model::AdcKind::Ideal;
  float maxCode = 0;
  float significance = 1; ///< of this plane's codes among planes; for sums over a read only
  double unitFc = 1;      ///< charge of an ADC unit
  std::shared_ptr<const PackedOpen> open; ///< null: idle rows stay driven

  /// Panels of the block, 32 columns each: neighbours, or what PackedOpen::column says.
  int64_t panels() const {
    return open ? open->sidePanels[0] + open->sidePanels[1] : (cols + kPanelCols - 1) / kPanelCols;
  }
};

/// A block of an array whose idle rows are disconnected. packBlock does the folding.
struct OpenSource {
  model::TileView tile; ///< the whole array of this plane
  model::BlockWindow window;
  model::Wires wires;
  model::Readout readout = model::Readout::Single;
  model::Fidelity fidelity = model::Fidelity::OneProduct;
  std::vector<model::DacPass> passes; ///< of the converter
  /// Distribution of each row's |x| / range over 32 equal bins, [rows x 32]; null: the default.
  const float *histogram = nullptr;
  bool exact = false;      ///< also hold what fidelity exact reads, to compare with
  bool predistort = false; ///< pulses are pre-distorted, which goes by the reference column
};

/// What packBlock folds into a PackedBlock. Pointers are to the block's first cell (its row and
/// column in the tile already added).
struct BlockSource {
  int64_t rows = 0, cols = 0;
  const float *gPlus = nullptr, *gMinus = nullptr; ///< uS, row-major
  int64_t gStride = 0;
  /// T of the column wires, row-major; null: no wire. Read noise goes by it always, charges where
  /// `weff` is null.
  const float *transfer = nullptr;
  int64_t transferStride = 0;
  /// Row and column wires folded together (model/Crossbar.h): charge per V and ns, uS. Optional.
  const float *weff = nullptr;
  int64_t weffStride = 0;
  const float *columnScale = nullptr; ///< s_j [cols]
  model::DeviceRange range;
  double readVolt = 0.2, tickNs = 1.0;
  model::Adc adc;
  const model::ReadNoiseTable *noise = nullptr; ///< null: no read noise
  double readNoiseScale = 1;                    ///< on the standard deviation

  /// This plane's factor on the digital scale: f_k / sum of all f.
  double significance = 1;
  // Spread of the ADCs, [cols] each; null: 1 and 0. A calibrated ADC's codes are corrected.
  const float *adcGain = nullptr;
  const float *adcOffsetLsb = nullptr;
  bool adcCalibrated = true;
  /// ADC input minus rest level, and G_out of each column (midrail), uS [cols].
  double vOffV = 0;
  const float *columnOutUS = nullptr;
  const OpenSource *open = nullptr; ///< null: midrail
};
PackedBlock packBlock(const BlockSource &source);

/// A weight without any analog effect, for Kernels::gemm.
PackedBlock packWeights(const model::WeightView &weight);

/// How inputs become pulses. A code k = round(x / range * levels) is read in passes; a pass reads
/// sign(k) ((|k| >> shift) & mask) ticks, and its codes count 2^shift. One pass: shift 0 and a mask
/// that holds all levels.
struct Dac {
  int32_t levels = 127;
  bool quantise = true; ///< false: pulses of any length, nothing clamped, one pass
  float range = 0.0f;   ///< full-scale input; <= 0: the largest magnitude of each vector
  int32_t shift = 0;
  int32_t mask = 0; ///< 0: all levels
  /// Pulses are pre-distorted against this block's reference (model/Compensation.h).
  const PackedOpen *predistort = nullptr;

  /// Ticks of the longest pulse of this pass.
  int32_t longest() const { return mask ? mask : levels; }
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
  float weight = 1;    ///< of this pass's codes: 2^shift; rowScale has it already
  int32_t longest = 0; ///< ticks of a longest pulse of the pass
  float window = 0;    ///< ticks that the ADC integrates for: the longest pulse of the pass
  int64_t clipped = 0; ///< inputs beyond the DAC's range in the last packInput

  /// Space for `maxRows` x `maxInputs`.
  void reserve(const Kernels &kernels, int64_t maxRows, int64_t maxInputs, bool withNoise);
};

/// Pulses of a PackedInput as they arrive through reference columns.
struct ArrivedPulses {
  AlignedVector<float> ticks;   ///< per reference: laid out as PackedInput::ticks
  AlignedVector<float> leak;    ///< per reference and row: its G_out over the read, uS ticks
  int64_t stride = 0, rows = 0; ///< from one reference to the next in `ticks` and `leak`
};

/// Which draws a read takes: `stream` null means none. Row r of the input draws as row
/// firstRow + r, column c of the block as column c.
struct ReadDraws {
  const model::Stream *stream = nullptr;
  uint32_t firstRow = 0;
};

/// One conversion of a read: the pulses of one pass through one plane. All conversions of a read
/// add up digitally, in order.
struct Conversion {
  const PackedBlock *block = nullptr;
  const PackedInput *input = nullptr;
  /// Fidelity one_product: what Kernels::arrive gave.
  const ArrivedPulses *arrived = nullptr;
  /// Reference of each panel of the block among the arrived ones.
  const int32_t *panelReference = nullptr;
  ReadDraws draws;
};

/// Departures from the read as configured.
struct ReadMode {
  bool exact = false;   ///< slot by slot, whatever the block's fidelity (OpenSource::exact)
  bool charges = false; ///< y receives charges in fC instead of weighted codes
  bool quiet = false;   ///< no noise, ideal converters
};

/// Optional sums over a read, in ADC units of the last conversion's plane and pass 0.
struct ReadCounters {
  int64_t codes = 0, saturated = 0;
  double signalPower = 0; ///< sum of squared charges without noise, all conversions of a read added
  double noisePower = 0;  ///< sum of variances
  double codePower = 0;   ///< sum of squared differences between code and charge
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
  /// What of `pulses` arrives through each of the references: many cost little more than one.
  void arrive(ArrivedPulses &out, const PackedInput &pulses,
              std::span<const OpenReference> references) const;
  /// The read of one conversion, see below.
  void read(const PackedBlock &block, const PackedInput &input, int64_t panel0, int64_t panel1,
            ReadDraws draws, float *y, int64_t ldy, bool accumulate,
            ReadCounters *counters = nullptr) const;
  /// y [rows x cols] (row stride ldy, column 0 of the block) (+)= the digital result of a read of
  /// panels [panel0, panel1). Columns outside these panels and beyond the block are not touched.
  /// Noise needs a stream here, powers in the input and variances in the block. Blocks of the
  /// conversions have equal shapes. Planes whose columns lie in other places (PackedOpen::column)
  /// are read whole, whatever the panels, one after another: signalPower then adds their powers.
  void read(std::span<const Conversion> conversions, int64_t panel0, int64_t panel1,
            const ReadMode &mode, float *y, int64_t ldy, bool accumulate,
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
