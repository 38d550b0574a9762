//===- MlirText.cpp - MLIR from files that nobody vouches for -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/MlirText.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

/// Modules of real models nest a tenth of it: regions, attributes, types of types.
static constexpr int kMaxDepth = 256;

/// The line on which a text first nests deeper than it may; 0 where it never does.
static size_t tooDeep(llvm::StringRef text) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i], next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (c == '"') { // to the end of the string
      for (++i; i < text.size() && text[i] != '"'; ++i)
        i += text[i] == '\\';
    } else if (c == '/' && next == '/') {
      i = std::min(text.find('\n', i), text.size());
    } else if ((c == '-' && next == '>') || ((c == '<' || c == '>') && next == '=')) {
      ++i; // an arrow or a comparison
    } else if (c == '(' || c == '[' || c == '{' || c == '<') {
      if (++depth > kMaxDepth)
        return text.take_front(i).count('\n') + 1;
    } else if (c == ')' || c == ']' || c == '}' || c == '>') {
      depth = std::max(depth - 1, 0);
    }
  }
  return 0;
}

std::optional<std::string> mlir::aimc::mlirTooDeep(llvm::StringRef text) {
  if (text.starts_with("ML\xefR")) // bytecode
    return std::nullopt;
  const size_t line = tooDeep(text);
  if (line == 0)
    return std::nullopt;
  return (llvm::Twine("expected MLIR of at most ") + llvm::Twine(kMaxDepth) +
          " levels of brackets, but got more on line " + llvm::Twine(line) +
          "; nothing that is read here needs as many")
      .str();
}

OwningOpRef<ModuleOp> mlir::aimc::parseMlirFile(llvm::StringRef path, MLIRContext *context) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (file)
    if (auto problem = mlirTooDeep((*file)->getBuffer())) {
      emitError(UnknownLoc::get(context)) << path << ": " << *problem;
      return {};
    }
  return parseSourceFile<ModuleOp>(path, context); // says what else is wrong with it
}
