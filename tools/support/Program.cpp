//===- Program.cpp - how a program begins and ends ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Program.h"

#include "aimc/files/Leftovers.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <iostream>
#include <new>
#include <system_error>
#include <unistd.h>

namespace aimc::run {

namespace {
const char *program = "aimc";

/// A file that is opened while a standard stream is closed would get its number, and what is
/// printed would go into it. Nothing can be read from or written to what takes the number here.
void holdStandardStreams() {
  for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(number, F_GETFD) < 0 && errno == EBADF)
      (void)::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void say(const char *kind, const char *text) {
  std::fprintf(stderr, "%s: %s: %s\n", program, kind, text);
}

int reportException() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc &) {
    say("error", kNoMemoryText);
    return kNoMemory;
  } catch (const std::system_error &error) {
    if (error.code() == std::errc::resource_unavailable_try_again) { // a thread needs memory too
      say("error", kNoMemoryText);
      return kNoMemory;
    }
    say("internal error", error.what());
  } catch (const std::exception &error) {
    say("internal error", error.what());
  } catch (...) {
    say("internal error", "unknown exception");
  }
  return 70;
}

/// For what leaves a thread or a function that promised otherwise.
[[noreturn]] void onTerminate() {
  files::removeTemporaries();
  if (std::current_exception())
    ::_exit(reportException());
  say("internal error", "terminated without an exception");
  ::_exit(70);
}

/// What is printed is printed when standard output has taken it.
int finish(int exitCode) {
  std::cout.flush();
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  const int code = errno != 0 ? errno : EIO;
  if ((flushed && std::ferror(stdout) == 0 && std::cout.good()) || exitCode != 0)
    return exitCode; // an error has had its line
  say("error", (std::string("standard output: cannot write: ") + std::strerror(code)).c_str());
  return 1;
}
} // namespace

void endProgram(const char *text, int exitCode, void (*cleanUp)()) noexcept {
  static std::atomic_flag taken;
  while (taken.test_and_set()) // one line, however many threads meet the same end
    ::pause();
  if (cleanUp)
    cleanUp();
  // No allocation: there may be no memory.
  char line[512];
  const int size = std::snprintf(line, sizeof line - 1, "%s: error: %s", program, text);
  const size_t length = std::min(static_cast<size_t>(std::max(size, 0)), sizeof line - 2);
  line[length] = '\n';
  (void)!::write(STDERR_FILENO, line, length + 1);
  ::_exit(exitCode);
}

int runProgram(const char *name, int argc, char **argv, int (*body)(int argc, char **argv)) {
  program = name;
  holdStandardStreams();
  std::set_terminate(onTerminate);
  try {
    return finish(body(argc, argv));
  } catch (...) {
    return reportException();
  }
}

} // namespace aimc::run
