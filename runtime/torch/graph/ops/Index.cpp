//===- Index.cpp - data-dependent reads and writes ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Every operator becomes a selection of rows: index tuples are one number into the axes that they
// name. Negative indices count from the end; those out of range are an error that says what the
// compiled model says of them (runtime/exec/lib/IndexCheck.cpp).
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>

namespace aimc::train {

namespace {
/// The node that computes `id`, found by looking at all of them: for errors.
const onnx::Node *producerOf(const onnx::Graph &graph, onnx::ValueId id) {
  for (const onnx::Node &node : graph.nodes)
    for (onnx::ValueId output : node.outputs)
      if (output == id)
        return &node;
  return nullptr;
}

/// Names the first of `indices` (operand 1 of the node, without a tuple's axis) that is out of
/// range.
[[noreturn]] void rejectIndices(const NodeRun &run, const at::Tensor &indices, int64_t size) {
  onnx::ValueId input = onnx::inputBehind(
      run.graph, run.node.inputs[1], [&](onnx::ValueId id) { return producerOf(run.graph, id); });
  at::Tensor flat = indices.reshape({-1});
  at::Tensor outside = at::logical_or(flat.lt(-size), flat.ge(size)).nonzero();
  int64_t at = outside[0][0].item<int64_t>(), place = at;
  std::vector<int64_t> shape = indices.sizes().vec();
  if (input != onnx::kAbsent && run.graph.value(input).type.elements() == indices.numel())
    shape = run.graph.value(input).type.shape;
  std::string position;
  for (size_t d = shape.size(); d-- > 0; place /= shape[d])
    position = std::to_string(place % shape[d]) + (position.empty() ? "" : ", ") + position;
  reject(input == onnx::kAbsent ? "" : "input '" + run.graph.value(input).name + "': ",
         "expected an index in [", -size, ", ", size, ")",
         shape.empty() ? "" : " at [" + position + "]", ", but got ", flat[at].item<int64_t>());
}

/// Indices into an axis of `size` elements, made non-negative.
at::Tensor wrapped(const NodeRun &run, const at::Tensor &given, int64_t size) {
  at::Tensor indices = given.to(at::kLong);
  if (indices.numel() == 0)
    return indices;
  auto [low, high] = at::aminmax(indices.reshape({-1}), 0);
  int64_t least = low.item<int64_t>(), largest = high.item<int64_t>();
  if (least < -size || largest >= size)
    rejectIndices(run, indices, size);
  return least < 0 ? at::where(indices.lt(0), indices + size, indices) : indices;
}

void gather(NodeRun &run) {
  const at::Tensor &data = run.in(0);
  int64_t axis = run.axis("axis", 0, data.dim());
  run.out(data.index_select(axis, wrapped(run, run.in(1), data.size(axis)).reshape({-1})));
}

/// Tuples in the last axis of `indices` as row numbers into the axes [first, first + tuple).
at::Tensor rowsOf(const NodeRun &run, const at::Tensor &indices, c10::IntArrayRef shape,
                  int64_t first) {
  int64_t tuple = indices.size(-1);
  at::Tensor rows = at::zeros(indices.sizes().slice(0, static_cast<size_t>(indices.dim() - 1)),
                              at::TensorOptions(at::kLong));
  for (int64_t i = 0; i < tuple; ++i) {
    int64_t size = shape[static_cast<size_t>(first + i)];
    rows = rows * size + wrapped(run, indices.select(-1, i), size);
  }
  return rows;
}

int64_t product(c10::IntArrayRef sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

void gatherND(NodeRun &run) {
  const at::Tensor &data = run.in(0), &indices = run.in(1);
  int64_t batch = run.node.intAttr("batch_dims", 0), tuple = indices.size(-1);
  auto sizes = data.sizes();
  int64_t batches = product(sizes.slice(0, static_cast<size_t>(batch)));
  int64_t named = product(sizes.slice(static_cast<size_t>(batch), static_cast<size_t>(tuple)));
  at::Tensor rows = rowsOf(run, indices, sizes, batch).reshape({batches, -1});
  rows = rows + at::arange(batches, at::TensorOptions(at::kLong)).unsqueeze(1) * named;
  int64_t rest = product(sizes.slice(static_cast<size_t>(batch + tuple)));
  run.out(data.reshape({batches * named, rest}).index_select(0, rows.reshape({-1})));
}

void scatterND(NodeRun &run) {
  const at::Tensor &data = run.in(0), &indices = run.in(1);
  auto tuple = static_cast<size_t>(indices.size(-1));
  int64_t named = product(data.sizes().slice(0, tuple)), rest = product(data.sizes().slice(tuple));
  at::Tensor rows = rowsOf(run, indices, data.sizes(), 0).reshape({-1});
  at::Tensor base = data.reshape({named, rest}), updates = run.in(2).reshape({-1, rest});
  std::string mode = run.node.stringAttr("reduction", "none");
  if (mode == "none")
    return run.out(base.index_copy(0, rows, updates));
  if (mode == "add")
    return run.out(base.index_add(0, rows, updates));
  const char *reduce = mode == "mul"   ? "prod"
                       : mode == "max" ? "amax"
                       : mode == "min" ? "amin"
                                       : "";
  if (!*reduce)
    reject("expected reduction none, add, mul, max or min, but got '", mode, "'");
  run.out(base.scatter_reduce(0, rows.unsqueeze(1).expand(updates.sizes()), updates, reduce, true));
}
} // namespace

void addIndex(Table &table) {
  table["Gather"] = gather;
  table["GatherND"] = gatherND;
  table["ScatterND"] = scatterND;
}

} // namespace aimc::train
