//===- Apply.cpp - operators to typed nodes ---------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The part of the walk that deals with the operator table: look-up, types, rewrites, folding; and
// the end of the walk, where nodes that nothing uses are dropped.
//
//===----------------------------------------------------------------------===//
#include "Fold.h"
#include "Walker.h"
#include <algorithm>

namespace aimc::onnx {

namespace {
/// Shape arithmetic and masks fold as they are read, because types depend on them; anything the
/// size of a weight waits until it is known what reads it (Fold.cpp).
constexpr int64_t kMaxFoldFloats = 1024;
constexpr int64_t kMaxFoldOthers = int64_t(1) << 22;
/// All folding together; a hostile file could otherwise ask for any amount of memory.
constexpr size_t kMaxFoldBytes = size_t(1) << 30;

bool foldable(const TensorType &type) {
  return type.elements() <= (type.dtype == DType::F32 ? kMaxFoldFloats : kMaxFoldOthers);
}

void expectAttributes(const Row &row, const Node &node) {
  for (const auto &entry : node.attributes) {
    size_t at = row.attributes.find(entry.first + ' ');
    if (at == std::string_view::npos || (at > 0 && row.attributes[at - 1] != ' '))
      reject("expected no attribute '", entry.first, "' at version ", node.sinceVersion);
  }
}
} // namespace

std::vector<ValueId> Walker::emit(std::string_view op, std::vector<ValueId> operands,
                                  std::map<std::string, Attribute, std::less<>> attributes,
                                  size_t outputs) {
  std::vector<std::string> names;
  for (ValueId id : operands)
    names.push_back(id == kAbsent ? "" : value(id).name);
  std::vector<std::string> results(
      outputs, concat(origin.name, origin.name.empty() ? "" : "/", op, '_', draft.values.size()));
  return apply(lookUp("", op, kLastOpset), "", op, std::move(operands), std::move(attributes),
               std::move(results), std::move(names));
}

ValueId Walker::constant(std::shared_ptr<const Constant> data) {
  TensorType type = data->type;
  return addValue(concat("constant_", draft.values.size()), std::move(type), std::move(data));
}

Match Walker::match(std::string_view domain, std::string_view op) const {
  auto opset = origin.frame->opsets.find(std::string(domain));
  if (opset == origin.frame->opsets.end())
    reject("expected an opset import for domain '", domain.empty() ? "ai.onnx" : domain, "'");
  return lookUp(domain, op, opset->second);
}

std::vector<ValueId> Walker::apply(Match found, std::string_view domain, std::string_view op,
                                   std::vector<ValueId> operands,
                                   std::map<std::string, Attribute, std::less<>> attributes,
                                   std::vector<std::string> results,
                                   std::vector<std::string> operandNames) {
  const Row &row = *found.row;

  DraftNode created;
  created.row = &row;
  created.scope = origin.scope;
  created.operandNames = std::move(operandNames);
  Node &node = created.node;
  node.name = origin.name;
  node.domain = domain;
  node.op = op;
  node.sinceVersion = found.sinceVersion;
  node.inputs = std::move(operands);
  node.attributes = std::move(attributes);
  while (!node.inputs.empty() && node.inputs.back() == kAbsent) {
    node.inputs.pop_back();
    created.operandNames.pop_back();
  }
  while (!results.empty() && results.back().empty())
    results.pop_back();

  expectAttributes(row, node);
  auto count = static_cast<int64_t>(node.inputs.size());
  if (count < row.minInputs || (row.maxInputs >= 0 && count > row.maxInputs))
    reject("expected ", row.minInputs, row.maxInputs < 0 ? " or more" : "",
           row.maxInputs > row.minInputs ? concat(" to ", row.maxInputs) : "",
           " operands, but got ", count);
  if (results.empty() || (row.maxOutputs >= 0 && results.size() > size_t(row.maxOutputs)))
    reject("expected 1 to ", row.maxOutputs, " results, but got ", results.size());

  std::vector<std::string> remarks;
  Call call{node, {}, results.size(), remarks};
  for (ValueId id : node.inputs)
    call.operands.push_back(id == kAbsent ? nullptr : &value(id));
  Types types = row.types(call);
  for (const std::string &remark : remarks)
    note(remark);
  types.resize(std::min(types.size(), results.size()));
  if (row.rewrite)
    if (auto replaced = row.rewrite(*this, call, types))
      return *replaced;
  std::vector<ValueId> ids;
  if (fold(row, call, types, ids, results))
    return ids;
  for (size_t i = 0; i < types.size(); ++i)
    node.outputs.push_back(addValue(results[i], types[i]));
  ids = node.outputs;
  draft.nodes.push_back(std::move(created));
  return ids;
}

bool Walker::fold(const Row &row, Call &call, const Types &types, std::vector<ValueId> &results,
                  const std::vector<std::string> &names) {
  if (row.fold == Fold::Never)
    return false;
  auto isConstant = [](const Value *operand) { return !operand || operand->constant; };
  if (row.fold != Fold::Types &&
      !std::all_of(call.operands.begin(), call.operands.end(), isConstant))
    return false;
  if (row.fold == Fold::View) {
    const Value &viewed = call.operand(0);
    std::string initializer = viewed.initializer;
    results.push_back(addValue(names[0], types[0], view(*viewed.constant, types[0])));
    draft.values.back().initializer = std::move(initializer);
    return true;
  }
  if (options.keepParameters && dependsOnParameter(call.operands, types))
    return false;
  size_t bytes = 0;
  for (const TensorType &type : types) {
    if (!foldable(type))
      return false;
    bytes += static_cast<size_t>(type.elements()) * byteSize(type.dtype);
  }
  if (row.fold == Fold::Data)
    for (const Value *operand : call.operands)
      if (operand && !foldable(operand->type))
        return false;
  if (bytes > kMaxFoldBytes - foldedBytes)
    return false;
  std::vector<OwnedConstant> constants;
  std::vector<std::byte *> buffers;
  for (const TensorType &type : types) {
    constants.push_back(allocate(type));
    buffers.push_back(constants.back().data);
  }
  if (!row.evaluate(call, types, buffers))
    return false;
  foldedBytes += bytes;
  for (size_t i = 0; i < types.size(); ++i)
    results.push_back(addValue(names[i], types[i], constants[i].constant));
  return true;
}

Graph Walker::finish(std::vector<ValueId> outputs, std::vector<std::string> outputNames) {
  LateFoldOptions late;
  late.keepParameters = options.keepParameters;
  if (readOnce)
    late.release = [this](const Constant &constant) {
      if (auto source = sources.find(constant.data); source != sources.end())
        model.release(*source->second, constant);
    };
  foldLate(draft, outputs, late);

  std::vector<bool> used(draft.values.size(), false);
  auto use = [&](ValueId id) {
    if (id != kAbsent)
      used[static_cast<size_t>(id)] = true;
  };
  for (ValueId id : outputs)
    use(id);
  std::vector<DraftNode> live;
  for (size_t n = draft.nodes.size(); n-- > 0;) {
    Node &node = draft.nodes[n].node;
    for (ValueId &id : node.outputs)
      if (id != kAbsent && (!used[static_cast<size_t>(id)] || value(id).constant))
        id = kAbsent;
    while (!node.outputs.empty() && node.outputs.back() == kAbsent)
      node.outputs.pop_back();
    if (node.outputs.empty())
      continue;
    for (ValueId id : node.inputs)
      use(id);
    live.push_back(std::move(draft.nodes[n]));
  }
  std::reverse(live.begin(), live.end());
  draft.nodes = std::move(live);
  nameLayers(draft);

  Graph graph;
  const pb::ModelProto &proto = model.proto();
  graph.producer = proto.producer_name();
  if (!proto.producer_version().empty())
    graph.producer += ' ' + proto.producer_version();
  std::vector<ValueId> renamed(draft.values.size(), kAbsent);
  auto keep = [&](ValueId id) {
    if (id == kAbsent)
      return kAbsent;
    ValueId &to = renamed[static_cast<size_t>(id)];
    if (to == kAbsent) {
      to = static_cast<ValueId>(graph.values.size());
      graph.values.push_back(std::move(draft.values[static_cast<size_t>(id)]));
    }
    return to;
  };
  for (ValueId id : inputs)
    graph.inputs.push_back(keep(id));
  for (DraftNode &created : draft.nodes) {
    for (ValueId &id : created.node.inputs)
      id = keep(id);
    for (ValueId &id : created.node.outputs)
      id = keep(id);
    graph.nodes.push_back(std::move(created.node));
  }
  for (ValueId id : outputs)
    graph.outputs.push_back(keep(id));
  graph.outputNames = std::move(outputNames);
  graph.notes = std::move(notes);
  return graph;
}

} // namespace aimc::onnx
