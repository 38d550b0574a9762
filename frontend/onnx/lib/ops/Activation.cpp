//===- Activation.cpp - activations over simpler operators ------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Functions of one number that few models use: each is rewritten over operators that consumers
// know already, in a form that neither overflows nor cancels where the function itself does not.
//
//===----------------------------------------------------------------------===//
#include "../OpTable.h"
#include <limits>

namespace aimc::onnx {

namespace {
using Values = std::optional<std::vector<ValueId>>;

Types floats(Call &call) {
  call.expectDType(0, {DType::F32});
  return {call.type(0)};
}

/// Short spelling for chains of nodes.
struct Algebra {
  Builder &b;
  const Node &node;

  ValueId x() const { return node.inputs[0]; }
  ValueId number(float value) { return b.number(value); }
  ValueId attribute(std::string_view key, float fallback) {
    return number(node.floatAttr(key, fallback));
  }
  ValueId op(std::string_view name, ValueId a) { return b.emit1(name, {a}); }
  ValueId op(std::string_view name, ValueId a, ValueId c) { return b.emit1(name, {a, c}); }
  ValueId where(ValueId condition, ValueId yes, ValueId no) {
    return b.emit1("Where", {condition, yes, no});
  }
  ValueId negative(ValueId a) { return op("Less", a, number(0)); }
  /// exp(a) - 1 for a < 0
  ValueId expMinusOne(ValueId a) { return op("Sub", op("Exp", a), number(1)); }
  /// log(1 + exp(a)) without overflow
  ValueId softplus(ValueId a) {
    ValueId tail = op("Exp", op("Neg", op("Abs", a)));
    return op("Add", op("Relu", a), op("Log", op("Add", tail, number(1))));
  }
};

Values softplus(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  return std::vector{a.softplus(a.x())};
}

Values softsign(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  return std::vector{a.op("Div", a.x(), a.op("Add", a.op("Abs", a.x()), a.number(1)))};
}

Values mish(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  return std::vector{a.op("Mul", a.x(), a.op("Tanh", a.softplus(a.x())))};
}

Values swish(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  ValueId scaled = a.op("Mul", a.x(), a.attribute("alpha", 1.0f));
  return std::vector{a.op("Mul", a.x(), a.op("Sigmoid", scaled))};
}

Values leakyRelu(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  ValueId low = a.op("Mul", a.x(), a.attribute("alpha", 0.01f));
  return std::vector{a.where(a.negative(a.x()), low, a.x())};
}

Values elu(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  ValueId low = a.op("Mul", a.expMinusOne(a.x()), a.attribute("alpha", 1.0f));
  return std::vector{a.where(a.negative(a.x()), low, a.x())};
}

Values selu(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  ValueId low = a.op("Mul", a.expMinusOne(a.x()), a.attribute("alpha", 1.67326319217681884765625f));
  return std::vector{a.op("Mul", a.where(a.negative(a.x()), low, a.x()),
                          a.attribute("gamma", 1.05070102214813232421875f))};
}

Values hardSigmoid(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  ValueId line =
      a.op("Add", a.op("Mul", a.x(), a.attribute("alpha", 0.2f)), a.attribute("beta", 0.5f));
  return std::vector{builder.emit1("Clip", {line, a.number(0), a.number(1)})};
}

Values hardSwish(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  ValueId line = a.op("Add", a.op("Mul", a.x(), a.number(1.0f / 6.0f)), a.number(0.5f));
  return std::vector{a.op("Mul", a.x(), builder.emit1("Clip", {line, a.number(0), a.number(1)}))};
}

Types isInf(Call &call) {
  call.expectDType(0, {DType::F32});
  return {TensorType{DType::Bool, call.shape(0)}};
}

Values infinities(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  constexpr float inf = std::numeric_limits<float>::infinity();
  bool negative = call.node.intAttr("detect_negative", 1) != 0;
  bool positive = call.node.intAttr("detect_positive", 1) != 0;
  if (negative && positive)
    return std::vector{a.op("Equal", a.op("Abs", a.x()), a.number(inf))};
  if (negative || positive)
    return std::vector{a.op("Equal", a.x(), a.number(negative ? -inf : inf))};
  return std::vector{a.op("Less", a.x(), a.number(-inf))}; // never
}

Types pRelu(Call &call) {
  call.expectSameDType(0, 1);
  if (broadcast(call.shape(0), call.shape(1)) != call.shape(0))
    reject("expected operand 1 to broadcast to ", text(call.type(0)), ", but got ",
           text(call.type(1)));
  return floats(call);
}

Values slopes(Builder &builder, Call &call, const Types &) {
  Algebra a{builder, call.node};
  return std::vector{a.where(a.negative(a.x()), a.op("Mul", a.x(), call.node.inputs[1]), a.x())};
}
} // namespace

void addActivation(std::vector<Row> &rows) {
  auto add = [&](std::string_view op, std::vector<int> versions, std::string_view attributes,
                 Rewrite rewrite) {
    rows.push_back(
        {"", op, std::move(versions), 1, 1, 1, attributes, floats, Fold::Never, nullptr, rewrite});
  };
  add("Softplus", {1, 22}, "", softplus);
  add("Softsign", {1, 22}, "", softsign);
  add("Mish", {18, 22}, "", mish);
  add("Swish", {24}, "alpha ", swish);
  add("LeakyRelu", {6, 16}, "alpha ", leakyRelu);
  add("Elu", {6, 22}, "alpha ", elu);
  add("Selu", {6, 22}, "alpha gamma ", selu);
  add("HardSigmoid", {6, 22}, "alpha beta ", hardSigmoid);
  add("HardSwish", {14, 22}, "", hardSwish);
  rows.push_back({"",
                  "IsInf",
                  {10, 20},
                  1,
                  1,
                  1,
                  "detect_negative detect_positive ",
                  isInf,
                  Fold::Never,
                  nullptr,
                  infinities});
  rows.push_back({"", "PRelu", {9, 16}, 2, 2, 1, "", pRelu, Fold::Never, nullptr, slopes});
}

} // namespace aimc::onnx
