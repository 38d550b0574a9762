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

#include <random>
#include <string>
#include <vector>

using namespace aimc;

namespace {

enum class Mode { Plain, Deterministic, Noisy };

/// A weight cut into row blocks of at most 512, on tiles of its own.
struct Weight {
  int64_t k, n;
  std::vector<exec::PackedBlock> blocks;
  model::ReadNoiseTable table = model::makeReadNoiseTable(127, 1.0);

  Weight(int64_t rows, int64_t cols, Mode mode) : k(rows), n(cols) {
    std::mt19937 engine(1);
    std::uniform_real_distribution<float> g(0.1f, 25.0f);
    std::vector<float> plus(static_cast<size_t>(k * n)), minus(plus.size()), transfer(plus.size()),
        scale(static_cast<size_t>(n), 1.0f);
    for (float &v : plus)
      v = g(engine);
    for (float &v : minus)
      v = g(engine);
    for (int64_t begin = 0; begin < k; begin += 512) {
      const int64_t count = std::min<int64_t>(512, k - begin);
      const float *p = plus.data() + begin * n, *m = minus.data() + begin * n;
      if (mode == Mode::Plain) {
        blocks.push_back(exec::packWeights({p, count, n, n, 1}));
        continue;
      }
      foldTile({p, m, count, n, n}, model::wireFromOhm(0.35), model::Readout::Single, 0, n,
               transfer.data(), n);
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
  exec::PackedInput input;
  input.reserve(*kernels, m, std::min<int64_t>(k, 512), mode == Mode::Noisy);
  exec::ReadCounters counters; // as the session reads
  for (auto _ : state) {
    int64_t begin = 0;
    for (const auto &block : weight.blocks) {
      const float *source = x.data() + begin;
      if (mode == Mode::Plain) {
        kernels->packPlain(input, source, k, m, block.rows);
        kernels->gemm(block, input, 0, block.panels(), y.data(), n, begin != 0);
      } else {
        kernels->packInput(input, source, k, m, block.rows, {},
                           mode == Mode::Noisy ? &weight.table : nullptr);
        kernels->read(block, input, 0, block.panels(), {mode == Mode::Noisy ? &stream : nullptr, 0},
                      y.data(), n, begin != 0, &counters);
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
    const std::pair<const char *, Mode> modes[] = {
        {"plain", Mode::Plain}, {"read", Mode::Deterministic}, {"noisy", Mode::Noisy}};
    for (const auto &[name, mode] : modes)
      benchmark::RegisterBenchmark((std::string(kernels->name) + "/" + name).c_str(), tileRead,
                                   kernels, mode)
          ->ArgNames({"m", "k", "n"})
          ->Args({128, 512, 512})
          ->Args({128, 384, 384})
          ->Args({256, 768, 3072})
          ->Unit(benchmark::kMicrosecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
