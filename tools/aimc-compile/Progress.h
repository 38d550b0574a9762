//===- Progress.h - what a long command is doing ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One line on a terminal, nothing in a pipe; with `--time` a line per phase.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <string>

namespace aimc::compile {

class Progress {
public:
  explicit Progress(bool timing);
  ~Progress();
  void phase(llvm::StringRef name);
  /// More about the phase, where a terminal watches.
  void detail(llvm::StringRef text);
  void done();
  /// Removes the line, so that a message can be printed.
  void clearLine();

private:
  void finishPhase();
  bool timing, terminal, shown = false;
  std::string current;
  std::chrono::steady_clock::time_point start, begin;
};

} // namespace aimc::compile
