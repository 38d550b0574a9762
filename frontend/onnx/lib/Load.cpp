//===- Load.cpp - the entry point -------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The boundary where faults become values: whatever happens inside, the caller gets a graph or one
// line of text.
//
//===----------------------------------------------------------------------===//
#include "ModelState.h"

#include "aimc/files/Text.h"

namespace aimc::onnx {

Error oneLine(const std::string &file, std::string_view what) {
  return {files::printable(file + ": " + std::string(what))};
}

tl::expected<Graph, Error> load(const std::string &path, const LoadOptions &options) {
  return guarded(path, [&] { return ModelFile::State(path).graph(options, true); });
}

} // namespace aimc::onnx
