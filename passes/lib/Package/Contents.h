//===- Contents.h - what a package holds ------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Files.h"
#include "aimc/Description/Mapping.h"
#include "aimc/Package/Package.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::aimc {

struct PackageContents {
  OwningOpRef<ModuleOp> tiled;
  Mapping mapping;
};

/// What the native code of `lowered` takes for granted, as text (aimc/exec/Signature.h).
std::string signatureText(ModuleOp lowered, const PackageContents &contents,
                          const NativeTarget &target);

/// The manifest's text.
llvm::Expected<std::string> manifestText(ModuleOp lowered, PackageContents &contents,
                                         const PackageOptions &options, const NativeTarget &target,
                                         const llvm::MapVector<llvm::StringRef, FileDigest> &files);

} // namespace mlir::aimc
