//===- Samples.cpp - arrays of any number of samples, as batches ----------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include <algorithm>
#include <cstring>

namespace aimc::compile {

using run::Array;

static std::string portText(const Port &port) {
  std::string text = port.dtype + " [";
  for (size_t d = 0; d < port.shape.size(); ++d)
    text += (d ? ", " : "") + (d == 0 ? std::string("samples") : std::to_string(port.shape[d]));
  return text + "]";
}

static bool sameRest(const std::vector<int64_t> &a, const std::vector<int64_t> &b) {
  return a.size() == b.size() && !a.empty() && std::equal(a.begin() + 1, a.end(), b.begin() + 1);
}

tl::expected<Samples, std::string> Samples::read(const std::string &path,
                                                 const std::vector<Port> &ports) {
  auto fail = [&](const std::string &text) {
    return tl::unexpected<std::string>(path + ": " + text);
  };
  auto arrays = run::readNpz(path);
  if (!arrays)
    return tl::unexpected<std::string>(arrays.error());
  Samples result;
  int64_t longest = 0;
  for (const Port &port : ports) {
    auto found = std::find_if(arrays->begin(), arrays->end(),
                              [&](const Array &array) { return array.name == port.name; });
    if (found == arrays->end()) {
      std::string known;
      for (const Array &array : *arrays)
        known += (known.empty() ? "" : ", ") + array.name;
      return fail("expected an array '" + port.name + "', which the model's inputs name, but got " +
                  (known.empty() ? "none" : known));
    }
    if (run::dtypeName(found->dtype) != port.dtype ||
        (found->shape != port.shape && !sameRest(found->shape, port.shape)))
      return fail("array '" + port.name + "': expected " + portText(port) + ", but got " +
                  run::typeText(*found));
    if (!found->shape.empty() && found->shape[0] == 0)
      return fail("array '" + port.name + "': expected at least one sample, but got none");
    if (found->shape != port.shape)
      longest = std::max(longest, found->shape[0]);
    result.sources.push_back({*found, port.shape});
  }
  // Arrays of a port's very shape are one batch, unless others show that they are not cut.
  const bool oneBatch = longest == 0;
  for (Source &source : result.sources) {
    if (source.shape.empty() || source.shape[0] == 0)
      continue;
    const bool exact = source.array.shape == source.shape;
    if (oneBatch) {
      result.samples = result.batchSize = source.shape[0];
      continue;
    }
    if (exact && source.array.shape[0] != longest)
      continue; // the same for every batch
    if (source.array.shape[0] != longest)
      return fail("array '" + source.array.name + "': expected " + std::to_string(longest) +
                  " samples as in the others, but got " + std::to_string(source.array.shape[0]));
    source.isCut = true;
    result.samples = longest;
    result.batchSize = source.shape[0];
  }
  return result;
}

int64_t Samples::batches() const { return (samples + batchSize - 1) / batchSize; }

std::vector<Array> Samples::batch(int64_t index) const {
  std::vector<Array> arrays;
  for (const Source &source : sources) {
    if (!source.isCut) {
      arrays.push_back(source.array);
      continue;
    }
    Array array;
    array.name = source.array.name;
    array.dtype = source.array.dtype;
    array.shape = source.shape;
    const size_t bytes = source.array.data.size() / static_cast<size_t>(samples);
    const int64_t rows = source.shape[0];
    const int64_t first = std::max<int64_t>(0, std::min(index * batchSize, samples - rows));
    array.data.resize(bytes * static_cast<size_t>(rows));
    for (int64_t row = 0; row < rows; ++row) {
      const auto from = static_cast<size_t>((first + row) % samples);
      if (bytes != 0)
        std::memcpy(array.data.data() + static_cast<size_t>(row) * bytes,
                    source.array.data.data() + from * bytes, bytes);
    }
    arrays.push_back(std::move(array));
  }
  return arrays;
}

} // namespace aimc::compile
