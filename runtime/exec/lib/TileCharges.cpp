//===- TileCharges.cpp - a look inside a tile -----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Charges of the circuit alone, and the device state by name.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/Tile.h"
#include "aimc/model/AihwkitCompat.h"
#include "aimc/model/Crossbar.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace aimc::exec {

namespace {
/// T of one column of a block (midrail, column wires) in double precision; returns G_out.
double transferOfColumn(const model::TileView &tile, const model::Wires &wires,
                        model::Readout readout, const model::BlockWindow &window, int64_t col,
                        std::span<double> transfer) {
  const bool flipped = model::readAtFirstRow(readout, col);
  const auto rows = static_cast<size_t>(tile.rows);
  std::vector<double> load(rows), factor, whole(rows);
  auto row = [&](size_t i) { return static_cast<int64_t>(flipped ? rows - 1 - i : i); };
  for (size_t i = 0; i < rows; ++i)
    load[i] = static_cast<double>(tile.gPlus[row(i) * tile.stride + col]) +
              static_cast<double>(tile.gMinus[row(i) * tile.stride + col]);
  if (wires.columnFactor)
    for (size_t i = 0; i < rows; ++i)
      factor.push_back(static_cast<double>(wires.columnFactor[row(i) * tile.cols + col]));
  const model::ColumnWire<double> wire{model::wireFromOhm(wires.columnOhm),
                                       model::wireFromOhm(wires.adcOhm), factor};
  const double out = model::columnTransfer<double>(load, wire, whole);
  for (size_t i = 0; i < rows; ++i)
    if (row(i) >= window.row && row(i) < window.row + window.rows)
      transfer[static_cast<size_t>(row(i) - window.row)] = whole[i];
  return out;
}

std::optional<model::Fidelity> fidelityOf(const std::string &text) {
  if (text == "exact")
    return model::Fidelity::Exact;
  if (text == "segments")
    return model::Fidelity::Segments;
  if (text == "one_product")
    return model::Fidelity::OneProduct;
  return std::nullopt;
}
} // namespace

Tile::Folded Tile::fold(size_t plane) const {
  const model::TileView devices = state.now(plane);
  const model::Wires wires = state.wires(plane);
  const model::BlockWindow window = state.window(0);
  const auto rows = static_cast<size_t>(window.rows), cols = static_cast<size_t>(window.cols);
  Folded folded;
  folded.weff.resize(rows * cols);
  folded.transfer.resize(rows * cols);
  folded.out.resize(cols);
  if (wires.rows()) {
    std::vector<float> weff(rows * cols), transfer(rows * cols), out(cols);
    model::CrossbarOptions tight;
    tight.tolerance = 1e-10;
    model::foldCrossbar(devices, wires, target().readout, window, weff.data(), transfer.data(),
                        window.cols, tight, out.data());
    for (size_t i = 0; i < rows * cols; ++i) {
      folded.weff[i] = target().readV * static_cast<double>(weff[i]);
      folded.transfer[i] = static_cast<double>(transfer[i]);
    }
    std::copy(out.begin(), out.end(), folded.out.begin());
    return folded;
  }
  std::vector<double> column(rows);
  for (size_t j = 0; j < cols; ++j) {
    const int64_t col = window.col + static_cast<int64_t>(j);
    folded.out[j] = transferOfColumn(devices, wires, target().readout, window, col, column);
    for (size_t i = 0; i < rows; ++i) {
      const int64_t cell = (window.row + static_cast<int64_t>(i)) * devices.stride + col;
      folded.transfer[i * cols + j] = column[i];
      folded.weff[i * cols + j] = model::effectiveWeight(target().readV, column[i],
                                                         static_cast<double>(devices.gPlus[cell]),
                                                         static_cast<double>(devices.gMinus[cell]));
    }
  }
  return folded;
}

void Tile::chargesAtMidrail(const double *ticks, int64_t n, double *out) const {
  const auto rows = block().rows, cols = block().cols;
  const auto pairs = static_cast<int64_t>(target().pairs());
  const double vOff = options.effects.adc ? target().vOffV : 0;
  const double window = target().maxPulseTicks() * target().tickNs; // of the longest pass
  for (int64_t k = 0; k < pairs; ++k) {
    const Folded folded = fold(static_cast<size_t>(k));
    for (int64_t v = 0; v < n; ++v) {
      double *charge = out + (v * pairs + k) * cols;
      std::fill_n(charge, cols, 0.0);
      for (int64_t i = 0; i < rows; ++i) {
        const double ns = ticks[v * rows + i] * target().tickNs;
        for (int64_t j = 0; j < cols; ++j)
          charge[j] += ns * folded.weff[static_cast<size_t>(i * cols + j)];
      }
      for (int64_t j = 0; j < cols; ++j)
        charge[j] -= folded.out[static_cast<size_t>(j)] * vOff * window;
    }
  }
}

void Tile::chargesExact(const double *ticks, int64_t n, double *out) const {
  const auto rows = block().rows, cols = block().cols;
  const auto pairs = static_cast<int64_t>(target().pairs());
  const double vOff = options.effects.adc ? target().vOffV : 0;
  for (int64_t k = 0; k < pairs; ++k)
    for (int64_t v = 0; v < n; ++v) {
      const auto charge = model::openExact(
          state.now(static_cast<size_t>(k)), state.wires(static_cast<size_t>(k)), target().readout,
          state.window(0), {ticks + v * rows, static_cast<size_t>(rows)}, target().readV,
          target().tickNs, vOff);
      std::copy(charge.begin(), charge.end(), out + (v * pairs + k) * cols);
    }
}

/// The read's own kernels, quiet.
Result<void> Tile::chargesByKernels(model::Fidelity fidelity, const double *ticks, int64_t n,
                                    double *out) {
  const auto rows = block().rows, cols = block().cols;
  const int32_t longest = target().maxPulseTicks();
  std::vector<float> pulses(static_cast<size_t>(n * rows));
  std::copy_n(ticks, n * rows, pulses.begin());
  if (!bare || bareOptions->targets[0].fidelity != fidelity) {
    bareOptions = std::make_unique<Options>(options);
    bareOptions->targets[0].fidelity = fidelity;
    bareOptions->effects.readNoise = false;
    bareOptions->driftCompensation = DriftCompensation::None;
    bareOptions->compareExact = 0;
    auto made = Chip::program(source(), *bareOptions, nullptr, threads);
    if (!made)
      return tl::unexpected(made.error());
    bare = std::move(*made);
  }
  const Kernels &kernels = bestKernels();
  Dac dac;
  dac.levels = longest;
  dac.range = static_cast<float>(longest);
  PackedInput input;
  input.reserve(kernels, n, rows, false);
  kernels.packInput(input, pulses.data(), rows, n, rows, dac, nullptr);
  const auto pairs = static_cast<int64_t>(target().pairs());
  std::vector<float> charge(static_cast<size_t>(n * cols));
  ReadMode mode;
  mode.charges = mode.quiet = true;
  for (int64_t k = 0; k < pairs; ++k) {
    const PackedBlock &packed = bare->block(0, 0, static_cast<size_t>(k));
    ArrivedPulses arrived;
    Conversion conversion;
    conversion.block = &packed;
    conversion.input = &input;
    if (packed.open && !packed.open->references.empty()) {
      kernels.arrive(arrived, input, packed.open->references);
      conversion.arrived = &arrived;
      conversion.panelReference = packed.open->panelReference.data();
    }
    kernels.read(std::span(&conversion, 1), 0, packed.panels(), mode, charge.data(), cols, false);
    for (int64_t v = 0; v < n; ++v)
      std::copy_n(charge.data() + v * cols, cols, out + (v * pairs + k) * cols);
  }
  return {};
}

void Tile::aihwkitCharges(const double *ticks, int64_t n, double *out) const {
  const Target &t = target();
  const auto rows = block().rows, cols = block().cols;
  const auto pairs = static_cast<int64_t>(t.pairs());
  model::AihwkitRead read;
  read.wireOhm = options.effects.wire ? t.columnOhm : 0;
  read.gMinUS = t.range.gMinUS;
  read.gMaxUS = t.range.gMaxUS;
  std::vector<int32_t> samples(static_cast<size_t>(t.rows));
  std::vector<double> plus(static_cast<size_t>(t.rows * cols)), minus = plus;
  for (int64_t k = 0; k < pairs; ++k) {
    const model::TileView devices = state.now(static_cast<size_t>(k));
    for (int64_t i = 0; i < t.rows; ++i)
      for (int64_t j = 0; j < cols; ++j) {
        const int64_t from = i * devices.stride + block().atCol + j;
        plus[static_cast<size_t>(i * cols + j)] = static_cast<double>(devices.gPlus[from]);
        minus[static_cast<size_t>(i * cols + j)] = static_cast<double>(devices.gMinus[from]);
      }
    for (int64_t v = 0; v < n; ++v) {
      std::fill(samples.begin(), samples.end(), 0);
      for (int64_t i = 0; i < rows; ++i)
        samples[static_cast<size_t>(block().atRow + i)] = static_cast<int32_t>(ticks[v * rows + i]);
      const auto charge = model::aihwkitCharges(read, plus.data(), minus.data(), t.rows, cols,
                                                samples, t.maxPulseTicks() + 1);
      for (int64_t j = 0; j < cols; ++j)
        out[(v * pairs + k) * cols + j] = charge[static_cast<size_t>(j)];
    }
  }
}

Result<void> Tile::charges(const char *fidelity, const double *ticks, int64_t n, double *out) {
  if (n < 0 || n > (int64_t{1} << 32))
    return fail(AIMC_INVALID_ARGUMENT,
                "n: expected a number of pulse vectors, but got " + std::to_string(n));
  // What a DAC of this target sends in one pass, whatever the fidelity.
  const int32_t longest = target().maxPulseTicks();
  for (int64_t i = 0; i < n * block().rows; ++i)
    if (!(std::fabs(ticks[i]) <= longest) || ticks[i] != std::nearbyint(ticks[i]))
      return fail(AIMC_INVALID_ARGUMENT,
                  "ticks: expected whole numbers from " + std::to_string(-longest) + " to " +
                      std::to_string(longest) + ", but got " + std::to_string(ticks[i]) + " at [" +
                      std::to_string(i / block().rows) + ", " + std::to_string(i % block().rows) +
                      "]");
  model::Fidelity wanted = target().fidelity;
  if (fidelity && *fidelity) {
    const auto known = fidelityOf(fidelity);
    if (!known)
      return fail(AIMC_INVALID_ARGUMENT,
                  "fidelity: expected one of: exact, segments, one_product, but got " +
                      quote(fidelity));
    wanted = *known;
  }
  if (n == 0)
    return {};
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  if (compat)
    aihwkitCharges(ticks, n, out);
  else if (target().idle == model::Idle::Midrail)
    chargesAtMidrail(ticks, n, out);
  else if (wanted == model::Fidelity::Exact)
    chargesExact(ticks, n, out);
  else
    return chargesByKernels(wanted, ticks, n, out);
  return {};
}

//===----------------------------------------------------------------------===//
// The device state by name
//===----------------------------------------------------------------------===//

std::vector<double> Tile::effectiveWeights() const {
  const auto rows = block().rows, cols = block().cols;
  double total = 0;
  for (double factor : target().significance)
    total += factor;
  const double span = target().range.gMaxUS - target().range.gMinUS;
  std::vector<double> weights(static_cast<size_t>(rows * cols), 0.0);
  for (size_t k = 0; k < state.planes().size(); ++k) {
    const model::TileView now = state.now(k);
    const auto scale = state.digitalScales(0, k);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j) {
        const int64_t cell = (block().atRow + i) * now.stride + block().atCol + j;
        weights[static_cast<size_t>(i * cols + j)] +=
            target().significance[k] / total / span *
            static_cast<double>(scale[static_cast<size_t>(j)]) *
            (static_cast<double>(now.gPlus[cell]) - static_cast<double>(now.gMinus[cell]));
      }
  }
  return weights;
}

Result<void> Tile::array(const std::string &name, double *data, int64_t count) {
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  const Target &t = target();
  std::vector<double> values;
  auto ofBlock = [&](auto &&source) { // source(plane): the whole array, or null
    for (size_t k = 0; k < state.planes().size(); ++k) {
      const float *array = source(k);
      for (int64_t i = 0; i < block().rows; ++i)
        for (int64_t j = 0; j < block().cols; ++j)
          values.push_back(array ? array[(block().atRow + i) * t.cols + block().atCol + j] : 0.0f);
    }
  };
  auto ofTile = [&](auto &&source, float neutral) {
    for (size_t k = 0; k < state.planes().size(); ++k) {
      const float *array = source(k);
      for (int64_t i = 0; i < t.rows * t.cols; ++i)
        values.push_back(array ? array[i] : neutral);
    }
  };
  auto ofColumns = [&](auto &&source, float neutral) {
    for (size_t k = 0; k < state.planes().size(); ++k)
      for (int64_t j = 0; j < block().cols; ++j) {
        const AlignedVector<float> &array = source(k);
        values.push_back(array.empty() ? neutral : array[static_cast<size_t>(block().atCol + j)]);
      }
  };
  auto data0 = [](const AlignedVector<float> &array) {
    return array.empty() ? nullptr : array.data();
  };
  const auto &planes = state.planes();
  const std::map<std::string, std::function<void()>> known = {
      {"target_plus", [&] { ofBlock([&](size_t k) { return state.targets(k).gPlus; }); }},
      {"target_minus", [&] { ofBlock([&](size_t k) { return state.targets(k).gMinus; }); }},
      {"programmed_plus", [&] { ofBlock([&](size_t k) { return data0(planes[k].plus); }); }},
      {"programmed_minus", [&] { ofBlock([&](size_t k) { return data0(planes[k].minus); }); }},
      {"plus", [&] { ofBlock([&](size_t k) { return state.now(k).gPlus; }); }},
      {"minus", [&] { ofBlock([&](size_t k) { return state.now(k).gMinus; }); }},
      {"tile_plus", [&] { ofTile([&](size_t k) { return state.now(k).gPlus; }, 0); }},
      {"tile_minus", [&] { ofTile([&](size_t k) { return state.now(k).gMinus; }, 0); }},
      {"life_plus", [&] { ofBlock([&](size_t k) { return data0(planes[k].plusLife); }); }},
      {"life_minus", [&] { ofBlock([&](size_t k) { return data0(planes[k].minusLife); }); }},
      {"weights", [&] { values = effectiveWeights(); }},
      {"transfer",
       [&] {
         for (size_t k = 0; k < planes.size(); ++k) {
           const auto folded = fold(k);
           values.insert(values.end(), folded.transfer.begin(), folded.transfer.end());
         }
       }},
      {"effective",
       [&] {
         for (size_t k = 0; k < planes.size(); ++k) {
           const auto folded = fold(k);
           values.insert(values.end(), folded.weff.begin(), folded.weff.end());
         }
       }},
      {"drift_factor",
       [&] {
         const auto &factors = chip->tiles()[0].driftFactors;
         if (factors.empty())
           values.assign(static_cast<size_t>(block().cols), 1.0);
         else
           values.assign(factors[0].begin(), factors[0].end());
       }},
      {"scale",
       [&] {
         for (float s : state.scales(0))
           values.push_back(s);
       }},
      {"digital",
       [&] {
         double total = 0;
         for (double factor : t.significance)
           total += factor;
         for (size_t k = 0; k < planes.size(); ++k)
           for (float s : state.digitalScales(0, k))
             values.push_back(t.significance[k] / total *
                              model::digitalScale(static_cast<double>(s), t.readV, t.tickNs,
                                                  t.range.gMinUS, t.range.gMaxUS));
       }},
      {"adc_gain",
       [&] {
         ofColumns(
             [&](size_t k) -> const auto & { return planes[k].gain; }, 1);
       }},
      {"adc_offset_lsb",
       [&] {
         ofColumns(
             [&](size_t k) -> const auto & { return planes[k].offsetLsb; }, 0);
       }},
      {"column_factor",
       [&] { ofTile([&](size_t k) { return data0(planes[k].columnFactor); }, 1); }},
      {"row_factor", [&] { ofTile([&](size_t k) { return data0(planes[k].rowFactor); }, 1); }}};
  auto found = known.find(name);
  if (found == known.end()) {
    std::string names;
    for (const auto &entry : known)
      names += (names.empty() ? "" : ", ") + entry.first;
    return fail(AIMC_INVALID_ARGUMENT,
                "name: expected one of: " + names + ", but got " + quote(name));
  }
  found->second();
  if (count != static_cast<int64_t>(values.size()))
    return fail(AIMC_INVALID_ARGUMENT, name + ": expected room for " +
                                           std::to_string(values.size()) + " elements, but got " +
                                           std::to_string(count));
  std::copy(values.begin(), values.end(), data);
  return {};
}

} // namespace aimc::exec
