//===- Grids.h - grid calls: one input, several weights ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A grid call multiplies the same rows with several weights. The plan of a call site is made once:
// bands are row ranges of the input that one DAC serves, in one or more passes; column ranges are
// cut where all bands of a weight are cut, so that one task owns its outputs and adds the bands in
// order. A call converts each band once, works out what arrives through reference columns where
// idle rows are open, then reads all tiles: two or three parallel loops.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Chip.h"
#include "aimc/exec/Kernels.h"
#include "aimc/exec/Options.h"
#include "aimc/exec/Recording.h"
#include "aimc/exec/Threads.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

namespace aimc::exec {

class Grids {
public:
  /// Of what names a stream of read noise, from its lowest bit: block, plane, pass and call site.
  static constexpr int kPlaneBit = 24, kPassBit = 28, kCallSiteBit = 32;

  Grids(const Manifest &manifest, const Options &options, const Chip &chip, Threads &threads);

  /// y[i] [rows x N_i] = x [rows x K] times weight i of call site `grid`.
  void run(size_t grid, int64_t rows, const float *x, float *const *y);
  /// Read noise from the first draw again; statistics at zero.
  void reset();
  /// Input vectors that each grid has read since its chip was programmed: where draws go on.
  std::vector<int64_t> reads() const;
  /// The first draw is the one after so many vectors, as for a chip that was used before.
  void startAfter(std::span<const int64_t> reads);
  /// Plans again, after the chip was built again.
  void replan();
  nlohmann::json statistics() const;
  /// One line each: configurations that throw signal away, limits that were exceeded.
  nlohmann::json warnings() const;
  /// What a session with option `record` has seen.
  const Recording &recorded() const { return recording; }

private:
  std::string placeOf(size_t grid) const;

  /// Input rows [row, row + rows) through one DAC.
  struct Band {
    int64_t row = 0, rows = 0;
    std::vector<Dac> passes;
    const model::ReadNoiseTable *noise = nullptr;
    std::vector<OpenReference> references;   ///< that blocks of this band look through
    size_t firstInput = 0, firstArrival = 0; ///< in a chunk's lists, [passes] each
  };
  /// One block as a part of an output.
  struct Piece {
    std::vector<const PackedBlock *> planes;
    size_t band = 0;
    std::vector<std::vector<int32_t>> references; ///< of the band, per plane and panel
    int64_t col = 0;                              ///< first output column
    bool first = false;                           ///< writes its columns; otherwise adds
    uint64_t drawId = 0; ///< names (call site, block) in read-noise streams
    size_t weight = 0, block = 0;
  };
  /// Output columns that no other range touches; pieces in band order.
  struct Range {
    size_t output = 0; ///< position in the grid's list of weights
    std::vector<Piece> pieces;
    bool aligned = true; ///< all pieces start at one column and end at one
    int64_t panels = 0;  ///< of an aligned range
  };
  struct Plan {
    int64_t inputs = 0;
    std::vector<int64_t> outputs; ///< N_i
    std::vector<Band> bands;
    std::vector<Range> ranges;
    size_t conversions = 0, arrivals = 0; ///< of a chunk
    bool exact = false, noisy = false, open = false;
    bool whole = false; ///< no range is aligned
  };
  /// A task of the second loop: panels [panel0, panel1) of a range.
  struct Unit {
    size_t range;
    int64_t panel0, panel1;
  };
  struct OutputSums {
    ReadCounters reads;
    double signal = 0, error = 0;               ///< sums of squares against the exact product
    double circuitSignal = 0, circuitError = 0; ///< against the circuit slot by slot
  };
  struct Site {
    Plan plan, exactPlan;
    int64_t calls = 0, rows = 0;
    int64_t readsBefore = 0; ///< vectors read before the first call here
    int64_t inputs = 0, clippedInputs = 0;
    double inputPower = 0, lostPower = 0; ///< of inputs, in units of a fixed range
    int64_t notFinite = 0;                ///< vectors with nan or inf, which give nan
    double seconds = 0;
    std::vector<OutputSums> sums;
  };

  Plan analogPlan(const Manifest &manifest, const Options &options, const Chip &chip,
                  size_t grid) const;
  Plan exactPlan(const Manifest &manifest, const Chip &chip, size_t grid) const;
  void addBlock(Plan &plan, const Chip &chip, const Grid &grid, size_t weight, size_t block,
                std::vector<Piece> &pieces, uint64_t drawId) const;
  static void numberConversions(Plan &plan);
  void execute(Site &site, const Plan &plan, int64_t rows, const float *x, float *const *y,
               const ReadMode &mode);
  void executeRows(Site &site, const Plan &plan, int64_t row0, int64_t rows, int64_t chunkRows,
                   const float *x, float *const *y, const ReadMode &mode);
  /// Converts rows [row0, row0 + rows) of x in chunks.
  void convert(const Plan &plan, int64_t row0, int64_t rows, int64_t chunkRows, const float *x,
               bool arrive);
  void readUnit(const Site &site, const Plan &plan, const Unit &unit, int64_t chunk,
                int64_t chunkRow, int64_t row0, float *const *y, const ReadMode &mode,
                ReadCounters *counters) const;
  void planUnits(const Plan &plan, int64_t chunks);
  void compare(Site &site, int64_t rows, const float *x, float *const *y);
  void compareCircuit(Site &site, int64_t rows, const float *x);
  void record(Site &site, size_t grid, int64_t rows, const float *x);
  std::vector<float *> scratchOutputs(const Plan &plan, int64_t rows,
                                      std::vector<std::vector<float>> &buffers) const;

  const Manifest &manifest;
  const Options &options;
  const Chip &chip;
  Threads &threads;
  const Kernels &kernels;
  std::vector<Site> sites;
  // Reused from call to call.
  std::vector<PackedInput> inputs;
  std::vector<std::vector<std::pair<float, float>>> rowPowers; ///< of inputs, as measured there
  std::vector<ArrivedPulses> arrivals;
  std::vector<Unit> units;
  std::vector<ReadCounters> unitCounters;
  std::vector<std::vector<float>> exactOutputs, circuitOutputs;
  Recording recording;
};

} // namespace aimc::exec
