//===- DriftCompensation.cpp - digital scales for an aged tile ------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Random vectors go through a tile once right after programming and twice at the chip's time, as
// one pass each, with read noise and ADC. From the moments of the codes follow those of the charges
// and from these the factor of a column or tile (model/DriftFactor.h). Vectors are as long as the
// converter's pulses allow, so that quiet columns reach codes, and shorter again for columns that
// would saturate. The first read is a function of the programmed devices and its own random
// stream, so it need not be kept: a chip that is saved and taken up again gets the same factors.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/Chip.h"
#include "aimc/model/Converter.h"
#include "aimc/model/DriftFactor.h"
#include "aimc/model/Random.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace aimc::exec {

namespace {
constexpr int64_t kVectors = model::kDriftVectors;
/// Of vectors that are converted and read together.
constexpr int64_t kChunk = 128;
/// Halvings of the vectors; the last serves columns that saturate even so.
constexpr int kLevels = 8;
/// Standard deviations of the charge that fit below the ADC's last code.
constexpr double kHeadroom = 3.5;

/// Streams of calibration: inputs, what rounds the short ones, and from kReads on read noise.
enum Sub : uint32_t { kInputs = 1, kDither = 2, kReads = 8 };
/// Right after programming, and twice now.
enum Read : size_t { kFresh, kNow, kAgain, kReadCount };

/// Pulses of one level for all rows of a tile, in ticks.
struct Vectors {
  AlignedVector<float> ticks; ///< [kVectors x rows]
  double power = 0;           ///< mean square
};

Vectors vectorsOf(const model::Stream &normals, const model::Stream &dither, int64_t rows,
                  int32_t longest, int level) {
  Vectors vectors;
  vectors.ticks.resize(static_cast<size_t>(kVectors * rows));
  const auto sigma =
      static_cast<float>(longest / (model::kDriftLongestPulse * static_cast<double>(1 << level)));
  const auto top = static_cast<float>(longest);
  std::vector<float> shift(static_cast<size_t>(rows), 0.5f);
  for (int64_t v = 0; v < kVectors; ++v) {
    float *row = vectors.ticks.data() + v * rows;
    bestKernels().normals(normals, static_cast<uint32_t>(v), 0, rows, row);
    if (sigma < 2) // few ticks: rounding would leave none
      model::uniforms(dither, static_cast<uint32_t>(v), 0, rows, shift.data());
    for (int64_t i = 0; i < rows; ++i) {
      row[i] = std::clamp(std::floor(row[i] * sigma + shift[static_cast<size_t>(i)]), -top, top);
      vectors.power += static_cast<double>(row[i]) * static_cast<double>(row[i]);
    }
  }
  vectors.power /= static_cast<double>(std::max<int64_t>(1, kVectors * rows));
  return vectors;
}

/// Sums over the vectors of one level, per column.
class Sums {
public:
  Sums(size_t planes, int64_t cols) : planes(planes), cols(static_cast<size_t>(cols)) {
    sum.assign(kReadCount * planes, std::vector<double>(this->cols, 0.0));
    square = sum;
    cross.assign(planes * planes, std::vector<double>(this->cols, 0.0));
    again = cross;
  }

  /// `codes[read * planes + plane]`: [rows x cols].
  void add(const std::vector<std::vector<float>> &codes, int64_t rows) {
    auto accumulate = [&](std::vector<double> &to, auto &&of) {
      for (int64_t v = 0; v < rows; ++v)
        for (size_t j = 0; j < cols; ++j)
          to[j] += of(static_cast<size_t>(v) * cols + j);
    };
    auto value = [&](size_t read, size_t plane) {
      const float *data = codes[read * planes + plane].data();
      return [data](size_t i) { return static_cast<double>(data[i]); };
    };
    for (size_t s = 0; s < sum.size(); ++s) {
      const auto one = value(s / planes, s % planes);
      accumulate(sum[s], one);
      accumulate(square[s], [&](size_t i) { return one(i) * one(i); });
    }
    for (size_t k = 0; k < planes; ++k)
      for (size_t l = 0; l < planes; ++l) {
        const auto a = value(kFresh, k), b = value(kNow, l), c = value(kAgain, l);
        const auto bk = value(kNow, k), ck = value(kAgain, k);
        accumulate(cross[k * planes + l], [&](size_t i) { return a(i) * (b(i) + c(i)) / 2; });
        accumulate(again[k * planes + l],
                   [&](size_t i) { return (bk(i) * c(i) + ck(i) * b(i)) / 2; });
      }
  }

  double mean(size_t read, size_t plane, size_t j) const {
    return sum[read * planes + plane][j] / kVectors;
  }
  /// Without the square of the mean, which an ADC's offset leaves.
  double power(size_t read, size_t plane, size_t j) const {
    const double m = mean(read, plane, j);
    return std::max(0.0, square[read * planes + plane][j] / kVectors - m * m);
  }
  double powerNow(size_t plane, size_t j) const {
    return (power(kNow, plane, j) + power(kAgain, plane, j)) / 2;
  }
  double crossOf(size_t k, size_t l, size_t j) const {
    return cross[k * planes + l][j] / kVectors -
           mean(kFresh, k, j) * (mean(kNow, l, j) + mean(kAgain, l, j)) / 2;
  }
  double againOf(size_t k, size_t l, size_t j) const {
    return again[k * planes + l][j] / kVectors -
           (mean(kNow, k, j) * mean(kAgain, l, j) + mean(kAgain, k, j) * mean(kNow, l, j)) / 2;
  }

private:
  size_t planes, cols;
  std::vector<std::vector<double>> sum, square;  ///< [read, plane]
  std::vector<std::vector<double>> cross, again; ///< [plane, plane]: of the first read and now, now
};

/// Column of a block that place `p` of its panels holds; -1: none.
int64_t columnAt(const PackedBlock &block, int64_t p) {
  if (block.open && !block.open->column.empty())
    return block.open->column[static_cast<size_t>(p)];
  return p < block.cols ? p : -1;
}

/// Output units of one code, per column.
std::vector<double> codeUnits(const PackedBlock &block) {
  std::vector<double> units(static_cast<size_t>(block.cols), 0.0);
  for (int64_t p = 0; p < block.panels() * kPanelCols; ++p)
    if (const int64_t column = columnAt(block, p); column >= 0)
      units[static_cast<size_t>(column)] = static_cast<double>(block.scale[static_cast<size_t>(p)]);
  return units;
}

/// What reads of a block are made of.
struct Reading {
  const std::vector<PackedBlock> *fresh, *now; ///< per plane
  Dac dac;
  const model::ReadNoiseTable *noise = nullptr;
  uint64_t seed = 0, tile = 0;
  double seconds = 0;
  size_t number = 0; ///< of the block on its tile
};

/// Codes of some vectors on one plane, [rows x cols].
void readCodes(const Reading &reading, const PackedBlock &block, const PackedInput &input,
               size_t read, size_t plane, int level, int64_t first, std::vector<float> &codes) {
  const Kernels &kernels = bestKernels();
  const size_t planes = reading.now->size();
  const size_t occurrence =
      ((reading.number * kLevels + static_cast<size_t>(level)) * kReadCount + read) * planes +
      plane;
  auto stream = model::makeStream(reading.seed, model::StreamKind::Calibration, reading.tile,
                                  static_cast<uint32_t>(kReads + occurrence));
  if (read != kFresh)
    stream = model::atTime(stream, reading.seconds);
  Conversion conversion;
  conversion.block = &block;
  conversion.input = &input;
  conversion.draws = {reading.noise ? &stream : nullptr, static_cast<uint32_t>(first)};
  ArrivedPulses arrived;
  const PackedOpen *open = block.open.get();
  if (open && open->fidelity == model::Fidelity::OneProduct && !open->references.empty()) {
    kernels.arrive(arrived, input, open->references);
    conversion.arrived = &arrived;
    conversion.panelReference = open->panelReference.data();
  }
  codes.resize(static_cast<size_t>(input.rows * block.cols));
  kernels.read(std::span(&conversion, 1), 0, block.panels(), {}, codes.data(), block.cols, false);
  std::vector<float> inverse;
  for (double unit : codeUnits(block))
    inverse.push_back(unit > 0 ? static_cast<float>(1 / unit) : 0.0f);
  for (int64_t v = 0; v < input.rows; ++v)
    for (int64_t j = 0; j < block.cols; ++j)
      codes[static_cast<size_t>(v * block.cols + j)] *= inverse[static_cast<size_t>(j)];
}

Sums readLevel(const Reading &reading, const Vectors &vectors, int64_t stride, int level) {
  const std::vector<PackedBlock> &now = *reading.now, &fresh = *reading.fresh;
  const size_t planes = now.size();
  Sums sums(planes, now[0].cols);
  PackedInput input;
  input.reserve(bestKernels(), kChunk, now[0].rows, reading.noise != nullptr);
  std::vector<std::vector<float>> codes(kReadCount * planes);
  for (int64_t first = 0; first < kVectors; first += kChunk) {
    for (size_t read = 0; read < kReadCount; ++read) {
      const std::vector<PackedBlock> &blocks = read == kFresh ? fresh : now;
      Dac dac = reading.dac;
      if (dac.predistort)
        dac.predistort = blocks[0].open.get();
      if (read != kAgain)
        bestKernels().packInput(input, vectors.ticks.data() + first * stride, stride, kChunk,
                                now[0].rows, dac, reading.noise);
      for (size_t k = 0; k < planes; ++k)
        readCodes(reading, blocks[k], input, read, k, level, first, codes[read * planes + k]);
    }
    sums.add(codes, kChunk);
  }
  return sums;
}

/// Largest mean square of codes of charges that fit below the last code.
double roomOf(const PackedBlock &block) {
  const double top = (static_cast<double>(block.maxCode) + 0.5) / kHeadroom;
  return block.adc == model::AdcKind::Ideal ? HUGE_VAL : top * top;
}

/// Moments of column j, in output units per tick of its inputs.
model::DriftMoments momentsOf(const Sums &sums, const std::vector<PackedBlock> &now,
                              const std::vector<std::vector<double>> &units, double tickPower,
                              size_t j) {
  const size_t planes = now.size();
  const model::AdcKind kind = now[0].adc;
  std::vector<double> fresh(planes), late(planes);
  model::DriftMoments moments;
  double read = 0; // power of one read, noise included
  for (size_t k = 0; k < planes; ++k) {
    fresh[k] = model::chargeSigma(kind, sums.power(kFresh, k, j));
    late[k] = model::chargeSigma(kind, sums.powerNow(k, j));
    moments.squares += kVectors * sums.powerNow(k, j);
  }
  for (size_t k = 0; k < planes; ++k)
    for (size_t l = 0; l < planes; ++l) {
      const double unit = units[k][j] * units[l][j] / tickPower;
      const double product = model::chargeProduct(kind, sums.againOf(k, l, j), late[k], late[l]);
      moments.cross += unit * model::chargeProduct(kind, sums.crossOf(k, l, j), fresh[k], late[l]);
      moments.power += unit * product;
      read += unit * (k == l ? late[k] * late[k] : product);
    }
  if (kind == model::AdcKind::Ideal)
    moments.squares = HUGE_VAL; // no code is lost
  moments.signal = read > 0 ? std::clamp(moments.power / read, 0.0, 1.0) : 0;
  return moments;
}

void scaleColumns(PackedBlock &block, const std::vector<float> &factors) {
  for (int64_t p = 0; p < block.panels() * kPanelCols; ++p)
    if (const int64_t column = columnAt(block, p); column >= 0)
      block.scale[static_cast<size_t>(p)] *= factors[static_cast<size_t>(column)];
}
} // namespace

void Chip::compensateDrift(Tile &tile, const std::vector<std::vector<PackedBlock>> &fresh) {
  const Target &target = options.targets[tile.id.target];
  const auto streamAt = [&](uint32_t sub) {
    return model::makeStream(options.seed, model::StreamKind::Calibration, tile.id.stream(), sub);
  };
  int64_t rows = 0;
  for (const Placed &placed : tile.placed)
    rows = std::max(rows, manifest().weights[placed.weight].blocks[placed.block].rows);
  std::array<Vectors, kLevels> vectors;
  std::vector<std::vector<model::DriftMoments>> moments;
  model::DriftMoments whole;
  for (size_t b = 0; b < tile.placed.size(); ++b) {
    const Placed &placed = tile.placed[b];
    const std::vector<PackedBlock> &now = blocks[placed.weight][placed.block];
    Reading reading;
    reading.fresh = &fresh[b];
    reading.now = &now;
    // Ticks go in as they are, in one pass of the longest pulse.
    reading.dac.levels = model::converterLevels(target.dacBits);
    reading.dac.range = static_cast<float>(reading.dac.levels);
    reading.dac.mask = target.maxPulseTicks();
    reading.dac.predistort =
        predistorted(placed.weight, placed.block) ? now[0].open.get() : nullptr;
    reading.noise = noise(tile.id.target);
    reading.seed = options.seed;
    reading.tile = tile.id.stream();
    reading.seconds = *options.timeS;
    reading.number = b;
    std::vector<std::vector<double>> units;
    for (const PackedBlock &plane : now)
      units.push_back(codeUnits(plane));
    const auto cols = static_cast<size_t>(now[0].cols);
    moments.emplace_back(cols);
    std::vector<bool> done(cols, false);
    for (int level = 0; level < kLevels; ++level) {
      Vectors &at = vectors[static_cast<size_t>(level)];
      if (at.ticks.empty())
        at = vectorsOf(streamAt(kInputs), streamAt(kDither), rows, target.maxPulseTicks(), level);
      const Sums sums = readLevel(reading, at, rows, level);
      bool all = true;
      for (size_t j = 0; j < cols; ++j) {
        if (done[j])
          continue;
        bool fits = true;
        for (size_t k = 0; k < now.size(); ++k)
          fits = fits && std::max(sums.power(kFresh, k, j), sums.powerNow(k, j)) <= roomOf(now[k]);
        all = all && fits;
        if (!fits && level + 1 < kLevels)
          continue;
        done[j] = true;
        moments[b][j] = momentsOf(sums, now, units, at.power, j);
        whole.cross += moments[b][j].cross;
        whole.power += moments[b][j].power;
      }
      if (all)
        break;
    }
  }
  const double common = model::driftFactor(whole);
  tile.driftFactors.assign(moments.size(), {});
  for (size_t b = 0; b < moments.size(); ++b) {
    for (const model::DriftMoments &column : moments[b])
      tile.driftFactors[b].push_back(
          static_cast<float>(options.driftCompensation == DriftCompensation::Column
                                 ? model::driftFactor(column, common)
                                 : common));
    for (PackedBlock &plane : blocks[tile.placed[b].weight][tile.placed[b].block])
      scaleColumns(plane, tile.driftFactors[b]);
  }
}

} // namespace aimc::exec
