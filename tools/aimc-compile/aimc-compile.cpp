//===- aimc-compile.cpp - ONNX model to package ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// aimc-compile model.onnx --dim batch=8 --dim seq=128 --target pcm -o model.aimc
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Program.h"
#include "aimc/files/Leftovers.h"
#include "llvm/Support/ErrorHandling.h"
#include <cstring>
#include <new>

/// LLVM says what it cannot do by ending the process: no memory, no thread.
static void onFatal(void *, const char *reason, bool) {
  const bool thread = std::strstr(reason, "pthread") || std::strstr(reason, "thread");
  const bool memory = thread || std::strstr(reason, "memory") || std::strstr(reason, "alloc");
  aimc::run::endProgram(memory ? aimc::run::kNoMemoryText : reason,
                        memory ? aimc::run::kNoMemory : aimc::compile::kInternal,
                        aimc::files::removeTemporaries);
}

static void onNoMemory() {
  aimc::run::endProgram(aimc::run::kNoMemoryText, aimc::run::kNoMemory,
                        aimc::files::removeTemporaries);
}

static int body(int argc, char **argv) {
  // Code without exceptions, in threads too, has no better way.
  std::set_new_handler(onNoMemory);
  llvm::install_fatal_error_handler(onFatal);
  llvm::install_bad_alloc_error_handler(onFatal);
  aimc::compile::Options options;
  if (auto exitCode = aimc::compile::parseArguments(argc, argv, options))
    return *exitCode;
  return aimc::compile::run(options);
}

int main(int argc, char **argv) { return aimc::run::runProgram("aimc-compile", argc, argv, body); }
