//===- Conv.cpp - convolution ---------------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A convolution of any spatial rank becomes the product of its unfolded operand (one row for each
// output position, one column for each element of the kernel's window) with the weight matrix as
// stored, [filters, window]. So a patch embedding maps to tiles like any other linear layer.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

#include <numeric>

namespace mlir::aimc::emit {

namespace {
struct Window {
  SmallVector<int64_t> kernel, strides, dilations, before;
  size_t rank() const { return kernel.size(); }
};
} // namespace

static int64_t product(ArrayRef<int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<>());
}

/// x[n, first + c, o * stride + k * dilation - pad] at [n, o.., c, k..]; zero outside.
static Value unfold(NodeEmitter &e, const Window &window, ArrayRef<int64_t> outer, int64_t first,
                    int64_t channels) {
  Value x = e.in(0);
  ArrayRef<int64_t> from = shapeOf(x);
  size_t rank = window.rank();
  SmallVector<int64_t> shape{from[0]};
  llvm::append_range(shape, outer);
  shape.push_back(channels);
  llvm::append_range(shape, window.kernel);
  auto type = RankedTensorType::get(shape, e.inType(0).getElementType());
  return generate(e.b, type, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    auto constant = [&](int64_t n) { return Scalar(b, indexConstant(b, n)); };
    SmallVector<Value> source{at[0], Scalar(b, at[1 + rank]) + constant(first)};
    std::optional<Scalar> inside;
    for (size_t d = 0; d < rank; ++d) {
      Scalar position = Scalar(b, at[1 + d]) * constant(window.strides[d]) +
                        Scalar(b, at[2 + rank + d]) * constant(window.dilations[d]) -
                        constant(window.before[d]);
      int64_t last = from[2 + d] - 1;
      bool mayLeave = window.before[d] > 0 || (outer[d] - 1) * window.strides[d] +
                                                      (window.kernel[d] - 1) * window.dilations[d] -
                                                      window.before[d] >
                                                  last;
      if (mayLeave) {
        Scalar clamped = minimum(maximum(position, constant(0)), constant(last));
        Scalar here = equal(position, clamped);
        inside = inside ? logicalAnd(*inside, here) : here;
        position = clamped;
      }
      source.push_back(position);
    }
    Scalar value(b, tensor::ExtractOp::create(b, x, source));
    return inside ? select(*inside, value, value.like(0)) : value;
  });
}

static LogicalResult conv(NodeEmitter &e) {
  if (failed(e.expectTypes(kF32)))
    return failure();
  Window window{e.ints("kernel_shape"), e.ints("strides"), e.ints("dilations"), e.ints("pads")};
  size_t rank = window.rank();
  ArrayRef<int64_t> from = e.inType(0).getShape(), filter = e.inType(1).getShape(),
                    to = e.outType().getShape();
  int64_t groups = e.node.intAttr("group", 1);
  if (rank == 0 || from.size() != rank + 2 || filter.size() != rank + 2 || to.size() != rank + 2 ||
      window.strides.size() != rank || window.dilations.size() != rank ||
      window.before.size() != 2 * rank || groups < 1 || from[1] != filter[1] * groups ||
      filter[0] % groups != 0)
    return e.fail("expected a filter that fits " + text(e.inType(0)) + ", but got " +
                  text(e.inType(1)) + " in " + Twine(groups) + " groups");
  window.before.truncate(rank);
  ArrayRef<int64_t> outer = to.drop_front(2);
  int64_t rows = from[0] * product(outer), columns = product(filter.drop_front());
  int64_t perGroup = filter[0] / groups;
  Value weights = e.constant(1) ? e.constantAs(1, {filter[0], columns})
                                : reshape(e.b, e.in(1), {filter[0], columns});
  Value all;
  if (groups > 1)
    all = empty(e.b, RankedTensorType::get({rows, filter[0]}, e.outType().getElementType()));
  for (int64_t g = 0; g < groups; ++g) {
    Value patches = unfold(e, window, outer, g * filter[1], filter[1]);
    Value part = slice(e.b, weights, {g * perGroup, 0}, {perGroup, columns});
    Value result = matmul(e.b, reshape(e.b, patches, {rows, columns}), part, false, true);
    all = groups == 1 ? result : insert(e.b, result, all, {0, g * perGroup});
  }
  // [n, out.., filter] to [n, filter, out..], the bias on the way.
  SmallVector<int64_t> channelsLast{from[0]}, order{0, static_cast<int64_t>(rank) + 1};
  llvm::append_range(channelsLast, outer);
  channelsLast.push_back(filter[0]);
  for (size_t d = 0; d < rank; ++d)
    order.push_back(static_cast<int64_t>(d) + 1);
  Value y = reshape(e.b, all, channelsLast);
  if (e.has(2)) {
    if (e.inType(2).getShape() != ArrayRef<int64_t>{filter[0]})
      return e.fail("expected a bias of " + Twine(filter[0]) + " elements, but got " +
                    text(e.inType(2)));
    y = pointwise(e.b, typeOf(y), {y, e.in(2)}, [](ArrayRef<Scalar> v) { return v[0] + v[1]; });
  }
  return e.out(transpose(e.b, y, order));
}

ArrayRef<EmitterRow> convEmitters() {
  static const EmitterRow rows[] = {{"", "Conv", 2, 3, conv}};
  return rows;
}

} // namespace mlir::aimc::emit
