//===- Dispatch.cpp - choice of the kernels --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Kernels.h"

#include "KernelTable.h"
#include "aimc/model/Compensation.h"

#include <algorithm>
#include <iterator>

namespace aimc::exec {

namespace {

RawInput rawInput(const PackedInput &input) {
  // The kernels write through these pointers only in pack functions, which own the input.
  auto &in = const_cast<PackedInput &>(input);
  return {in.ticks.data(),      in.power.data(), in.rowScale.data(), in.powerScale.data(),
          in.powerDelta.data(), in.rows,         in.inputs};
}

const float *orNull(const AlignedVector<float> &v) { return v.empty() ? nullptr : v.data(); }

RawBlock rawBlock(const PackedBlock &b) {
  RawBlock raw = {};
  raw.rows = b.rows;
  raw.cols = b.cols;
  raw.panels = b.panels();
  raw.charge = b.charge.data();
  raw.variance = b.variance.data();
  raw.varianceScale = b.varianceScale.data();
  raw.varianceSlope = b.varianceSlope.data();
  raw.scale = b.scale.data();
  raw.offset = orNull(b.offset);
  raw.leak = orNull(b.leak);
  raw.correction = orNull(b.correction);
  raw.adc = static_cast<int>(b.adc);
  raw.maxCode = b.maxCode;
  if (b.open && !b.open->column.empty())
    raw.column = b.open->column.data();
  return raw;
}

RawReference rawReference(const OpenReference &r) {
  return {r.rows, r.conductance, r.wire, r.terminal, r.reversed};
}

/// Number of bits of a mask of ones.
int32_t bitsOf(int32_t mask) {
  int32_t bits = 0;
  while (mask >> bits)
    ++bits;
  return bits;
}

/// Segments and groups of ticks that keep a read below 5e-4, by how much its wire takes.
struct Lumps {
  float strength; ///< up to this PackedOpen::strength
  int64_t segments, groups;
};
constexpr Lumps kLumps[] = {{0.33f, 12, 16}, {0.9f, 14, 32}, {3.2f, 24, 48}, {1e30f, 32, 56}};

RawOpen rawOpen(const PackedBlock &b, bool segments) {
  const PackedOpen &o = *b.open;
  RawOpen raw = {};
  raw.load = o.load.data();
  raw.drive = o.drive.data();
  raw.pieces = orNull(o.pieces);
  raw.last = o.last.data();
  raw.vOff = orNull(o.vOff);
  raw.firstSidePanels = o.sidePanels[0];
  raw.wire = o.wire;
  raw.growth = o.growth;
  raw.segments = segments;
  const Lumps *lumps = kLumps;
  while (o.strength > lumps->strength && lumps + 1 != std::end(kLumps))
    ++lumps;
  raw.segmentCells = std::max<int64_t>(1, (b.rows + lumps->segments - 1) / lumps->segments);
  raw.groups = lumps->groups;
  return raw;
}

RawDraws rawDraws(const model::Stream &s, uint32_t firstRow) {
  return {{s.key[0], s.key[1]}, {s.counter[0], s.counter[1]}, firstRow};
}

bool runs(Isa isa) {
#ifdef AIMC_KERNELS_X86
  __builtin_cpu_init();
  if (isa == Isa::Avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::Avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
#endif
  return isa == Isa::Scalar;
}

Kernels make(Isa isa, const char *name, const KernelTable &table) {
  Kernels k;
  k.isa = isa;
  k.name = name;
  k.groupRows = table.groupRows;
  k.table = &table;
  return k;
}

/// Columns of all conversions lie in the same places.
bool samePlaces(std::span<const Conversion> conversions) {
  const auto placesOf = [](const Conversion &c) {
    return c.block->open && !c.block->open->column.empty() ? &c.block->open->column : nullptr;
  };
  const auto *first = placesOf(conversions[0]);
  return std::all_of(conversions.begin(), conversions.end(), [&](const Conversion &c) {
    const auto *own = placesOf(c);
    return own == first || (own && first && *own == *first);
  });
}

} // namespace

void fractionalPower(double ticks, double tickNs, double ratio0, float *power, float *powerDelta) {
  const auto row =
      ticks > 0.0 ? model::readNoiseRow(ticks * tickNs, ratio0) : model::ReadNoiseRow{};
  *power = row.power;
  *powerDelta = row.powerDelta;
}

void PackedInput::reserve(const Kernels &, int64_t maxRows, int64_t maxInputs, bool withNoise) {
  const auto space = static_cast<size_t>(maxRows * ((maxInputs + 31) / 32 * 32));
  const auto atLeast = [](auto &v, size_t n) {
    if (v.size() < n)
      v.resize(n);
  };
  atLeast(ticks, space);
  atLeast(rowScale, static_cast<size_t>(maxRows));
  if (withNoise) {
    atLeast(power, space);
    atLeast(powerScale, static_cast<size_t>(maxRows));
    atLeast(powerDelta, static_cast<size_t>(maxRows));
  }
}

void Kernels::packInput(PackedInput &out, const float *x, int64_t ldx, int64_t m, int64_t k,
                        const Dac &dac, const model::ReadNoiseTable *noise) const {
  out.reserve(*this, m, k, noise != nullptr);
  out.rows = m;
  out.inputs = k;
  out.noise = noise != nullptr;
  const int32_t mask = dac.quantise ? dac.mask : 0;
  out.weight = static_cast<float>(mask ? int32_t(1) << dac.shift : 1);
  out.longest = mask ? mask : dac.levels;
  out.window = static_cast<float>(out.longest);
  RawDac rawDac = {};
  rawDac.levels = dac.levels;
  rawDac.quantise = dac.quantise;
  rawDac.range = dac.range;
  rawDac.shift = mask ? dac.shift : 0;
  rawDac.bits = bitsOf(mask);
  rawDac.sweeps = model::kPulseSweeps;
  RawReference references[kSides];
  if (dac.predistort && dac.quantise && !mask)
    for (int side = 0; side < kSides; ++side)
      if (dac.predistort->reference[side].rows == k &&
          !dac.predistort->referenceMean[side].empty()) {
        references[side] = rawReference(dac.predistort->reference[side]);
        rawDac.predistort[side] = &references[side];
        rawDac.referenceMean[side] = dac.predistort->referenceMean[side].data();
      }
  static_assert(sizeof(model::ReadNoiseRow) == 2 * sizeof(float));
  RawNoise rawNoise = {};
  if (noise)
    rawNoise = {&noise->rows[0].power, noise->tickNs, noise->ratio0};
  out.clipped = table->packInput(rawInput(out), x, ldx, rawDac, noise ? &rawNoise : nullptr);
}

void Kernels::packPlain(PackedInput &out, const float *x, int64_t ldx, int64_t m, int64_t k) const {
  out.reserve(*this, m, k, false);
  out.rows = m;
  out.inputs = k;
  out.noise = false;
  out.clipped = 0;
  table->packPlain(rawInput(out), x, ldx);
}

void Kernels::arrive(ArrivedPulses &out, const PackedInput &pulses,
                     std::span<const OpenReference> references) const {
  out.stride = pulses.rows * ((pulses.inputs + 31) / 32 * 32);
  out.rows = pulses.rows;
  const size_t space = references.size() * static_cast<size_t>(out.stride);
  if (out.ticks.size() < space)
    out.ticks.resize(space);
  const size_t leaks = references.size() * static_cast<size_t>(out.rows);
  if (out.leak.size() < leaks)
    out.leak.resize(leaks);
  std::vector<RawReference> raw;
  for (const OpenReference &reference : references)
    raw.push_back(rawReference(reference));
  table->arrive(out.ticks.data(), out.stride, out.leak.data(), rawInput(pulses), raw.data(),
                static_cast<int64_t>(raw.size()), pulses.longest);
}

void Kernels::read(const PackedBlock &block, const PackedInput &input, int64_t panel0,
                   int64_t panel1, ReadDraws draws, float *y, int64_t ldy, bool accumulate,
                   ReadCounters *counters) const {
  Conversion conversion;
  conversion.block = &block;
  conversion.input = &input;
  conversion.draws = draws;
  read(std::span(&conversion, 1), panel0, panel1, {}, y, ldy, accumulate, counters);
}

void Kernels::read(std::span<const Conversion> conversions, int64_t panel0, int64_t panel1,
                   const ReadMode &mode, float *y, int64_t ldy, bool accumulate,
                   ReadCounters *counters) const {
  // Few conversions: at most 8 planes times 8 passes.
  constexpr size_t kMost = 64;
  RawConversion raw[kMost];
  RawOpen open[kMost];
  AlignedVector<float> units, ones;
  const size_t count = std::min(conversions.size(), kMost);
  for (size_t i = 0; i < count; ++i) {
    const Conversion &from = conversions[i];
    const PackedBlock &block = *from.block;
    RawConversion &to = raw[i] = {};
    to.block = rawBlock(block);
    to.input = rawInput(*from.input);
    to.noisy = !mode.quiet && from.draws.stream && from.input->noise && !block.variance.empty();
    if (to.noisy)
      to.draws = rawDraws(*from.draws.stream, from.draws.firstRow);
    to.longest = from.input->longest;
    to.window = from.input->window;
    to.weight =
        from.input->weight * (block.significance / conversions[count - 1].block->significance);
    if (block.open) {
      const model::Fidelity fidelity = mode.exact ? model::Fidelity::Exact : block.open->fidelity;
      if (fidelity != model::Fidelity::OneProduct && !block.open->load.empty()) {
        open[i] = rawOpen(block, fidelity == model::Fidelity::Segments);
        to.block.open = &open[i];
        to.block.leak = nullptr; // the ladder has it
      } else if (from.arrived) {
        to.arrived = from.arrived->ticks.data();
        to.arrivedLeak = from.arrived->leak.data();
        to.arrivedStride = from.arrived->stride;
        to.arrivedRows = from.arrived->rows;
        to.panelReference = from.panelReference;
      }
    }
    if (mode.quiet) {
      to.block.adc = 0;
      to.block.offset = to.block.correction = nullptr;
    }
    if (mode.charges) {
      // fC per unit and per row, whatever the weight.
      units.assign(static_cast<size_t>(block.panels() * kPanelCols),
                   static_cast<float>(block.unitFc));
      if (ones.size() < static_cast<size_t>(from.input->rows))
        ones.assign(static_cast<size_t>(from.input->rows), 1.0f);
      to.block.scale = units.data();
      to.input.rowScale = ones.data();
    }
  }
  RawCounters sums = {};
  if (count > 0 && samePlaces(conversions)) {
    table->read(raw, static_cast<int64_t>(count), panel0, panel1, y, ldy, accumulate,
                counters ? &sums : nullptr);
  } else {
    for (size_t i = 0; i < count; ++i) {
      RawCounters one = {};
      table->read(raw + i, 1, 0, conversions[i].block->panels(), y, ldy, accumulate || i > 0,
                  counters ? &one : nullptr);
      const auto weight = static_cast<double>(raw[i].weight);
      sums.codes += one.codes;
      sums.saturated += one.saturated;
      sums.signalPower += one.signalPower * weight * weight;
      sums.noisePower += one.noisePower;
      sums.codePower += one.codePower;
    }
  }
  if (counters) {
    counters->codes += sums.codes;
    counters->saturated += sums.saturated;
    counters->signalPower += sums.signalPower;
    counters->noisePower += sums.noisePower;
    counters->codePower += sums.codePower;
  }
}

void Kernels::gemm(const PackedBlock &block, const PackedInput &input, int64_t panel0,
                   int64_t panel1, float *y, int64_t ldy, bool accumulate) const {
  table->gemm(rawBlock(block), rawInput(input), panel0, panel1, y, ldy, accumulate);
}

void Kernels::normals(const model::Stream &stream, uint32_t row, uint32_t column0, int64_t n,
                      float *out) const {
  table->normals(rawDraws(stream, 0), row, column0, n, out);
}

const Kernels *kernelsFor(Isa isa) {
  static const Kernels scalar = make(Isa::Scalar, "scalar", kScalarKernels);
  if (!runs(isa))
    return nullptr;
#ifdef AIMC_KERNELS_X86
  static const Kernels avx2 = make(Isa::Avx2, "avx2", kAvx2Kernels);
  static const Kernels avx512 = make(Isa::Avx512, "avx512", kAvx512Kernels);
  if (isa == Isa::Avx2)
    return &avx2;
  if (isa == Isa::Avx512)
    return &avx512;
#endif
  return &scalar;
}

const Kernels &bestKernels() {
  for (Isa isa : {Isa::Avx512, Isa::Avx2})
    if (const Kernels *k = kernelsFor(isa))
      return *k;
  return *kernelsFor(Isa::Scalar);
}

} // namespace aimc::exec
