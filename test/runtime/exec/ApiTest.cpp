//===- ApiTest.cpp - the C surface of the shared library ------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "PackageBuilder.h"

#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <thread>

using namespace aimc::test;

TEST(Api, NullPointersAreErrors) {
  aimc_package *package = nullptr;
  EXPECT_EQ(aimc_package_open(nullptr, &package), AIMC_INVALID_ARGUMENT);
  EXPECT_STREQ(aimc_last_error(), "path: expected a pointer, but got NULL");
  EXPECT_EQ(aimc_package_open("x", nullptr), AIMC_INVALID_ARGUMENT);
  aimc_session *session = nullptr;
  EXPECT_EQ(aimc_session_create(nullptr, nullptr, &session), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_session_run(nullptr, 0, nullptr, 0, nullptr, 0), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_session_reset(nullptr), AIMC_INVALID_ARGUMENT);
  char *text = nullptr;
  EXPECT_EQ(aimc_session_statistics(nullptr, &text), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(text, nullptr);
  EXPECT_EQ(aimc_package_manifest(nullptr, &text), AIMC_INVALID_ARGUMENT);
  aimc_text_free(text);
  aimc_package_close(nullptr);
  aimc_session_destroy(nullptr);
}

TEST(Api, ErrorsBelongToTheirThread) {
  aimc_package *package = nullptr;
  EXPECT_EQ(aimc_package_open("/absent/here", &package), AIMC_BAD_PACKAGE);
  std::thread([] {
    EXPECT_STREQ(aimc_last_error(), "");
    aimc_package *other = nullptr;
    EXPECT_EQ(aimc_package_open("/absent/there", &other), AIMC_BAD_PACKAGE);
    EXPECT_NE(std::strstr(aimc_last_error(), "there"), nullptr);
  }).join();
  EXPECT_NE(std::strstr(aimc_last_error(), "here"), nullptr);
}

TEST(Api, VersionNamesTheLibrary) {
  EXPECT_EQ(std::string(aimc_runtime_version()).rfind("aimc-runtime ", 0), 0u);
}

TEST(Api, TheLibraryExportsNothingElse) {
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<void *>(&aimc_package_open), &info), 0);
  ASSERT_NE(std::string(info.dli_fname).find("aimc_runtime"), std::string::npos);
  std::string command = std::string("nm -D --defined-only --format=posix '") + info.dli_fname + "'";
  FILE *pipe = popen(command.c_str(), "r");
  ASSERT_TRUE(pipe);
  char line[512];
  int functions = 0;
  while (std::fgets(line, sizeof line, pipe)) {
    if (std::strstr(line, " A ")) // the version node
      continue;
    EXPECT_EQ(std::string(line).rfind("aimc_", 0), 0u) << line;
    ++functions;
  }
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_EQ(functions, 28);
}
