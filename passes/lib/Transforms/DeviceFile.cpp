//===- DeviceFile.cpp - what makes a target complete ----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A device table is a JSON file (docs/Devices.md) and becomes a dictionary attribute, value by
// value, so that a module needs no other file. The runtime's reader says what a table must hold.
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/JsonText.h"
#include "aimc/Analysis/TileModel.h"
#include "aimc/Transforms/Targets.h"
#include "aimc/model/Limits.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::aimc;
namespace json = llvm::json;

/// Null for a value that no attribute stands for (JSON's null).
static Attribute attributeOf(MLIRContext *context, const json::Value &value) {
  Builder builder(context);
  if (std::optional<bool> boolean = value.getAsBoolean())
    return builder.getBoolAttr(*boolean);
  if (std::optional<double> number = value.getAsNumber())
    return builder.getF64FloatAttr(*number);
  if (std::optional<StringRef> string = value.getAsString())
    return builder.getStringAttr(*string);
  if (const json::Array *array = value.getAsArray()) {
    SmallVector<Attribute> elements;
    for (const json::Value &element : *array) {
      elements.push_back(attributeOf(context, element));
      if (!elements.back())
        return {};
    }
    return builder.getArrayAttr(elements);
  }
  const json::Object *object = value.getAsObject();
  if (!object)
    return {};
  SmallVector<NamedAttribute> members;
  for (const auto &[key, member] : *object) {
    Attribute attr = attributeOf(context, member);
    if (!attr || StringRef(key).empty())
      return {};
    members.emplace_back(builder.getStringAttr(StringRef(key)), attr);
  }
  return builder.getDictionaryAttr(members);
}

static FailureOr<DictionaryAttr> readTable(StringRef path, Location loc) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file)
    return emitError(loc) << "cannot read device file '" << path
                          << "': " << file.getError().message(),
           failure();
  llvm::Expected<json::Value> parsed = parseJsonText((*file)->getBuffer());
  if (!parsed)
    return emitError(loc) << "device file '" << path << "': " << llvm::toString(parsed.takeError()),
           failure();
  if (!parsed->getAsObject())
    return emitError(loc) << "device file '" << path << "': expected a JSON object", failure();
  auto table = dyn_cast_if_present<DictionaryAttr>(attributeOf(loc.getContext(), *parsed));
  if (!table)
    return emitError(loc) << "device file '" << path
                          << "': expected objects with names, arrays, numbers, strings and "
                             "booleans, but got null or a name that is empty",
           failure();
  return table;
}

/// What the runtime will say about the table and the target's window, said while the file's name is
/// known.
static LogicalResult checkTable(TargetOp target, StringRef path) {
  auto device = deviceOf(target.getDevice(), ("device file '" + path + "'").str());
  return device ? success() : LogicalResult(emitError(target.getLoc()) << device.error());
}

/// The file that the op was written in; empty where its location names none.
static StringRef sourceOf(Operation *op) {
  auto file = op->getLoc()->findInstanceOf<FileLineColLoc>();
  return file ? file.getFilename().getValue() : StringRef();
}

LogicalResult mlir::aimc::completeTarget(TargetOp target) {
  DeviceAttr device = target.getDevice();
  if (StringAttr file = device.getFile()) {
    SmallString<256> path(file.getValue());
    if (llvm::sys::path::is_relative(path)) {
      path = llvm::sys::path::parent_path(sourceOf(target));
      llvm::sys::path::append(path, file.getValue());
    }
    FailureOr<DictionaryAttr> table = readTable(path, target.getLoc());
    if (failed(table))
      return failure();
    target.setDeviceAttr(device.withTable(*table));
    if (failed(checkTable(target, path)))
      return failure();
  }
  DacAttr dac = target.getDac();
  constexpr double longest = ::aimc::model::limits::kPcmPulseNs.high;
  if (device.getKind() == DeviceKind::PCM &&
      double(dac.maxPulseTicks()) * dac.getTickNs() > longest)
    emitWarning(target.getLoc()) << "target @" << target.getSymName() << ": the longest pulse is "
                                 << dac.maxPulseTicks() << " ticks of "
                                 << formatReal(dac.getTickNs())
                                 << " ns, but the read noise of pcm is known up to "
                                 << formatReal(longest)
                                 << " ns; longer pulses are read with the noise of that length";
  return success();
}

static std::optional<double> numberOf(DictionaryAttr table, StringRef key) {
  auto number = table.getAs<FloatAttr>(key);
  return number ? std::optional<double>(number.getValueAsDouble()) : std::nullopt;
}

LogicalResult mlir::aimc::replaceDevice(TargetOp target, StringRef path) {
  FailureOr<DictionaryAttr> table = readTable(path, target.getLoc());
  if (failed(table))
    return failure();
  constexpr ::aimc::model::DeviceRange window;
  const Real one(1.0), none(0.0), acceptance(2.0);
  auto emit = [&] { return emitError(target.getLoc()) << "device file '" << path << "': "; };
  auto device = DeviceAttr::getChecked(emit, target.getContext(), DeviceKind::Table,
                                       Real(numberOf(*table, "g_min_us").value_or(window.gMinUS)),
                                       Real(numberOf(*table, "g_max_us").value_or(window.gMaxUS)),
                                       one, one, one, none, none, none, none, none, none,
                                       acceptance, *table, StringAttr());
  if (!device)
    return failure();
  target.setDeviceAttr(device);
  if (failed(checkTable(target, path)))
    return failure();
  return mlir::verify(target); // a wider window needs an ADC that takes it
}

LogicalResult mlir::aimc::replaceFidelity(TargetOp target, StringRef fidelity) {
  std::optional<Fidelity> value = symbolizeFidelity(fidelity);
  if (!value)
    return emitError(target.getLoc())
           << "expected a fidelity of exact, segments or one_product, but got '" << fidelity << "'";
  WireAttr wire = target.getWire();
  target.setWireAttr(WireAttr::get(target.getContext(), wire.getColumnOhm(), wire.getRowOhm(),
                                   wire.getIdle(), wire.getDriverOhm(), wire.getAdcOhm(),
                                   wire.getSpread(), *value));
  return success();
}
