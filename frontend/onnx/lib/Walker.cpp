//===- Walker.cpp - reading nodes -------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The part of the walk that deals with the file: names, scopes, attributes, and the operators that
// have no place in the typed graph (Constant, Identity, Dropout, If, calls of functions).
//
//===----------------------------------------------------------------------===//
#include "Walker.h"
#include "Dims.h"
#include <algorithm>
#include <cstring>

namespace aimc::onnx {

namespace {
constexpr int kMaxDepth = 64;          ///< of calls and branches
constexpr size_t kMaxNodes = 1u << 18; ///< read in all: functions can multiply without bound

std::string normalDomain(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

std::string functionKey(const std::string &domain, const std::string &name,
                        const std::string &overload) {
  return normalDomain(domain) + '\n' + name + '\n' + overload;
}

[[noreturn]] void rejectTraining() {
  reject("expected a model for inference, but training_mode is set: export the model in evaluation "
         "mode (model.eval(), training=TrainingMode.EVAL)");
}

/// A normalisation with the statistics of its batch. Before opset 14 that is one with more results.
bool normalisesBatch(const pb::NodeProto &node) {
  return node.op_type() == "BatchNormalization" &&
         (node.output_size() > 1 ||
          std::any_of(node.attribute().begin(), node.attribute().end(), [](const auto &attribute) {
            return attribute.name() == "training_mode" && attribute.i() != 0;
          }));
}

template <class T> std::shared_ptr<const Constant> listConstant(DType dtype, const T &list) {
  OwnedConstant owned = allocate({dtype, {static_cast<int64_t>(list.size())}});
  std::copy(list.begin(), list.end(), owned.as<typename T::value_type>());
  return owned.constant;
}
} // namespace

Graph Walker::run() {
  const pb::ModelProto &proto = model.proto();
  Frame frame;
  frame.opsets = readOpsets(proto.opset_import());
  for (const pb::FunctionProto &function : proto.functions())
    functions.emplace(
        functionKey(function.domain(), function.name(), overloadOf(function, kFunctionOverload)),
        &function);
  Scope scope;
  addInitializers(proto.graph(), scope);
  readInputs(proto.graph(), scope);
  readNodes(proto.graph().node(), scope, frame);

  std::vector<ValueId> outputs;
  std::vector<std::string> names;
  for (const auto &output : proto.graph().output()) {
    outputs.push_back(find(output.name(), scope));
    names.push_back(output.name());
    if (outputs.back() == kAbsent)
      reject("expected a producer of graph output '", output.name(), "'");
  }
  if (outputs.empty())
    reject("expected a graph with outputs");
  if (model.narrowedFloats())
    note("float16, bfloat16 and float64 are read as float32");
  return finish(std::move(outputs), std::move(names));
}

std::map<std::string, int>
Walker::readOpsets(const google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto> &imports) {
  std::map<std::string, int> opsets;
  for (const auto &import : imports) {
    std::string domain = normalDomain(import.domain());
    int64_t version = import.version();
    if (domain.empty() && version < kFirstOpset)
      reject("expected opset ", kFirstOpset, " to ", kLastOpset, ", but got ", version);
    if (domain.empty() && version > kLastOpset)
      note(concat("opset ", version, " is read as opset ", kLastOpset));
    opsets[domain] = static_cast<int>(std::clamp<int64_t>(version, 0, 1 << 20));
  }
  return opsets;
}

void Walker::addInitializers(const pb::GraphProto &graph, Scope &scope) {
  for (const pb::TensorProto &tensor : graph.initializer())
    if (!scope.initializers.emplace(tensor.name(), &tensor).second)
      reject("expected each initializer once, but '", tensor.name(), "' comes twice");
  if (graph.sparse_initializer_size())
    reject("expected dense initializers, but '", graph.sparse_initializer(0).values().name(),
           "' is sparse");
}

TensorType Walker::inputType(const pb::ValueInfoProto &input, Dims &dims) {
  const pb::TypeProto &type = input.type();
  if (!type.has_tensor_type())
    reject("expected input '", input.name(), "' to be a tensor");
  if (!type.tensor_type().has_shape())
    reject("expected input '", input.name(), "' to have a shape, but its rank is dynamic");
  TensorType result;
  try {
    result.dtype = model.elementType(type.tensor_type().elem_type());
  } catch (const Rejected &error) {
    reject("input '", input.name(), "': ", error.what());
  }
  for (const auto &dim : type.tensor_type().shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() >= 0)
      result.shape.push_back(dim.dim_value());
    else if (dim.has_dim_param() && !dim.dim_param().empty())
      result.shape.push_back(dims.size(dim.dim_param()));
    else // no name in the file: the place is its name
      result.shape.push_back(dims.size(concat(input.name(), ':', result.shape.size())));
  }
  return result;
}

void Walker::readInputs(const pb::GraphProto &graph, Scope &scope) {
  Dims dims(options.dims);
  std::set<std::string> seen;
  std::vector<std::pair<std::string, TensorType>> runTime;
  for (const pb::ValueInfoProto &input : graph.input()) {
    const std::string &name = input.name();
    if (name.empty() || !seen.insert(name).second)
      reject("expected inputs with distinct names, but got '", name, "' twice or none");
    auto given = options.constants.find(name);
    // up to IR 3 initializers were listed as inputs too, later that means a default value
    if (scope.initializers.count(name) && given == options.constants.end())
      continue;
    if (given != options.constants.end()) {
      scope.initializers.erase(name);
      scope.names[name] =
          addValue(name, given->second.type, std::make_shared<const Constant>(given->second));
      continue;
    }
    runTime.emplace_back(name, inputType(input, dims));
  }
  for (const auto &given : options.constants)
    if (!seen.count(given.first))
      reject("expected a value for a graph input, but got one for '", given.first, "'");
  if (!dims.missing().empty()) {
    std::string names, flags;
    for (const std::string &missing : dims.missing()) {
      names += (names.empty() ? "'" : ", '") + missing + "'";
      flags += " --dim '" + missing + "'=N";
    }
    std::string misspelt;
    for (const std::string &unused : dims.unused())
      misspelt += (misspelt.empty() ? "; no dimension is named '" : ", '") + unused + "'";
    reject("expected sizes for the dynamic dimensions ", names, "; give them as", flags, misspelt);
  }
  for (auto &[name, type] : runTime) {
    try {
      checkedElements(type.shape);
    } catch (const Rejected &error) {
      reject("input '", name, "': ", error.what());
    }
    inputs.push_back(scope.names[name] = addValue(name, std::move(type)));
  }
  // A misspelt name must not look as if it had been bound.
  for (const std::string &unused : dims.unused())
    reject("expected the name of a dynamic dimension, but no input has a dimension named '", unused,
           "'");
}

ValueId Walker::addValue(std::string name, TensorType type,
                         std::shared_ptr<const Constant> constant) {
  draft.values.push_back({std::move(name), std::move(type), std::move(constant), {}});
  return static_cast<ValueId>(draft.values.size() - 1);
}

/// The value called `name`; initializers become values when they are first asked for.
ValueId Walker::find(const std::string &name, Scope &scope) {
  if (name.empty())
    return kAbsent;
  for (Scope *at = &scope; at; at = at->outer) {
    if (auto it = at->names.find(name); it != at->names.end())
      return it->second;
    if (auto it = at->initializers.find(name); it != at->initializers.end()) {
      auto constant = model.tensor(*it->second, "initializer '" + name + "'");
      sources[constant->data] = it->second;
      TensorType type = constant->type;
      ValueId id = addValue(name, std::move(type), std::move(constant));
      if (!at->outer) // a branch's own initializers have no name of their own in the file
        draft.values.back().initializer = name;
      return at->names[name] = id;
    }
  }
  reject("expected '", name, "' to be a graph input, an initializer or a node's result");
}

void Walker::readNodes(const NodeList &nodes, Scope &scope, const Frame &frame) {
  nodesRead += static_cast<size_t>(nodes.size());
  if (nodesRead > kMaxNodes)
    reject("expected at most ", kMaxNodes, " nodes after functions are inlined");
  for (const pb::NodeProto *node : ordered(nodes))
    readNode(*node, scope, frame);
}

void Walker::readNode(const pb::NodeProto &node, Scope &scope, const Frame &frame) {
  std::vector<ValueId> results;
  try {
    results = translate(node, scope, frame);
  } catch (const Rejected &error) {
    std::string_view message = error.what();
    if (message.rfind("node ", 0) == 0) // an inner node has said it already
      throw;
    reject(describe(node, frame.prefix), ": ", message);
  }
  for (int i = 0; i < node.output_size(); ++i) {
    const std::string &name = node.output(i);
    if (name.empty())
      continue;
    if (static_cast<size_t>(i) >= results.size())
      reject(describe(node, frame.prefix), ": expected ", results.size(), " results, but got ",
             node.output_size());
    if (results[static_cast<size_t>(i)] == kAbsent) // a use of it reports an unknown name
      continue;
    if (scope.initializers.count(name) || !scope.names.emplace(name, results[i]).second)
      reject(describe(node, frame.prefix), ": expected a new name for its result, but '", name,
             "' is taken");
  }
}

const pb::AttributeProto *Walker::resolve(const pb::AttributeProto &attribute,
                                          const Frame &frame) const {
  if (attribute.ref_attr_name().empty())
    return &attribute;
  auto it = frame.references.find(attribute.ref_attr_name());
  return it == frame.references.end() ? nullptr : it->second;
}

std::vector<ValueId> Walker::translate(const pb::NodeProto &node, Scope &scope,
                                       const Frame &frame) {
  std::string domain = normalDomain(node.domain());
  std::vector<ValueId> operands;
  std::vector<std::string> operandNames;
  for (const std::string &name : node.input()) {
    operands.push_back(find(name, scope));
    operandNames.push_back(name);
  }
  auto function =
      functions.find(functionKey(domain, node.op_type(), overloadOf(node, kNodeOverload)));
  if (function != functions.end())
    return callFunction(*function->second, node, operands, frame);

  std::string path = moduleScope(node);
  origin = {&frame, frame.prefix + node.name(), path.empty() ? frame.scope : path};
  if (domain.empty()) {
    const std::string &op = node.op_type();
    if (op == "Constant")
      return {readConstant(node, frame)};
    if (op == "Identity" || op == "Dropout" || op == "If") {
      if (operands.empty() || operands[0] == kAbsent)
        reject("expected an operand");
      if (op == "If")
        return readBranch(node, operands[0], scope, frame);
      return op == "Identity" ? std::vector{operands[0]} : dropout(node, operands);
    }
    if (normalisesBatch(node))
      rejectTraining();
  }
  // first of all: "not supported" says more than a fault in an attribute
  Match found = match(domain, node.op_type());
  std::map<std::string, Attribute, std::less<>> attributes;
  for (const pb::AttributeProto &attribute : node.attribute()) {
    const pb::AttributeProto *resolved = resolve(attribute, frame);
    if (!resolved)
      continue;
    if (!attributes.emplace(attribute.name(), readAttribute(*resolved, model)).second)
      reject("expected attribute '", attribute.name(), "' once");
  }
  std::vector<std::string> results(node.output().begin(), node.output().end());
  for (std::string &name : results)
    if (!name.empty())
      name = frame.prefix + name;
  return apply(found, domain, node.op_type(), std::move(operands), std::move(attributes),
               std::move(results), std::move(operandNames));
}

ValueId Walker::readConstant(const pb::NodeProto &node, const Frame &frame) {
  for (const pb::AttributeProto &given : node.attribute()) {
    const pb::AttributeProto *attribute = resolve(given, frame);
    if (!attribute)
      continue;
    std::string name = frame.prefix + (node.output_size() ? node.output(0) : node.name());
    const std::string &kind = given.name();
    std::shared_ptr<const Constant> data;
    if (kind == "value" && typeOf(*attribute) == pb::AttributeProto::TENSOR) {
      data = model.tensor(attribute->t(), "value");
    } else if (kind == "value_float") {
      data = scalar(attribute->f());
    } else if (kind == "value_int") {
      auto owned = allocate({DType::I64, {}});
      *owned.as<int64_t>() = attribute->i();
      data = owned.constant;
    } else if (kind == "value_floats") {
      data = listConstant(DType::F32, attribute->floats());
    } else if (kind == "value_ints") {
      data = listConstant(DType::I64, attribute->ints());
    } else {
      reject("expected a dense tensor or numbers, but got attribute '", kind, "'");
    }
    TensorType type = data->type;
    return addValue(std::move(name), std::move(type), std::move(data));
  }
  reject("expected a value");
}

std::vector<ValueId> Walker::dropout(const pb::NodeProto &node,
                                     const std::vector<ValueId> &operands) {
  bool training = false;
  if (operands.size() > 2 && operands[2] != kAbsent) {
    const Value &mode = value(operands[2]);
    if (!mode.constant || mode.type.dtype != DType::Bool || mode.type.elements() != 1)
      reject("expected training_mode to be one truth value known at compile time");
    training = *mode.constant->as<bool>();
  }
  bool keepsAll = false;
  if (operands.size() > 1 && operands[1] != kAbsent) {
    const Value &ratio = value(operands[1]);
    keepsAll = ratio.constant && ratio.type.dtype == DType::F32 && ratio.type.elements() == 1 &&
               *ratio.constant->as<float>() == 0.0f;
  }
  if (training && !keepsAll)
    rejectTraining();
  std::vector<ValueId> results{operands[0]};
  if (node.output_size() > 1 && !node.output(1).empty()) {
    OwnedConstant truth = allocate({DType::Bool, {}});
    *truth.as<bool>() = true;
    OwnedConstant shape =
        allocate({DType::I64, {static_cast<int64_t>(value(operands[0]).type.shape.size())}});
    std::copy(value(operands[0]).type.shape.begin(), value(operands[0]).type.shape.end(),
              shape.as<int64_t>());
    results.push_back(emit1("Expand", {constant(truth.constant), constant(shape.constant)}));
  }
  return results;
}

std::vector<ValueId> Walker::callFunction(const pb::FunctionProto &function,
                                          const pb::NodeProto &node,
                                          const std::vector<ValueId> &operands,
                                          const Frame &frame) {
  Frame inner;
  inner.depth = frame.depth + 1;
  if (inner.depth > kMaxDepth)
    reject("expected functions nested at most ", kMaxDepth, " deep");
  inner.function = true;
  inner.opsets = readOpsets(function.opset_import());
  inner.prefix = frame.prefix + (node.name().empty() ? node.op_type() : node.name()) + "/";
  std::string path = moduleScope(node);
  inner.scope = path.empty() ? frame.scope : path;
  for (const std::string &bytes : unknownBytes(function, kFunctionAttributeProto)) {
    auto attribute = std::make_unique<pb::AttributeProto>();
    if (!attribute->ParseFromString(bytes))
      reject("expected attribute defaults that parse");
    inner.references[attribute->name()] = attribute.get();
    defaults.push_back(std::move(attribute));
  }
  for (const pb::AttributeProto &attribute : node.attribute())
    if (const pb::AttributeProto *resolved = resolve(attribute, frame))
      inner.references[attribute.name()] = resolved;

  if (operands.size() > static_cast<size_t>(function.input_size()))
    reject("expected at most ", function.input_size(), " operands, but got ", operands.size());
  Scope scope;
  for (int i = 0; i < function.input_size(); ++i)
    scope.names[function.input(i)] =
        static_cast<size_t>(i) < operands.size() ? operands[static_cast<size_t>(i)] : kAbsent;
  readNodes(function.node(), scope, inner);
  std::vector<ValueId> results;
  for (const std::string &output : function.output())
    results.push_back(find(output, scope));
  return results;
}

std::vector<ValueId> Walker::readBranch(const pb::NodeProto &node, ValueId condition, Scope &scope,
                                        const Frame &frame) {
  const Value &known = value(condition);
  if (!known.constant || known.type.dtype != DType::Bool || known.type.elements() != 1)
    reject("expected the condition '", known.name, "' to be one truth value known at compile time");
  const char *taken = *known.constant->as<bool>() ? "then_branch" : "else_branch";
  for (const pb::AttributeProto &given : node.attribute()) {
    const pb::AttributeProto *attribute = resolve(given, frame);
    if (given.name() != taken || !attribute)
      continue;
    Frame inner = frame;
    inner.depth = frame.depth + 1;
    if (inner.depth > kMaxDepth)
      reject("expected branches nested at most ", kMaxDepth, " deep");
    Scope branch;
    branch.outer = &scope;
    addInitializers(attribute->g(), branch);
    readNodes(attribute->g().node(), branch, inner);
    std::vector<ValueId> results;
    for (const auto &output : attribute->g().output())
      results.push_back(find(output.name(), branch));
    return results;
  }
  reject("expected a ", taken);
}

void Walker::note(const std::string &text) {
  if (std::find(notes.begin(), notes.end(), text) == notes.end())
    notes.push_back(text);
}

} // namespace aimc::onnx
