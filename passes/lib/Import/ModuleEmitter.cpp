//===- ModuleEmitter.cpp - one graph to one module ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Walks the graph in its topological order and lets the emitter of each operator build its part.
// Large numeric constants become resources that share the bytes of the graph; booleans, scalars,
// small and empty constants are dense attributes, because MLIR cannot lower such resources.
//
//===----------------------------------------------------------------------===//
#include "ModuleEmitter.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::aimc::emit {

/// Constants of fewer elements are written inline.
static constexpr int64_t kResourceElements = 64;

ModuleEmitter::ModuleEmitter(MLIRContext *context, const onnx::Graph &graph)
    : graph(graph), context(context), builder(context), values(graph.values.size()) {
  for (const onnx::Node &node : graph.nodes)
    for (onnx::ValueId id : node.outputs)
      if (id != onnx::kAbsent)
        producers[id] = &node;
}

Type ModuleEmitter::elementType(onnx::DType dtype) const {
  switch (dtype) {
  case onnx::DType::F32:
    return Float32Type::get(context);
  case onnx::DType::I64:
    return IntegerType::get(context, 64);
  case onnx::DType::I32:
    return IntegerType::get(context, 32);
  case onnx::DType::Bool:
    break;
  }
  return IntegerType::get(context, 1);
}

RankedTensorType ModuleEmitter::type(const onnx::TensorType &type) const {
  return RankedTensorType::get(type.shape, elementType(type.dtype));
}

RankedTensorType ModuleEmitter::type(onnx::ValueId id) const { return type(graph.value(id).type); }

Location ModuleEmitter::locationOf(const onnx::Node &node) const {
  StringRef name = node.name.empty() ? StringRef(node.op) : StringRef(node.name);
  StringRef layer = node.layer.empty() ? name : StringRef(node.layer);
  return NameLoc::get(StringAttr::get(context, layer),
                      NameLoc::get(StringAttr::get(context, name)));
}

TypedAttr ModuleEmitter::attributeOf(const onnx::Constant &constant, StringRef name) {
  RankedTensorType type = this->type(constant.type);
  int64_t elements = type.getNumElements();
  if (constant.type.dtype == onnx::DType::Bool) {
    SmallVector<bool> bits(elements);
    for (int64_t i = 0; i < elements; ++i)
      bits[i] = constant.as<uint8_t>()[i] != 0;
    return DenseElementsAttr::get(type, ArrayRef<bool>(bits));
  }
  ArrayRef<char> bytes(reinterpret_cast<const char *>(constant.data), constant.bytes());
  size_t alignment = onnx::byteSize(constant.type.dtype);
  if (elements == 0)
    return cast<TypedAttr>(DenseElementsAttr::get(type, ArrayRef<Attribute>()));
  if (type.getRank() == 0 || elements < kResourceElements)
    return cast<TypedAttr>(DenseElementsAttr::getFromRawBuffer(type, bytes));
  AsmResourceBlob blob;
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0)
    blob = UnmanagedAsmResourceBlob::allocateWithAlign(
        bytes, alignment,
        [owner = constant.owner](void *, size_t, size_t) mutable { owner.reset(); });
  else // external data may lie anywhere in its file; typed reads need alignment
    blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, alignment, false);
  return cast<TypedAttr>(DenseResourceElementsAttr::get(type, name, std::move(blob)));
}

Value ModuleEmitter::constantAs(onnx::ValueId id, ArrayRef<int64_t> shape) {
  onnx::Constant view = *graph.value(id).constant;
  view.type.shape.assign(shape.begin(), shape.end());
  return constant(view, graph.value(id));
}

Value ModuleEmitter::constant(const onnx::Constant &data, const onnx::Value &value) {
  Value &known = constants[{data.data, type(data.type)}];
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(builder);
  if (lastConstant)
    builder.setInsertionPointAfter(lastConstant);
  else
    builder.setInsertionPointToStart(&main.getBody().front());
  StringRef name = value.name.empty() ? StringRef("constant") : StringRef(value.name);
  auto op = arith::ConstantOp::create(builder, NameLoc::get(StringAttr::get(context, name)),
                                      attributeOf(data, name));
  // What may become a weight; a trainer knows it by this name.
  if (!value.initializer.empty() && data.type.dtype == onnx::DType::F32 &&
      data.type.shape.size() >= 2)
    op->setAttr("aimc.initializer", builder.getStringAttr(value.initializer));
  lastConstant = op;
  return known = op;
}

Value ModuleEmitter::value(onnx::ValueId id) {
  Value &v = values[id];
  if (!v && graph.value(id).constant)
    v = constant(*graph.value(id).constant, graph.value(id));
  return v;
}

LogicalResult ModuleEmitter::setValue(onnx::ValueId id, Value v) {
  values[id] = v;
  return success(v.getType() == type(id));
}

LogicalResult ModuleEmitter::createMain() {
  Location loc = NameLoc::get(StringAttr::get(context, graph.file));
  module = ModuleOp::create(loc);
  SmallVector<Type> inputs, results;
  for (onnx::ValueId id : graph.inputs)
    inputs.push_back(type(id));
  for (onnx::ValueId id : graph.outputs)
    results.push_back(type(id));
  builder.setInsertionPointToEnd(module->getBody());
  main = func::FuncOp::create(builder, loc, "main", builder.getFunctionType(inputs, results));
  Block *entry = main.addEntryBlock();
  for (auto [i, id] : llvm::enumerate(graph.inputs)) {
    main.setArgAttr(i, "aimc.name", builder.getStringAttr(graph.value(id).name));
    values[id] = entry->getArgument(i);
  }
  for (auto [i, name] : llvm::enumerate(graph.outputNames))
    main.setResultAttr(i, "aimc.name", builder.getStringAttr(name));
  builder.setInsertionPointToEnd(entry);
  return success();
}

LogicalResult ModuleEmitter::emitNode(const onnx::Node &node) {
  NodeEmitter emitter(*this, node, locationOf(node), builder);
  const EmitterRow *row = findEmitter(node.domain, node.op);
  if (!row)
    return emitter.fail("expected a supported operator, but got version " +
                        Twine(node.sinceVersion) + " of " +
                        (node.domain.empty() ? "ai.onnx" : node.domain) + "." + node.op);
  if (node.inputs.size() < row->minInputs || node.inputs.size() > row->maxInputs)
    return emitter.fail(
        "expected at least " + Twine(row->minInputs) + " inputs" +
        (row->maxInputs == kVariadic ? Twine() : " and at most " + Twine(row->maxInputs)) +
        ", but got " + Twine(node.inputs.size()));
  for (auto [i, id] : llvm::enumerate(node.inputs)) {
    if (id == onnx::kAbsent && (i < row->minInputs || row->maxInputs == kVariadic))
      return emitter.fail("expected input " + Twine(i) + " to be present, but it is omitted");
    if (id != onnx::kAbsent && !value(id))
      return emitter.fail("expected input '" + graph.value(id).name +
                          "' to be computed by an earlier node, but nothing computes it");
  }
  bool allEmpty = true;
  for (onnx::ValueId id : node.outputs)
    allEmpty &= id == onnx::kAbsent || type(id).getNumElements() == 0;
  if (allEmpty) { // nothing to compute, and slices of size 0 would only burden later passes
    for (onnx::ValueId id : node.outputs)
      if (id != onnx::kAbsent)
        values[id] = empty(emitter.b, type(id));
    return success();
  }
  if (failed(row->emit(emitter)))
    return failure();
  for (onnx::ValueId id : node.outputs)
    if (id != onnx::kAbsent && !values[id])
      return emitter.fail("expected output '" + graph.value(id).name +
                          "' to be unused, because this importer does not compute it");
  return success();
}

/// A check is a call of a private function that does nothing and says in an attribute what is to be
/// checked: stock passes keep the call and its order, and code generation knows it by the
/// attribute.
void ModuleEmitter::checkIndices(const onnx::Node &node, onnx::ValueId indices,
                                 ArrayRef<int64_t> sizes, bool tuples) {
  if (graph.value(indices).constant)
    return; // the reader has checked them
  std::string name = node.name.empty() ? node.layer : node.name;
  std::string what = "node '" + name + "'";
  onnx::ValueId input =
      onnx::inputBehind(graph, indices, [this](onnx::ValueId id) { return producers.lookup(id); });
  if (input != onnx::kAbsent) {
    what = "input '" + graph.value(input).name + "' of " + what;
    if (!tuples)
      indices = input;
  }
  Value checked = value(indices);
  auto check =
      builder.getDictionaryAttr({builder.getNamedAttr("sizes", builder.getDenseI64ArrayAttr(sizes)),
                                 builder.getNamedAttr("tuples", builder.getBoolAttr(tuples)),
                                 builder.getNamedAttr("what", builder.getStringAttr(what))});
  Location loc = locationOf(node);
  func::FuncOp &function = checks[builder.getArrayAttr({check, TypeAttr::get(checked.getType())})];
  OpBuilder::InsertionGuard guard(builder);
  if (!function) {
    builder.setInsertionPointToEnd(module->getBody());
    function =
        func::FuncOp::create(builder, loc, ("check_indices_" + Twine(checks.size() - 1)).str(),
                             builder.getFunctionType({checked.getType()}, {}));
    function.setPrivate();
    function->setAttr("aimc.index_check", check);
    builder.setInsertionPointToEnd(function.addEntryBlock());
    func::ReturnOp::create(builder, loc, ValueRange{});
  }
  Block &body = main.getBody().front();
  if (isa<BlockArgument>(checked)) // before anything has been computed or read
    builder.setInsertionPointToStart(&body);
  else
    builder.setInsertionPointToEnd(&body);
  func::CallOp::create(builder, loc, function, ValueRange{checked});
}

LogicalResult ModuleEmitter::createReturn() {
  SmallVector<Value> results;
  for (auto [i, id] : llvm::enumerate(graph.outputs)) {
    Value v = value(id);
    if (!v)
      return emitError(main.getLoc()) << graph.file << ": expected output '" << graph.outputNames[i]
                                      << "' to be computed, but nothing computes it";
    results.push_back(v);
  }
  func::ReturnOp::create(builder, main.getLoc(), results);
  return success();
}

OwningOpRef<ModuleOp> ModuleEmitter::run() {
  if (failed(createMain()))
    return {};
  for (const onnx::Node &node : graph.nodes)
    if (failed(emitNode(node)))
      return {};
  if (failed(createReturn()))
    return {};
  // Views of weights leave the transpose behind that they made superfluous.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  if (failed(verify(*module)))
    return {};
  return std::move(module);
}

} // namespace mlir::aimc::emit
