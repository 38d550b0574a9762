//===- Targets.cpp - tile descriptions from files -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The file is parsed and verified by MLIR itself; this file only looks for it and says which file
// a diagnostic is about. Device tables stand beside it (DeviceFile.cpp).
//
//===----------------------------------------------------------------------===//
#include "aimc/Transforms/Targets.h"

#include "aimc/Analysis/MlirText.h"

#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"

using namespace mlir;
using namespace mlir::aimc;

FailureOr<std::string> mlir::aimc::findTargetFile(StringRef nameOrPath, StringRef folder,
                                                  Location loc) {
  // A name without a folder or an extension is a preset; all else is a path.
  if (llvm::sys::path::has_parent_path(nameOrPath) || nameOrPath.ends_with(".mlir")) {
    if (llvm::sys::fs::is_regular_file(nameOrPath))
      return nameOrPath.str();
    emitError(loc) << "expected a target file, but found none at '" << nameOrPath << "'";
    return failure();
  }
  SmallVector<std::string> folders;
  if (!folder.empty())
    folders.push_back(folder.str());
  if (auto fromEnvironment = llvm::sys::Process::GetEnv("AIMC_TARGETS_DIR"))
    folders.push_back(*fromEnvironment);
  folders.push_back(AIMC_INSTALLED_TARGETS_DIR);
  folders.push_back(AIMC_SOURCE_TARGETS_DIR);
  for (StringRef candidate : folders) {
    SmallString<256> path(candidate);
    llvm::sys::path::append(path, nameOrPath + ".mlir");
    if (llvm::sys::fs::is_regular_file(path))
      return path.str().str();
  }
  emitError(loc) << "expected a preset or a target file, but found no '" << nameOrPath
                 << ".mlir' in " << llvm::join(folders, ", ");
  return failure();
}

FailureOr<TargetOp> mlir::aimc::insertTarget(ModuleOp module, StringRef nameOrPath,
                                             StringRef folder) {
  FailureOr<std::string> path = findTargetFile(nameOrPath, folder, module.getLoc());
  if (failed(path))
    return failure();
  // Diagnostics of the parser and the verifier carry the file's name in their location.
  OwningOpRef<ModuleOp> parsed = parseMlirFile(*path, module.getContext());
  if (!parsed)
    return emitError(module.getLoc()) << "cannot read target file '" << *path << "'", failure();
  auto targets = llvm::to_vector(parsed->getOps<TargetOp>());
  if (targets.size() != 1)
    return emitError(module.getLoc())
               << "expected one aimc.target in '" << *path << "', but got " << targets.size(),
           failure();
  TargetOp target = targets.front();
  if (failed(completeTarget(target)))
    return failure();

  if (Operation *existing = SymbolTable::lookupSymbolIn(module, target.getSymName())) {
    auto same = dyn_cast<TargetOp>(existing);
    if (same && OperationEquivalence::isEquivalentTo(same, target,
                                                     OperationEquivalence::Flags::IgnoreLocations))
      return same;
    InFlightDiagnostic error = emitError(module.getLoc())
                               << "'" << *path << "' defines @" << target.getSymName()
                               << ", but the module has another symbol of that name";
    error.attachNote(existing->getLoc()) << "see the symbol here";
    return failure();
  }
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  return cast<TargetOp>(builder.clone(*target));
}
