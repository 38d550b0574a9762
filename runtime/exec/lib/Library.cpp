//===- Library.cpp - native code in this process --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Library.h"

#include "aimc/exec/Fork.h"

#include <atomic>
#include <dlfcn.h>
#include <link.h>

namespace aimc::exec {

namespace {
/// A path to the open file `fd` that differs from every earlier one. Numbers of descriptors come
/// back; the number of this load is spelt in parts of the path that lead nowhere, "./" for 1 and
/// "/" for 0.
std::string freshName(int fd) {
  static std::atomic<uint64_t> loads{0};
  std::string name = "/proc/self/fd/";
  for (uint64_t number = ++loads; number != 0; number >>= 1)
    name += number & 1 ? "./" : "/";
  return name + std::to_string(fd);
}
} // namespace

Library::Library(std::shared_ptr<const MappedFile> code, void *handle)
    : code(std::move(code)), handle(handle) {}

Result<std::unique_ptr<Library>> Library::load(std::shared_ptr<const MappedFile> code,
                                               const std::string &path) {
  // A fork while the loader works would leave its lists half changed in the child.
  std::lock_guard lock(processMutex(ProcessLock::Loader));
  const std::string name = freshName(code->descriptor());
  void *handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = ::dlerror();
    return fail(AIMC_BAD_PACKAGE, path + ": cannot load: " + (reason ? reason : "unknown reason"));
  }
  link_map *loaded = nullptr;
  if (::dlinfo(handle, RTLD_DI_LINKMAP, &loaded) == 0 && loaded->l_name != name) {
    const std::string other = loaded->l_name;
    ::dlclose(handle);
    return fail(AIMC_INTERNAL, path + ": expected code of its own, but the system's loader gave " +
                                   other + " again");
  }
  return std::unique_ptr<Library>(new Library(std::move(code), handle));
}

Library::~Library() {
  std::lock_guard lock(processMutex(ProcessLock::Loader));
  ::dlclose(handle);
}

void *Library::symbol(const std::string &name) const { return ::dlsym(handle, name.c_str()); }

} // namespace aimc::exec
