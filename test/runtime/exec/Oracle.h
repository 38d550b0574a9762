//===- Oracle.h - what a session should compute, in fp64 --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Rebuilds each tile of a test package from the physics (runtime/model) without any code of
// runtime/exec, and reads it with the naive reference.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "PackageBuilder.h"

#include "aimc/model/Converter.h"
#include "aimc/model/Programming.h"
#include "aimc/model/Random.h"
#include "aimc/model/Reference.h"

#include <cmath>

namespace aimc::test {

struct OracleOptions {
  bool wire = true, dac = true, adc = true, programming = false;
  uint64_t seed = 0;
  float inputRange = 0;
};

struct OracleTile {
  std::vector<float> plus, minus, scale; ///< scale: s_j of the block's columns
};

/// One block alone on its tile, at (at_row, at_col).
inline OracleTile oracleTile(const nlohmann::json &target, const nlohmann::json &block,
                             const Matrix &w, const OracleOptions &o) {
  int64_t rows = target["geometry"]["rows"], cols = target["geometry"]["cols"];
  double gMin = target["device"]["g_min_us"], gMax = target["device"]["g_max_us"];
  int64_t row0 = block["row"], col0 = block["col"], atRow = block["at_row"],
          atCol = block["at_col"];
  OracleTile tile;
  tile.plus.assign(size_t(rows * cols), float(gMin));
  tile.minus = tile.plus;
  uint64_t id = block["chip"].get<uint64_t>() << 30 | block["tile"].get<uint64_t>();
  auto plusStream = model::makeStream(o.seed, model::StreamKind::Programming, id, 0);
  auto minusStream = model::makeStream(o.seed, model::StreamKind::Programming, id, 1);
  for (int64_t j = 0; j < block["cols"].get<int64_t>(); ++j) {
    float scale = 0;
    for (int64_t i = 0; i < block["rows"].get<int64_t>(); ++i)
      scale = std::max(scale, std::fabs(w.at(row0 + i, col0 + j)));
    tile.scale.push_back(scale);
    for (int64_t i = 0; i < block["rows"].get<int64_t>(); ++i) {
      auto pair = model::targetPair<double>(w.at(row0 + i, col0 + j), scale, gMin, gMax);
      if (o.programming) {
        auto row = uint32_t(atRow + i), col = uint32_t(atCol + j);
        pair.plus =
            model::pcmProgrammed<double>(pair.plus, gMax, model::normal(plusStream, row, col));
        pair.minus =
            model::pcmProgrammed<double>(pair.minus, gMax, model::normal(minusStream, row, col));
      }
      tile.plus[size_t((atRow + i) * cols + atCol + j)] = float(pair.plus);
      tile.minus[size_t((atRow + i) * cols + atCol + j)] = float(pair.minus);
    }
  }
  return tile;
}

/// y = x times weight `index` of the manifest, through its tiles.
inline std::vector<double> oracleProduct(const nlohmann::json &manifest, size_t index,
                                         const Matrix &w, const Matrix &x, const OracleOptions &o) {
  const nlohmann::json &target = manifest["targets"]["pcm"];
  const nlohmann::json &dac = target["dac"], &adc = target["adc"];
  model::ReadCircuit circuit;
  circuit.wires.columnOhm = o.wire ? target["wire"]["column_ohm"].get<double>() : 0.0;
  circuit.readout = target["geometry"]["readout"] == "alternating" ? model::Readout::Alternating
                                                                   : model::Readout::Single;
  circuit.readVolt = dac["v_read_v"];
  circuit.tickNs = dac["tick_ns"];
  model::ReferenceRead read;
  read.fullScaleTicks = model::converterLevels(dac["bits"]);
  read.levels = o.dac ? read.fullScaleTicks : 0;
  read.range = o.inputRange;
  if (o.adc && adc["kind"] != "ideal") {
    read.adc.kind = adc["kind"] == "cco" ? model::AdcKind::Cco : model::AdcKind::Linear;
    read.adc.bits = adc["bits"];
    read.adc.lsbFc = adc["lsb_fc"];
  }
  std::vector<double> y(size_t(x.rows * w.cols), 0.0);
  for (const nlohmann::json &block : manifest["weights"][index]["blocks"]) {
    OracleTile tile = oracleTile(target, block, w, o);
    int64_t rows = target["geometry"]["rows"], cols = target["geometry"]["cols"];
    model::TileView view{tile.plus.data(), tile.minus.data(), rows, cols, cols};
    model::BlockWindow window{block["at_row"], block["rows"], block["at_col"], block["cols"]};
    std::vector<float> scale;
    for (float s : tile.scale)
      scale.push_back(float(model::digitalScale<double>(s, circuit.readVolt, circuit.tickNs,
                                                        target["device"]["g_min_us"],
                                                        target["device"]["g_max_us"])));
    read.scale = scale;
    for (int64_t r = 0; r < x.rows; ++r) {
      std::span<const float> in(x.data.data() + r * x.cols + block["row"].get<int64_t>(),
                                block["rows"].get<size_t>());
      std::span<double> out(y.data() + r * w.cols + block["col"].get<int64_t>(),
                            block["cols"].get<size_t>());
      model::referenceRead(view, window, in, circuit, read, out);
    }
  }
  return y;
}

/// max |a - b| / max |b|.
inline double relativeError(const Matrix &a, const std::vector<double> &b) {
  double error = 0, top = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    error = std::max(error, std::fabs(double(a.data[i]) - b[i]));
    top = std::max(top, std::fabs(b[i]));
  }
  return top > 0 ? error / top : error;
}

/// Plain product in fp64.
inline std::vector<double> plainProduct(const Matrix &x, const Matrix &w) {
  std::vector<double> y(size_t(x.rows * w.cols), 0.0);
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t i = 0; i < w.rows; ++i)
      for (int64_t j = 0; j < w.cols; ++j)
        y[size_t(r * w.cols + j)] += double(x.at(r, i)) * double(w.at(i, j));
  return y;
}

} // namespace aimc::test
