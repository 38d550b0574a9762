//===- TensorTable.h - tensors of a safetensors file ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <vector>

namespace mlir::aimc {

/// The element type's name in a safetensors file; "" for one that no file of ours holds.
llvm::StringRef storedName(Type element);

/// Tensors by name, each written once however often it is used.
class TensorTable {
public:
  /// The name under which `value` is stored: `wanted`, or an older name of the same data, or
  /// `wanted` with a number where another tensor has that name.
  std::string add(llvm::StringRef wanted, ElementsAttr value);
  /// The name of a tensor that was added.
  std::string nameOf(ElementsAttr value) const { return entries[byValue.at(value)].name; }
  bool empty() const { return entries.empty(); }

  /// Takes the file piece by piece.
  using Sink = llvm::function_ref<llvm::Error(llvm::ArrayRef<char>)>;
  /// Hands a safetensors file to `sink`; `metadata` becomes its `__metadata__` where it has
  /// members.
  llvm::Error write(Sink sink, llvm::json::Object metadata = {}) const;

private:
  struct Entry {
    std::string name;
    ElementsAttr value;
  };
  std::vector<Entry> entries;
  llvm::DenseMap<Attribute, size_t> byValue;
  llvm::StringMap<size_t> byName;
};

} // namespace mlir::aimc
