//===- Inputs.cpp - packages and chips that aimc-chip reads ---------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Commands.h"

#include <cstdio>

namespace aimc::chip {

void warn(const std::string &line) {
  std::fprintf(stderr, "aimc-chip: warning: %s\n", line.c_str());
}

namespace {
template <class File>
Result<std::shared_ptr<const File>> told(Result<std::shared_ptr<const File>> opened) {
  if (opened && !(*opened)->exposure().empty())
    warn((*opened)->exposure());
  return opened;
}
} // namespace

Result<std::shared_ptr<const exec::Package>> openPackage(const std::string &path) {
  return told(exec::Package::open(path, {}));
}

Result<std::shared_ptr<const exec::ChipFile>> openChip(const std::string &path) {
  return told(exec::ChipFile::open(path));
}

} // namespace aimc::chip
