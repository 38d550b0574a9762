//===- Walker.h - the walk from protobuf to a draft graph -------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One forward walk does everything that needs types: it applies type rules, folds constants,
// inlines model-local functions and the taken branch of an If, and drops nodes that only rename.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Attributes.h"
#include "Draft.h"
#include "OpTable.h"
#include <set>
#include <unordered_map>

namespace aimc::onnx {

class Walker final : public Builder {
public:
  /// `readOnce`: nobody reads the model again, so that what is folded away may be given up.
  Walker(Model &model, const LoadOptions &options, bool readOnce = false)
      : model(model), options(options), readOnce(readOnce) {}

  /// Walks the whole model into a graph.
  Graph run();

  std::vector<ValueId> emit(std::string_view op, std::vector<ValueId> inputs,
                            std::map<std::string, Attribute, std::less<>> attributes,
                            size_t outputs) override;
  ValueId constant(std::shared_ptr<const Constant> constant) override;

private:
  /// Names visible to nodes; subgraphs see their surroundings, functions do not.
  struct Scope {
    Scope *outer = nullptr;
    std::unordered_map<std::string, ValueId> names;
    std::unordered_map<std::string, const pb::TensorProto *> initializers;
  };

  /// What the nodes being read belong to: the main graph or one call of a function.
  struct Frame {
    std::map<std::string, int> opsets;
    std::unordered_map<std::string, const pb::AttributeProto *> references;
    bool function = false;
    std::string prefix; ///< of node and value names
    std::string scope;  ///< module path of the call
    int depth = 0;
  };

  struct Origin { ///< the file's node behind those that are being created
    const Frame *frame = nullptr;
    std::string name;
    std::string scope;
  };

  void readInputs(const pb::GraphProto &graph, Scope &scope);
  TensorType inputType(const pb::ValueInfoProto &input, class Dims &dims);
  void addInitializers(const pb::GraphProto &graph, Scope &scope);
  void readNodes(const NodeList &nodes, Scope &scope, const Frame &frame);
  void readNode(const pb::NodeProto &node, Scope &scope, const Frame &frame);
  std::vector<ValueId> translate(const pb::NodeProto &node, Scope &scope, const Frame &frame);
  std::vector<ValueId> callFunction(const pb::FunctionProto &function, const pb::NodeProto &node,
                                    const std::vector<ValueId> &inputs, const Frame &frame);
  std::vector<ValueId> readBranch(const pb::NodeProto &node, ValueId condition, Scope &scope,
                                  const Frame &frame);
  ValueId readConstant(const pb::NodeProto &node, const Frame &frame);
  std::vector<ValueId> dropout(const pb::NodeProto &node, const std::vector<ValueId> &inputs);
  /// Attribute `attribute` itself, or the one that a function's caller gave for it.
  const pb::AttributeProto *resolve(const pb::AttributeProto &attribute, const Frame &frame) const;

  /// The table's row for an operator of the node being read.
  Match match(std::string_view domain, std::string_view op) const;
  std::vector<ValueId> apply(Match found, std::string_view domain, std::string_view op,
                             std::vector<ValueId> inputs,
                             std::map<std::string, Attribute, std::less<>> attributes,
                             std::vector<std::string> outputs, std::vector<std::string> inputNames);
  bool fold(const Row &row, Call &call, const Types &types, std::vector<ValueId> &results,
            const std::vector<std::string> &names);

  ValueId find(const std::string &name, Scope &scope);
  ValueId addValue(std::string name, TensorType type,
                   std::shared_ptr<const Constant> constant = nullptr);
  const Value &value(ValueId id) const { return draft.values[static_cast<size_t>(id)]; }
  std::map<std::string, int>
  readOpsets(const google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto> &imports);
  void note(const std::string &text);
  Graph finish(std::vector<ValueId> outputs, std::vector<std::string> outputNames);

  Model &model;
  const LoadOptions &options;
  const bool readOnce;
  Draft draft;
  std::unordered_map<const std::byte *, const pb::TensorProto *> sources; ///< of constants
  std::vector<ValueId> inputs;
  std::vector<std::string> notes;
  std::unordered_map<std::string, const pb::FunctionProto *> functions;
  std::vector<std::unique_ptr<pb::AttributeProto>> defaults; ///< of function attributes
  Origin origin;
  size_t nodesRead = 0;
  size_t foldedBytes = 0;
};

} // namespace aimc::onnx
