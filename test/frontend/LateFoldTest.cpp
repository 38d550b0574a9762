//===- LateFoldTest.cpp - weights that a file computes ----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What is larger than shape arithmetic folds for what reads it, and only then.
//
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"
#include <algorithm>
#include <numeric>

namespace aimc::test {
namespace {
constexpr int64_t kSide = 40; // 1600 elements: beyond what folds while the file is read

std::vector<float> ramp(int64_t count) {
  std::vector<float> data(static_cast<size_t>(count));
  std::iota(data.begin(), data.end(), -7.0f);
  return data;
}

/// x, w and a scale of each column.
ModelBuilder withWeight() {
  ModelBuilder model;
  model.input("x", {"3", std::to_string(kSide)});
  model.initializer<float>("w", {kSide, kSide}, ramp(kSide * kSide));
  model.initializer<float>("s", {kSide}, ramp(kSide));
  return model;
}

TEST(LateFold, AComputedWeightIsAConstantOfItsOwn) {
  ModelBuilder model = withWeight();
  model.node("Mul", {"w", "s"}, {"scaled"});
  model.node("Sqrt", {"scaled"}, {"unused"});
  model.node("MatMul", {"x", "scaled"}, {"y"});
  model.output("y");
  auto graph = graphOf(model);
  EXPECT_EQ(opsOf(graph), std::vector<std::string>{"MatMul"});
  const onnx::Value &weight = graph.value(graph.nodes[0].inputs[1]);
  std::vector<float> w = ramp(kSide * kSide), s = ramp(kSide);
  for (size_t i = 0; i < w.size(); ++i)
    w[i] *= s[i % kSide];
  EXPECT_EQ(elements<float>(weight), w);
  EXPECT_EQ(weight.initializer, "");
}

TEST(LateFold, ATransposeOfAWeightStaysAView) {
  ModelBuilder model = withWeight();
  model.node("Transpose", {"w"}, {"t"});
  model.node("Mul", {"w", "s"}, {"scaled"});
  model.node("Transpose", {"scaled"}, {"ts"});
  model.node("MatMul", {"x", "t"}, {"y"});
  model.node("MatMul", {"x", "ts"}, {"z"});
  model.output("y").output("z");
  auto graph = graphOf(model);
  EXPECT_EQ(opsOf(graph), (std::vector<std::string>{"Transpose", "Transpose", "MatMul", "MatMul"}));
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[0]).initializer, "w");
}

TEST(LateFold, RepetitionsStayUnlessTheyAreAWeight) {
  ModelBuilder model = withWeight();
  model.initializer<int64_t>("shape", {3}, {2, kSide, kSide});
  model.initializer<float>("row", {1, kSide}, ramp(kSide));
  model.initializer<int64_t>("square", {2}, {kSide, kSide});
  model.node("Expand", {"w", "shape"}, {"mask"});
  model.input("m", {"2", std::to_string(kSide), std::to_string(kSide)});
  model.node("Add", {"m", "mask"}, {"sum"});
  model.node("Expand", {"row", "square"}, {"repeated"});
  model.node("MatMul", {"x", "repeated"}, {"y"});
  model.output("sum").output("y");
  auto graph = graphOf(model);
  EXPECT_EQ(opsOf(graph), (std::vector<std::string>{"Expand", "Add", "MatMul"}));
  EXPECT_TRUE(graph.value(graph.nodes[2].inputs[1]).constant);
}

TEST(LateFold, ATrainerKeepsWhatItsParametersGive) {
  ModelBuilder model = withWeight();
  model.node("Mul", {"w", "s"}, {"scaled"});
  model.node("MatMul", {"x", "scaled"}, {"y"});
  model.output("y");
  onnx::LoadOptions options;
  options.keepParameters = true;
  EXPECT_EQ(opsOf(graphOf(model, options)), (std::vector<std::string>{"Mul", "MatMul"}));
}

TEST(LateFold, SharedPartsAndEveryPartOfASplitFoldOnce) {
  ModelBuilder model = withWeight();
  model.initializer<int64_t>("parts", {2}, {kSide / 2, kSide / 2});
  model.node("Mul", {"w", "w"}, {"square"});
  model.node("Split", {"square", "parts"}, {"upper", "lower"});
  model.node("Concat", {"lower", "upper"}, {"swapped"});
  set(*model.graph().mutable_node(1), "axis", int64_t(0));
  set(*model.graph().mutable_node(2), "axis", int64_t(0));
  model.node("MatMul", {"x", "swapped"}, {"y"});
  model.node("MatMul", {"x", "square"}, {"z"});
  model.output("y").output("z");
  auto graph = graphOf(model);
  ASSERT_EQ(opsOf(graph), (std::vector<std::string>{"MatMul", "MatMul"}));
  auto swapped = elements<float>(graph.value(graph.nodes[0].inputs[1]));
  auto square = elements<float>(graph.value(graph.nodes[1].inputs[1]));
  std::rotate(square.begin(), square.begin() + kSide * kSide / 2, square.end());
  EXPECT_EQ(swapped, square);
}
} // namespace
} // namespace aimc::test
