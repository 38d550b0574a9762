//===- CpuTest.cpp - instruction-set checks -------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Cpu.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using aimc::exec::missingFeatures;

namespace {
/// The kernel's list of processor flags, an oracle that shares nothing with cpuid decoding here.
std::string kernelFlags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("flags", 0) == 0)
      return line + " ";
  return {};
}
} // namespace

TEST(Cpu, AgreesWithTheKernel) {
  std::string flags = kernelFlags();
  if (flags.empty() || aimc::exec::hostArchitecture() != "x86_64")
    GTEST_SKIP() << "no x86 flags to compare with";
  const std::pair<const char *, const char *> names[] = {
      {"avx", "avx"},           {"avx2", "avx2"},         {"fma", "fma"},
      {"avx512f", "avx512f"},   {"avx512bw", "avx512bw"}, {"avx512vl", "avx512vl"},
      {"avx512dq", "avx512dq"}, {"sse4.2", "sse4_2"},     {"bmi2", "bmi2"},
      {"popcnt", "popcnt"},     {"f16c", "f16c"},         {"avx512vnni", "avx512_vnni"},
      {"gfni", "gfni"},         {"vaes", "vaes"},         {"sha", "sha_ni"},
      {"sse4a", "sse4a"},       {"clzero", "clzero"},     {"avx512bf16", "avx512_bf16"},
      {"xop", "xop"},           {"fma4", "fma4"},         {"amx-tile", "amx_tile"},
      {"lzcnt", "abm"},         {"movbe", "movbe"},       {"avxvnni", "avx_vnni"}};
  for (auto [ours, theirs] : names) {
    bool has = flags.find(" " + std::string(theirs) + " ") != std::string::npos;
    EXPECT_EQ(missingFeatures({ours}).empty(), has) << ours;
  }
}

TEST(Cpu, NamesWhatIsMissingAndIgnoresTuning) {
  EXPECT_EQ(missingFeatures({"imaginary", "-avx512f", "fast-gather", "+prefer-256-bit"}),
            std::vector<std::string>{"imaginary"});
  if (aimc::exec::hostArchitecture() == "x86_64") {
    EXPECT_TRUE(missingFeatures({"sse2", "+64bit", "cx8", "x87"}).empty());
  }
}
