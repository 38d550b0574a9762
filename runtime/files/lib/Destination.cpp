//===- Destination.cpp - where may be written -----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/files/Destination.h"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::files {

namespace fs = std::filesystem;

namespace {
bool isFileOrFolder(const std::string &path) {
  std::error_code absent;
  const fs::file_status status = fs::status(path, absent);
  return fs::is_regular_file(status) || fs::is_directory(status);
}

/// Whether `path`, which need not exist, lies in a folder.
bool isInside(const std::string &path, const std::string &folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed))
    return false;
  const fs::path whole = fs::weakly_canonical(path, failed), root = fs::canonical(folder, failed);
  return !failed &&
         std::mismatch(root.begin(), root.end(), whole.begin(), whole.end()).first == root.end();
}

/// What to add where an input has another name than the output.
std::string named(const std::string &output, const std::string &input) {
  return output == input ? "" : " '" + input + "', which is the same";
}
} // namespace

Result<void> checkDestination(const std::string &path) {
  struct stat own {
  }, meant{};
  std::string plain = path; // "link/" is what the link means
  while (plain.size() > 1 && plain.back() == '/')
    plain.pop_back();
  if (::lstat(plain.c_str(), &own) != 0 || !S_ISLNK(own.st_mode))
    return {};
  if (::stat(plain.c_str(), &meant) == 0 && !S_ISREG(meant.st_mode) && !S_ISDIR(meant.st_mode))
    return {};
  char target[PATH_MAX];
  const ssize_t length = ::readlink(plain.c_str(), target, sizeof target);
  return fail(plain + ": expected no link in the place of what is written, but got one to " +
              (length > 0 ? std::string(target, static_cast<size_t>(length)) : "elsewhere") +
              "; name what it leads to, or remove it");
}

Result<void> checkOutputs(const std::vector<std::string> &outputs,
                          const std::vector<std::string> &inputs) {
  std::error_code absent;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string &output = outputs[i];
    if (output.empty())
      continue;
    for (const std::string &input : inputs) {
      if (input.empty())
        continue;
      if (isFileOrFolder(output) && fs::equivalent(output, input, absent))
        return fail(output + ": expected another file than the input" + named(output, input));
      if (isInside(output, input))
        return fail(output + ": expected a place outside of the input '" + input + "'");
    }
    for (size_t other = 0; other < i; ++other) {
      const std::string &before = outputs[other];
      if (!before.empty() &&
          (before == output ? !fs::exists(output, absent) || isFileOrFolder(output)
                            : isFileOrFolder(output) && fs::equivalent(output, before, absent)))
        return fail(output + ": expected a file for each output, but got this one for two");
    }
  }
  return {};
}

} // namespace aimc::files
