//===- Logic.cpp - comparisons, truth values, casts -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Attention masks are made of these. Casts to narrower floats read as casts to f32, because the
// graph computes in f32 throughout.
//
//===----------------------------------------------------------------------===//
#include "../Proto.h"
#include "Broadcast.h"
#include <cmath>
#include <cstring>

namespace aimc::onnx {

namespace {
Types compareNumbers(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  call.expectSameDType(0, 1);
  return {makeType(DType::Bool, broadcast(call.shape(0), call.shape(1)))};
}

Types equal(Call &call) {
  call.expectSameDType(0, 1);
  return {makeType(DType::Bool, broadcast(call.shape(0), call.shape(1)))};
}

Types logical(Call &call) {
  call.expectDType(0, {DType::Bool});
  return equal(call);
}

Types negation(Call &call) {
  call.expectDType(0, {DType::Bool});
  return {call.type(0)};
}

Types isNaN(Call &call) {
  call.expectDType(0, {DType::F32});
  return {TensorType{DType::Bool, call.shape(0)}};
}

Types where(Call &call) {
  call.expectDType(0, {DType::Bool});
  call.expectSameDType(1, 2);
  return {
      makeType(call.dtype(1), broadcast(call.shape(0), broadcast(call.shape(1), call.shape(2))))};
}

Types cast(Call &call) {
  DType to;
  switch (call.node.intAttr("to", 0)) {
  case pb::TensorProto::DOUBLE:
  case pb::TensorProto::FLOAT16:
  case pb::TensorProto::BFLOAT16:
    call.notes.push_back("casts to other float types are read as casts to f32");
    [[fallthrough]];
  case pb::TensorProto::FLOAT:
    to = DType::F32;
    break;
  case pb::TensorProto::INT64:
    to = DType::I64;
    break;
  case pb::TensorProto::INT32:
    to = DType::I32;
    break;
  case pb::TensorProto::BOOL:
    to = DType::Bool;
    break;
  default:
    reject("expected a cast to a float type, INT64, INT32 or BOOL, but got type ",
           call.node.intAttr("to", 0));
  }
  return {TensorType{to, call.shape(0)}};
}

Types castLike(Call &call) { return {TensorType{call.dtype(1), call.shape(0)}}; }

template <class F>
bool compareWith(const Call &call, const Types &out, const std::vector<std::byte *> &data, F f) {
  const Constant &a = *call.operand(0).constant, &b = *call.operand(1).constant;
  withType(a.type.dtype,
           [&](auto zero) { mapBinary<decltype(zero), bool>(a, b, out[0].shape, data[0], f); });
  return true;
}

#define COMPARISON(NAME, EXPRESSION)                                                               \
  bool NAME(const Call &call, const Types &out, const std::vector<std::byte *> &data) {            \
    return compareWith(call, out, data, [](auto a, auto b) -> bool { return EXPRESSION; });        \
  }
COMPARISON(evalEqual, a == b)
COMPARISON(evalLess, a < b)
COMPARISON(evalLessOrEqual, a <= b)
COMPARISON(evalGreater, a > b)
COMPARISON(evalGreaterOrEqual, a >= b)
COMPARISON(evalAnd, a &&b)
COMPARISON(evalOr, a || b)
COMPARISON(evalXor, (a != 0) != (b != 0))
#undef COMPARISON

bool evalNot(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  for (int64_t i = 0; i < out[0].elements(); ++i)
    reinterpret_cast<bool *>(data[0])[i] = !call.operand(0).constant->as<bool>()[i];
  return true;
}

bool evalIsNaN(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  for (int64_t i = 0; i < out[0].elements(); ++i)
    reinterpret_cast<bool *>(data[0])[i] = std::isnan(call.operand(0).constant->as<float>()[i]);
  return true;
}

bool evalWhere(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &condition = *call.operand(0).constant;
  const Constant &a = *call.operand(1).constant, &b = *call.operand(2).constant;
  const auto &shape = out[0].shape;
  size_t size = byteSize(out[0].dtype);
  walk<3>(shape,
          {broadcastStrides(condition.type.shape, shape), broadcastStrides(a.type.shape, shape),
           broadcastStrides(b.type.shape, shape)},
          [&](int64_t i, const std::array<int64_t, 3> &at) {
            const std::byte *from = condition.as<bool>()[at[0]]
                                        ? a.data + static_cast<size_t>(at[1]) * size
                                        : b.data + static_cast<size_t>(at[2]) * size;
            std::memcpy(data[0] + static_cast<size_t>(i) * size, from, size);
          });
  return true;
}

bool evalCast(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  withType(in.type.dtype, [&](auto fromZero) {
    withType(out[0].dtype, [&](auto toZero) {
      using From = decltype(fromZero);
      using To = decltype(toZero);
      for (int64_t i = 0; i < out[0].elements(); ++i) {
        From value = in.as<From>()[i];
        To &result = reinterpret_cast<To *>(data[0])[i];
        if constexpr (std::is_same_v<To, bool>)
          result = value != From(0);
        else if constexpr (std::is_same_v<From, float> && std::is_integral_v<To>)
          result = saturate<To>(double(value));
        else
          result = static_cast<To>(value);
      }
    });
  });
  return true;
}

/// A cast to the type that is there already is its operand.
std::optional<std::vector<ValueId>> dropCast(Builder &, Call &call, const Types &out) {
  if (out[0].dtype != call.dtype(0))
    return std::nullopt;
  return std::vector{call.node.inputs[0]};
}

std::optional<std::vector<ValueId>> toCast(Builder &builder, Call &call, const Types &out) {
  int64_t to = out[0].dtype == DType::F32   ? pb::TensorProto::FLOAT
               : out[0].dtype == DType::I64 ? pb::TensorProto::INT64
               : out[0].dtype == DType::I32 ? pb::TensorProto::INT32
                                            : pb::TensorProto::BOOL;
  return std::vector{builder.emit1("Cast", {call.node.inputs[0]}, {{"to", to}})};
}
} // namespace

void addLogic(std::vector<Row> &rows) {
  auto add = [&](std::string_view op, std::vector<int> versions, int operands, TypeRule types,
                 Evaluator evaluate) {
    rows.push_back(
        {"", op, std::move(versions), operands, operands, 1, "", types, Fold::Data, evaluate});
  };
  add("Equal", {7, 11, 13, 19}, 2, equal, evalEqual);
  add("Less", {9, 13}, 2, compareNumbers, evalLess);
  add("LessOrEqual", {12, 16}, 2, compareNumbers, evalLessOrEqual);
  add("Greater", {9, 13}, 2, compareNumbers, evalGreater);
  add("GreaterOrEqual", {12, 16}, 2, compareNumbers, evalGreaterOrEqual);
  add("And", {7}, 2, logical, evalAnd);
  add("Or", {7}, 2, logical, evalOr);
  add("Xor", {7}, 2, logical, evalXor);
  add("Not", {1}, 1, negation, evalNot);
  add("IsNaN", {9, 13, 20}, 1, isNaN, evalIsNaN);
  add("Where", {9, 16}, 3, where, evalWhere);
  rows.push_back({"",
                  "Cast",
                  {9, 13, 19, 21, 23, 24, 25},
                  1,
                  1,
                  1,
                  "to saturate round_mode ",
                  cast,
                  Fold::Data,
                  evalCast,
                  dropCast});
  rows.push_back({"",
                  "CastLike",
                  {15, 19, 21, 23, 24, 25},
                  2,
                  2,
                  1,
                  "saturate round_mode ",
                  castLike,
                  Fold::Never,
                  nullptr,
                  toCast});
}

} // namespace aimc::onnx
