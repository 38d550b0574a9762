//===- Presets.cpp - targets by name --------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Presets.h"

#include "aimc/exec/JsonReader.h"
#include "aimc/exec/Names.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <set>

namespace aimc::exec {

namespace fs = std::filesystem;

namespace {
/// share/aimc/targets of the tree that this code is installed in: a program's bin or, where it is
/// part of a plug-in that another program loads, the lib beside it.
std::vector<std::string> installedFolders() {
  std::vector<std::string> folders;
  auto beside = [&](const fs::path &file) {
    const fs::path folder = file.parent_path().parent_path() / "share/aimc/targets";
    if (std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(folder);
  };
  std::error_code failed;
  Dl_info object{};
  if (::dladdr(reinterpret_cast<const void *>(&findTarget), &object) != 0 && object.dli_fname)
    if (const fs::path file = fs::canonical(object.dli_fname, failed); !failed)
      beside(file);
  if (const fs::path self = fs::read_symlink("/proc/self/exe", failed); !failed)
    beside(self);
  return folders;
}
} // namespace

std::vector<std::string> presetFolders(const std::string &first) {
  std::vector<std::string> folders;
  if (!first.empty())
    folders.push_back(first);
  if (const char *given = std::getenv("AIMC_TARGETS_DIR"); given && *given)
    folders.emplace_back(given);
  for (std::string &folder : installedFolders())
    folders.push_back(std::move(folder));
  folders.emplace_back(AIMC_SOURCE_TARGETS_DIR);
  return folders;
}

namespace {
std::string presetsNear(const std::string &name, const std::vector<std::string> &folders) {
  std::set<std::string> names;
  for (const std::string &folder : folders) {
    std::error_code failed;
    for (fs::directory_iterator file(folder, failed), end; !failed && file != end;
         file.increment(failed))
      if (file->path().extension() == ".mlir")
        names.insert(file->path().stem().string());
  }
  return nearestNames(name, {names.begin(), names.end()}, 12);
}
} // namespace

Result<std::string> findTarget(const std::string &nameOrPath,
                               const std::vector<std::string> &extensions,
                               const std::string &first) {
  std::error_code failed;
  std::string files;
  bool isPath = nameOrPath.find('/') != std::string::npos;
  for (const std::string &extension : extensions) {
    files += (files.empty() ? "" : " or ") + extension;
    isPath = isPath || fs::path(nameOrPath).extension() == extension;
  }
  if (isPath) {
    if (fs::is_regular_file(nameOrPath, failed))
      return nameOrPath;
    return fail(AIMC_INVALID_ARGUMENT,
                "expected a target file, but found none at '" + nameOrPath + "'");
  }
  const std::vector<std::string> folders = presetFolders(first);
  for (const std::string &folder : folders) {
    const fs::path path = fs::path(folder) / (nameOrPath + ".mlir");
    if (!nameOrPath.empty() && fs::is_regular_file(path, failed))
      return path.string();
  }
  const std::string near = presetsNear(nameOrPath, folders);
  std::string sought;
  for (const std::string &folder : folders)
    sought += (sought.empty() ? "" : ", ") + folder;
  return fail(AIMC_INVALID_ARGUMENT,
              "expected a preset or a " + files + " file, but got " + quote(nameOrPath) +
                  (near.empty() ? "; no presets are in " + sought : "; presets are " + near));
}

} // namespace aimc::exec
