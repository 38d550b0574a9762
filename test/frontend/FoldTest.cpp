//===- FoldTest.cpp - the host evaluator ------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Values worked out by hand for the corners that shape chains reach: negative and computed
// indices, open slice bounds, ranks of 0, integer wrap-around, empty tensors.
//
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"
#include <cmath>
#include <limits>

namespace aimc::test {
namespace {
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

/// A model of one node over initializers a, b, c, d; its result is y.
struct OneNode {
  ModelBuilder model;
  pb::NodeProto *node;
  std::vector<std::string> names;

  explicit OneNode(const std::string &op, int opset = 17) : model(opset) {
    node = &model.node(op, {}, {"y"});
    model.output("y");
  }
  template <class T> OneNode &operand(const Ints &shape, const std::vector<T> &data) {
    std::string name(1, static_cast<char>('a' + node->input_size()));
    model.initializer<T>(name, shape, data);
    node->add_input(name);
    return *this;
  }
  OneNode &omitted() {
    node->add_input("");
    return *this;
  }
  template <class V> OneNode &with(const std::string &name, const V &value) {
    set(*node, name, value);
    return *this;
  }
  template <class T> void gives(const Ints &shape, const std::vector<T> &expected) {
    auto graph = graphOf(model);
    ASSERT_EQ(graph.outputs.size(), 1u);
    EXPECT_EQ(output(graph).type.shape, shape);
    EXPECT_EQ(elements<T>(output(graph)), expected);
    EXPECT_TRUE(graph.nodes.empty());
  }
};

TEST(Fold, IntegerArithmetic) {
  OneNode("Add")
      .operand<int64_t>({2}, {kMax, 1})
      .operand<int64_t>({}, {1})
      .gives<int64_t>({2}, {kMin, 2});
  OneNode("Sub")
      .operand<int32_t>({2}, {5, -7})
      .operand<int32_t>({1}, {3})
      .gives<int32_t>({2}, {2, -10});
  OneNode("Div")
      .operand<int64_t>({4}, {7, -7, 7, kMin})
      .operand<int64_t>({4}, {2, 2, -2, -1})
      .gives<int64_t>({4}, {3, -3, -3, kMin});
  OneNode("Mod")
      .operand<int64_t>({4}, {7, -7, 7, kMin})
      .operand<int64_t>({4}, {3, 3, -3, -1})
      .gives<int64_t>({4}, {1, 2, -2, 0});
  OneNode("Mod")
      .operand<int64_t>({2}, {-7, 7})
      .operand<int64_t>({2}, {3, -3})
      .with("fmod", int64_t(1))
      .gives<int64_t>({2}, {-1, 1});
  OneNode("Pow")
      .operand<int64_t>({4}, {3, 2, -1, 2})
      .operand<int64_t>({4}, {4, 0, -3, -1})
      .gives<int64_t>({4}, {81, 1, -1, 0});
  OneNode("Neg").operand<int64_t>({2}, {kMin, 4}).gives<int64_t>({2}, {kMin, -4});
}

TEST(Fold, IntegersThatAreGatheredUpWrap) {
  auto scatter = [](const char *reduction) {
    OneNode node("ScatterND", 18);
    node.operand<int64_t>({2}, {kMax, 5}).operand<int64_t>({2, 1}, {0, 0});
    node.operand<int64_t>({2}, {1, 2}).with("reduction", reduction);
    return node;
  };
  scatter("add").gives<int64_t>({2}, {kMin + 2, 5});
  scatter("mul").gives<int64_t>({2}, {-2, 5});
  OneNode("CumSum")
      .operand<int64_t>({2}, {kMax, 1})
      .operand<int64_t>({}, {0})
      .gives<int64_t>({2}, {kMax, kMin});
  OneNode("ReduceSum")
      .operand<int64_t>({2}, {kMax, 1})
      .operand<int64_t>({1}, {0})
      .with("keepdims", int64_t(0))
      .gives<int64_t>({}, {kMin});
  OneNode("ReduceProd", 18)
      .operand<int64_t>({2}, {kMax, 2})
      .operand<int64_t>({1}, {0})
      .with("keepdims", int64_t(0))
      .gives<int64_t>({}, {-2});
  // 2 delta lies beyond what start + 2 delta comes back from.
  OneNode("Range")
      .operand<int64_t>({}, {-9000000000000000000})
      .operand<int64_t>({}, {kMax})
      .operand<int64_t>({}, {9000000000000000000})
      .gives<int64_t>({3}, {-9000000000000000000, 0, 9000000000000000000});
}

TEST(Fold, DivisionByZeroIsAFaultOfTheModel) {
  OneNode div("Div");
  div.operand<int64_t>({}, {1}).operand<int64_t>({}, {0});
  EXPECT_SAYS(errorOf(div.model), "node for 'y' (Div): expected a divisor other than 0");
}

TEST(Fold, FloatsOfRankZero) {
  OneNode("Pow").operand<float>({}, {64.0f}).operand<float>({}, {0.5f}).gives<float>({}, {8.0f});
  OneNode("Sqrt").operand<float>({}, {16.0f}).gives<float>({}, {4.0f});
  OneNode("Div").operand<float>({}, {1.0f}).operand<float>({1}, {4.0f}).gives<float>({1}, {0.25f});
}

TEST(Fold, Broadcast) {
  OneNode("Mul")
      .operand<int64_t>({2, 1}, {2, 3})
      .operand<int64_t>({3}, {1, 10, 100})
      .gives<int64_t>({2, 3}, {2, 20, 200, 3, 30, 300});
  OneNode("Where")
      .operand<bool>({2, 1}, {true, false})
      .operand<int64_t>({2}, {1, 2})
      .operand<int64_t>({}, {9})
      .gives<int64_t>({2, 2}, {1, 2, 9, 9});
  OneNode("GreaterOrEqual")
      .operand<int64_t>({2, 1}, {0, 1})
      .operand<int64_t>({1, 2}, {0, 1})
      .gives<bool>({2, 2}, {true, false, true, true});
}

TEST(Fold, Casts) {
  float nan = std::nanf("");
  OneNode("Cast")
      .operand<float>({4}, {2.9f, -2.9f, 1e30f, nan})
      .with("to", int64_t(pb::TensorProto::INT64))
      .gives<int64_t>({4}, {2, -2, kMax, 0});
  OneNode("Cast")
      .operand<float>({3}, {0.0f, -0.5f, nan})
      .with("to", int64_t(pb::TensorProto::BOOL))
      .gives<bool>({3}, {false, true, true});
  OneNode("Cast")
      .operand<bool>({2}, {true, false})
      .with("to", int64_t(pb::TensorProto::FLOAT))
      .gives<float>({2}, {1.0f, 0.0f});
}

TEST(Fold, GatherWithNegativeIndices) {
  OneNode("Gather")
      .operand<int64_t>({3}, {10, 20, 30})
      .operand<int64_t>({2}, {-1, 0})
      .gives<int64_t>({2}, {30, 10});
  OneNode("Gather")
      .operand<int64_t>({2, 2}, {1, 2, 3, 4})
      .operand<int64_t>({}, {-1})
      .with("axis", int64_t(-1))
      .gives<int64_t>({2}, {2, 4});
  OneNode beyond("Gather");
  beyond.operand<int64_t>({3}, {10, 20, 30}).operand<int64_t>({}, {3});
  EXPECT_SAYS(errorOf(beyond.model), "expected indices in [-3, 3), but got 3");
}

TEST(Fold, GatherND) {
  OneNode("GatherND")
      .operand<int64_t>({2, 2}, {0, 1, 2, 3})
      .operand<int64_t>({2, 2}, {0, 0, -1, -1})
      .gives<int64_t>({2}, {0, 3});
  OneNode("GatherND")
      .operand<int64_t>({2, 2}, {0, 1, 2, 3})
      .operand<int64_t>({2, 1}, {1, 0})
      .with("batch_dims", int64_t(1))
      .gives<int64_t>({2}, {1, 2});
}

TEST(Fold, SliceBounds) {
  std::vector<int64_t> data{0, 1, 2, 3, 4};
  auto slice = [&](int64_t start, int64_t end, int64_t step) {
    OneNode node("Slice");
    node.operand<int64_t>({5}, data).operand<int64_t>({1}, {start}).operand<int64_t>({1}, {end});
    node.operand<int64_t>({1}, {-1}).operand<int64_t>({1}, {step});
    return node;
  };
  slice(1, kMax, 1).gives<int64_t>({4}, {1, 2, 3, 4});
  slice(kMin, -1, 2).gives<int64_t>({2}, {0, 2});
  slice(-1, kMin, -1).gives<int64_t>({5}, {4, 3, 2, 1, 0});
  slice(kMax, 0, -2).gives<int64_t>({2}, {4, 2});
  slice(3, 1, 1).gives<int64_t>({0}, {});
  slice(0, 5, kMax).gives<int64_t>({1}, {0});
  slice(4, kMin, kMin).gives<int64_t>({1}, {4});
  OneNode step = slice(0, 5, 0);
  EXPECT_SAYS(errorOf(step.model), "expected steps other than 0");
}

TEST(Fold, SliceWithoutAxes) {
  OneNode("Slice")
      .operand<int64_t>({2, 3}, {1, 2, 3, 4, 5, 6})
      .operand<int64_t>({2}, {1, 0})
      .operand<int64_t>({2}, {2, 2})
      .gives<int64_t>({1, 2}, {4, 5});
}

TEST(Fold, SplitConcatTransposeTile) {
  OneNode("Concat")
      .operand<int64_t>({2, 1}, {1, 2})
      .operand<int64_t>({2, 2}, {3, 4, 5, 6})
      .with("axis", int64_t(-1))
      .gives<int64_t>({2, 3}, {1, 3, 4, 2, 5, 6});
  OneNode("Transpose")
      .operand<int64_t>({2, 3}, {1, 2, 3, 4, 5, 6})
      .gives<int64_t>({3, 2}, {1, 4, 2, 5, 3, 6});
  OneNode("Tile")
      .operand<int64_t>({1, 2}, {1, 2})
      .operand<int64_t>({2}, {2, 2})
      .gives<int64_t>({2, 4}, {1, 2, 1, 2, 1, 2, 1, 2});
  ModelBuilder model;
  model.initializer<int64_t>("a", {5}, {0, 1, 2, 3, 4}).initializer<int64_t>("s", {2}, {2, 3});
  model.node("Split", {"a", "s"}, {"", "y"});
  model.output("y");
  EXPECT_EQ(elements<int64_t>(output(graphOf(model))), (Ints{2, 3, 4}));
}

TEST(Fold, ShapeMakers) {
  OneNode("ConstantOfShape").operand<int64_t>({0}, {}).gives<float>({}, {0.0f});
  OneNode("ConstantOfShape")
      .operand<int64_t>({2}, {1, 2})
      .with("value", tensor<int64_t>("", {1}, {-1}))
      .gives<int64_t>({1, 2}, {-1, -1});
  OneNode("Range")
      .operand<int64_t>({}, {3})
      .operand<int64_t>({}, {-4})
      .operand<int64_t>({}, {-3})
      .gives<int64_t>({3}, {3, 0, -3});
  OneNode("Range")
      .operand<float>({}, {0.f})
      .operand<float>({}, {1.f})
      .operand<float>({}, {0.4f})
      .gives<float>({3}, {0.0f, 0.4f, 0.8f});
  OneNode("Range")
      .operand<int64_t>({}, {3})
      .operand<int64_t>({}, {0})
      .operand<int64_t>({}, {1})
      .gives<int64_t>({0}, {});
  OneNode("Expand")
      .operand<int64_t>({2, 1}, {1, 2})
      .operand<int64_t>({3}, {2, 1, 2})
      .gives<int64_t>({2, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2});
}

TEST(Fold, ReshapeRules) {
  OneNode("Reshape")
      .operand<int64_t>({2, 3}, {1, 2, 3, 4, 5, 6})
      .operand<int64_t>({2}, {0, -1})
      .gives<int64_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  OneNode("Reshape")
      .operand<int64_t>({0, 3}, {})
      .operand<int64_t>({2}, {3, 0})
      .with("allowzero", int64_t(1))
      .gives<int64_t>({3, 0}, {});
  OneNode zero("Reshape");
  zero.operand<int64_t>({0, 3}, {}).operand<int64_t>({2}, {0, -1});
  EXPECT_SAYS(errorOf(zero.model), "expected shape [0, -1] to fit i64[0,3]");
  OneNode misfit("Reshape");
  misfit.operand<int64_t>({6}, {1, 2, 3, 4, 5, 6}).operand<int64_t>({2}, {4, 2});
  EXPECT_SAYS(errorOf(misfit.model), "expected shape [4, 2] to hold 6 elements of i64[6]");
  OneNode twice("Reshape");
  twice.operand<int64_t>({6}, {1, 2, 3, 4, 5, 6}).operand<int64_t>({2}, {-1, -1});
  EXPECT_SAYS(errorOf(twice.model), "at most one size of -1");
}

TEST(Fold, CumSumAndTrilu) {
  OneNode("CumSum")
      .operand<int32_t>({3}, {1, 2, 3})
      .operand<int32_t>({}, {0})
      .gives<int32_t>({3}, {1, 3, 6});
  OneNode("CumSum")
      .operand<int64_t>({2, 2}, {1, 2, 3, 4})
      .operand<int64_t>({}, {-1})
      .with("exclusive", int64_t(1))
      .with("reverse", int64_t(1))
      .gives<int64_t>({2, 2}, {2, 0, 4, 0});
  OneNode("Trilu")
      .operand<bool>({2, 3}, {1, 1, 1, 1, 1, 1})
      .operand<int64_t>({}, {1})
      .with("upper", int64_t(0))
      .gives<bool>({2, 3}, {1, 1, 0, 1, 1, 1});
}

TEST(Fold, ReductionsTakeAxesEitherWay) {
  OneNode("ReduceSum", 13)
      .operand<int64_t>({2, 2}, {1, 2, 3, 4})
      .operand<int64_t>({1}, {-1})
      .with("keepdims", int64_t(0))
      .gives<int64_t>({2}, {3, 7});
  OneNode("ReduceMax", 18)
      .operand<int64_t>({2, 2}, {1, 2, 3, 4})
      .with("axes", Ints{0})
      .gives<int64_t>({1, 2}, {3, 4});
  OneNode("ReduceMean", 11).operand<float>({2, 2}, {1, 2, 3, 6}).gives<float>({1, 1}, {3.0f});
  OneNode("ReduceSum", 13)
      .operand<int64_t>({2}, {1, 2})
      .with("noop_with_empty_axes", int64_t(1))
      .gives<int64_t>({2}, {1, 2});
  OneNode("ReduceMin", 20)
      .operand<bool>({2, 2}, {1, 0, 1, 1})
      .operand<int64_t>({1}, {1})
      .gives<bool>({2, 1}, {false, true});
}

TEST(Fold, VariadicOperatorsBecomeBinary) {
  OneNode("Max")
      .operand<int64_t>({1}, {3})
      .operand<int64_t>({2}, {1, 7})
      .operand<int64_t>({}, {5})
      .gives<int64_t>({2}, {5, 7});
  OneNode("Sum").operand<float>({1}, {3.0f}).gives<float>({1}, {3.0f});
  OneNode("Mean").operand<float>({1}, {3.0f}).operand<float>({1}, {4.0f}).gives<float>({1}, {3.5f});
}

TEST(Fold, ClipAndComparisons) {
  OneNode("Clip")
      .operand<float>({3}, {-2, 0, 2})
      .operand<float>({}, {-1})
      .omitted()
      .gives<float>({3}, {-1, 0, 2});
  OneNode("Clip")
      .operand<int64_t>({2}, {0, 9})
      .operand<int64_t>({}, {5})
      .operand<int64_t>({}, {3})
      .gives<int64_t>({2}, {3, 3});
  OneNode("IsNaN").operand<float>({2}, {std::nanf(""), 1}).gives<bool>({2}, {true, false});
  OneNode("Xor")
      .operand<bool>({2}, {true, false})
      .operand<bool>({1}, {true})
      .gives<bool>({2}, {false, true});
}

TEST(Fold, TypesAreChecked) {
  OneNode mixed("Add");
  mixed.operand<int64_t>({}, {1}).operand<int32_t>({}, {1});
  EXPECT_SAYS(errorOf(mixed.model),
              "expected operands 0 and 1 of one element type, but got i64[] and i32[]");
  OneNode shapes("Mul");
  shapes.operand<int64_t>({2}, {1, 2}).operand<int64_t>({3}, {1, 2, 3});
  EXPECT_SAYS(errorOf(shapes.model), "expected shapes that broadcast, but got [2] and [3]");
}

TEST(Fold, BigDataStayNodes) {
  ModelBuilder model;
  model.initializer<float>("w", {40, 40}, std::vector<float>(1600, 1.0f));
  model.initializer<int64_t>("shape", {1}, {-1});
  model.input("x", {"2", "40"});
  model.node("Transpose", {"w"}, {"t"});
  model.node("MatMul", {"x", "t"}, {"y"});
  model.node("Reshape", {"w", "shape"}, {"flat"});
  model.output("y").output("flat");
  auto graph = graphOf(model);
  EXPECT_EQ(opsOf(graph), (std::vector<std::string>{"Transpose", "MatMul"}));
  // a reshape is a view of the weight's own bytes
  EXPECT_EQ(output(graph, 1).constant->data, graph.value(graph.nodes[0].inputs[0]).constant->data);
}
} // namespace
} // namespace aimc::test
