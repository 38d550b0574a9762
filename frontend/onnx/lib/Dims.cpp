//===- Dims.cpp - sizes of symbolic dimensions ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Recursive descent over + - * / // % and parentheses, as exporters write derived dimensions.
// Text that is no expression is a plain name, because names may hold any character.
//
//===----------------------------------------------------------------------===//
#include "Dims.h"
#include <cctype>
#include <charconv>
#include <optional>

namespace aimc::onnx {

namespace {
constexpr int kMaxDepth = 64;

class Parser {
public:
  Parser(const std::string &source, std::vector<std::string> &names, const Dims::Sizes &sizes)
      : source(source), names(names), sizes(sizes) {}

  /// False where the text is no expression.
  bool parse(int64_t &value) { return sum(value, 0) && (skip(), at == source.size()); }
  bool overflowed() const { return overflow; }

private:
  void skip() {
    while (at < source.size() && std::isspace(static_cast<unsigned char>(source[at])))
      ++at;
  }
  bool take(std::string_view token) {
    skip();
    if (source.compare(at, token.size(), token) != 0)
      return false;
    at += token.size();
    return true;
  }

  bool sum(int64_t &value, int depth) {
    if (depth > kMaxDepth || !product(value, depth))
      return false;
    for (;;) {
      int64_t right = 0;
      if (take("+")) {
        if (!product(right, depth))
          return false;
        overflow |= __builtin_add_overflow(value, right, &value);
      } else if (take("-")) {
        if (!product(right, depth))
          return false;
        overflow |= __builtin_sub_overflow(value, right, &value);
      } else {
        return true;
      }
    }
  }

  bool product(int64_t &value, int depth) {
    if (!atom(value, depth))
      return false;
    for (;;) {
      int64_t right = 0;
      if (take("*")) {
        if (!atom(right, depth))
          return false;
        overflow |= __builtin_mul_overflow(value, right, &value);
      } else if (take("//") || take("/")) {
        if (!atom(right, depth))
          return false;
        divide(value, right, false);
      } else if (take("%")) {
        if (!atom(right, depth))
          return false;
        divide(value, right, true);
      } else {
        return true;
      }
    }
  }

  /// Floor division and its remainder, as in Python.
  void divide(int64_t &value, int64_t right, bool remainder) {
    if (right == 0 || (right == -1 && value == INT64_MIN)) {
      overflow = true;
      value = 0;
      return;
    }
    int64_t quotient = value / right, rest = value % right;
    if (rest != 0 && (rest < 0) != (right < 0)) {
      quotient -= 1;
      rest += right;
    }
    value = remainder ? rest : quotient;
  }

  bool atom(int64_t &value, int depth) {
    if (take("("))
      return sum(value, depth + 1) && take(")");
    if (take("-")) {
      if (depth > kMaxDepth || !atom(value, depth + 1))
        return false;
      overflow |= __builtin_sub_overflow(int64_t(0), value, &value);
      return true;
    }
    skip();
    size_t start = at;
    while (at < source.size() && (std::isalnum(static_cast<unsigned char>(source[at])) ||
                                  source[at] == '_' || source[at] == '.' || source[at] == ':'))
      ++at;
    if (at == start)
      return false;
    std::string word = source.substr(start, at - start);
    if (std::isdigit(static_cast<unsigned char>(word[0]))) {
      auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (error == std::errc::result_out_of_range)
        overflow = true;
      return end == word.data() + word.size();
    }
    names.push_back(word);
    auto bound = sizes.find(word);
    value = bound == sizes.end() ? 0 : bound->second;
    return true;
  }

  const std::string &source;
  std::vector<std::string> &names;
  const Dims::Sizes &sizes;
  size_t at = 0;
  bool overflow = false;
};
} // namespace

int64_t Dims::size(const std::string &symbol) {
  if (auto it = sizes.find(symbol); it != sizes.end()) {
    used.insert(symbol);
    return it->second;
  }
  std::vector<std::string> names;
  int64_t value = 0;
  Parser parser(symbol, names, sizes);
  if (!parser.parse(value) || names.empty()) {
    unbound.insert(symbol);
    return 0;
  }
  bool complete = true;
  for (const std::string &word : names) {
    if (sizes.count(word)) {
      used.insert(word);
    } else {
      unbound.insert(word);
      complete = false;
    }
  }
  if (!complete)
    return 0;
  if (parser.overflowed() || value < 0)
    reject("expected dimension '", symbol, "' to be a size, but the bound sizes make it ",
           parser.overflowed() ? std::string("overflow") : std::to_string(value));
  return value;
}

std::vector<std::string> Dims::unused() const {
  std::vector<std::string> result;
  for (const auto &entry : sizes)
    if (!used.count(entry.first))
      result.push_back(entry.first);
  return result;
}

} // namespace aimc::onnx
