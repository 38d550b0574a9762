//===- Load.cpp - the entry point -------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The boundary where faults become values: whatever happens inside, the caller gets a graph or one
// line of text.
//
//===----------------------------------------------------------------------===//
#include "Walker.h"
#include <new>

namespace aimc::onnx {

namespace {
/// One printable line of bounded length; names in it come from the file.
Error oneLine(const std::string &file, std::string_view what) {
  constexpr size_t kMaxLength = 2000;
  std::string message = file + ": " + std::string(what);
  for (char &c : message)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  if (message.size() > kMaxLength)
    message = message.substr(0, kMaxLength) + "...";
  return {std::move(message)};
}
} // namespace

tl::expected<Graph, Error> load(const std::string &path, const LoadOptions &options) {
  try {
    for (const auto &[name, size] : options.dims)
      if (size < 0 || size > kMaxElements)
        reject("expected a size for dimension '", name, "', but got ", size);
    Model model(path);
    Graph graph = Walker(model, options).run();
    graph.file = path;
    return graph;
  } catch (const Rejected &error) {
    return tl::unexpected(oneLine(path, error.what()));
  } catch (const std::bad_alloc &) {
    return tl::unexpected(oneLine(path, "expected a model that fits in memory"));
  } catch (const std::exception &error) {
    return tl::unexpected(
        oneLine(path, concat("unexpected failure while reading: ", error.what())));
  }
}

} // namespace aimc::onnx
