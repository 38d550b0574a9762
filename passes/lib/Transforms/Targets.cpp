//===- Targets.cpp - tile descriptions from files -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The file is parsed and verified by MLIR itself; the runtime, which has presets too, says where it
// is. Device tables stand beside it (DeviceFile.cpp).
//
//===----------------------------------------------------------------------===//
#include "aimc/Transforms/Targets.h"

#include "aimc/Analysis/MlirText.h"
#include "aimc/exec/Presets.h"

#include "mlir/IR/OperationSupport.h"

using namespace mlir;
using namespace mlir::aimc;

FailureOr<std::string> mlir::aimc::findTargetFile(StringRef nameOrPath, StringRef folder,
                                                  Location loc) {
  auto found = ::aimc::exec::findTarget(nameOrPath.str(), {".mlir"}, folder.str());
  if (found)
    return *found;
  InFlightDiagnostic error = emitError(loc) << found.error().message;
  if (nameOrPath.ends_with(".json"))
    error << "; aimc.Target.load of Python reads one, and its to_mlir() writes a .mlir file";
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
