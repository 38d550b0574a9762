//===- Real.cpp - text form of a physical quantity ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc/IR/Real.h"

#include "mlir/IR/Builders.h"

#include <charconv>

using namespace mlir;

std::string mlir::aimc::formatReal(double value) {
  char buffer[64];
  auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  std::string text(buffer, result.ptr);
  // MLIR's lexer wants a point in every float: "1e-07" becomes "1.0e-07", "25" becomes "25.0".
  if (text.find('.') == std::string::npos && text.find_first_of("ni") == std::string::npos) {
    size_t exponent = text.find('e');
    text.insert(exponent == std::string::npos ? text.size() : exponent, ".0");
  }
  return text;
}

FailureOr<::mlir::aimc::Real> FieldParser<::mlir::aimc::Real>::parse(AsmParser &parser) {
  // The builtin parser takes `1.5`, `-1.5`, `1` and `1 : f64` alike; what comes back decides.
  SMLoc loc = parser.getCurrentLocation();
  Attribute attr;
  Type f64 = parser.getBuilder().getF64Type();
  if (failed(parser.parseAttribute(attr, f64)))
    return failure();
  if (auto number = dyn_cast<FloatAttr>(attr))
    return ::mlir::aimc::Real(number.getValueAsDouble());
  return parser.emitError(loc, "expected a number, but got ") << attr;
}
