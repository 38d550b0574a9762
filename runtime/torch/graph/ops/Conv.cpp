//===- Conv.cpp - convolution ----------------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Plain, it is LibTorch's convolution. As a site it is the product of the unfolded operand, one row
// for each output position, with the filters as stored, [filters, window], as the importer maps it.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>

namespace aimc::train {

namespace {
/// [n, out.., channels, kernel..] of a padded operand.
at::Tensor windows(const at::Tensor &x, const std::vector<int64_t> &kernel,
                   const std::vector<int64_t> &strides, const std::vector<int64_t> &dilations) {
  at::Tensor view = x;
  auto rank = static_cast<int64_t>(kernel.size());
  for (int64_t d = 0; d < rank; ++d) {
    auto at = static_cast<size_t>(d);
    int64_t span = (kernel[at] - 1) * dilations[at] + 1;
    view = view.unfold(2 + d, span, strides[at]).slice(-1, 0, span, dilations[at]);
  }
  std::vector<int64_t> order{0}; // channels behind the positions
  for (int64_t d = 0; d < rank; ++d)
    order.push_back(2 + d);
  order.push_back(1);
  for (int64_t d = 0; d < rank; ++d)
    order.push_back(2 + rank + d);
  return view.permute(order);
}

void conv(NodeRun &run) {
  const at::Tensor &x = run.in(0), &filters = run.in(1);
  std::vector<int64_t> pads = run.node.intsAttr("pads"), strides = run.node.intsAttr("strides"),
                       dilations = run.node.intsAttr("dilations");
  size_t rank = strides.size();
  std::vector<int64_t> reversed;
  for (size_t d = rank; d-- > 0;) {
    reversed.push_back(pads[d]);
    reversed.push_back(pads[rank + d]);
  }
  at::Tensor padded = at::constant_pad_nd(x, reversed, 0);
  std::vector<int64_t> none(rank, 0);
  if (!run.layer) {
    std::optional<at::Tensor> bias;
    if (run.has(2))
      bias = run.in(2);
    return run.out(at::convolution(padded, filters, bias, strides, none, dilations, false, none,
                                   run.node.intAttr("group", 1)));
  }
  at::Tensor patches = windows(padded, run.node.intsAttr("kernel_shape"), strides, dilations);
  at::Tensor y = run.layer->forward(patches.reshape({-1, run.site->rows}), run.weight);
  if (run.has(2))
    y = y + run.in(2);
  std::vector<int64_t> last{x.size(0)}, order{0, static_cast<int64_t>(rank) + 1};
  for (size_t d = 0; d < rank; ++d) {
    last.push_back(run.shape()[2 + d]);
    order.push_back(static_cast<int64_t>(d) + 1);
  }
  last.push_back(run.site->cols);
  run.out(y.reshape(last).permute(order));
}
} // namespace

void addConv(Table &table) { table["Conv"] = conv; }

} // namespace aimc::train
