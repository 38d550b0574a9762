//===- bench_tile_read.cpp - cost of a tile read ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One thread. What a read costs beside the plain product of the same shape, both with their input
// packing, and what programming and folding a tile cost. `flops` counts the product only, so that
// the rows compare directly.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/Kernels.h"
#include "aimc/model/Ladder.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace aimc;

namespace {

enum class Mode {
  Plain,
  Deterministic,
  Noisy,
  Split,
  BitSerial,
  OpenExact,
  OpenSegments,
  OpenProduct
};

bool isOpen(Mode mode) { return mode >= Mode::OpenExact; }

/// What one read converts its inputs to.
std::vector<exec::Dac> passesOf(Mode mode) {
  const auto list = mode == Mode::Split       ? model::splitPasses(8, 4)
                    : mode == Mode::BitSerial ? model::bitSerialPasses(8)
                                              : model::onePass(8);
  std::vector<exec::Dac> passes;
  for (const model::DacPass &pass : list) {
    exec::Dac dac;
    if (list.size() > 1) {
      dac.shift = pass.shift;
      dac.mask = (1 << pass.bits) - 1;
    }
    if (isOpen(mode))
      dac.range = 3.0f; // a quarter of the ticks conduct, as on a calibrated layer
    passes.push_back(dac);
  }
  return passes;
}

/// A weight cut into row blocks of at most 512, on tiles of its own.
struct Weight {
  int64_t k, n;
  std::vector<exec::PackedBlock> blocks;
  model::ReadNoiseTable table = model::makeReadNoiseTable(127, 1.0);

  Weight(int64_t rows, int64_t cols, Mode mode) : k(rows), n(cols) {
    std::mt19937 engine(1);
    std::normal_distribution<float> normal(0.0f, 1.0f / 3);
    std::vector<float> plus(static_cast<size_t>(k * n)), minus(plus.size()), transfer(plus.size()),
        scale(static_cast<size_t>(n), 1.0f);
    for (size_t i = 0; i < plus.size(); ++i) {
      const float w = std::clamp(normal(engine), -1.0f, 1.0f);
      plus[i] = 0.1f + 24.9f * std::max(w, 0.0f);
      minus[i] = 0.1f + 24.9f * std::max(-w, 0.0f);
    }
    for (int64_t begin = 0; begin < k; begin += 512) {
      const int64_t count = std::min<int64_t>(512, k - begin);
      const float *p = plus.data() + begin * n, *m = minus.data() + begin * n;
      if (mode == Mode::Plain) {
        blocks.push_back(exec::packWeights({p, count, n, n, 1}));
        continue;
      }
      exec::OpenSource open;
      if (isOpen(mode)) {
        open.tile = {p, m, count, n, n};
        open.window = {0, count, 0, n};
        open.wires.columnOhm = 0.15;
        open.fidelity = mode == Mode::OpenExact      ? model::Fidelity::Exact
                        : mode == Mode::OpenSegments ? model::Fidelity::Segments
                                                     : model::Fidelity::OneProduct;
      } else {
        foldTile({p, m, count, n, n}, model::wireFromOhm(0.35), model::Readout::Single, 0, n,
                 transfer.data(), n);
      }
      exec::BlockSource s;
      s.rows = count;
      s.cols = n;
      s.gPlus = p;
      s.gMinus = m;
      s.gStride = n;
      s.transfer = transfer.data();
      s.transferStride = n;
      s.columnScale = scale.data();
      s.adc = {model::AdcKind::Cco, 12, 16.03};
      s.noise = mode == Mode::Noisy ? &table : nullptr;
      s.open = isOpen(mode) ? &open : nullptr;
      blocks.push_back(packBlock(s));
    }
  }
};

void tileRead(benchmark::State &state, const exec::Kernels *kernels, Mode mode) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const Weight weight(k, n, mode);
  std::vector<float> x(static_cast<size_t>(m * k)), y(static_cast<size_t>(m * n));
  std::mt19937 engine(2);
  std::normal_distribution<float> normal;
  for (float &v : x)
    v = normal(engine);
  const model::Stream stream = model::makeStream(1, model::StreamKind::Read, 1);
  const auto passes = passesOf(mode);
  std::vector<exec::PackedInput> inputs(passes.size());
  std::vector<exec::ArrivedPulses> arrived(passes.size());
  std::vector<exec::Conversion> conversions(passes.size());
  const auto *table = mode == Mode::Noisy ? &weight.table : nullptr;
  for (auto &input : inputs)
    input.reserve(*kernels, m, std::min<int64_t>(k, 512), mode == Mode::Noisy);
  exec::ReadCounters counters; // as the session reads
  for (auto _ : state) {
    int64_t begin = 0;
    for (const auto &block : weight.blocks) {
      const float *source = x.data() + begin;
      if (mode == Mode::Plain) {
        kernels->packPlain(inputs[0], source, k, m, block.rows);
        kernels->gemm(block, inputs[0], 0, block.panels(), y.data(), n, begin != 0);
      } else {
        for (size_t p = 0; p < passes.size(); ++p) {
          kernels->packInput(inputs[p], source, k, m, block.rows, passes[p], table);
          conversions[p].block = &block;
          conversions[p].input = &inputs[p];
          if (mode == Mode::Noisy)
            conversions[p].draws = {&stream, 0};
          if (mode == Mode::OpenProduct) {
            kernels->arrive(arrived[p], inputs[p], block.open->references);
            conversions[p].arrived = &arrived[p];
            conversions[p].panelReference = block.open->panelReference.data();
          }
        }
        kernels->read(conversions, 0, block.panels(), {}, y.data(), n, begin != 0, &counters);
      }
      begin += block.rows;
    }
    benchmark::DoNotOptimize(y.data());
  }
  state.counters["flops"] = benchmark::Counter(2.0 * double(m) * double(k) * double(n),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

/// What the noise of one output costs, and what turning inputs into pulses costs.
void normals(benchmark::State &state) {
  const model::Stream stream = model::makeStream(1, model::StreamKind::Read, 1);
  std::vector<float> out(4096);
  for (auto _ : state) {
    exec::bestKernels().normals(stream, 1, 0, 4096, out.data());
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["draws"] = benchmark::Counter(4096, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(normals)->Unit(benchmark::kMicrosecond);

void packInput(benchmark::State &state) {
  const bool noise = state.range(0) != 0;
  const auto table = model::makeReadNoiseTable(127, 1.0);
  std::vector<float> x(128 * 512);
  exec::bestKernels().normals(model::makeStream(1, model::StreamKind::Read, 1), 0, 0, 128 * 512,
                              x.data());
  exec::PackedInput input;
  for (auto _ : state) {
    exec::bestKernels().packInput(input, x.data(), 512, 128, 512, {}, noise ? &table : nullptr);
    benchmark::DoNotOptimize(input.ticks.data());
  }
}
BENCHMARK(packInput)->ArgName("noise")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void programTile(benchmark::State &state) {
  const int64_t size = state.range(0);
  const auto cells = static_cast<size_t>(size * size);
  const exec::Kernels &kernels = exec::bestKernels();
  const model::DeviceRange range;
  std::vector<float> w(cells), scale(static_cast<size_t>(size)), plus(cells), minus(cells),
      transfer(cells), xi(static_cast<size_t>(size));
  const model::Stream stream = model::makeStream(1, model::StreamKind::Programming, 1);
  for (int64_t i = 0; i < size; ++i)
    kernels.normals(stream, static_cast<uint32_t>(i), 0, size, w.data() + i * size);
  const auto table = model::makeReadNoiseTable(127, 1.0);
  for (auto _ : state) {
    const model::WeightView view{w.data(), size, size, size, 1};
    columnScales(view, scale.data());
    targetBlock(view, scale.data(), range, plus.data(), minus.data(), size);
    for (int64_t i = 0; i < 2 * size; ++i) {
      kernels.normals(stream, static_cast<uint32_t>(i), 0, size, xi.data());
      pcmProgramRow((i % 2 ? minus : plus).data() + i / 2 * size, xi.data(), size, range);
    }
    foldTile({plus.data(), minus.data(), size, size, size}, model::wireFromOhm(0.35),
             model::Readout::Single, 0, size, transfer.data(), size);
    exec::BlockSource s;
    s.rows = s.cols = s.gStride = s.transferStride = size;
    s.gPlus = plus.data();
    s.gMinus = minus.data();
    s.transfer = transfer.data();
    s.columnScale = scale.data();
    s.adc = {model::AdcKind::Cco, 12, 16.03};
    s.noise = &table;
    benchmark::DoNotOptimize(packBlock(s));
  }
  state.counters["devices"] =
      benchmark::Counter(2.0 * double(cells), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(programTile)->Arg(512)->Unit(benchmark::kMillisecond);

} // namespace

int main(int argc, char **argv) {
  for (exec::Isa isa : {exec::Isa::Avx512, exec::Isa::Avx2}) {
    const exec::Kernels *kernels = exec::kernelsFor(isa);
    if (!kernels)
      continue;
    const std::pair<const char *, Mode> modes[] = {{"plain", Mode::Plain},
                                                   {"read", Mode::Deterministic},
                                                   {"noisy", Mode::Noisy},
                                                   {"split", Mode::Split},
                                                   {"bit_serial", Mode::BitSerial},
                                                   {"open_one_product", Mode::OpenProduct},
                                                   {"open_segments", Mode::OpenSegments},
                                                   {"open_exact", Mode::OpenExact}};
    for (const auto &[name, mode] : modes) {
      auto *bench = benchmark::RegisterBenchmark((std::string(kernels->name) + "/" + name).c_str(),
                                                 tileRead, kernels, mode);
      bench->ArgNames({"m", "k", "n"})->Unit(benchmark::kMicrosecond)->Args({128, 512, 512});
      if (!isOpen(mode))
        bench->Args({128, 384, 384})->Args({256, 768, 3072});
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
