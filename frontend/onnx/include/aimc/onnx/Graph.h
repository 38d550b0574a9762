//===- Graph.h - typed ONNX graph -------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The typed graph that reading an ONNX file produces: every dimension is a number, every value
// has a type, shape computations are folded, functions are inlined. It knows neither MLIR nor
// Torch nor protobuf, so both compilers and trainers consume it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

namespace aimc::onnx {

/// Element types that survive normalisation: f16, bf16 and f64 constants are converted to F32.
enum class DType : uint8_t { F32, I64, I32, Bool };

/// Bytes per element; a Bool takes one byte.
size_t byteSize(DType dtype);
std::string_view name(DType dtype);

struct TensorType {
  DType dtype = DType::F32;
  std::vector<int64_t> shape; ///< static; rank 0 is the empty vector
  int64_t elements() const;
  bool operator==(const TensorType &) const = default;
};

/// Constant data in row-major order. The bytes belong to `owner` (a memory map, the parsed model,
/// or a buffer of their own) and live as long as any copy of this object.
struct Constant {
  TensorType type;
  const std::byte *data = nullptr;
  std::shared_ptr<const void> owner;

  size_t bytes() const;
  template <class T> const T *as() const { return reinterpret_cast<const T *>(data); }
};

using ValueId = int32_t;
inline constexpr ValueId kAbsent = -1; ///< an omitted optional input or unused output

struct Value {
  std::string name;
  TensorType type;
  std::shared_ptr<const Constant> constant; ///< set when the value is known at compile time
  /// Name of the main graph's initializer whose elements these are, in the file's order (shape and
  /// element type may differ); "" for everything else. A transposed use is a Transpose node.
  std::string initializer;
};

using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>,
                               std::vector<float>, std::vector<std::string>, Constant>;

struct Node {
  std::string name;     ///< as in the file; may be empty
  std::string layer;    ///< dotted layer name for tiles ("encoder.layer.0.attention.self.query"),
                        ///< from node metadata, weight, bias or node names; never empty
  std::string domain;   ///< "" for ai.onnx
  std::string op;       ///< "MatMul"
  int sinceVersion = 0; ///< version of the operator's definition in force
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::map<std::string, Attribute, std::less<>> attributes;

  /// Attribute helpers: the value, or `fallback` where the node does not carry it.
  int64_t intAttr(std::string_view key, int64_t fallback) const;
  float floatAttr(std::string_view key, float fallback) const;
  std::string stringAttr(std::string_view key, std::string_view fallback) const;
  std::vector<int64_t> intsAttr(std::string_view key) const;
};

/// Nodes are in topological order; nodes whose results are constants or unused are gone; Identity,
/// Dropout (inference) and Constant nodes are gone. A graph output may be an input or a constant.
struct Graph {
  std::string file;
  std::string producer; ///< "pytorch 2.13.0"
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs; ///< run-time inputs; initializers are not inputs
  std::vector<ValueId> outputs;
  std::vector<std::string> outputNames; ///< one per output; values may repeat
  std::vector<std::string> notes;       ///< remarks for the user ("opset 27 read as 24")

  const Value &value(ValueId id) const { return values[static_cast<size_t>(id)]; }
};

struct LoadOptions {
  /// Symbolic dimension name -> size. Expression dimensions are evaluated over these.
  std::map<std::string, int64_t, std::less<>> dims;
  /// Graph input name -> value known at compile time; such inputs leave the signature. Models that
  /// feed shapes or axes at run time become static this way.
  std::map<std::string, Constant, std::less<>> constants;
  /// For trainers: nothing is folded whose float operand is an initializer of rank 1 or more, so
  /// that each result depends on the parameter itself.
  bool keepParameters = false;
};

/// What is wrong with a model, as one line that names file, node and cause.
struct Error {
  std::string message;
};

/// Read, check and normalise `path`. Never throws, never aborts.
tl::expected<Graph, Error> load(const std::string &path, const LoadOptions &options);

/// The graph input whose elements `id` holds in the same order (through reshapes and widening), so
/// that what is wrong with them can be said of the input; kAbsent where it holds others. `producer`
/// is the node that computes a value, or null.
ValueId inputBehind(const Graph &graph, ValueId id,
                    const std::function<const Node *(ValueId)> &producer);

/// The graph as text, one node a line, for debugging.
std::string dump(const Graph &graph);

} // namespace aimc::onnx
