//===- aimc-import-run.cpp - execute an imported model --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Test oracle's other half: imports an ONNX model, lowers it with MLIR's own passes to plain loops
// and runs it in process, so that the importer is judged without any of our later passes.
//
//   aimc-import-run model.onnx --dim batch=2 --in a.bin --in b.bin --out y.bin
//
// Inputs and outputs are raw row-major bytes in graph order; a bool takes one byte.
//
//===----------------------------------------------------------------------===//
#include "aimc/Import/ImportOnnx.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace {

/// Stock passes only: tensors to buffers to loops to LLVM, results as out-parameters.
constexpr StringLiteral kToBuffers =
    "canonicalize,cse,eliminate-empty-tensors,"
    "one-shot-bufferize{bufferize-function-boundaries "
    "function-boundary-type-conversion=identity-layout-map},canonicalize,cse,"
    "buffer-results-to-out-params{modify-public-functions}";
constexpr StringLiteral kToLLVM =
    "convert-linalg-to-loops,fold-memref-alias-ops,expand-strided-metadata,lower-affine,"
    "convert-scf-to-cf,convert-math-to-llvm,convert-math-to-libm,arith-expand,"
    "convert-arith-to-llvm,convert-index-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,"
    "convert-cf-to-llvm,reconcile-unrealized-casts";

LogicalResult runPasses(ModuleOp module, StringRef pipeline) {
  PassManager passes(module->getContext(), ModuleOp::getOperationName());
  return success(succeeded(parsePassPipeline(pipeline, passes)) && succeeded(passes.run(module)));
}

/// Copies as loops; memref.copy would call into a runtime library.
void lowerCopies(ModuleOp module) {
  SmallVector<memref::CopyOp> copies;
  module.walk([&](memref::CopyOp op) { copies.push_back(op); });
  for (memref::CopyOp op : copies) {
    OpBuilder b(op);
    linalg::CopyOp::create(b, op.getLoc(), ValueRange{op.getSource()}, ValueRange{op.getTarget()});
    op.erase();
  }
}

int fail(const Twine &message) {
  llvm::errs() << "aimc-import-run: error: " << message << '\n';
  return 1;
}

/// A memref descriptor of any rank, followed in memory by sizes and strides.
struct Buffer {
  std::vector<int64_t> descriptor;

  Buffer(MemRefType type, char *data) {
    ArrayRef<int64_t> shape = type.getShape();
    descriptor = {reinterpret_cast<int64_t>(data), reinterpret_cast<int64_t>(data), 0};
    llvm::append_range(descriptor, shape);
    int64_t stride = 1;
    std::vector<int64_t> strides(shape.size());
    for (size_t i = shape.size(); i-- > 0; stride *= shape[i])
      strides[i] = stride;
    llvm::append_range(descriptor, strides);
  }
};

size_t byteSize(ShapedType type) {
  return type.getNumElements() * std::max<size_t>(1, type.getElementTypeBitWidth() / 8);
}

/// Makes every resource constant an argument, because LLVM is slow with large constants.
void hoistResources(ModuleOp module, SmallVectorImpl<DenseResourceElementsAttr> &resources) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  SmallVector<arith::ConstantOp> constants;
  main.walk([&](arith::ConstantOp op) {
    if (isa<DenseResourceElementsAttr>(op.getValue()))
      constants.push_back(op);
  });
  for (arith::ConstantOp op : constants) {
    unsigned position = main.getNumArguments();
    (void)main.insertArgument(position, op.getType(), {}, op.getLoc());
    op.replaceAllUsesWith(main.getArgument(position));
    resources.push_back(cast<DenseResourceElementsAttr>(op.getValue()));
    op.erase();
  }
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::cl::opt<std::string> model(llvm::cl::Positional, llvm::cl::Required);
  llvm::cl::list<std::string> dims("dim"), ins("in"), outs("out");
  llvm::cl::ParseCommandLineOptions(argc, argv);

  ::aimc::onnx::LoadOptions options;
  for (StringRef dim : dims) {
    auto [name, size] = dim.split('=');
    if (size.getAsInteger(10, options.dims[name.str()]))
      return fail("expected --dim name=size, but got " + dim);
  }
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registerAllPasses();
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = mlir::aimc::importOnnx(&context, model, options);
  if (!module)
    return 1;

  auto main = module->lookupSymbol<func::FuncOp>("main");
  FunctionType signature = main.getFunctionType();
  if (ins.size() != signature.getNumInputs() || outs.size() != signature.getNumResults())
    return fail("expected " + Twine(signature.getNumInputs()) + " inputs and " +
                Twine(signature.getNumResults()) + " outputs, but got " + Twine(ins.size()) +
                " and " + Twine(outs.size()));
  SmallVector<DenseResourceElementsAttr> resources;
  hoistResources(*module, resources);
  main.setName("entry"); // the process has a `main` of its own
  main->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(&context));

  bool lowered = succeeded(runPasses(*module, kToBuffers));
  if (lowered)
    lowerCopies(*module);
  if (!lowered || failed(runPasses(*module, kToLLVM)))
    return fail("lowering failed");
  ExecutionEngineOptions engineOptions;
  auto optimise = makeOptimizingTransformer(2, 0, nullptr);
  engineOptions.transformer = optimise;
  auto engine = ExecutionEngine::create(*module, engineOptions);
  if (!engine)
    return fail(toString(engine.takeError()));

  std::vector<std::vector<char>> storage;
  std::vector<Buffer> buffers;
  auto bufferType = [](Type type) {
    auto shaped = cast<ShapedType>(type);
    return MemRefType::get(shaped.getShape(), shaped.getElementType());
  };
  for (auto [path, type] : llvm::zip_equal(ins, signature.getInputs())) {
    auto file = llvm::MemoryBuffer::getFile(path);
    if (!file || (*file)->getBufferSize() != byteSize(cast<ShapedType>(type)))
      return fail(path + ": expected " + Twine(byteSize(cast<ShapedType>(type))) + " bytes");
    storage.emplace_back((*file)->getBufferStart(), (*file)->getBufferEnd());
    buffers.emplace_back(bufferType(type), storage.back().data());
  }
  for (DenseResourceElementsAttr resource : resources)
    buffers.emplace_back(bufferType(resource.getType()),
                         const_cast<char *>(resource.getData().data()));
  size_t firstResult = buffers.size(), firstStorage = storage.size();
  for (Type type : signature.getResults()) {
    storage.emplace_back(byteSize(cast<ShapedType>(type)));
    buffers.emplace_back(bufferType(type), storage.back().data());
  }
  // invokePacked takes the address of each argument; the C wrapper's are descriptor pointers.
  std::vector<void *> pointers, arguments;
  for (Buffer &buffer : buffers)
    pointers.push_back(buffer.descriptor.data());
  for (void *&pointer : pointers)
    arguments.push_back(&pointer);
  if (llvm::Error error = (*engine)->invokePacked("_mlir_ciface_entry", arguments))
    return fail(toString(std::move(error)));
  for (size_t i = 0; i < outs.size(); ++i) {
    std::error_code code;
    llvm::raw_fd_ostream file(outs[i], code);
    const std::vector<char> &bytes = storage[firstStorage + i];
    file.write(bytes.data(), bytes.size());
    if (code || buffers.size() != firstResult + outs.size())
      return fail("cannot write " + outs[i]);
  }
  return 0;
}
