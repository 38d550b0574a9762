//===- Signature.h - what native code takes for granted ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Compiled code holds sizes as numbers and trusts every pointer in its frame. What those numbers
// were is a text in the code itself, `aimc_signature`; the runtime writes the same text from the
// manifest and the weights file and compares. One line per fact, counts first, so that the first
// line that differs says what is wrong. The compiler and the runtime both write it with this class.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aimc::exec {

class Signature {
public:
  /// `triple` of the processor and the instruction sets that the code uses.
  template <class Strings> void processor(std::string_view triple, const Strings &features) {
    text = "processor: " + std::string(triple.substr(0, triple.find('-')));
    for (std::string_view feature : features)
      text += " " + std::string(feature);
    text += "\n";
  }
  /// How many constants, grids or entries follow.
  void count(std::string_view what, size_t number) {
    text += "number of " + std::string(what) + ": " + std::to_string(number) + "\n";
  }
  /// Constants by their place in frame->constants; `dtype` as in the weights file.
  template <class Shape> void constant(size_t index, std::string_view dtype, const Shape &shape) {
    text += "constant " + std::to_string(index) + ": " + typed(dtype, shape) + "\n";
  }
  /// A call site: columns of each of its weights, which have the same rows.
  template <class Columns> void grid(size_t index, int64_t rows, const Columns &columns) {
    text += "grid " + std::to_string(index) + ": " + std::to_string(rows) + " x " + list(columns) +
            "\n";
  }
  void entry(std::string_view symbol, uint64_t arenaBytes, size_t inputs, size_t outputs) {
    text += "entry " + std::string(symbol) + ": " + std::to_string(inputs) + " inputs, " +
            std::to_string(outputs) + " outputs, arena of " + std::to_string(arenaBytes) +
            " bytes\n";
  }
  /// `kind` is "input" or "output"; in the order of the frame.
  template <class Shape>
  void port(std::string_view kind, std::string_view name, std::string_view dtype,
            const Shape &shape) {
    text += std::string(kind) + " '" + oneLine(name) + "': " + typed(dtype, shape) + "\n";
  }

  std::string text;

private:
  template <class Numbers> static std::string list(const Numbers &numbers) {
    std::string out;
    for (int64_t number : numbers)
      out += (out.empty() ? "[" : ", ") + std::to_string(number);
    return out.empty() ? "[]" : out + "]";
  }
  template <class Shape> static std::string typed(std::string_view dtype, const Shape &shape) {
    return std::string(dtype) + " " + list(shape);
  }
  static std::string oneLine(std::string_view name) {
    std::string out;
    for (char c : name)
      out += c == '\n' ? "\\n" : c == '\\' ? "\\\\" : c == '\0' ? "\\0" : std::string(1, c);
    return out;
  }
};

} // namespace aimc::exec
