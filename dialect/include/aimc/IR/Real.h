//===- Real.h - a physical quantity as attribute parameter ------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A double that an attribute can store, hash, parse and print. Attributes compare by bits; the
// text is the shortest decimal that reads back as the same double.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/bit.h"

#include <cstdint>
#include <string>

namespace mlir::aimc {

struct Real {
  double value = 0.0;

  Real() = default;
  Real(double v) : value(v == 0.0 ? 0.0 : v) {} // one zero, so that equal text is one attribute
  operator double() const { return value; }

  // All three spelled out: with conversions both ways, a mixed comparison is ambiguous otherwise.
  friend bool operator==(const Real &a, const Real &b) {
    return llvm::bit_cast<uint64_t>(a.value) == llvm::bit_cast<uint64_t>(b.value);
  }
  friend bool operator==(const Real &a, double b) { return a == Real(b); }
  friend bool operator==(double a, const Real &b) { return Real(a) == b; }
};

inline llvm::hash_code hash_value(const Real &real) {
  return llvm::hash_value(llvm::bit_cast<uint64_t>(real.value));
}

/// The shortest decimal that MLIR's lexer takes for a float and that reads back as `value`.
std::string formatReal(double value);

/// `true` or `false`.
FailureOr<bool> parseBool(AsmParser &parser);

/// `[1.0, 4.0]`.
FailureOr<llvm::SmallVector<Real>> parseReals(AsmParser &parser);
void printReals(AsmPrinter &printer, llvm::ArrayRef<Real> reals);

} // namespace mlir::aimc

namespace mlir {
template <> struct FieldParser<::mlir::aimc::Real> {
  static FailureOr<::mlir::aimc::Real> parse(AsmParser &parser);
};
} // namespace mlir
