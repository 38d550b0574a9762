//===- Reduce.cpp - Reduce* and CumSum --------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Axes come sorted and non-empty. Over no elements the result is the operation's neutral element.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>
#include <limits>

namespace aimc::train {

namespace {
void sum(NodeRun &run) {
  bool keep = run.node.intAttr("keepdims", 1) != 0;
  run.out(run.in(0).sum(run.node.intsAttr("axes"), keep, run.in(0).scalar_type()));
}

void mean(NodeRun &run) {
  std::vector<int64_t> axes = run.node.intsAttr("axes");
  bool keep = run.node.intAttr("keepdims", 1) != 0;
  const at::Tensor &x = run.in(0);
  if (run.floats(0))
    return run.out(x.mean(axes, keep));
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= x.size(axis);
  at::Tensor total = x.sum(axes, keep, x.scalar_type());
  run.out(count ? at::div(total, count, "trunc") : total);
}

void product(NodeRun &run) {
  at::Tensor x = run.in(0);
  for (int64_t axis : run.node.intsAttr("axes"))
    x = x.prod(axis, true, x.scalar_type());
  run.out(x);
}

at::Scalar extreme(at::ScalarType type, bool lowest) {
  switch (type) {
  case at::kLong:
    return lowest ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  case at::kInt:
    return lowest ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int32_t>::max();
  default:
    break;
  }
  double infinity = std::numeric_limits<double>::infinity();
  return lowest ? -infinity : infinity;
}

template <bool largest> void extremum(NodeRun &run) {
  const at::Tensor &x = run.in(0);
  if (x.numel() == 0)
    return run.out(at::full(run.shape(), extreme(x.scalar_type(), largest), x.options()));
  std::vector<int64_t> axes = run.node.intsAttr("axes");
  bool keep = run.node.intAttr("keepdims", 1) != 0;
  run.out(largest ? x.amax(axes, keep) : x.amin(axes, keep));
}

void cumSum(NodeRun &run) {
  at::Tensor x = run.in(0);
  int64_t axis = run.axis("axis", 0, x.dim());
  bool reverse = run.node.intAttr("reverse", 0) != 0;
  if (reverse)
    x = x.flip(axis);
  if (run.node.intAttr("exclusive", 0) && x.size(axis) > 0) {
    at::Tensor first = at::zeros_like(x.narrow(axis, 0, 1));
    x = at::cat({first, x.narrow(axis, 0, x.size(axis) - 1)}, axis);
  }
  x = x.cumsum(axis, x.scalar_type());
  run.out(reverse ? x.flip(axis) : x);
}
} // namespace

void addReduce(Table &table) {
  table["CumSum"] = cumSum;
  table["ReduceMax"] = extremum<true>;
  table["ReduceMean"] = mean;
  table["ReduceMin"] = extremum<false>;
  table["ReduceProd"] = product;
  table["ReduceSum"] = sum;
}

} // namespace aimc::train
