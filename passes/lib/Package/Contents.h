//===- Contents.h - what a package holds ------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Files.h"
#include "aimc/Package/Package.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/JSON.h"

namespace mlir::aimc {

/// The tensors of weights.safetensors by name, each written once however often it is used.
class TensorTable {
public:
  /// The name under which `value` is stored: `wanted`, or an older name of the same data, or
  /// `wanted` with a number where another tensor has that name.
  std::string add(llvm::StringRef wanted, ElementsAttr value);
  /// The name of a tensor that was added.
  std::string nameOf(ElementsAttr value) const { return entries[byValue.at(value)].name; }
  llvm::Expected<FileDigest> write(llvm::StringRef path) const;

private:
  struct Entry {
    std::string name;
    ElementsAttr value;
  };
  std::vector<Entry> entries;
  llvm::DenseMap<Attribute, size_t> byValue;
  llvm::StringMap<size_t> byName;
};

struct PackageContents {
  OwningOpRef<ModuleOp> tiled;
  llvm::json::Object targets;
  llvm::json::Array weights;
  llvm::DenseMap<StringAttr, int64_t> weightIndex;
  TensorTable tensors;
};

/// Targets, weights and blocks of a tiled module, as the manifest describes them.
llvm::Error describeMapping(ModuleOp tiled, PackageContents &contents);

/// The manifest's text.
llvm::Expected<std::string> manifestText(ModuleOp lowered, PackageContents &contents,
                                         const PackageOptions &options, const NativeTarget &target,
                                         const llvm::MapVector<llvm::StringRef, FileDigest> &files);

} // namespace mlir::aimc
