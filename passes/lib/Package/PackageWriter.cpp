//===- PackageWriter.cpp - a package on disk ------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Contents.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/IR/AIMC.h"
#include "mlir/Bytecode/BytecodeWriter.h"

using namespace mlir;
using namespace mlir::aimc;

PackageWriter::PackageWriter(PackageOptions options)
    : contents(std::make_unique<PackageContents>()), options(std::move(options)) {}
PackageWriter::~PackageWriter() = default;

llvm::Error PackageWriter::collect(ModuleOp tiled) {
  contents->tiled = tiled.clone(); // attributes are shared: no weight is copied
  auto mapping = describeMapping(tiled, /*withValues=*/true);
  if (!mapping)
    return mapping.takeError();
  contents->mapping = std::move(*mapping);
  return llvm::Error::success();
}

/// The tiled module for people and later tools: weights are named, not carried.
static llvm::Expected<FileDigest> writeModule(ModuleOp tiled, PackageContents &contents,
                                              llvm::StringRef path) {
  Builder builder(tiled.getContext());
  auto external = [&](std::optional<Attribute> value) -> Attribute {
    auto elements = dyn_cast_if_present<ElementsAttr>(value.value_or(Attribute()));
    if (!elements) // named already, or absent
      return value.value_or(Attribute());
    return ExternalAttr::get(tiled.getContext(), contents.mapping.tensors.nameOf(elements));
  };
  for (auto weight : tiled.getOps<WeightOp>()) {
    weight.setValueAttr(external(weight.getValue()));
    weight.setActivityAttr(external(weight.getActivity()));
  }
  for (auto tile : tiled.getOps<TileOp>())
    tile.setColumnScaleAttr(external(tile.getColumnScale()));
  // Where a target's file lay is none of the package's business: equal runs write equal bytes.
  for (auto target : tiled.getOps<TargetOp>())
    target->setLoc(builder.getUnknownLoc());
  std::string bytes;
  llvm::raw_string_ostream os(bytes);
  BytecodeWriterConfig config("AIMC");
  config.setElideResourceDataFlag();
  if (failed(writeBytecodeToFile(tiled, os, config)))
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "the tiled module could not be written as bytecode");
  auto file = HashedFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(bytes))
    return error;
  return file->close();
}

static llvm::Expected<FileDigest> writeTensors(const TensorTable &tensors, llvm::StringRef path) {
  auto file = HashedFile::create(path);
  if (!file)
    return file.takeError();
  auto sink = [&](llvm::ArrayRef<char> bytes) { return file->write(bytes); };
  if (llvm::Error error = tensors.write(sink))
    return error;
  return file->close();
}

llvm::Error PackageWriter::write(ModuleOp lowered, const NativeTarget &target,
                                 llvm::function_ref<void(llvm::StringRef)> progress) {
  auto folder = UnfinishedFolder::create(options.output);
  if (!folder)
    return folder.takeError();
  llvm::MapVector<llvm::StringRef, FileDigest> files;

  progress("native code");
  std::string object = folder->file("model.so");
  if (llvm::Error error =
          emitSharedObject(lowered, target, signatureText(lowered, *contents, target), object))
    return error;
  auto digest = digestOf(object);
  if (!digest)
    return digest.takeError();
  files["model.so"] = *digest;

  progress("weights");
  // Names of constants are settled before the tensors are written; digests come later.
  if (auto draft = manifestText(lowered, *contents, options, target, files); !draft)
    return draft.takeError();
  digest = writeTensors(contents->mapping.tensors, folder->file("weights.safetensors"));
  if (!digest)
    return digest.takeError();
  files["weights.safetensors"] = *digest;

  progress("manifest");
  digest = writeModule(*contents->tiled, *contents, folder->file("module.mlirbc"));
  if (!digest)
    return digest.takeError();
  files["module.mlirbc"] = *digest;
  auto text = manifestText(lowered, *contents, options, target, files);
  if (!text)
    return text.takeError();
  auto manifest = HashedFile::create(folder->file("manifest.json"));
  if (!manifest)
    return manifest.takeError();
  if (llvm::Error error = manifest->write(*text))
    return error;
  if (auto closed = manifest->close(); !closed)
    return closed.takeError();
  return folder->commit();
}
