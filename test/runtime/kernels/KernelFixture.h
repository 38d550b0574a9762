//===- KernelFixture.h - a programmed tile for kernel tests -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Weights programmed onto a tile (with programming noise), one block of it packed, and inputs.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Kernels.h"
#include "aimc/model/Ladder.h"
#include "aimc/model/Reference.h"

#include <random>
#include <vector>

namespace aimc::test {

/// The instruction sets that this processor runs.
inline std::vector<const exec::Kernels *> allKernels() {
  std::vector<const exec::Kernels *> all;
  for (auto isa : {exec::Isa::Scalar, exec::Isa::Avx2, exec::Isa::Avx512})
    if (const exec::Kernels *k = exec::kernelsFor(isa))
      all.push_back(k);
  return all;
}

struct TileSetup {
  int64_t rows = 64, cols = 40, tileRows = 64, tileCols = 40, atRow = 0, atCol = 0, batch = 9;
  double wireOhm = 0.35;
  model::Readout readout = model::Readout::Single;
  model::Adc adc;
  int levels = 127;
  double tickNs = 1.0;
  bool noise = false;
  unsigned seed = 1;
};

struct ProgrammedTile {
  TileSetup s;
  model::DeviceRange range;
  std::vector<float> w, scale, plus, minus, transfer, x;
  model::ReadNoiseTable table;
  exec::PackedBlock block;

  explicit ProgrammedTile(const TileSetup &setup) : s(setup) {
    std::mt19937 engine(s.seed);
    std::normal_distribution<float> normal;
    const auto cells = static_cast<size_t>(s.tileRows * s.tileCols);
    w.resize(static_cast<size_t>(s.rows * s.cols));
    for (float &v : w)
      v = normal(engine);
    x.resize(static_cast<size_t>(s.batch * s.rows));
    for (float &v : x)
      v = normal(engine);
    scale.resize(static_cast<size_t>(s.cols));
    plus.assign(cells, static_cast<float>(range.gMinUS));
    minus.assign(cells, static_cast<float>(range.gMinUS));
    const model::WeightView view{w.data(), s.rows, s.cols, s.cols, 1};
    columnScales(view, scale.data());
    const int64_t at = s.atRow * s.tileCols + s.atCol;
    targetBlock(view, scale.data(), range, plus.data() + at, minus.data() + at, s.tileCols);
    std::vector<float> xi(static_cast<size_t>(s.cols));
    for (int64_t i = 0; i < s.rows; ++i)
      for (auto *g : {&plus, &minus}) {
        for (float &v : xi)
          v = normal(engine);
        pcmProgramRow(g->data() + at + i * s.tileCols, xi.data(), s.cols, range);
      }
    transfer.resize(cells);
    foldTile(tile(), model::wireFromOhm(s.wireOhm), s.readout, 0, s.tileCols, transfer.data(),
             s.tileCols);
    table = model::makeReadNoiseTable(s.levels, s.tickNs);
    exec::BlockSource source;
    source.rows = s.rows;
    source.cols = s.cols;
    source.gPlus = plus.data() + at;
    source.gMinus = minus.data() + at;
    source.gStride = s.tileCols;
    source.transfer = transfer.data() + at;
    source.transferStride = s.tileCols;
    source.columnScale = scale.data();
    source.range = range;
    source.readVolt = 0.2;
    source.tickNs = s.tickNs;
    source.adc = s.adc;
    source.noise = s.noise ? &table : nullptr;
    block = packBlock(source);
  }

  model::TileView tile() const {
    return {plus.data(), minus.data(), s.tileRows, s.tileCols, s.tileCols};
  }
  model::BlockWindow window() const { return {s.atRow, s.rows, s.atCol, s.cols}; }
  model::ReadCircuit circuit() const {
    model::ReadCircuit circuit;
    circuit.wires.columnOhm = s.wireOhm;
    circuit.readout = s.readout;
    circuit.tickNs = s.tickNs;
    return circuit;
  }

  /// The whole batch through kernels `k`.
  std::vector<float> read(const exec::Kernels &k, const exec::Dac &dac,
                          const model::Stream *stream = nullptr,
                          exec::ReadCounters *counters = nullptr) const {
    std::vector<float> y(static_cast<size_t>(s.batch * s.cols), -1.0f);
    exec::PackedInput input;
    k.packInput(input, x.data(), s.rows, s.batch, s.rows, dac, stream ? &table : nullptr);
    k.read(block, input, 0, block.panels(), {stream, 0}, y.data(), s.cols, false, counters);
    return y;
  }
};

} // namespace aimc::test
