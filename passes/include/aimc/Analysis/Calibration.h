//===- Calibration.h - what a recorded run has seen -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A calibration file (docs/Contracts.md section 7) is a safetensors file that a session with the
// option `record` has written: magnitudes of inputs per grid and per input of a weight, and charges
// per block. Everything that is read is checked against the file first.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Location.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace mlir::aimc {

/// The tensors of a safetensors file, checked to lie inside it.
class SafetensorsFile {
public:
  static FailureOr<SafetensorsFile> open(llvm::StringRef path, Location loc);

  /// An f32 tensor of exactly this shape; fails with a diagnostic that names it.
  FailureOr<std::vector<float>> read(llvm::StringRef name, llvm::ArrayRef<int64_t> shape) const;
  bool has(llvm::StringRef name) const { return tensors.contains(name); }
  /// An entry of `__metadata__`; empty where there is none.
  llvm::StringRef metadata(llvm::StringRef key) const;
  const std::string &path() const { return name; }
  Location where() const { return loc; }

private:
  explicit SafetensorsFile(Location loc) : loc(loc) {}
  struct Tensor {
    std::string dtype;
    llvm::SmallVector<int64_t> shape;
    llvm::StringRef bytes;
  };
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  llvm::StringMap<Tensor> tensors;
  llvm::StringMap<std::string> texts;
  std::string name;
  Location loc;
};

/// Shares of a distribution of magnitudes that the recorded quantiles stand for; the last is the
/// largest value seen.
inline constexpr std::array<double, 5> kInputShares{0.99, 0.999, 0.9999, 0.99999, 1.0};

struct RecordedGrid {
  std::vector<std::string> weights;
  int64_t vectors = 0;
  std::optional<double> inputRange;  ///< the DAC's full scale in the run; nothing: per vector
  std::array<double, 5> quantiles{}; ///< of abs(x), at kInputShares
  std::vector<double> body;          ///< at model::kBodyShares
};

/// abs(Q) of one block in a longest pass, fC.
struct RecordedCharge {
  double rms = 0, q999 = 0, q9999 = 0, largest = 0;
  std::vector<double> body; ///< at model::kBodyShares
};

class Calibration {
public:
  static FailureOr<Calibration> open(llvm::StringRef path, Location loc);

  llvm::ArrayRef<RecordedGrid> getGrids() const { return grids; }
  /// [rows x 32], each row summing up to 1; empty where the weight was not recorded.
  FailureOr<std::vector<float>> activity(llvm::StringRef weight, int64_t rows) const;
  /// Nothing where the block was not recorded.
  FailureOr<std::optional<RecordedCharge>> charge(llvm::StringRef block) const;

private:
  explicit Calibration(SafetensorsFile file) : file(std::move(file)) {}
  /// Quantiles at model::kBodyShares, those below a tail's first share at most `tail`.
  FailureOr<std::vector<double>> body(llvm::StringRef name, double firstShare, double tail) const;
  SafetensorsFile file;
  std::vector<RecordedGrid> grids;
};

} // namespace mlir::aimc
