//===- SymbolOps.cpp - target, weight and tile ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Syntax and verifiers of the symbols. The constraint numbers are those of AIMCSymbolOps.td.
//
//===----------------------------------------------------------------------===//

#include "Coverage.h"
#include "aimc/IR/AIMC.h"
#include "aimc/model/Limits.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Format.h"

#include <limits>
#include <map>

using namespace mlir;
using namespace mlir::aimc;
namespace limits = ::aimc::model::limits;

/// An optional f32 tensor of a known shape, unless it only names one of the package.
static LogicalResult verifyElements(Operation *op, StringRef name, std::optional<Attribute> value,
                                    ArrayRef<int64_t> shape) {
  auto elements = dyn_cast_if_present<ElementsAttr>(value.value_or(Attribute()));
  if (!elements)
    return success();
  auto expected = RankedTensorType::get(shape, Float32Type::get(op->getContext()));
  if (elements.getShapedType() == expected)
    return success();
  return op->emitOpError() << "expected `" << name << "` of type " << expected << ", but got "
                           << elements.getShapedType();
}

//===----------------------------------------------------------------------===//
// aimc.target
//===----------------------------------------------------------------------===//

/// A derived quantity, to six digits: all that a message needs.
static std::string approximately(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.6g", value);
  return text;
}

ParseResult TargetOp::parse(OpAsmParser &parser, OperationState &result) {
  SMLoc loc = parser.getCurrentLocation();
  std::string visibility;
  if (succeeded(parser.parseOptionalString(&visibility)))
    result.addAttribute(getSymVisibilityAttrName(result.name),
                        parser.getBuilder().getStringAttr(visibility));
  StringAttr name;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  // A part of the wrong kind is named here; setting it would only say that the part is missing.
  return verifyInherentAttrs(result.name, result.attributes, [&] {
    return parser.emitError(loc) << "'" << result.name.getStringRef() << "' op ";
  });
}

void TargetOp::print(OpAsmPrinter &printer) {
  if (StringAttr visibility = getSymVisibilityAttr())
    printer << ' ' << visibility;
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << " {";
  printer.increaseIndent();
  auto part = [&, first = true](StringAttr name, Attribute value) mutable {
    printer << (first ? "" : ",");
    first = false;
    printer.printNewline();
    printer << name.getValue() << " = ";
    printer.printAttribute(value);
  };
  part(getGeometryAttrName(), getGeometry());
  part(getDeviceAttrName(), getDevice());
  part(getWireAttrName(), getWire());
  part(getDacAttrName(), getDac());
  part(getAdcAttrName(), getAdc());
  for (NamedAttribute attr : (*this)->getDiscardableAttrs())
    part(attr.getName(), attr.getValue());
  printer.decreaseIndent();
  printer << '}';
}

LogicalResult TargetOp::verify() {
  DeviceAttr device = getDevice();
  DacAttr dac = getDac();
  AdcAttr adc = getAdc();
  // C1
  if (device.getKind() == DeviceKind::PCM && dac.getTickNs() < limits::kPcmPulseNs.low)
    return emitOpError() << "expected `tick_ns` of at least 1.0 for a pcm device, whose read noise "
                            "is known from 1 ns to 4096 ns, but got "
                         << formatReal(dac.getTickNs());
  if (adc.getKind() == AdcKind::Ideal)
    return success();
  double cellFc = dac.getVReadV() * dac.getTickNs() * (device.getGMaxUs() - device.getGMinUs());
  // C2
  if (adc.fullScaleFc() < cellFc)
    return emitOpError()
           << "expected the ADC's full scale to be at least the charge of one cell in "
              "one tick, "
           << approximately(cellFc) << " fC, but got " << approximately(adc.fullScaleFc())
           << " fC, so it saturates on every input";
  // C3
  double columnFc = cellFc * double(dac.maxPulseTicks()) * double(getGeometry().getRows());
  if (adc.getLsbFc() > columnFc)
    return emitOpError() << "expected `lsb_fc` to be at most the largest charge of a column, "
                         << approximately(columnFc) << " fC, but got "
                         << approximately(adc.getLsbFc()) << ", so it reads zero on every input";
  return success();
}

LogicalResult TargetOp::verifySymbolUses(SymbolTableCollection &) {
  // C4. Here and not on the tile, so that a module with many tiles is checked in one pass.
  std::map<std::pair<int64_t, int64_t>, SmallVector<Block>> tiles;
  SmallVector<TileOp> ops;
  for (TileOp tile : cast<ModuleOp>((*this)->getParentOp()).getOps<TileOp>()) {
    if (!tile.getPlace() || tile.getTarget() != getSymName())
      continue;
    PlaceAttr place = *tile.getPlace();
    tiles[{place.getChip(), place.getTile()}].push_back(
        {place.getRow(), tile.numRows(), place.getCol(), tile.numCols(), ops.size()});
    ops.push_back(tile);
  }
  for (auto &[where, blocks] : tiles) {
    if (auto overlap = findOverlap(blocks)) {
      TileOp first = ops[overlap->first], second = ops[overlap->second];
      InFlightDiagnostic diag = second.emitOpError()
                                << "overlaps @" << first.getSymName() << " on chip " << where.first
                                << ", tile " << where.second << " of @" << getSymName();
      diag.attachNote(first.getLoc()) << "@" << first.getSymName() << " is placed here";
      return diag;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// aimc.weight
//===----------------------------------------------------------------------===//

static RankedTensorType storedType(RankedTensorType type, bool transposed) {
  if (!transposed || type.getRank() != 2)
    return type;
  return RankedTensorType::get({type.getDimSize(1), type.getDimSize(0)}, type.getElementType());
}

RankedTensorType WeightOp::getStoredType() { return storedType(getWeightType(), getTransposed()); }

/// [`transposed`] `:` type [`=` value]; the value's type is the stored type and is not repeated.
static ParseResult parseWeightTypeAndValue(OpAsmParser &parser, UnitAttr &transposed,
                                           TypeAttr &type, Attribute &value) {
  if (succeeded(parser.parseOptionalKeyword("transposed")))
    transposed = parser.getBuilder().getUnitAttr();
  if (parser.parseColon())
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  Type parsed;
  if (parser.parseType(parsed))
    return failure();
  auto tensor = dyn_cast<RankedTensorType>(parsed);
  if (!tensor)
    return parser.emitError(loc, "expected a ranked tensor type, but got ") << parsed;
  type = TypeAttr::get(tensor);
  if (failed(parser.parseOptionalEqual()))
    return success();
  return parser.parseAttribute(value, storedType(tensor, bool(transposed)));
}

static void printWeightTypeAndValue(OpAsmPrinter &printer, WeightOp op, UnitAttr transposed,
                                    TypeAttr type, Attribute value) {
  printer << (transposed ? "transposed : " : ": ") << type.getValue();
  if (!value)
    return;
  printer << " = ";
  // The type is on the left already; a value of another type does not verify, so print it in full.
  auto typed = dyn_cast<TypedAttr>(value);
  if (typed && typed.getType() == op.getStoredType())
    printer.printAttributeWithoutType(value);
  else
    printer.printAttribute(value);
}

void WeightOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                     RankedTensorType type, Attribute value, bool transposed) {
  build(builder, state, builder.getStringAttr(name), /*sym_visibility=*/nullptr,
        TypeAttr::get(type), value, transposed ? builder.getUnitAttr() : UnitAttr(),
        /*activity=*/nullptr);
}

LogicalResult WeightOp::verify() {
  RankedTensorType type = getWeightType();
  // C1
  if (type.getRank() != 2 || !type.hasStaticShape() || type.getNumElements() == 0)
    return emitOpError() << "expected a static, non-empty matrix of inputs x outputs, but got "
                         << type;
  // C2
  if (std::optional<Attribute> value = getValue())
    if (auto elements = dyn_cast<ElementsAttr>(*value))
      if (elements.getShapedType() != getStoredType())
        return emitOpError() << "expected a value of type " << getStoredType() << ", but got "
                             << elements.getShapedType();
  // C3
  return verifyElements(*this, "activity", getActivity(), {numRows(), limits::kActivityBins});
}

//===----------------------------------------------------------------------===//
// aimc.tile
//===----------------------------------------------------------------------===//

void TileOp::build(OpBuilder &builder, OperationState &state, StringRef name, StringRef weight,
                   ArrayRef<int64_t> rows, ArrayRef<int64_t> cols, StringRef target) {
  build(builder, state, builder.getStringAttr(name), /*sym_visibility=*/nullptr,
        FlatSymbolRefAttr::get(builder.getContext(), weight), builder.getDenseI64ArrayAttr(rows),
        builder.getDenseI64ArrayAttr(cols), FlatSymbolRefAttr::get(builder.getContext(), target),
        /*place=*/nullptr, /*column_scale=*/nullptr, /*adc_lsb_fc=*/nullptr,
        /*compensate=*/nullptr);
}

LogicalResult TileOp::verify() {
  // C1, as far as the tile alone can tell; sums cannot overflow below 2^31
  constexpr int64_t high = std::numeric_limits<int32_t>::max();
  for (auto [name, range] : {std::pair("rows", getRows()), std::pair("cols", getCols())})
    if (range[0] < 0 || range[1] < 1 || range[0] > high || range[1] > high)
      return emitOpError() << "expected `" << name
                           << "` [first, count] with first >= 0 and count >= 1, but got ["
                           << range[0] << ", " << range[1] << "]";
  // C5, as far as the tile alone can tell
  if (FloatAttr lsb = getAdcLsbFcAttr()) {
    double value = lsb.getValueAsDouble();
    if (!(value >= limits::kLsbFC.low && value <= limits::kLsbFC.high))
      return emitOpError() << "expected `adc_lsb_fc` in [" << formatReal(limits::kLsbFC.low) << ", "
                           << formatReal(limits::kLsbFC.high) << "], but got " << formatReal(value);
  }
  return verifyElements(*this, "column_scale", getColumnScale(), {numCols()}); // C4
}

LogicalResult TileOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // C3
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError() << "expected an aimc.weight, but got " << getWeightAttr()
                         << ", which is none";
  auto target = symbols.lookupNearestSymbolFrom<TargetOp>(*this, getTargetAttr());
  if (!target)
    return emitOpError() << "expected an aimc.target, but got " << getTargetAttr()
                         << ", which is none";
  // C1
  auto inside = [&](StringRef name, ArrayRef<int64_t> range, int64_t size) -> LogicalResult {
    if (range[0] + range[1] <= size)
      return success();
    InFlightDiagnostic diag = emitOpError()
                              << "expected `" << name << "` inside the " << size << " " << name
                              << " of @" << getWeight() << ", but got [" << range[0] << ", "
                              << range[1] << "], which ends at " << range[0] + range[1];
    diag.attachNote(weight.getLoc()) << "@" << getWeight() << " is declared here";
    return diag;
  };
  if (failed(inside("rows", getRows(), weight.numRows())) ||
      failed(inside("cols", getCols(), weight.numCols())))
    return failure();
  // C2
  auto fits = [&](StringRef name, int64_t at, int64_t count, int64_t size) -> LogicalResult {
    if (at + count <= size)
      return success();
    InFlightDiagnostic diag = emitOpError() << "expected a block inside the " << size << " " << name
                                            << " of a tile of @" << getTarget() << ", but got "
                                            << count << " " << name << " from " << at << " on";
    diag.attachNote(target.getLoc()) << "@" << getTarget() << " is declared here";
    return diag;
  };
  // C5
  if (getAdcLsbFcAttr() && target.getAdc().getKind() == AdcKind::Ideal) {
    InFlightDiagnostic diag = emitOpError()
                              << "expected no `adc_lsb_fc` on a target whose ADC is ideal";
    diag.attachNote(target.getLoc()) << "@" << getTarget() << " is declared here";
    return diag;
  }
  GeometryAttr geometry = target.getGeometry();
  std::optional<PlaceAttr> place = getPlace();
  if (failed(fits("rows", place ? place->getRow() : 0, numRows(), geometry.getRows())) ||
      failed(fits("columns", place ? place->getCol() : 0, numCols(), geometry.getCols())))
    return failure();
  return success();
}

// Here, because the generated parser of aimc.weight calls the functions above.
#define GET_OP_CLASSES
#include "aimc/IR/AIMCOps.cpp.inc"
