//===- NpzTest.cpp - .npy and .npz, right and damaged ---------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Npz.h"
#include "PackageBuilder.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace aimc::run;
using aimc::test::TemporaryFolder;
using aimc::test::writeFile;

namespace {
std::vector<std::byte> bytesOf(const std::string &text) {
  const auto *data = reinterpret_cast<const std::byte *>(text.data());
  return {data, data + text.size()};
}

/// Version 1.0 file with this header and data.
std::string npy(const std::string &header, const std::string &data) {
  std::string text = "\x93NUMPY";
  text += {'\x01', '\x00', char(header.size() & 0xff), char(header.size() >> 8)};
  return text + header + data;
}
} // namespace

TEST(Npz, ReadsWhatNumPyWrites) {
  // numpy.save(numpy.arange(6, dtype='<i4').reshape(2, 3)), byte for byte.
  std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }";
  header.append(117 - header.size(), ' ');
  header += '\n';
  int32_t values[6] = {0, 1, 2, 3, 4, 5};
  std::string data(reinterpret_cast<char *>(values), sizeof values);
  auto array = parseNpy(bytesOf(npy(header, data)));
  ASSERT_TRUE(array) << array.error();
  EXPECT_EQ(array->dtype, AIMC_I32);
  EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(array->data.data(), values, sizeof values), 0);
  EXPECT_EQ(typeText(*array), "i32 [2, 3]");
}

TEST(Npz, FortranOrderBecomesC) {
  int32_t values[6] = {0, 3, 1, 4, 2, 5}; // columns of [[0, 1, 2], [3, 4, 5]]
  auto array = parseNpy(bytesOf(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }\n",
                                    std::string(reinterpret_cast<char *>(values), sizeof values))));
  ASSERT_TRUE(array) << array.error();
  int32_t expected[6] = {0, 1, 2, 3, 4, 5};
  EXPECT_EQ(std::memcmp(array->data.data(), expected, sizeof expected), 0);
}

TEST(Npz, RefusesDamage) {
  auto header = [](const char *text) { return npy(text, std::string(8, 'x')); };
  const std::pair<std::string, const char *> cases[] = {
      {"", "not a .npy file"},
      {"\x93NUMPY\x09", "not a .npy file"},
      {std::string("\x93NUMPY\x09\x00\x00\x00", 10), "version 1 to 3, but got 9"},
      {std::string("\x93NUMPY\x01\x00\xff\xff", 10), "header is cut off"},
      {header("{'descr': '<f4'}"), "header is damaged"},
      {header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, }"), "header is damaged"},
      {header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }"), "header is damaged"},
      {header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
       "header is damaged"},
      {header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"),
       "expected dtype f32, i64, i32 or bool, but got '<f8'"},
      {header("{'descr': '\n\xff\xc3\xa9', 'fortran_order': False, 'shape': (1,), }"),
       "but got '\\x0a\\xff\xc3\xa9'"},
      {header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"),
       "expected 12 bytes of data, but got 8"},
      {header("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8), }"),
       "the shape is too large"},
  };
  for (const auto &[content, message] : cases) {
    auto array = parseNpy(bytesOf(content));
    ASSERT_FALSE(array) << message;
    EXPECT_NE(array.error().find(message), std::string::npos) << array.error();
  }
  TemporaryFolder folder;
  for (const char *content : {"", "PK\x03\x04", "no archive"}) {
    writeFile(folder.path + "/x.npz", content);
    auto arrays = readNpz(folder.path + "/x.npz");
    ASSERT_FALSE(arrays);
    EXPECT_EQ(arrays.error().rfind(folder.path + "/x.npz: ", 0), 0u) << arrays.error();
  }
}

TEST(Npz, RoundTrip) {
  std::vector<Array> arrays(4);
  arrays[0] = {"x", AIMC_F32, {2, 2}, std::vector<std::byte>(16, std::byte{7})};
  arrays[1] = {"scalar", AIMC_I64, {}, std::vector<std::byte>(8, std::byte{1})};
  arrays[2] = {"mask", AIMC_BOOL, {3}, std::vector<std::byte>(3, std::byte{1})};
  arrays[3] = {"empty", AIMC_I32, {0, 5}, {}};
  auto archive = writeNpz(arrays);
  ASSERT_TRUE(archive) << archive.error();
  TemporaryFolder folder;
  writeFile(folder.path + "/x.npz",
            std::string(reinterpret_cast<const char *>(archive->data()), archive->size()));
  auto read = readNpz(folder.path + "/x.npz");
  ASSERT_TRUE(read) << read.error();
  ASSERT_EQ(read->size(), arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i) {
    EXPECT_EQ((*read)[i].name, arrays[i].name);
    EXPECT_EQ((*read)[i].dtype, arrays[i].dtype);
    EXPECT_EQ((*read)[i].shape, arrays[i].shape);
    EXPECT_EQ((*read)[i].data, arrays[i].data);
  }
}

TEST(Npz, RandomDamageIsAnErrorOrAnArray) {
  std::vector<Array> arrays(1);
  arrays[0] = {"x", AIMC_F32, {4, 4}, std::vector<std::byte>(64, std::byte{7})};
  auto archive = writeNpz(arrays);
  ASSERT_TRUE(archive);
  TemporaryFolder folder;
  std::mt19937 engine(5);
  for (int round = 0; round < 200; ++round) {
    std::string bad(reinterpret_cast<const char *>(archive->data()), archive->size());
    for (uint32_t i = 0, n = 1 + engine() % 4; i < n; ++i)
      bad[engine() % bad.size()] = static_cast<char>(engine());
    writeFile(folder.path + "/x.npz", bad);
    auto read = readNpz(folder.path + "/x.npz");
    if (!read) {
      EXPECT_FALSE(read.error().empty());
      continue;
    }
    for (const Array &array : *read) {
      size_t bytes = dtypeBytes(array.dtype);
      for (int64_t extent : array.shape)
        bytes *= static_cast<size_t>(extent);
      EXPECT_EQ(array.data.size(), bytes);
    }
  }
}
