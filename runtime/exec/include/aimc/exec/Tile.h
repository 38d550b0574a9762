//===- Tile.h - one tile without a package ----------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A package of one weight in one block, made up on the spot: programmed, read and aged by the same
// code as any other (Chip, Grids). What it adds is a look inside: the circuit's charges in double
// precision, and every array of the device state by name (runtime.h says which). Calls from any
// number of threads follow each other.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Chip.h"
#include "aimc/exec/Fork.h"
#include "aimc/exec/Grids.h"

#include <memory>
#include <string>
#include <vector>

namespace aimc::exec {

class Tile {
public:
  /// `targetJson` and `optionsJson` may be null or empty.
  static Result<std::unique_ptr<Tile>> create(const char *targetJson, const char *optionsJson,
                                              const float *weights, int64_t rows, int64_t cols);
  static Result<std::unique_ptr<Tile>> createPairs(const char *targetJson, const char *optionsJson,
                                                   const float *plus, const float *minus,
                                                   int64_t rows, int64_t cols);

  Result<void> charges(const char *fidelity, const double *ticks, int64_t n, double *out);
  Result<void> read(const float *x, int64_t n, float *y);
  Result<void> array(const std::string &name, double *data, int64_t count);
  Result<void> age(double seconds);
  Result<void> reset();
  Result<std::string> statistics();
  /// Its warnings alone.
  Result<std::string> warnings();

private:
  struct Given;
  /// A plane's circuit as matrices of the block, in double precision: midrail.
  struct Folded {
    std::vector<double> weff;     ///< fC per ns
    std::vector<double> transfer; ///< T
    std::vector<double> out;      ///< G_out [cols], uS
  };
  explicit Tile(Given given);
  Result<CallLock::Held> hold() { return calls.hold("tile"); }
  /// `isArray`: the array that is given is the whole tile, where the target does not say its size.
  static Result<Given> parse(const char *targetJson, const char *optionsJson, int64_t rows,
                             int64_t cols, bool isArray);
  ChipSource source() const;
  Result<void> program();
  const Target &target() const { return options.targets[0]; }
  const Block &block() const { return manifest.weights[0].blocks[0]; }
  Folded fold(size_t plane) const;
  void chargesAtMidrail(const double *ticks, int64_t n, double *out) const;
  void chargesExact(const double *ticks, int64_t n, double *out) const;
  Result<void> chargesByKernels(model::Fidelity fidelity, const double *ticks, int64_t n,
                                double *out);
  void aihwkitCharges(const double *ticks, int64_t n, double *out) const;
  std::vector<double> effectiveWeights() const;

  CallLock calls;
  Manifest manifest;
  Options options;
  Threads threads;
  bool compat = false;
  std::vector<float> weights, activity, givenPlus, givenMinus, ones;
  std::unique_ptr<Chip> chip;
  std::unique_ptr<Grids> grids;
  /// The same devices with another fidelity and without noise, for charges.
  std::unique_ptr<Options> bareOptions;
  std::unique_ptr<Chip> bare;
  std::vector<TileBlock> list;
  TileState state;
};

} // namespace aimc::exec
