//===- Dispatch.cpp - choice of the kernels --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Kernels.h"

#include "KernelTable.h"

namespace aimc::exec {

namespace {

RawInput rawInput(const PackedInput &input) {
  // The kernels write through these pointers only in pack functions, which own the input.
  auto &in = const_cast<PackedInput &>(input);
  return {in.ticks.data(),      in.power.data(), in.rowScale.data(), in.powerScale.data(),
          in.powerDelta.data(), in.rows,         in.inputs};
}

RawBlock rawBlock(const PackedBlock &b) {
  return {b.rows,
          b.cols,
          b.charge.data(),
          b.variance.data(),
          b.varianceScale.data(),
          b.varianceSlope.data(),
          b.scale.data(),
          static_cast<int>(b.adc),
          b.maxCode};
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
  static_assert(sizeof(model::ReadNoiseRow) == 2 * sizeof(float));
  RawNoise rawNoise = {};
  if (noise)
    rawNoise = {&noise->rows[0].power, noise->tickNs, noise->ratio0};
  out.clipped = table->packInput(rawInput(out), x, ldx, {dac.levels, dac.quantise, dac.range},
                                 noise ? &rawNoise : nullptr);
}

void Kernels::packPlain(PackedInput &out, const float *x, int64_t ldx, int64_t m, int64_t k) const {
  out.reserve(*this, m, k, false);
  out.rows = m;
  out.inputs = k;
  out.noise = false;
  out.clipped = 0;
  table->packPlain(rawInput(out), x, ldx);
}

void Kernels::read(const PackedBlock &block, const PackedInput &input, int64_t panel0,
                   int64_t panel1, ReadDraws draws, float *y, int64_t ldy, bool accumulate,
                   ReadCounters *counters) const {
  const bool noisy = draws.stream && input.noise && !block.variance.empty();
  RawDraws raw = {};
  if (noisy)
    raw = rawDraws(*draws.stream, draws.firstRow);
  RawCounters sums = {};
  table->read(rawBlock(block), rawInput(input), panel0, panel1, noisy ? &raw : nullptr, y, ldy,
              accumulate, counters ? &sums : nullptr);
  if (counters) {
    counters->codes += sums.codes;
    counters->saturated += sums.saturated;
    counters->signalPower += sums.signalPower;
    counters->noisePower += sums.noisePower;
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
