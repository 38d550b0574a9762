//===- ExportSpice.h - a tile of a mapped module as a netlist ---*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <optional>
#include <string>

namespace aimc::translate {

struct SpiceOptions {
  std::string file;  ///< MLIR with aimc.target, aimc.weight and placed aimc.tile ops
  std::string block; ///< the aimc.tile op to read: "@q.r0.c0"
  std::string input; ///< "1,-3,0.5", x.npy, x.npz or x.npz:name
  int64_t vector = 0;
  bool ticks = false; ///< the input is signed pulse lengths
  int64_t pass = 0, pair = 0;
  uint64_t seed = 0;
  std::optional<double> timeS;
  bool noise = true; ///< programming errors, spreads, stuck devices
};

/// Programs the tile as a session with this seed does, converts the input as its DAC does, and
/// writes one pass of the read for ngspice. Mistakes are diagnostics of the context.
mlir::LogicalResult exportSpice(mlir::MLIRContext *context, const SpiceOptions &options,
                                llvm::raw_ostream &out);

} // namespace aimc::translate
