//===- TileModel.cpp - attributes as the physics takes them ---------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A device table is read here only as far as programming goes; the runtime reads and judges all of
// it (docs/Devices.md).
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/TileModel.h"

#include "aimc/Analysis/ConstantView.h"
#include "aimc/model/Device.h"

#include <cmath>

using namespace mlir;
using namespace mlir::aimc;
namespace model = ::aimc::model;

FailureOr<BlockData> mlir::aimc::blockData(WeightOp weight, TileOp tile) {
  auto elements = dyn_cast_if_present<ElementsAttr>(weight.getValue().value_or(Attribute()));
  bool isSplat = false;
  FailureOr<ArrayRef<float>> values = failure();
  if (elements)
    values = elementsOf(elements, isSplat);
  if (failed(values))
    return failure();
  BlockData block;
  block.view.rows = tile.numRows();
  block.view.cols = tile.numCols();
  if (isSplat) {
    block.copy.assign(block.view.cols, values->front());
    block.view.data = block.copy.data();
    block.view.rowStride = 0;
    return block;
  }
  bool transposed = weight.getTransposed();
  block.view.rowStride = transposed ? 1 : weight.numCols();
  block.view.colStride = transposed ? weight.numRows() : 1;
  block.view.data = values->data() + tile.firstRow() * block.view.rowStride +
                    tile.firstCol() * block.view.colStride;
  return block;
}

LogicalResult mlir::aimc::checkFinite(TileOp op, const BlockData &data) {
  const model::WeightView &w = data.view;
  for (int64_t i = 0; i < w.rows; ++i)
    for (int64_t j = 0; j < w.cols; ++j)
      if (float value = w.data[i * w.rowStride + j * w.colStride]; !std::isfinite(value))
        return op.emitOpError() << "expected finite weights, but got " << value << " in row "
                                << op.firstRow() + i << ", column " << op.firstCol() + j << " of @"
                                << op.getWeight();
  return success();
}

std::vector<double> mlir::aimc::significanceOf(GeometryAttr geometry) {
  if (geometry.getSignificance().empty())
    return std::vector<double>(geometry.getPairs(), 1.0);
  return {geometry.getSignificance().begin(), geometry.getSignificance().end()};
}

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

/// A number is a constant, an array lies over `g`.
static model::Curve curveOf(Attribute attr, ArrayRef<double> g) {
  if (auto number = dyn_cast_if_present<FloatAttr>(attr))
    return {{0.0}, {number.getValueAsDouble()}};
  model::Curve curve;
  if (auto array = dyn_cast_if_present<ArrayAttr>(attr))
    for (auto [x, y] : llvm::zip(g, array.getAsRange<FloatAttr>())) {
      curve.g.push_back(x);
      curve.y.push_back(y.getValueAsDouble());
    }
  return curve;
}

/// What programming leaves, as the table says it: its only law, or that of its first time.
static std::shared_ptr<const model::DeviceTable> programmingOf(DictionaryAttr table) {
  auto result = std::make_shared<model::DeviceTable>();
  auto programming = table.getAs<DictionaryAttr>("programming");
  if (!programming)
    return result;
  auto is = [&](StringRef key, StringRef value) {
    auto text = programming.getAs<StringAttr>(key);
    return text && text.getValue() == value;
  };
  DictionaryAttr law = programming;
  if (auto times = programming.getAs<ArrayAttr>("times"); times && !times.empty())
    law = dyn_cast<DictionaryAttr>(times[0]);
  if (!law)
    return result;
  SmallVector<double> g;
  if (auto list = law.getAs<ArrayAttr>("g_us"))
    for (auto number : list.getAsRange<FloatAttr>())
      g.push_back(number.getValueAsDouble());
  model::ProgrammingLaw read;
  read.proportional = is("error", "proportional");
  read.mean = curveOf(law.get("mean_us"), g);
  bool uniform = is("distribution", "uniform");
  read.deviation = curveOf(law.get(uniform ? "half_width" : "std"), g);
  if (read.deviation.empty())
    return result;
  if (uniform) {
    result->distribution = model::Distribution::Uniform;
    for (double &y : read.deviation.y)
      y /= std::sqrt(3.0);
  }
  result->programming.push_back(std::move(read));
  return result;
}

static model::DeviceModel deviceOf(DeviceAttr attr) {
  model::DeviceModel device;
  device.kind =
      model::deviceKind(stringifyDeviceKind(attr.getKind())).value_or(model::DeviceKind::Ideal);
  device.range = {attr.getGMinUs(), attr.getGMaxUs()};
  device.programmingScale = attr.getProgrammingNoiseScale();
  device.acceptancePercent = attr.getAcceptancePercent();
  if (DictionaryAttr table = attr.getTable())
    device.table = programmingOf(table);
  else if (device.kind == model::DeviceKind::Table)
    device.table = std::make_shared<model::DeviceTable>();
  return device;
}

model::RelativeNoise mlir::aimc::programmingNoise(GeometryAttr geometry, DeviceAttr attr) {
  model::DeviceModel device = deviceOf(attr);
  if (!device.programs())
    return {};
  std::vector<model::PairShare> shares = model::pairShares(significanceOf(geometry));
  return [device, shares](double r) {
    // All pairs together stand for one whose span is the same; pair k contributes its share of it.
    const model::DeviceRange &range = device.range;
    double span = range.gMaxUS - range.gMinUS, u = (r * range.gMaxUS - range.gMinUS) / span;
    double variance = 0;
    for (const model::PairShare &pair : shares) {
      double part = std::clamp((u - pair.start) / pair.share, 0.0, 1.0);
      double sigma = pair.share * model::programmingSigma(device, range.gMinUS + span * part);
      variance += sigma * sigma;
    }
    return std::sqrt(variance) / range.gMaxUS;
  };
}

//===----------------------------------------------------------------------===//
// Circuit
//===----------------------------------------------------------------------===//

model::CompensationTile mlir::aimc::circuitOf(TargetOp target) {
  GeometryAttr geometry = target.getGeometry();
  WireAttr wire = target.getWire();
  DacAttr dac = target.getDac();
  model::CompensationTile tile;
  tile.rows = geometry.getRows();
  tile.cols = geometry.getCols();
  tile.range = {target.getDevice().getGMinUs(), target.getDevice().getGMaxUs()};
  tile.wires.columnOhm = wire.getColumnOhm();
  tile.wires.rowOhm = wire.getRowOhm();
  tile.wires.driverOhm = wire.getDriverOhm();
  tile.wires.adcOhm = wire.getAdcOhm();
  tile.readout = geometry.getReadout() == Readout::Alternating ? model::Readout::Alternating
                                                               : model::Readout::Single;
  tile.idle = wire.getIdle() == Idle::Open ? model::Idle::Open : model::Idle::Midrail;
  int bits = static_cast<int>(dac.getBits());
  switch (dac.getMode()) {
  case DacMode::OnePass:
    tile.passes = model::onePass(bits);
    break;
  case DacMode::Split:
    tile.passes = model::splitPasses(bits, static_cast<int>(dac.getLsbBits()));
    break;
  case DacMode::BitSerial:
    tile.passes = model::bitSerialPasses(bits);
    break;
  }
  return tile;
}
