//===- Samples.h - arrays of any number of samples, as batches --*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A package has a fixed batch size, calibration data has as many samples as there are. Arrays are
// cut along their first dimension; the last batch overlaps the one before, and where there are
// fewer samples than one batch holds they are repeated. An array that has a model input's very
// shape while others have more samples belongs to every batch.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Npz.h"

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace aimc::compile {

/// An input of the compiled model.
struct Port {
  std::string name, dtype;
  std::vector<int64_t> shape;
};

class Samples {
public:
  /// Reads `path` and checks that it has an array for each port; the error is one line. Arrays that
  /// no port asks for are left alone.
  static tl::expected<Samples, std::string> read(const std::string &path,
                                                 const std::vector<Port> &ports);

  int64_t batches() const;
  int64_t count() const { return samples; }
  /// The arrays of batch `index`, in the order of the ports.
  std::vector<run::Array> batch(int64_t index) const;

private:
  struct Source {
    run::Array array;
    std::vector<int64_t> shape; ///< of the port
    bool isCut = false;
  };
  std::vector<Source> sources;
  int64_t samples = 1, batchSize = 1;
};

} // namespace aimc::compile
