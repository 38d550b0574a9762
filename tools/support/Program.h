//===- Program.h - how a program begins and ends ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Whatever ends a program, it ends with one line and an exit code: an exception anywhere, in a
// thread too, memory that is used up, output that standard output did not take.
//
//===----------------------------------------------------------------------===//
#pragma once

namespace aimc::run {

/// Exit code and line of memory that is used up: not a defect of ours.
inline constexpr int kNoMemory = 1;
inline constexpr const char *kNoMemoryText = "not enough memory";

/// What main() returns. `body` reads the command line, works and gives the exit code.
int runProgram(const char *name, int argc, char **argv, int (*body)(int argc, char **argv));

/// Says one line and ends the process at once, from any thread: nothing can be allowed to fail
/// again. `cleanUp`, of async-signal-safe calls, may be null.
[[noreturn]] void endProgram(const char *text, int exitCode, void (*cleanUp)()) noexcept;

} // namespace aimc::run
