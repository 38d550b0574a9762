//===- Names.cpp - what a misspelt name may have meant --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Names.h"

#include <algorithm>
#include <utility>

namespace aimc::exec {

namespace {
/// Edit distance from what was written to a name. Letters that were left out count little: parts of
/// long names are often forgotten.
size_t editDistance(std::string_view wanted, std::string_view name) {
  constexpr size_t leftOut = 1, wrong = 4;
  std::vector<size_t> row(name.size() + 1);
  for (size_t j = 0; j < row.size(); ++j)
    row[j] = j * leftOut;
  for (size_t i = 1; i <= wanted.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i * wrong);
    for (size_t j = 1; j <= name.size(); ++j) {
      const size_t replaced = diagonal + (wanted[i - 1] == name[j - 1] ? 0 : wrong);
      diagonal = row[j];
      row[j] = std::min({row[j] + wrong, row[j - 1] + leftOut, replaced});
    }
  }
  return row.back();
}
} // namespace

std::string nearestNames(std::string_view wanted, std::vector<std::string> names, size_t most) {
  std::vector<std::pair<std::pair<bool, size_t>, std::string>> ranked;
  ranked.reserve(names.size());
  for (std::string &name : names) {
    const bool apart = wanted.empty() || name.find(wanted) == std::string::npos;
    const size_t distance = editDistance(wanted, name);
    ranked.emplace_back(std::pair{apart, distance}, std::move(name));
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto &a, const auto &b) { return a.first < b.first; });
  std::string text;
  for (size_t i = 0; i < std::min(most, ranked.size()); ++i)
    text += (i ? ", " : "") + ranked[i].second;
  if (ranked.size() > most)
    text += " and " + std::to_string(ranked.size() - most) + " more";
  return text;
}

} // namespace aimc::exec
