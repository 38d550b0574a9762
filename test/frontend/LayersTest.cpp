//===- LayersTest.cpp - layer names -----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A tile should carry its module's name whichever exporter wrote the model.
//
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"

namespace aimc::test {
namespace {

/// x * w + bias, with the names that an exporter would give.
ModelBuilder linear(const std::string &node, const std::string &weight, const std::string &bias) {
  ModelBuilder model;
  model.input("x", {"2", "2"});
  model.initializer<float>(weight, {2, 2}, {1, 2, 3, 4});
  model.node("MatMul", {"x", weight}, {"m"}).set_name(node);
  if (!bias.empty()) {
    model.initializer<float>(bias, {2}, {1, 2});
    model.node("Add", {bias, "m"}, {"y"});
  }
  model.output(bias.empty() ? "m" : "y");
  return model;
}

std::string layerOf(const ModelBuilder &model) { return graphOf(model).nodes.at(0).layer; }

TEST(Layers, FromTheWeight) {
  EXPECT_EQ(layerOf(linear("MatMul_3", "encoder.0.query.weight", "")), "encoder.0.query");
  EXPECT_EQ(layerOf(linear("MatMul_3", "attn.in_proj_weight", "")), "attn.in_proj_weight");
}

TEST(Layers, FromTheBiasWhereTheWeightIsAnonymous) {
  EXPECT_EQ(layerOf(linear("/a/b/MatMul", "onnx::MatMul_491", "encoder.0.query.bias")),
            "encoder.0.query");
}

TEST(Layers, FromTheNodePath) {
  EXPECT_EQ(layerOf(linear("/model/layer.0/query/MatMul", "onnx::MatMul_491", "")),
            "model.layer.0.query");
  EXPECT_EQ(layerOf(linear("MatMul_12", "onnx::MatMul_491", "")), "MatMul_12");
  EXPECT_EQ(layerOf(linear("", "onnx::MatMul_491", "")), "m");
}

TEST(Layers, AMergedBiasNamesNobody) {
  ModelBuilder model = linear("/a/MatMul", "onnx::MatMul_1", "first.bias");
  model.initializer<float>("onnx::MatMul_2", {2, 2}, {5, 6, 7, 8});
  model.node("MatMul", {"y", "onnx::MatMul_2"}, {"m2"}).set_name("/b/MatMul");
  model.node("Add", {"m2", "first.bias"}, {"z"});
  model.output("z");
  auto graph = graphOf(model);
  EXPECT_EQ(graph.nodes.at(0).layer, "a");
  EXPECT_EQ(graph.nodes.at(2).layer, "b");
}

TEST(Layers, MergedBiasesBehindIdentityKeepTheirNames) {
  ModelBuilder model = linear("/a/MatMul", "onnx::MatMul_1", "first.bias");
  model.initializer<float>("onnx::MatMul_2", {2, 2}, {5, 6, 7, 8});
  model.node("Identity", {"first.bias"}, {"second.bias"});
  model.node("MatMul", {"y", "onnx::MatMul_2"}, {"m2"}).set_name("/b/MatMul");
  model.node("Add", {"m2", "second.bias"}, {"z"});
  model.output("z");
  auto graph = graphOf(model);
  EXPECT_EQ(graph.nodes.at(0).layer, "first");
  EXPECT_EQ(graph.nodes.at(2).layer, "second");
}

TEST(Layers, SharedWeightsShareTheirName) {
  ModelBuilder model = linear("/a/MatMul", "onnx::MatMul_1", "shared.bias");
  model.node("MatMul", {"y", "onnx::MatMul_1"}, {"m2"}).set_name("/a_1/MatMul");
  model.node("Add", {"m2", "shared.bias"}, {"z"});
  model.output("z");
  auto graph = graphOf(model);
  EXPECT_EQ(graph.nodes.at(0).layer, "shared");
  EXPECT_EQ(graph.nodes.at(2).layer, "shared");
}

TEST(Layers, ThroughTransposedWeights) {
  ModelBuilder model;
  model.input("x", {"2", "40"});
  model.initializer<float>("lm_head.weight", {50, 40}, std::vector<float>(2000, 1));
  model.node("Transpose", {"lm_head.weight"}, {"t"});
  model.node("MatMul", {"x", "t"}, {"y"});
  model.output("y");
  EXPECT_EQ(graphOf(model).nodes.at(1).layer, "lm_head");
}

TEST(Layers, MetadataWins) {
  ModelBuilder model = linear("/a/MatMul", "other.weight", "");
  pb::StringStringEntryProto entry;
  entry.set_key("pkg.torch.onnx.name_scopes");
  entry.set_value("['', 'model', \"model.layer.0.query\", 'linear']");
  auto *node = model.graph().mutable_node(0);
  node->mutable_unknown_fields()->AddLengthDelimited(9, entry.SerializeAsString());
  EXPECT_EQ(layerOf(model), "model.layer.0.query");
}
} // namespace
} // namespace aimc::test
