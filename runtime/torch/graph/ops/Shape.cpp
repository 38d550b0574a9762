//===- Shape.cpp - reinterpretation, transposition, filling ---------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The graph's types say every shape, so that operands which only carry shapes are not looked at.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>

namespace aimc::train {

namespace {
void sameElements(NodeRun &run) { run.out(run.in(0).reshape(run.shape())); }

void transpose(NodeRun &run) {
  std::vector<int64_t> perm = run.node.intsAttr("perm");
  if (perm.empty())
    for (int64_t d = run.in(0).dim(); d-- > 0;)
      perm.push_back(d);
  run.out(run.in(0).permute(perm));
}

void constantOfShape(NodeRun &run) {
  auto options = at::TensorOptions(scalarType(run.type().dtype));
  auto found = run.node.attributes.find("value");
  if (found == run.node.attributes.end())
    return run.out(at::zeros(run.shape(), options));
  const auto *value = std::get_if<onnx::Constant>(&found->second);
  if (!value || value->type.elements() != 1)
    reject("expected value to be a tensor of one element");
  run.out(tensorOf(*value).reshape({}).expand(run.shape()));
}

void range(NodeRun &run) {
  at::Tensor steps = at::arange(run.type().elements(), run.in(0).options());
  run.out(run.in(0).reshape({}) + steps * run.in(2).reshape({}));
}

void trilu(NodeRun &run) {
  int64_t k = run.node.intAttr("k", 0);
  run.out(run.node.intAttr("upper", 1) ? run.in(0).triu(k) : run.in(0).tril(k));
}
} // namespace

void addShape(Table &table) {
  for (const char *op : {"Flatten", "Reshape", "Squeeze", "Unsqueeze"})
    table[op] = sameElements;
  table["ConstantOfShape"] = constantOfShape;
  table["Expand"] = [](NodeRun &run) { run.out(run.in(0).expand(run.shape())); };
  table["Range"] = range;
  table["Transpose"] = transpose;
  table["Trilu"] = trilu;
}

} // namespace aimc::train
