//===- OpTable.h - what the reader knows of each operator -------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One row per operator and list of versions: arity, attributes, type rule, and where it makes
// sense an evaluator on the host or a rewrite into simpler operators. Families of operators
// register their rows in ops/*.cpp.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Support.h"
#include <optional>

namespace aimc::onnx {

/// One application of an operator while its types are computed. Rules may normalise
/// `node.attributes`: what they leave there is what consumers of the graph see.
struct Call {
  Node &node;
  std::vector<const Value *> operands; ///< nullptr where omitted
  size_t wanted;                       ///< number of outputs that the file names
  std::vector<std::string> &notes;

  int version() const { return node.sinceVersion; }
  size_t size() const { return operands.size(); }
  bool has(size_t i) const { return i < operands.size() && operands[i]; }
  const Value &operand(size_t i) const;
  const TensorType &type(size_t i) const { return operand(i).type; }
  const std::vector<int64_t> &shape(size_t i) const { return type(i).shape; }
  size_t rank(size_t i) const { return shape(i).size(); }
  DType dtype(size_t i) const { return type(i).dtype; }

  /// The constant behind operand `i`, which is called `what` in errors.
  const Constant &known(size_t i, std::string_view what) const;
  /// The elements of a constant integer operand of rank 0 or 1.
  std::vector<int64_t> ints(size_t i, std::string_view what) const;
  int64_t scalarInt(size_t i, std::string_view what) const;

  /// Attribute `key`, or the constant operand `i` where the attribute moved in later versions.
  std::optional<std::vector<int64_t>> intsFrom(std::string_view key, size_t i) const;

  void expectDType(size_t i, std::initializer_list<DType> allowed) const;
  void expectRank(size_t i, size_t rank) const;
  void expectSameDType(size_t a, size_t b) const;

  void set(std::string_view key, Attribute value);
  /// Axis attribute made non-negative (below `rank`) and written back.
  int64_t axis(std::string_view key, int64_t fallback, size_t rank);
};

/// Axis in [-rank, rank) to [0, rank).
int64_t normalAxis(int64_t axis, size_t rank, std::string_view what);
/// Distinct axes, made non-negative and sorted.
std::vector<int64_t> normalAxes(std::vector<int64_t> axes, size_t rank);
/// The common shape under ONNX's multidirectional broadcast.
std::vector<int64_t> broadcast(const std::vector<int64_t> &a, const std::vector<int64_t> &b);

/// Lets a rewrite create nodes; each goes through the table like a node of the file, as the last
/// version of its operator whatever the file's opset is.
class Builder {
public:
  virtual ~Builder() = default;
  virtual std::vector<ValueId> emit(std::string_view op, std::vector<ValueId> inputs,
                                    std::map<std::string, Attribute, std::less<>> attributes,
                                    size_t outputs) = 0;
  virtual ValueId constant(std::shared_ptr<const Constant> constant) = 0;
  ValueId emit1(std::string_view op, std::vector<ValueId> inputs,
                std::map<std::string, Attribute, std::less<>> attributes = {}) {
    return emit(op, std::move(inputs), std::move(attributes), 1)[0];
  }
  ValueId number(float value) { return constant(scalar(value)); }
  /// A constant i64 vector.
  ValueId ints(const std::vector<int64_t> &list);
  /// 0, 1, ... count - 1 as i64 of shape `shape`.
  ValueId iota(int64_t count, std::vector<int64_t> shape);
  ValueId reshape(ValueId value, const std::vector<int64_t> &shape);
  ValueId transpose(ValueId value, std::vector<int64_t> perm);
  /// Elements [start, end) of `axis`, every `step`-th.
  ValueId slice(ValueId value, int64_t axis, int64_t start, int64_t end, int64_t step = 1);
};

using Types = std::vector<TensorType>;
using TypeRule = Types (*)(Call &);
/// Fills one buffer per output; false where this case stays a node.
using Evaluator = bool (*)(const Call &, const Types &, const std::vector<std::byte *> &);
/// The values that replace the node, or nothing. Runs after the type rule.
using Rewrite = std::optional<std::vector<ValueId>> (*)(Builder &, Call &, const Types &);

/// How an operator on constants becomes a constant.
enum class Fold : uint8_t {
  Never,
  Data, ///< by the evaluator, up to a size
  View, ///< the same bytes under the result's type, of any size
  Types ///< by the evaluator and from the types alone: operands need not be constant
};

struct Row {
  std::string_view domain;
  std::string_view op;
  std::vector<int> versions; ///< since-versions that this row covers, ascending
  int minInputs;
  int maxInputs; ///< -1: any number
  int maxOutputs;
  std::string_view attributes; ///< names, each followed by a space
  TypeRule types;
  Fold fold = Fold::Never;
  Evaluator evaluate = nullptr;
  Rewrite rewrite = nullptr;
};

/// First and last opset whose definitions the rows cover.
inline constexpr int kFirstOpset = 11;
inline constexpr int kLastOpset = 27;

struct Match {
  const Row *row;
  int sinceVersion;
};
/// The row in force for `op` at `opset`; throws Rejected where there is none.
Match lookUp(std::string_view domain, std::string_view op, int opset);

/// Every row, for documentation and tests.
const std::vector<Row> &allRows();

// The families.
void addElementwise(std::vector<Row> &rows);
void addLogic(std::vector<Row> &rows);
void addShape(std::vector<Row> &rows);
void addRearrange(std::vector<Row> &rows);
void addIndex(std::vector<Row> &rows);
void addReduce(std::vector<Row> &rows);
void addMatMul(std::vector<Row> &rows);
void addNN(std::vector<Row> &rows);
void addActivation(std::vector<Row> &rows);
void addAttention(std::vector<Row> &rows);
void addContrib(std::vector<Row> &rows);

} // namespace aimc::onnx
