//===- ModelState.h - what a ModelFile holds --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The parsed file behind a ModelFile, and the boundary where faults become values.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Reader.h"
#include "aimc/onnx/ModelFile.h"
#include <new>

namespace aimc::onnx {

/// One printable line of bounded length; names in it come from the file.
Error oneLine(const std::string &file, std::string_view what);

/// `work()`, with whatever it throws as an error that names `file`.
template <class Work> auto guarded(const std::string &file, Work &&work) {
  using Result = tl::expected<decltype(work()), Error>;
  try {
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      return Result();
    } else {
      return Result(work());
    }
  } catch (const Rejected &error) {
    return Result(tl::unexpected(oneLine(file, error.what())));
  } catch (const std::bad_alloc &) {
    return Result(tl::unexpected(oneLine(file, "expected a model that fits in memory")));
  } catch (const std::exception &error) {
    return Result(tl::unexpected(oneLine(file, concat("unexpected failure: ", error.what()))));
  }
}

struct ModelFile::State {
  std::string path;
  mutable Model model; ///< remembers which files it has mapped
  explicit State(const std::string &path) : path(path), model(path) {}
  /// The graph; with `readOnce` the model gives up what folding has used up.
  Graph graph(const LoadOptions &options, bool readOnce) const;
};

} // namespace aimc::onnx
