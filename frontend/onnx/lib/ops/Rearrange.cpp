//===- Rearrange.cpp - operators that move elements -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Transpose, Concat, Split, Slice, Tile, Pad and Trilu. Their run-time-looking operands (starts,
// pads, ...) are constants here and leave as attributes with negative numbers and open ends
// resolved, so that no consumer repeats ONNX's rules.
//
//===----------------------------------------------------------------------===//
#include "Broadcast.h"
#include <algorithm>
#include <cstring>
#include <numeric>

namespace aimc::onnx {

namespace {
void copyElement(std::byte *to, int64_t i, const std::byte *from, int64_t j, size_t size) {
  std::memcpy(to + static_cast<size_t>(i) * size, from + static_cast<size_t>(j) * size, size);
}

Types transpose(Call &call) {
  std::vector<int64_t> perm = call.node.intsAttr("perm");
  size_t rank = call.rank(0);
  if (perm.empty()) {
    perm.resize(rank);
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  if (perm.size() != rank)
    reject("expected perm of ", rank, " axes, but got ", text(perm));
  for (int64_t &axis : perm)
    axis = normalAxis(axis, rank, "perm");
  if (normalAxes(perm, rank).size() != rank)
    reject("expected perm to name each axis once, but got ", text(perm));
  std::vector<int64_t> shape;
  for (int64_t axis : perm)
    shape.push_back(call.shape(0)[static_cast<size_t>(axis)]);
  call.set("perm", std::move(perm));
  return {makeType(call.dtype(0), std::move(shape))};
}

bool evalTranspose(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  std::vector<int64_t> own = stridesOf(in.type.shape), strides;
  for (int64_t axis : call.node.intsAttr("perm"))
    strides.push_back(own[static_cast<size_t>(axis)]);
  size_t size = byteSize(out[0].dtype);
  walk<1>(out[0].shape, {strides}, [&](int64_t i, const std::array<int64_t, 1> &at) {
    copyElement(data[0], i, in.data, at[0], size);
  });
  return true;
}

Types concatenate(Call &call) {
  if (call.node.attributes.find("axis") == call.node.attributes.end())
    reject("expected axis");
  size_t axis = static_cast<size_t>(call.axis("axis", 0, call.rank(0)));
  std::vector<int64_t> shape = call.shape(0);
  for (size_t i = 1; i < call.size(); ++i) {
    call.expectSameDType(0, i);
    call.expectRank(i, shape.size());
    for (size_t d = 0; d < shape.size(); ++d)
      if (d != axis && call.shape(i)[d] != shape[d])
        reject("expected operands that differ along axis ", axis, " only, but got ",
               text(call.type(0)), " and ", text(call.type(i)));
    shape[axis] += call.shape(i)[axis];
  }
  return {makeType(call.dtype(0), std::move(shape))};
}

bool evalConcat(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  size_t axis = static_cast<size_t>(call.node.intAttr("axis", 0));
  size_t size = byteSize(out[0].dtype), offset = 0;
  auto rowBytes = [&](const std::vector<int64_t> &shape) {
    size_t bytes = size;
    for (size_t d = axis; d < shape.size(); ++d)
      bytes *= static_cast<size_t>(shape[d]);
    return bytes;
  };
  size_t total = rowBytes(out[0].shape);
  size_t rows = total ? static_cast<size_t>(out[0].elements()) * size / total : 0;
  for (size_t k = 0; k < call.size(); ++k) {
    size_t bytes = rowBytes(call.shape(k));
    for (size_t r = 0; r < rows; ++r)
      std::memcpy(data[0] + r * total + offset, call.operand(k).constant->data + r * bytes, bytes);
    offset += bytes;
  }
  return true;
}

std::optional<std::vector<ValueId>> dropSingle(Builder &, Call &call, const Types &) {
  if (call.size() != 1)
    return std::nullopt;
  return std::vector{call.node.inputs[0]};
}

Types split(Call &call) {
  size_t axis = static_cast<size_t>(call.axis("axis", 0, call.rank(0)));
  int64_t dim = call.shape(0)[axis];
  std::optional<std::vector<int64_t>> given = call.intsFrom("split", 1);
  int64_t parts = call.node.intAttr("num_outputs", static_cast<int64_t>(call.wanted));
  std::vector<int64_t> sizes;
  if (given) {
    sizes = *given;
  } else {
    if (parts < 1 || parts > kMaxElements)
      reject("expected num_outputs of at least 1, but got ", parts);
    if (call.version() < 18 && dim % parts != 0)
      reject("expected axis ", axis, " of ", text(call.type(0)), " to split into ", parts,
             " equal parts");
    int64_t size = (dim + parts - 1) / parts;
    if (static_cast<size_t>(parts) != call.wanted)
      reject("expected ", parts, " outputs, but got ", call.wanted);
    for (int64_t i = 0; i < parts; ++i)
      sizes.push_back(std::clamp<int64_t>(dim - i * size, 0, size));
  }
  if (sizes.size() != call.wanted)
    reject("expected ", sizes.size(), " outputs for split ", text(sizes), ", but got ",
           call.wanted);
  Types types;
  int64_t sum = 0;
  for (int64_t size : sizes) {
    std::vector<int64_t> shape = call.shape(0);
    shape[axis] = size;
    types.push_back(makeType(call.dtype(0), std::move(shape)));
    sum += size;
  }
  if (sum != dim)
    reject("expected split ", text(sizes), " to add up to ", dim);
  call.node.attributes.erase("num_outputs");
  call.set("split", std::move(sizes));
  return types;
}

bool evalSplit(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  size_t axis = static_cast<size_t>(call.node.intAttr("axis", 0)), size = byteSize(in.type.dtype);
  std::vector<int64_t> strides = stridesOf(in.type.shape);
  int64_t start = 0;
  for (size_t k = 0; k < out.size(); ++k) {
    walk<1>(out[k].shape, {strides}, [&](int64_t i, const std::array<int64_t, 1> &at) {
      copyElement(data[k], i, in.data, start + at[0], size);
    });
    start += strides[axis] * out[k].shape[axis];
  }
  return true;
}

Types slice(Call &call) {
  size_t rank = call.rank(0);
  std::vector<int64_t> starts = call.ints(1, "starts"), ends = call.ints(2, "ends"), axes, steps;
  if (call.has(3)) {
    axes = call.ints(3, "axes");
  } else {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  steps = call.has(4) ? call.ints(4, "steps") : std::vector<int64_t>(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    reject("expected starts, ends, axes and steps of one length, but got ", text(starts), ", ",
           text(ends), ", ", text(axes), " and ", text(steps));
  normalAxes(axes, rank);
  std::vector<int64_t> shape = call.shape(0), from(rank, 0), by(rank, 1);
  for (size_t i = 0; i < axes.size(); ++i) {
    size_t axis = static_cast<size_t>(normalAxis(axes[i], rank, "axes"));
    // a step of the size or more takes one element; the bound keeps offsets in range
    int64_t dim = shape[axis], most = std::max<int64_t>(dim, 1);
    int64_t step = std::clamp(steps[i], -most, most);
    if (step == 0)
      reject("expected steps other than 0");
    int64_t start = starts[i] < 0 ? starts[i] + dim : starts[i];
    int64_t end = ends[i] < 0 ? ends[i] + dim : ends[i];
    int64_t length;
    if (step > 0) {
      start = std::clamp<int64_t>(start, 0, dim);
      end = std::clamp<int64_t>(end, 0, dim);
      length = (end - start + step - 1) / step;
    } else {
      start = std::clamp<int64_t>(start, 0, std::max<int64_t>(dim - 1, 0));
      end = std::clamp<int64_t>(end, -1, dim - 1);
      length = (start - end - step - 1) / -step;
    }
    shape[axis] = dim == 0 ? 0 : std::max<int64_t>(length, 0);
    from[axis] = start;
    by[axis] = step;
  }
  call.set("starts", std::move(from));
  call.set("steps", std::move(by));
  return {makeType(call.dtype(0), std::move(shape))};
}

bool evalSlice(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  std::vector<int64_t> strides = stridesOf(in.type.shape), starts = call.node.intsAttr("starts"),
                       steps = call.node.intsAttr("steps");
  int64_t first = 0;
  for (size_t d = 0; d < strides.size(); ++d) {
    first += starts[d] * strides[d];
    strides[d] *= steps[d];
  }
  size_t size = byteSize(in.type.dtype);
  walk<1>(out[0].shape, {strides}, [&](int64_t i, const std::array<int64_t, 1> &at) {
    copyElement(data[0], i, in.data, first + at[0], size);
  });
  return true;
}

std::optional<std::vector<ValueId>> dropWholeSlice(Builder &, Call &call, const Types &out) {
  std::vector<int64_t> steps = call.node.intsAttr("steps");
  bool forward = std::all_of(steps.begin(), steps.end(), [](int64_t step) { return step > 0; });
  if (!forward || out[0] != call.type(0))
    return std::nullopt;
  return std::vector{call.node.inputs[0]};
}

Types tile(Call &call) {
  std::vector<int64_t> repeats = call.ints(1, "repeats"), shape = call.shape(0);
  if (repeats.size() != shape.size())
    reject("expected ", shape.size(), " repeats, but got ", text(repeats));
  checkedElements(repeats);
  for (size_t d = 0; d < shape.size(); ++d)
    if (__builtin_mul_overflow(shape[d], repeats[d], &shape[d]))
      reject("expected fewer repeats than ", text(repeats));
  call.set("repeats", std::move(repeats));
  return {makeType(call.dtype(0), std::move(shape))};
}

bool evalTile(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  std::vector<int64_t> own = stridesOf(in.type.shape), index = stridesOf(out[0].shape);
  size_t size = byteSize(in.type.dtype);
  for (int64_t i = 0; i < out[0].elements(); ++i) {
    int64_t from = 0;
    for (size_t d = 0; d < own.size(); ++d)
      from += i / index[d] % out[0].shape[d] % in.type.shape[d] * own[d];
    copyElement(data[0], i, in.data, from, size);
  }
  return true;
}

Types pad(Call &call) {
  std::string mode = call.node.stringAttr("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
    reject("expected mode constant, reflect, edge or wrap, but got '", mode, "'");
  call.set("mode", mode);
  size_t rank = call.rank(0);
  std::vector<int64_t> given = call.ints(1, "pads"), axes(rank), pads(2 * rank, 0);
  std::iota(axes.begin(), axes.end(), 0);
  if (call.has(3))
    axes = call.ints(3, "axes");
  if (given.size() != 2 * axes.size())
    reject("expected ", 2 * axes.size(), " pads, but got ", text(given));
  if (call.has(2)) {
    call.expectSameDType(0, 2);
    if (call.type(2).elements() != 1)
      reject("expected operand 2 (constant_value) to be one element, but got ", text(call.type(2)));
  }
  normalAxes(axes, rank);
  std::vector<int64_t> shape = call.shape(0);
  for (size_t i = 0; i < axes.size(); ++i) {
    size_t axis = static_cast<size_t>(normalAxis(axes[i], rank, "axes"));
    int64_t before = given[i], after = given[i + axes.size()], dim = shape[axis];
    int64_t most = mode == "reflect" ? dim - 1 : mode == "constant" || dim ? kMaxElements : 0;
    if (std::max(before, after) > most || std::min(before, after) < -dim)
      reject("expected pads that fit axis ", axis, " of ", text(call.type(0)), ", but got ",
             text(given));
    pads[axis] = before;
    pads[axis + rank] = after;
    shape[axis] += before + after;
  }
  call.set("pads", std::move(pads));
  return {makeType(call.dtype(0), std::move(shape))};
}

/// Place along an axis of size `dim` that position `at` of the padded axis reads; -1: the value.
int64_t unpadded(const std::string &mode, int64_t at, int64_t dim) {
  if (at >= 0 && at < dim)
    return at;
  if (mode == "edge")
    return std::clamp<int64_t>(at, 0, dim - 1);
  if (mode == "wrap")
    return (at % dim + dim) % dim;
  if (mode == "reflect")
    return at < 0 ? -at : 2 * (dim - 1) - at;
  return -1;
}

bool evalPad(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  std::string mode = call.node.stringAttr("mode", "constant");
  std::vector<int64_t> pads = call.node.intsAttr("pads"), index = stridesOf(out[0].shape),
                       own = stridesOf(in.type.shape);
  size_t size = byteSize(in.type.dtype);
  std::array<std::byte, 8> zero{};
  const std::byte *fill = call.has(2) ? call.operand(2).constant->data : zero.data();
  for (int64_t i = 0; i < out[0].elements(); ++i) {
    int64_t from = 0;
    for (size_t d = 0; d < own.size() && from >= 0; ++d) {
      int64_t at = unpadded(mode, i / index[d] % out[0].shape[d] - pads[d], in.type.shape[d]);
      from = at < 0 ? -1 : from + at * own[d];
    }
    if (from < 0)
      copyElement(data[0], i, fill, 0, size);
    else
      copyElement(data[0], i, in.data, from, size);
  }
  return true;
}

Types trilu(Call &call) {
  if (call.rank(0) < 2)
    reject("expected operand 0 of rank 2 or more, but got ", text(call.type(0)));
  call.set("upper", call.node.intAttr("upper", 1));
  int64_t k = call.has(1) ? call.scalarInt(1, "k") : 0;
  call.set("k", std::clamp(k, -kMaxElements, kMaxElements));
  return {call.type(0)};
}

bool evalTrilu(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  int64_t columns = out[0].shape.back(), rows = out[0].shape[out[0].shape.size() - 2];
  int64_t k = call.node.intAttr("k", 0);
  bool upper = call.node.intAttr("upper", 1) != 0;
  size_t size = byteSize(out[0].dtype);
  std::memset(data[0], 0, in.bytes());
  for (int64_t i = 0; i < out[0].elements(); ++i) {
    int64_t distance = i % columns - i / columns % rows;
    if (upper ? distance >= k : distance <= k)
      copyElement(data[0], i, in.data, i, size);
  }
  return true;
}
} // namespace

void addRearrange(std::vector<Row> &rows) {
  rows.push_back({"",
                  "Transpose",
                  {1, 13, 21, 23, 24, 25},
                  1,
                  1,
                  1,
                  "perm ",
                  transpose,
                  Fold::Data,
                  evalTranspose});
  rows.push_back({"",
                  "Concat",
                  {4, 11, 13},
                  1,
                  -1,
                  1,
                  "axis ",
                  concatenate,
                  Fold::Data,
                  evalConcat,
                  dropSingle});
  rows.push_back({"",
                  "Split",
                  {2, 11, 13, 18},
                  1,
                  2,
                  -1,
                  "axis split num_outputs ",
                  split,
                  Fold::Data,
                  evalSplit});
  rows.push_back(
      {"", "Slice", {10, 11, 13}, 3, 5, 1, "", slice, Fold::Data, evalSlice, dropWholeSlice});
  rows.push_back({"", "Tile", {6, 13}, 2, 2, 1, "", tile, Fold::Data, evalTile});
  rows.push_back(
      {"", "Pad", {11, 13, 18, 19, 21, 23, 24, 25}, 2, 4, 1, "mode ", pad, Fold::Data, evalPad});
  rows.push_back({"", "Trilu", {14}, 1, 2, 1, "upper ", trilu, Fold::Data, evalTrilu});
}

} // namespace aimc::onnx
