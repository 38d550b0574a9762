//===- SafetensorsTest.cpp - weights files, right and hostile -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "PackageBuilder.h"

#include "aimc/exec/Safetensors.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace aimc::exec;
using namespace aimc::test;

namespace {
std::string file(const std::string &header, const std::string &data) {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<const char *>(&length), 8) + header + data;
}

Result<Safetensors> parse(const TemporaryFolder &folder, const std::string &content) {
  writeFile(folder.path + "/w.safetensors", content);
  auto map = MappedFile::open(folder.path + "/w.safetensors");
  if (!map)
    return tl::unexpected(map.error());
  return Safetensors::parse(*map, "w.safetensors");
}
} // namespace

TEST(Safetensors, ReadsTensors) {
  TemporaryFolder folder;
  std::string header = R"({"__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
    "empty": {"dtype": "I64", "shape": [3, 0], "data_offsets": [8, 8]},
    "scalar": {"dtype": "BOOL", "shape": [], "data_offsets": [8, 9]}})";
  float values[2] = {1.5f, -2.0f};
  auto tensors =
      parse(folder, file(header, std::string(reinterpret_cast<char *>(values), 8) + '\x01'));
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_EQ(tensors->size(), 3u);
  const StoredTensor *a = tensors->find("a");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(std::memcmp(a->data, values, 8), 0);
  EXPECT_EQ(tensors->find("empty")->bytes, 0u);
  EXPECT_EQ(tensors->find("scalar")->bytes, 1u);
  EXPECT_EQ(tensors->find("b"), nullptr);
}

TEST(Safetensors, RefusesHostileFiles) {
  TemporaryFolder folder;
  const std::string big = "9223372036854775807";
  auto tensor = [](const std::string &shape, const std::string &offsets,
                   const std::string &dtype = "F32") {
    return file(R"({"a": {"dtype": ")" + dtype + R"(", "shape": )" + shape +
                    R"(, "data_offsets": )" + offsets + "}}",
                "12345678");
  };
  const std::pair<std::string, const char *> cases[] = {
      {"", "expected a safetensors file, but got 0 bytes"},
      {"short", "expected a safetensors file, but got 5 bytes"},
      {std::string(8, '\xff'), "expected a header inside the file of 8 bytes"},
      {std::string("\x10\0\0\0\0\0\0\0{}", 10), "expected a header inside the file of 10 bytes"},
      {file("{", ""), "expected JSON, but got a mistake"},
      {file("\xff\xfe", ""), "expected JSON, but got a mistake"},
      {file(std::string(100000, '['), ""),
       "expected JSON of at most 64 levels of lists and objects"},
      {file("[]", ""), "expected a JSON object, but got array"},
      {file("{\"a\": 1}", ""), "a: expected an object, but got 1"},
      {file("{\"a\": {}}", ""), "a.dtype: expected a string, but the key is missing"},
      {tensor("[2]", "[0, 8]", "F99"), "a.dtype: unknown element type 'F99'"},
      {tensor("[2]", "[0, 9]"), "expected a range within 8 bytes of data, but got [0, 9]"},
      {tensor("[2]", "[8, 0]"), "expected a range within 8 bytes"},
      {tensor("[2]", "[0]"), "expected a range within 8 bytes"},
      {tensor("[2]", "[-8, 0]"), "expected an integer of at least 0, but got -8"},
      {tensor("[3]", "[0, 8]"), "expected 8 bytes, but got shape [3] of F32"},
      {tensor("[" + big + "]", "[0, 8]"), "expected 8 bytes"},
      {tensor("[" + big + ", 4]", "[0, 8]"), "expected 8 bytes"},
      {tensor("[4611686018427387904, 4]", "[0, 0]"), "expected 0 bytes"},
      {tensor("[2.5]", "[0, 8]"), "expected an integer of at least 0, but got 2.5"},
      {tensor("[18446744073709551615]", "[0, 8]"), "expected an integer"},
      {tensor("\"2\"", "[0, 8]"), "expected an array of integers"},
  };
  for (const auto &[content, message] : cases) {
    auto result = parse(folder, content);
    ASSERT_FALSE(result) << message;
    EXPECT_EQ(result.error().status, AIMC_BAD_PACKAGE);
    EXPECT_NE(result.error().message.find(message), std::string::npos)
        << "expected: " << message << "\n     got: " << result.error().message;
    EXPECT_EQ(result.error().message.rfind("w.safetensors: ", 0), 0u);
  }
}

TEST(Safetensors, RandomDamageNeverLeadsOutsideTheFile) {
  TemporaryFolder folder;
  std::string good = file(R"({"a": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]}})",
                          std::string(32, 'x'));
  std::mt19937 engine(3);
  for (int round = 0; round < 500; ++round) {
    std::string bad = good;
    for (uint32_t i = 0, n = 1 + engine() % 3; i < n; ++i)
      bad[engine() % bad.size()] = static_cast<char>(engine());
    if (engine() % 4 == 0)
      bad.resize(engine() % bad.size());
    writeFile(folder.path + "/r.safetensors", bad);
    auto map = MappedFile::open(folder.path + "/r.safetensors");
    ASSERT_TRUE(map);
    auto result = Safetensors::parse(*map, "r.safetensors");
    if (!result) {
      EXPECT_FALSE(result.error().message.empty());
      continue;
    }
    if (const StoredTensor *a = result->find("a")) {
      EXPECT_GE(a->data, (*map)->data());
      EXPECT_LE(a->data + a->bytes, (*map)->data() + (*map)->size());
    }
  }
}

TEST(MappedFile, RefusesWhatIsNoFile) {
  TemporaryFolder folder;
  for (const std::string &path : {folder.path, folder.path + "/absent"}) {
    auto map = MappedFile::open(path);
    ASSERT_FALSE(map);
    EXPECT_EQ(map.error().message.rfind(path + ": ", 0), 0u);
  }
  writeFile(folder.path + "/empty", "");
  auto empty = MappedFile::open(folder.path + "/empty");
  ASSERT_TRUE(empty);
  EXPECT_EQ((*empty)->size(), 0u);
}
