//===- Dims.h - sizes of symbolic dimensions --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A dimension of a graph input is a number, a name ("seq") or an expression over names
// ("past + 2*seq"). Binding the names makes every shape in the graph a number.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Support.h"
#include <set>

namespace aimc::onnx {

class Dims {
public:
  using Sizes = std::map<std::string, int64_t, std::less<>>;
  explicit Dims(const Sizes &sizes) : sizes(sizes) {}

  /// Size of the symbolic dimension `symbol`; an unbound name is noted in missing() and reads as 0.
  int64_t size(const std::string &symbol);

  const std::set<std::string> &missing() const { return unbound; }
  /// Names that were given but that no dimension asked for.
  std::vector<std::string> unused() const;

private:
  const Sizes &sizes;
  std::set<std::string> unbound, used;
};

} // namespace aimc::onnx
