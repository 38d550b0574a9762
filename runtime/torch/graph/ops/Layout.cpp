//===- Layout.cpp - Concat, Slice, Split, Pad, Tile --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Operators that copy blocks. What cannot be a view selects indices along one axis after another.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>

namespace aimc::train {

namespace {
at::Tensor select(const at::Tensor &x, int64_t axis, const std::vector<int64_t> &indices) {
  return x.index_select(axis, at::tensor(indices, at::kLong));
}

void concat(NodeRun &run) {
  int64_t axis = run.axis("axis", 0, static_cast<int64_t>(run.shape().size()));
  run.out(at::cat(run.inputs, axis));
}

void slice(NodeRun &run) {
  std::vector<int64_t> starts = run.node.intsAttr("starts"), steps = run.node.intsAttr("steps");
  at::Tensor x = run.in(0);
  for (int64_t d = 0; d < x.dim(); ++d) {
    auto at = static_cast<size_t>(d);
    int64_t size = run.shape()[at], start = starts[at], step = steps[at];
    if (size == x.size(d) && start == 0 && step == 1)
      continue;
    if (size == 0) {
      x = x.narrow(d, 0, 0);
    } else if (size == 1) {
      x = x.narrow(d, start, 1); // a single element has no direction
    } else if (step > 0) {
      x = x.slice(d, start, start + (size - 1) * step + 1, step);
    } else {
      std::vector<int64_t> indices;
      for (int64_t i = 0; i < size; ++i)
        indices.push_back(start + i * step);
      x = select(x, d, indices);
    }
  }
  run.out(x);
}

void split(NodeRun &run) {
  int64_t axis = run.axis("axis", 0, run.in(0).dim()), start = 0;
  std::vector<int64_t> parts = run.node.intsAttr("split");
  for (size_t i = 0; i < parts.size(); ++i) {
    if (run.wants(i))
      run.out(run.in(0).narrow(axis, start, parts[i]), i);
    start += parts[i];
  }
}

/// Index along an axis of `size` elements that stands at position `at` outside or inside of it.
int64_t sourceOf(int64_t at, int64_t size, const std::string &mode) {
  auto modulo = [](int64_t a, int64_t b) { return (a % b + b) % b; };
  if (mode == "edge")
    return std::clamp<int64_t>(at, 0, size - 1);
  if (mode == "wrap")
    return modulo(at, size);
  if (size == 1)
    return 0;
  int64_t phase = modulo(at, 2 * (size - 1)); // a triangle wave
  return std::min(phase, 2 * (size - 1) - phase);
}

void pad(NodeRun &run) {
  std::vector<int64_t> pads = run.node.intsAttr("pads");
  std::string mode = run.node.stringAttr("mode", "constant");
  at::Tensor x = run.in(0);
  auto rank = static_cast<size_t>(x.dim());
  if (mode == "constant") {
    std::vector<int64_t> reversed; // LibTorch counts from the last axis
    for (size_t d = rank; d-- > 0;) {
      reversed.push_back(pads[d]);
      reversed.push_back(pads[rank + d]);
    }
    at::Scalar value = run.has(2) ? run.in(2).item() : at::Scalar(0);
    return run.out(at::constant_pad_nd(x, reversed, value));
  }
  for (size_t d = 0; d < rank; ++d) {
    if (pads[d] == 0 && pads[rank + d] == 0)
      continue;
    auto axis = static_cast<int64_t>(d);
    if (x.size(axis) == 0)
      reject("expected a non-empty operand to repeat");
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < run.shape()[d]; ++i)
      indices.push_back(sourceOf(i - pads[d], x.size(axis), mode));
    x = select(x, axis, indices);
  }
  run.out(x);
}

void tile(NodeRun &run) {
  std::vector<int64_t> repeats;
  for (int64_t d = 0; d < run.in(0).dim(); ++d) {
    int64_t size = run.in(0).size(d);
    repeats.push_back(size ? run.shape()[static_cast<size_t>(d)] / size : 1);
  }
  run.out(run.in(0).repeat(repeats));
}
} // namespace

void addLayout(Table &table) {
  table["Concat"] = concat;
  table["Pad"] = pad;
  table["Slice"] = slice;
  table["Split"] = split;
  table["Tile"] = tile;
}

} // namespace aimc::train
