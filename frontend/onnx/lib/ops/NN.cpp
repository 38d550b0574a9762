//===- NN.cpp - normalisation, softmax, convolution -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Operators of networks proper: they keep their identity, because the digital code for them is
// chosen as a whole.
//
//===----------------------------------------------------------------------===//
#include "Broadcast.h"
#include <algorithm>

namespace aimc::onnx {

namespace {
Types softmax(Call &call) {
  call.expectDType(0, {DType::F32});
  call.axis("axis", call.version() < 13 ? 1 : -1, call.rank(0));
  return {call.type(0)};
}

/// Before opset 13 softmax ran over all axes from `axis` on, as if they were one.
std::optional<std::vector<ValueId>> coerced(Builder &builder, Call &call, const Types &out) {
  size_t axis = static_cast<size_t>(call.node.intAttr("axis", 0));
  if (call.version() >= 13 || axis + 1 == call.rank(0))
    return std::nullopt;
  int64_t rows = 1, columns = 1;
  for (size_t d = 0; d < call.rank(0); ++d)
    (d < axis ? rows : columns) *= call.shape(0)[d];
  if (rows * columns == 0)
    return std::vector{call.node.inputs[0]};
  ValueId flat = builder.reshape(call.node.inputs[0], {rows, columns});
  flat = builder.emit1(call.node.op, {flat}, {{"axis", int64_t(1)}});
  return std::vector{builder.reshape(flat, out[0].shape)};
}

template <bool logarithm>
bool evalSoftmax(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const auto *x = call.operand(0).constant->as<float>();
  auto *y = reinterpret_cast<float *>(data[0]);
  size_t axis = static_cast<size_t>(call.node.intAttr("axis", 0));
  int64_t count = out[0].shape[axis], step = stridesOf(out[0].shape)[axis];
  int64_t lines = count ? out[0].elements() / count : 0;
  for (int64_t line = 0; line < lines; ++line) {
    int64_t first = line / step * step * count + line % step;
    float largest = -std::numeric_limits<float>::infinity();
    for (int64_t i = 0; i < count; ++i)
      largest = std::max(largest, x[first + i * step]);
    double sum = 0;
    for (int64_t i = 0; i < count; ++i)
      sum += double(std::exp(x[first + i * step] - largest));
    for (int64_t i = 0; i < count; ++i) {
      float less = x[first + i * step] - largest;
      y[first + i * step] = logarithm ? static_cast<float>(double(less) - std::log(sum))
                                      : static_cast<float>(double(std::exp(less)) / sum);
    }
  }
  return true;
}

void expectScale(const Call &call, size_t i) {
  call.expectSameDType(0, i);
  if (broadcast(call.shape(0), call.shape(i)) != call.shape(0))
    reject("expected operand ", i, " to broadcast to ", text(call.type(0)), ", but got ",
           text(call.type(i)));
}

/// The statistics keep the leading axes and have size 1 along the normalised ones.
TensorType statistics(const Call &call, int64_t axis) {
  std::vector<int64_t> shape = call.shape(0);
  std::fill(shape.begin() + axis, shape.end(), 1);
  return {DType::F32, std::move(shape)};
}

Types layerNormalization(Call &call) {
  call.expectDType(0, {DType::F32});
  int64_t axis = call.axis("axis", -1, call.rank(0));
  call.set("epsilon", call.node.floatAttr("epsilon", 1e-5f));
  call.node.attributes.erase("stash_type");
  expectScale(call, 1);
  if (call.has(2))
    expectScale(call, 2);
  return {call.type(0), statistics(call, axis), statistics(call, axis)};
}

Types rmsNormalization(Call &call) {
  call.expectDType(0, {DType::F32});
  call.axis("axis", -1, call.rank(0));
  call.set("epsilon", call.node.floatAttr("epsilon", 1e-5f));
  call.node.attributes.erase("stash_type");
  expectScale(call, 1);
  return {call.type(0)};
}

/// (x - mean) / deviation x scale + bias; RMSNormalization has neither mean nor bias.
template <bool centred>
bool evalNormalization(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const auto *x = call.operand(0).constant->as<float>();
  const auto &shape = out[0].shape;
  auto axis = static_cast<std::ptrdiff_t>(call.node.intAttr("axis", 0));
  double epsilon = double(call.node.floatAttr("epsilon", 1e-5f));
  int64_t columns = TensorType{DType::F32, {shape.begin() + axis, shape.end()}}.elements();
  int64_t rows = columns ? out[0].elements() / columns : 0;
  std::vector<double> means(static_cast<size_t>(rows)), factors(static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; ++r) {
    double sum = 0, squares = 0;
    for (int64_t c = 0; c < columns; ++c)
      sum += double(x[r * columns + c]);
    double mean = centred ? sum / double(columns) : 0;
    for (int64_t c = 0; c < columns; ++c)
      squares += (double(x[r * columns + c]) - mean) * (double(x[r * columns + c]) - mean);
    means[static_cast<size_t>(r)] = mean;
    factors[static_cast<size_t>(r)] = 1 / std::sqrt(squares / double(columns) + epsilon);
  }
  bool biased = centred && call.has(2);
  const auto *scale = call.operand(1).constant->as<float>();
  const auto *bias = biased ? call.operand(2).constant->as<float>() : nullptr;
  auto *y = reinterpret_cast<float *>(data[0]);
  walk<2>(shape,
          {broadcastStrides(call.shape(1), shape),
           biased ? broadcastStrides(call.shape(2), shape) : std::vector<int64_t>(shape.size(), 0)},
          [&](int64_t i, const std::array<int64_t, 2> &at) {
            auto r = static_cast<size_t>(i / columns);
            double value = (double(x[i]) - means[r]) * factors[r] * double(scale[at[0]]);
            y[i] = static_cast<float>(biased ? value + double(bias[at[1]]) : value);
          });
  for (size_t k = 1; k < out.size(); ++k)
    std::transform(
        means.begin(), means.end(), factors.begin(), reinterpret_cast<float *>(data[k]),
        [&](double mean, double factor) { return static_cast<float>(k == 1 ? mean : factor); });
  return true;
}

/// Attribute of one number per spatial axis, `fallback` where absent.
std::vector<int64_t> spatial(Call &call, std::string_view key, size_t count, int64_t fallback) {
  std::vector<int64_t> list = call.node.intsAttr(key);
  if (list.empty())
    list.assign(count, fallback);
  if (list.size() != count)
    reject("expected ", key, " of ", count, " numbers, but got ", text(list));
  for (int64_t value : list)
    if (value < 0 || value > kMaxElements || (value == 0 && key != "pads"))
      reject("expected ", key, " in range, but got ", text(list));
  return list;
}

Types conv(Call &call) {
  call.expectDType(0, {DType::F32});
  call.expectSameDType(0, 1);
  size_t rank = call.rank(0);
  if (rank < 3)
    reject("expected operand 0 of rank 3 or more, but got ", text(call.type(0)));
  call.expectRank(1, rank);
  size_t axes = rank - 2;
  const auto &in = call.shape(0), &weight = call.shape(1);
  std::vector<int64_t> kernel(weight.begin() + 2, weight.end());
  std::vector<int64_t> given = call.node.intsAttr("kernel_shape");
  if (!given.empty() && given != kernel)
    reject("expected kernel_shape ", text(kernel), ", but got ", text(given));
  std::vector<int64_t> strides = spatial(call, "strides", axes, 1);
  std::vector<int64_t> dilations = spatial(call, "dilations", axes, 1);
  std::vector<int64_t> pads = spatial(call, "pads", 2 * axes, 0);
  int64_t group = call.node.intAttr("group", 1);
  if (group < 1 || in[1] % group != 0 || weight[1] != in[1] / group || weight[0] % group != 0)
    reject("expected channels that fit group ", group, ", but got ", text(call.type(0)), " and ",
           text(call.type(1)));
  if (call.has(2) && (call.dtype(2) != DType::F32 || call.shape(2) != std::vector{weight[0]}))
    reject("expected operand 2 of type f32[", weight[0], "], but got ", text(call.type(2)));
  std::string automatic = call.node.stringAttr("auto_pad", "NOTSET");
  std::vector<int64_t> shape{in[0], weight[0]};
  for (size_t d = 0; d < axes; ++d) {
    int64_t size = in[d + 2], reach;
    if (__builtin_mul_overflow(kernel[d] - 1, dilations[d], &reach) || reach > kMaxElements)
      reject("expected smaller dilations than ", text(dilations));
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      int64_t out = (size + strides[d] - 1) / strides[d];
      int64_t total = std::max<int64_t>((out - 1) * strides[d] + reach + 1 - size, 0);
      pads[d] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      pads[d + axes] = total - pads[d];
    } else if (automatic == "VALID") {
      pads[d] = pads[d + axes] = 0;
    } else if (automatic != "NOTSET") {
      reject("expected auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER, but got '", automatic,
             "'");
    }
    int64_t room = size + pads[d] + pads[d + axes] - reach - 1;
    if (kernel[d] < 1 || room < 0)
      reject("expected a kernel that fits the padded operand, but got ", text(call.type(0)),
             " and ", text(call.type(1)));
    shape.push_back(room / strides[d] + 1);
  }
  call.node.attributes.erase("auto_pad");
  call.set("kernel_shape", std::move(kernel));
  call.set("strides", std::move(strides));
  call.set("dilations", std::move(dilations));
  call.set("pads", std::move(pads));
  call.set("group", group);
  return {makeType(DType::F32, std::move(shape))};
}
} // namespace

void addNN(std::vector<Row> &rows) {
  rows.push_back({"",
                  "Softmax",
                  {11, 13},
                  1,
                  1,
                  1,
                  "axis ",
                  softmax,
                  Fold::Data,
                  evalSoftmax<false>,
                  coerced});
  rows.push_back({"",
                  "LogSoftmax",
                  {11, 13},
                  1,
                  1,
                  1,
                  "axis ",
                  softmax,
                  Fold::Data,
                  evalSoftmax<true>,
                  coerced});
  rows.push_back(
      // version 1 is onnxruntime's, which writes it into the default domain of older models
      {"",
       "LayerNormalization",
       {1, 17},
       2,
       3,
       3,
       "axis epsilon stash_type ",
       layerNormalization,
       Fold::Data,
       evalNormalization<true>});
  rows.push_back({"",
                  "RMSNormalization",
                  {23},
                  2,
                  2,
                  1,
                  "axis epsilon stash_type ",
                  rmsNormalization,
                  Fold::Data,
                  evalNormalization<false>});
  rows.push_back(
      {"", "Conv", {11, 22}, 2, 3, 1, "auto_pad dilations group kernel_shape pads strides ", conv});
}

} // namespace aimc::onnx
