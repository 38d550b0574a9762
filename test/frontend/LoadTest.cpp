//===- LoadTest.cpp - what becomes of a model -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Binding of dimensions, names and outputs, order, aliases, functions, branches, element types: the
// cases that are known to break readers of ONNX.
//
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"

namespace aimc::test {
namespace {

onnx::LoadOptions dims(std::map<std::string, int64_t, std::less<>> sizes) {
  onnx::LoadOptions options;
  options.dims = std::move(sizes);
  return options;
}

ModelBuilder passThrough(const std::vector<std::string> &shape) {
  ModelBuilder model;
  model.input("x", shape);
  model.node("Neg", {"x"}, {"y"});
  model.output("y");
  return model;
}

TEST(Dims, BindsNamesAndExpressions) {
  auto graph = graphOf(passThrough({"batch", "past + 2*(seq - 1)", "3", "seq // 2"}),
                       dims({{"batch", 2}, {"past", 5}, {"seq", 7}}));
  EXPECT_EQ(output(graph).type.shape, (Ints{2, 17, 3, 3}));
}

TEST(Dims, AnExpressionCanBeBoundAsAWhole) {
  auto graph = graphOf(passThrough({"past + seq"}), dims({{"past + seq", 9}}));
  EXPECT_EQ(output(graph).type.shape, (Ints{9}));
}

TEST(Dims, MissingNamesAreListedWithTheirFlags) {
  EXPECT_SAYS(errorOf(passThrough({"batch", "past + seq"}), dims({{"past", 1}})),
              "expected sizes for the dynamic dimensions 'batch', 'seq'; give them as "
              "--dim 'batch'=N --dim 'seq'=N");
  EXPECT_SAYS(errorOf(passThrough({"seq"}), dims({{"seqq", 1}})),
              "--dim 'seq'=N; no dimension is named 'seqq'");
}

TEST(Dims, UnnamedDimensionsGoByTheirPlace) {
  EXPECT_SAYS(errorOf(passThrough({"2", ""})), "--dim 'x:1'=N");
  EXPECT_EQ(output(graphOf(passThrough({"2", ""}), dims({{"x:1", 4}}))).type.shape, (Ints{2, 4}));
  EXPECT_EQ(output(graphOf(passThrough({"-1"}), dims({{"x:0", 4}}))).type.shape, (Ints{4}));
}

TEST(Dims, ZeroIsASize) {
  EXPECT_EQ(output(graphOf(passThrough({"0", "3"}))).type.shape, (Ints{0, 3}));
}

TEST(Dims, BadSizes) {
  EXPECT_SAYS(errorOf(passThrough({"n"}), dims({{"n", -1}})),
              "expected a size for dimension 'n', but got -1");
  EXPECT_SAYS(errorOf(passThrough({"n - 5"}), dims({{"n", 1}})), "the bound sizes make it -4");
  EXPECT_SAYS(errorOf(passThrough({"n / 0"}), dims({{"n", 1}})), "make it overflow");
  EXPECT_SAYS(errorOf(passThrough({"n", "n", "n"}), dims({{"n", 1 << 20}})),
              "input 'x': expected fewer elements");
}

TEST(Dims, UnknownNamesAreRefused) {
  EXPECT_SAYS(errorOf(passThrough({"2"}), dims({{"sequence", 3}})),
              "no input has a dimension named 'sequence'");
}

TEST(Dims, DynamicRankIsRefused) {
  ModelBuilder model = passThrough({"2"});
  model.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  EXPECT_SAYS(errorOf(model), "expected input 'x' to have a shape, but its rank is dynamic");
}

TEST(Load, ShapeChainsFoldAway) {
  ModelBuilder model;
  model.input("x", {"batch", "seq", "6"});
  model.initializer<int64_t>("zero", {}, {0}).initializer<int64_t>("axes", {1}, {0});
  model.initializer<int64_t>("rest", {2}, {-1, 3});
  model.node("Shape", {"x"}, {"shape"});
  set(model.node("Gather", {"shape", "zero"}, {"b"}), "axis", int64_t(0));
  model.node("Unsqueeze", {"b", "axes"}, {"b1"});
  set(model.node("Concat", {"b1", "rest"}, {"to"}), "axis", int64_t(0));
  model.node("Reshape", {"x", "to"}, {"y"});
  model.output("y");
  auto graph = graphOf(model, dims({{"batch", 2}, {"seq", 5}}));
  EXPECT_EQ(opsOf(graph), std::vector<std::string>{"Reshape"});
  EXPECT_EQ(output(graph).type.shape, (Ints{2, 10, 3}));
}

TEST(Load, ShapesThatDependOnDataAreNamed) {
  ModelBuilder model;
  model.input("x", {"6"});
  model.input("to", {"2"}, pb::TensorProto::INT64);
  model.node("Reshape", {"x", "to"}, {"y"}).set_name("r");
  model.output("y");
  EXPECT_SAYS(errorOf(model), "node 'r' (Reshape): expected operand 1 (shape) to be known at "
                              "compile time, but 'to' depends on data");
  onnx::LoadOptions options;
  static const int64_t shape[2] = {2, -1};
  options.constants["to"] = {
      {onnx::DType::I64, {2}}, reinterpret_cast<const std::byte *>(shape), nullptr};
  auto graph = graphOf(model, options);
  EXPECT_EQ(output(graph).type.shape, (Ints{2, 3}));
  EXPECT_EQ(graph.inputs.size(), 1u);
  options.constants["typo"] = options.constants["to"];
  EXPECT_SAYS(errorOf(model, options), "but got one for 'typo'");
}

TEST(Load, ValueInfoIsNotTrusted) {
  ModelBuilder model = passThrough({"2", "3"});
  auto *info = model.graph().add_value_info();
  info->set_name("y");
  info->mutable_type()->mutable_tensor_type()->set_elem_type(pb::TensorProto::INT64);
  EXPECT_EQ(output(graphOf(model)).type, (onnx::TensorType{onnx::DType::F32, {2, 3}}));
}

TEST(Load, NodesAreSorted) {
  ModelBuilder model;
  model.input("x", {"2"});
  model.node("Exp", {"b"}, {"y"});
  model.node("Abs", {"a"}, {"b"});
  model.node("Neg", {"x"}, {"a"});
  model.output("y");
  EXPECT_EQ(opsOf(graphOf(model)), (std::vector<std::string>{"Neg", "Abs", "Exp"}));
}

TEST(Load, OutputsMayRepeatBeInputsOrConstants) {
  ModelBuilder model;
  model.input("x", {"2"});
  model.initializer<float>("w", {1}, {3});
  model.node("Identity", {"x"}, {"same"});
  model.node("Neg", {"x"}, {"y"});
  model.node("Abs", {"y"}, {"z"});
  for (const char *name : {"y", "y", "same", "w", "z"})
    model.output(name);
  auto graph = graphOf(model);
  EXPECT_EQ(graph.outputNames, (std::vector<std::string>{"y", "y", "same", "w", "z"}));
  EXPECT_EQ(graph.outputs[0], graph.outputs[1]);
  EXPECT_EQ(graph.outputs[2], graph.inputs[0]);
  EXPECT_EQ(elements<float>(output(graph, 3)), std::vector<float>{3});
}

TEST(Load, DeadNodesGoAndInputsStay) {
  ModelBuilder model = passThrough({"2"});
  model.input("unused", {"3"});
  model.node("Abs", {"unused"}, {"nobody"});
  auto graph = graphOf(model);
  EXPECT_EQ(opsOf(graph), std::vector<std::string>{"Neg"});
  EXPECT_EQ(graph.inputs.size(), 2u);
}

TEST(Load, InitializersAreNoInputs) {
  ModelBuilder model; // as IR 3 files are: each initializer is listed as an input too
  model.input("x", {"2"});
  model.input("w", {"2"});
  model.initializer<float>("w", {2}, {1, 2});
  model.node("Add", {"x", "w"}, {"y"});
  model.output("y");
  auto graph = graphOf(model);
  ASSERT_EQ(graph.inputs.size(), 1u);
  EXPECT_EQ(graph.value(graph.inputs[0]).name, "x");
}

TEST(Load, OmittedOperandsAndResults) {
  ModelBuilder model;
  model.input("x", {"2", "4"});
  model.initializer<float>("s", {4}, {1, 1, 1, 1});
  set(model.node("LayerNormalization", {"x", "s", ""}, {"y", "", "inv"}), "axis", int64_t(-1));
  model.node("Clip", {"y", "", ""}, {"z"});
  model.output("z").output("inv");
  auto graph = graphOf(model);
  ASSERT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.nodes[0].inputs.size(), 2u);
  EXPECT_EQ(graph.nodes[0].outputs[1], onnx::kAbsent);
  EXPECT_EQ(graph.nodes[0].intAttr("axis", -1), 1);
  EXPECT_EQ(output(graph, 1).type.shape, (Ints{2, 1}));
  EXPECT_EQ(graph.nodes[1].inputs.size(), 1u);
}

TEST(Load, DropoutIsItsOperand) {
  ModelBuilder model(13);
  model.input("x", {"2"});
  model.initializer<float>("ratio", {}, {0.5f}).initializer<bool>("train", {}, {true});
  model.node("Dropout", {"x", "ratio"}, {"d", "mask"});
  model.node("Neg", {"d"}, {"y"});
  model.output("y").output("mask");
  auto graph = graphOf(model);
  EXPECT_EQ(opsOf(graph), std::vector<std::string>{"Neg"});
  EXPECT_EQ(graph.nodes[0].inputs, graph.inputs);
  EXPECT_EQ(elements<bool>(output(graph, 1)), (std::vector<bool>{true, true}));
  model.graph().mutable_node(0)->add_input("train");
  model.graph().mutable_node(0)->set_name("drop");
  EXPECT_SAYS(errorOf(model), "node 'drop' (Dropout): expected a model for inference");
  EXPECT_SAYS(errorOf(model), "evaluation mode (model.eval(), training=TrainingMode.EVAL)");
}

TEST(Load, NormalisationOfABatchIsTraining) {
  ModelBuilder model(15);
  model.input("x", {"2", "3"});
  for (const char *name : {"scale", "bias", "mean", "var"})
    model.initializer<float>(name, {3}, {1.0f, 1.0f, 1.0f});
  model.node("BatchNormalization", {"x", "scale", "bias", "mean", "var"}, {"y"});
  model.output("y");
  EXPECT_SAYS(errorOf(model), "this operator is not supported");
  auto *mode = model.graph().mutable_node(0)->add_attribute();
  mode->set_name("training_mode");
  mode->set_type(pb::AttributeProto::INT);
  mode->set_i(1);
  EXPECT_SAYS(errorOf(model), "evaluation mode (model.eval(), training=TrainingMode.EVAL)");
}

TEST(Load, ConstantNodesOfEveryKind) {
  ModelBuilder model;
  set(model.node("Constant", {}, {"a"}), "value", tensor<int64_t>("", {2}, {1, 2}));
  set(model.node("Constant", {}, {"b"}), "value_int", int64_t(3));
  set(model.node("Constant", {}, {"c"}), "value_float", 0.5f);
  set(model.node("Constant", {}, {"d"}), "value_ints", Ints{4, 5});
  for (const char *name : {"a", "b", "c", "d"})
    model.output(name);
  auto graph = graphOf(model);
  EXPECT_EQ(elements<int64_t>(output(graph, 0)), (Ints{1, 2}));
  EXPECT_EQ(output(graph, 1).type.shape, Ints{});
  EXPECT_EQ(elements<int64_t>(output(graph, 1)), Ints{3});
  EXPECT_EQ(elements<float>(output(graph, 2)), std::vector<float>{0.5f});
  EXPECT_EQ(elements<int64_t>(output(graph, 3)), (Ints{4, 5}));
}

TEST(Load, OtherFloatsBecomeF32) {
  ModelBuilder model;
  auto add = [&](const char *name, int type, const std::string &raw, int count) {
    auto &t = *model.graph().add_initializer();
    t.set_name(name);
    t.set_data_type(type);
    t.add_dims(count);
    t.set_raw_data(raw);
    model.output(name);
  };
  // 1, -2, smallest subnormal 2^-24, largest 65504, infinity
  add("half", pb::TensorProto::FLOAT16, std::string("\x00\x3c\x00\xc0\x01\x00\xff\x7b\x00\x7c", 10),
      5);
  add("brain", pb::TensorProto::BFLOAT16, std::string("\x80\x3f\x00\xc0", 4), 2);
  double wide = 0.1;
  add("wide", pb::TensorProto::DOUBLE, std::string(reinterpret_cast<char *>(&wide), 8), 1);
  auto &typed = *model.graph().add_initializer();
  typed.set_name("typed");
  typed.set_data_type(pb::TensorProto::FLOAT16);
  typed.add_dims(1);
  typed.add_int32_data(0x3800);
  model.output("typed");
  auto graph = graphOf(model);
  float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(elements<float>(output(graph, 0)),
            (std::vector<float>{1, -2, 5.9604644775390625e-8f, 65504, inf}));
  EXPECT_EQ(elements<float>(output(graph, 1)), (std::vector<float>{1, -2}));
  EXPECT_EQ(elements<float>(output(graph, 2)), std::vector<float>{0.1f});
  EXPECT_EQ(elements<float>(output(graph, 3)), std::vector<float>{0.5f});
  ASSERT_EQ(graph.notes.size(), 1u);
  EXPECT_EQ(graph.notes[0], "float16, bfloat16 and float64 are read as float32");
}

TEST(Load, BoolBytesAreZeroOrOne) {
  ModelBuilder model;
  auto &t = *model.graph().add_initializer();
  t = tensor<bool>("b", {2}, {true, false});
  t.set_raw_data(std::string("\x07\x00", 2));
  model.output("b");
  auto graph = graphOf(model);
  EXPECT_EQ(static_cast<int>(output(graph).constant->data[0]), 1);
}

TEST(Load, FunctionsAreInlined) {
  ModelBuilder model(18);
  model.import("local", 1);
  auto *scale = model.model.add_functions();
  scale->set_name("Scale");
  scale->set_domain("local");
  scale->add_input("a");
  scale->add_input("extra");
  scale->add_output("r");
  scale->add_attribute("by");
  auto *import = scale->add_opset_import();
  import->set_domain("");
  import->set_version(13); // its own: ReduceMean takes axes as an attribute there
  auto &constant = ModelBuilder::fill(*scale->add_node(), "Constant", {}, {"factor"});
  auto &reference = attribute(constant, "value_float");
  reference.set_type(pb::AttributeProto::FLOAT);
  reference.set_ref_attr_name("by");
  ModelBuilder::fill(*scale->add_node(), "Mul", {"a", "factor"}, {"m"});
  set(ModelBuilder::fill(*scale->add_node(), "ReduceMean", {"m"}, {"r"}), "axes", Ints{0});

  model.input("x", {"2", "2"});
  set(model.node("Scale", {"x"}, {"s"}, "local"), "by", 2.5f).set_name("first");
  set(model.node("Scale", {"s"}, {"y"}, "local"), "by", 4.0f);
  model.output("y");
  auto graph = graphOf(model);
  EXPECT_EQ(opsOf(graph), (std::vector<std::string>{"Mul", "ReduceMean", "Mul", "ReduceMean"}));
  EXPECT_EQ(elements<float>(graph.value(graph.nodes[0].inputs[1])), std::vector<float>{2.5f});
  EXPECT_EQ(elements<float>(graph.value(graph.nodes[2].inputs[1])), std::vector<float>{4.0f});
  EXPECT_EQ(graph.nodes[1].sinceVersion, 13);
  EXPECT_EQ(graph.value(graph.nodes[0].outputs[0]).name, "first/m");
}

TEST(Load, ConstantConditionsChooseTheBranch) {
  ModelBuilder model;
  model.input("x", {"2"});
  model.initializer<bool>("flag", {}, {false});
  auto &choice = model.node("If", {"flag"}, {"y"});
  for (const char *branch : {"then_branch", "else_branch"}) {
    auto &graph = attribute(choice, branch);
    graph.set_type(pb::AttributeProto::GRAPH);
    ModelBuilder::fill(*graph.mutable_g()->add_node(), branch[0] == 't' ? "Neg" : "Abs", {"late"},
                       {"r"});
    graph.mutable_g()->add_output()->set_name("r");
  }
  model.node("Exp", {"x"}, {"late"}); // the branches use it: it must come first
  model.output("y");
  EXPECT_EQ(opsOf(graphOf(model)), (std::vector<std::string>{"Exp", "Abs"}));
}

TEST(Load, DefaultDomainHasTwoNames) {
  ModelBuilder model;
  model.input("x", {"2"});
  model.node("Neg", {"x"}, {"y"}, "ai.onnx");
  model.output("y");
  EXPECT_EQ(graphOf(model).nodes[0].domain, "");
}

TEST(Load, LaterOpsetsAreReadAsTheLastKnown) {
  ModelBuilder model(31);
  model.input("x", {"2"});
  model.node("Neg", {"x"}, {"y"});
  model.output("y");
  auto graph = graphOf(model);
  ASSERT_EQ(graph.notes.size(), 1u);
  EXPECT_EQ(graph.notes[0], "opset 31 is read as opset 27");
}

TEST(Load, OldSoftmaxRunsOverTrailingAxes) {
  ModelBuilder model(11);
  model.input("x", {"2", "3", "4"});
  model.node("Softmax", {"x"}, {"y"});
  model.output("y");
  auto graph = graphOf(model);
  ASSERT_EQ(opsOf(graph), (std::vector<std::string>{"Reshape", "Softmax", "Reshape"}));
  EXPECT_EQ(graph.value(graph.nodes[1].outputs[0]).type.shape, (Ints{2, 12}));
  EXPECT_EQ(output(graph).type.shape, (Ints{2, 3, 4}));
}

TEST(Load, VectorsInMatMul) {
  ModelBuilder model;
  model.input("x", {"3"});
  model.input("m", {"5", "3", "2"});
  model.node("MatMul", {"x", "m"}, {"y"});
  model.node("MatMul", {"x", "x"}, {"z"});
  model.output("y").output("z");
  auto graph = graphOf(model);
  EXPECT_EQ(output(graph, 0).type.shape, (Ints{5, 2}));
  EXPECT_EQ(output(graph, 1).type.shape, Ints{});
  for (const auto &node : graph.nodes) {
    if (node.op == "MatMul") {
      EXPECT_GE(graph.value(node.inputs[1]).type.shape.size(), 2u);
    }
  }
}

TEST(Load, GemmBiasShapes) {
  for (const Ints &bias : {Ints{}, Ints{4}, Ints{1, 4}, Ints{2, 1}, Ints{2, 4}}) {
    ModelBuilder model;
    model.input("x", {"2", "3"});
    model.initializer<float>("w", {4, 3}, std::vector<float>(12, 1));
    onnx::TensorType type{onnx::DType::F32, bias};
    model.initializer<float>("b", bias, std::vector<float>(size_t(type.elements()), 1));
    set(model.node("Gemm", {"x", "w", "b"}, {"y"}), "transB", int64_t(1));
    model.output("y");
    auto graph = graphOf(model);
    EXPECT_EQ(output(graph).type.shape, (Ints{2, 4}));
    EXPECT_EQ(graph.nodes[0].floatAttr("alpha", 0), 1.0f);
  }
}

TEST(Load, DumpShowsTheGraph) {
  std::string text = dump(graphOf(passThrough({"2"})));
  EXPECT_NE(text.find("%1:f32[2] = Neg.13(%0:f32[2])"), std::string::npos) << text;
}
} // namespace
} // namespace aimc::test
