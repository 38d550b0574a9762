//===- Vector.cpp - an input vector from the command line -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Vector.h"

#include "Npz.h"

#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

namespace aimc::translate {
namespace {

using Numbers = tl::expected<std::vector<double>, std::string>;

tl::unexpected<std::string> bad(std::string text) {
  return tl::unexpected<std::string>(std::move(text));
}

Numbers parseList(const std::string &text) {
  std::vector<double> out;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    std::string word = text.substr(begin, comma - begin);
    word.erase(0, word.find_first_not_of(" +"));
    word.erase(word.find_last_not_of(' ') + 1);
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size())
      return bad("--input: expected numbers separated by commas or a file, but got '" + word + "'");
    out.push_back(value);
    begin = comma + 1;
  }
  return out;
}

Numbers rowOf(const run::Array &array, const std::string &name, int64_t vector) {
  if (array.dtype != AIMC_F32)
    return bad(name + ": expected f32, but got " + run::typeText(array));
  const int64_t width = array.shape.empty() ? 1 : array.shape.back();
  const auto total = static_cast<int64_t>(array.data.size() / sizeof(float));
  const int64_t rows = width ? total / width : 0;
  if (vector < 0 || vector >= rows)
    return bad("--vector: expected a row in [0, " + std::to_string(rows - 1) + "] of " + name +
               ", but got " + std::to_string(vector));
  std::vector<float> values(static_cast<size_t>(width));
  std::memcpy(values.data(),
              array.data.data() + static_cast<size_t>(vector * width) * sizeof(float),
              values.size() * sizeof(float));
  return std::vector<double>(values.begin(), values.end());
}

bool endsWith(const std::string &text, const char *end) {
  const size_t n = std::strlen(end);
  return text.size() >= n && text.compare(text.size() - n, n, end) == 0;
}

} // namespace

Numbers readVector(const std::string &text, int64_t vector) {
  if (endsWith(text, ".npy")) {
    std::ifstream file(text, std::ios::binary);
    if (!file)
      return bad(text + ": expected a file that can be read");
    const std::string raw{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::byte> bytes(raw.size());
    std::memcpy(bytes.data(), raw.data(), raw.size());
    auto array = run::parseNpy(std::move(bytes));
    return array ? rowOf(*array, text, vector) : bad(text + ": " + array.error());
  }
  const size_t at = text.find(".npz");
  if (at == std::string::npos)
    return parseList(text);
  const std::string path = text.substr(0, at + 4),
                    name = text.size() > at + 5 ? text.substr(at + 5) : std::string();
  auto arrays = run::readNpz(path);
  if (!arrays)
    return bad(arrays.error());
  if (name.empty() && arrays->size() != 1)
    return bad(path + ": expected one array, or its name as " + path + ":<name>, but got " +
               std::to_string(arrays->size()));
  for (const run::Array &array : *arrays)
    if (name.empty() || array.name == name)
      return rowOf(array, path + ":" + array.name, vector);
  return bad(path + ": expected an array '" + name + "', but there is none");
}

} // namespace aimc::translate
