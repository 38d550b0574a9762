//===- Package.h - from the LLVM dialect to a package on disk ---*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A package (docs/Contracts.md section 4) is written into a folder with a temporary name beside
// its final place and renamed when it is whole: readers see the old package, the new one, or none.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/IR/AIMC.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mlir::aimc {

/// The processor that native code is made for.
struct NativeTarget {
  std::string triple;
  std::string cpu;                   ///< what LLVM compiles for: a level of x86-64
  std::string tune;                  ///< whose timings it assumes: `--mcpu`
  std::string features;              ///< LLVM's "+avx2,+fma,..." on top of `cpu`
  std::vector<std::string> required; ///< instruction sets that a processor must have
  int64_t vectorBits = 128;          ///< widest vector registers of 128, 256, 512

  /// Resolves `--mcpu`: "native", or a name that LLVM knows. An unknown name is an error that
  /// lists some known ones.
  static llvm::Expected<NativeTarget> create(llvm::StringRef mcpu);
};

/// Compiles `module` (LLVM dialect) and links it to a shared object at `path`, in process but for
/// the linker. `signature` says what the code takes for granted (aimc/exec/Signature.h).
llvm::Error emitSharedObject(ModuleOp module, const NativeTarget &target, llvm::StringRef signature,
                             llvm::StringRef path);

struct PackageOptions {
  std::string output;                  ///< final folder, "model.aimc"
  std::map<std::string, int64_t> dims; ///< bound dimensions, recorded per entry
};

/// What a package writer collects before code generation erases it from the module.
struct PackageContents;

/// Writes packages. Call collect() on the tiled module, run code generation, then write().
class PackageWriter {
public:
  PackageWriter(PackageOptions options);
  ~PackageWriter();

  /// Remembers targets, weights and tiles, and the tiled module itself (without weight bytes).
  llvm::Error collect(ModuleOp tiled);

  /// `lowered` holds the LLVM dialect and the attributes that aimc-lower-to-runtime left.
  /// `progress` is called with a short phase name before each long step.
  llvm::Error write(ModuleOp lowered, const NativeTarget &target,
                    llvm::function_ref<void(llvm::StringRef)> progress);

private:
  std::unique_ptr<PackageContents> contents;
  PackageOptions options;
};

} // namespace mlir::aimc
