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
  // parseFloat refuses `25`, so let the attribute parser read what is there and judge that.
  SMLoc loc = parser.getCurrentLocation();
  Attribute attr;
  if (failed(parser.parseAttribute(attr)))
    return failure();
  if (auto number = dyn_cast<FloatAttr>(attr); number && number.getType().isF64())
    return ::mlir::aimc::Real(number.getValueAsDouble());
  if (auto number = dyn_cast<IntegerAttr>(attr); number && number.getType().isSignlessInteger(64))
    return ::mlir::aimc::Real(double(number.getInt()));
  return parser.emitError(loc, "expected a number, but got ") << attr;
}

FailureOr<bool> mlir::aimc::parseBool(AsmParser &parser) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  if (keyword == "true" || keyword == "false")
    return keyword == "true";
  return parser.emitError(loc, "expected true or false, but got ") << keyword;
}

FailureOr<llvm::SmallVector<::mlir::aimc::Real>> mlir::aimc::parseReals(AsmParser &parser) {
  llvm::SmallVector<Real> reals;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
        FailureOr<Real> real = FieldParser<Real>::parse(parser);
        if (failed(real))
          return failure();
        reals.push_back(*real);
        return success();
      }))
    return failure();
  return reals;
}

void mlir::aimc::printReals(AsmPrinter &printer, llvm::ArrayRef<Real> reals) {
  printer << '[';
  llvm::interleaveComma(reals, printer, [&](Real real) { printer << formatReal(real); });
  printer << ']';
}
