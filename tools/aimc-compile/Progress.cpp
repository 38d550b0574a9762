//===- Progress.cpp - what a long command is doing ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <sys/resource.h>
#include <unistd.h>

using namespace aimc::compile;

static double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Progress::Progress(bool timing)
    : timing(timing), terminal(::isatty(STDERR_FILENO) == 1),
      start(std::chrono::steady_clock::now()), begin(start) {}

Progress::~Progress() { clearLine(); }

void Progress::clearLine() {
  if (shown)
    llvm::errs() << "\r\033[K";
  shown = false;
}

void Progress::finishPhase() {
  clearLine();
  if (!timing || current.empty())
    return;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  llvm::errs() << llvm::format("%-14s %7.2f s   peak %6.0f MB\n", current.c_str(),
                               secondsSince(start), static_cast<double>(usage.ru_maxrss) / 1024.0);
}

void Progress::phase(llvm::StringRef name) {
  finishPhase();
  current = name.str();
  start = std::chrono::steady_clock::now();
  if (terminal && !timing) {
    llvm::errs() << "aimc-compile: " << name << " ...";
    shown = true;
  }
}

void Progress::detail(llvm::StringRef text) {
  if (!terminal || timing)
    return;
  clearLine();
  llvm::errs() << "aimc-compile: " << current << ": " << text << " ...";
  shown = true;
}

void Progress::done() {
  finishPhase();
  current.clear();
  if (timing)
    llvm::errs() << llvm::format("%-14s %7.2f s\n", "total", secondsSince(begin));
}
