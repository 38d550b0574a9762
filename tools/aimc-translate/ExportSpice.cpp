//===- ExportSpice.cpp - a tile of a mapped module as a netlist -----------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The blocks that share the physical tile are programmed together, because cells of all of them
// load its columns; only the rows of the block that is read are driven. Targets are numbered as a
// package numbers them, by name, so that the devices are those of a session with the same seed.
//
//===----------------------------------------------------------------------===//
#include "ExportSpice.h"

#include "Vector.h"
#include "aimc/Analysis/ConstantView.h"
#include "aimc/Analysis/MlirText.h"
#include "aimc/Description/Mapping.h"
#include "aimc/IR/AIMC.h"
#include "aimc/exec/JsonReader.h"
#include "aimc/exec/Names.h"
#include "aimc/exec/TileState.h"
#include "aimc/model/Converter.h"
#include "aimc/spice/Netlist.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringSet.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace mlir;
using namespace mlir::aimc;
namespace exec = ::aimc::exec;
namespace model = ::aimc::model;
namespace spice = ::aimc::spice;

namespace {

/// Constant data that a block of the tile refers to.
struct BlockData {
  TileOp op;
  llvm::ArrayRef<float> weight, activity, scales;
  std::vector<float> splat; ///< a weight of one value, written out
};

class Exporter {
public:
  Exporter(ModuleOp module, const ::aimc::translate::SpiceOptions &options)
      : module(module), options(options) {}

  LogicalResult run(llvm::raw_ostream &out);

private:
  LogicalResult findBlock();
  LogicalResult readTarget();
  LogicalResult collectBlocks();
  FailureOr<llvm::ArrayRef<float>> data(Operation *op, const char *what, Attribute value,
                                        std::vector<float> *splat, int64_t count);
  LogicalResult convertInput();
  FailureOr<float> inputRange();
  InFlightDiagnostic fail() { return module.emitError(); }

  ModuleOp module;
  const ::aimc::translate::SpiceOptions &options;
  TileOp block;
  TargetOp targetOp;
  exec::Target target;
  uint64_t targetNumber = 0;
  size_t blockNumber = 0;
  std::vector<BlockData> blocks;
  std::vector<exec::TileBlock> placed;
  std::vector<double> ticks; ///< of all rows of the tile
};

LogicalResult Exporter::findBlock() {
  llvm::StringRef name = options.block;
  name.consume_front("@");
  block = module.lookupSymbol<TileOp>(name);
  if (!block) {
    std::vector<std::string> tiles;
    for (auto op : module.getOps<TileOp>())
      tiles.push_back(op.getSymName().str());
    if (tiles.empty())
      return fail() << "expected a mapped module, but got one without tiles; aimc-compile --emit "
                       "tiled writes one";
    return fail() << "expected --tile to name an aimc.tile of the module, but got '"
                  << options.block << "'; it has " << ::aimc::exec::nearestNames(name, tiles);
  }
  if (!block.getPlace())
    return block.emitError("expected a placed tile, but got one without a place (aimc-place)");
  targetOp = module.lookupSymbol<TargetOp>(block.getTarget());
  std::vector<std::string> names;
  for (auto op : module.getOps<TargetOp>())
    names.push_back(op.getSymName().str());
  std::sort(names.begin(), names.end());
  targetNumber = static_cast<uint64_t>(
      std::find(names.begin(), names.end(), block.getTarget().str()) - names.begin());
  return success();
}

LogicalResult Exporter::readTarget() {
  const std::string text = targetText(targetOp), name = targetOp.getSymName().str();
  auto json = exec::parseJson(text, "target", AIMC_INVALID_ARGUMENT);
  if (!json)
    return targetOp.emitError(json.error().message);
  exec::JsonReader reader("target " + name, AIMC_INVALID_ARGUMENT);
  target = exec::readTarget(exec::JsonObject(reader, &*json, ""), name);
  if (reader.failed())
    return targetOp.emitError(reader.result().value().message);
  if (options.pair < 0 || options.pair >= target.pairs())
    return targetOp.emitError("expected --pair in [0, ")
           << target.pairs() - 1 << "], but got " << options.pair;
  const auto passes = static_cast<int64_t>(exec::dacPasses(target).size());
  if (options.pass < 0 || options.pass >= passes)
    return targetOp.emitError("expected --pass in [0, ")
           << passes - 1 << "], but got " << options.pass;
  return success();
}

FailureOr<llvm::ArrayRef<float>> Exporter::data(Operation *op, const char *what, Attribute value,
                                                std::vector<float> *splat, int64_t count) {
  auto elements = llvm::dyn_cast_or_null<ElementsAttr>(value);
  if (!elements)
    return op->emitError("expected the values of its ")
           << what << " in the module, but it has none, as the module of a package; aimc-compile "
           << "--emit tiled -o FILE.mlirbc writes one that has them";
  bool isSplat = false;
  auto found = elementsOf(elements, isSplat);
  if (failed(found))
    return op->emitError("expected the values of its ")
           << what << " in the module, but they are "
           << "not loaded; aimc-compile --emit tiled -o FILE.mlirbc writes them";
  if (!isSplat)
    return *found;
  splat->assign(static_cast<size_t>(count), found->front());
  return llvm::ArrayRef<float>(*splat);
}

/// Blocks on the physical tile, weight by weight as a package lists them.
LogicalResult Exporter::collectBlocks() {
  const auto here = *block.getPlace();
  for (auto weight : module.getOps<WeightOp>())
    for (auto op : module.getOps<TileOp>()) {
      const auto place = op.getPlace();
      if (op.getWeight() != weight.getSymName() || op.getTarget() != block.getTarget() || !place ||
          place->getChip() != here.getChip() || place->getTile() != here.getTile())
        continue;
      if (op == block)
        blockNumber = blocks.size();
      BlockData &d = blocks.emplace_back();
      d.op = op;
      auto values = data(weight, "weight", weight.getValue().value_or(Attribute()), &d.splat,
                         weight.numRows() * weight.numCols());
      if (failed(values))
        return failure();
      d.weight = *values;
      std::vector<float> unused;
      for (auto [attr, into, what] : {std::tuple{weight.getActivity(), &d.activity, "activity"},
                                      std::tuple{op.getColumnScale(), &d.scales, "column scale"}}) {
        if (!attr)
          continue;
        auto found = data(op, what, *attr, &unused, 0);
        if (failed(found))
          return failure();
        *into = *found;
      }
    }
  for (BlockData &d : blocks) {
    auto weight = module.lookupSymbol<WeightOp>(d.op.getWeight());
    exec::TileBlock entry;
    const bool transposed = weight.getTransposed();
    entry.weight.rowStride = transposed ? 1 : weight.numCols();
    entry.weight.colStride = transposed ? weight.numRows() : 1;
    entry.weight.rows = d.op.numRows();
    entry.weight.cols = d.op.numCols();
    entry.weight.data = (d.splat.empty() ? d.weight.data() : d.splat.data()) +
                        d.op.firstRow() * entry.weight.rowStride +
                        d.op.firstCol() * entry.weight.colStride;
    entry.atRow = d.op.getPlace()->getRow();
    entry.atCol = d.op.getPlace()->getCol();
    if (!d.activity.empty())
      entry.activity = d.activity.data() + d.op.firstRow() * model::kActivityBins;
    if (!d.scales.empty())
      entry.scales = d.scales.data();
    if (auto compensate = d.op.getCompensate())
      entry.compensate = *model::parseCompensate(stringifyEnum(*compensate).str());
    placed.push_back(entry);
  }
  return success();
}

/// The DAC's full scale as the op that reads this block states it; 0: the vector's own. A block
/// that several calls read has a range only where they agree.
FailureOr<float> Exporter::inputRange() {
  const StringRef name = block.getSymName();
  std::optional<float> range;
  bool agree = true;
  module.walk([&](Operation *op) {
    bool reads = false;
    if (auto mvm = llvm::dyn_cast<MvmOp>(op))
      reads = mvm.getTile() == name;
    else if (auto grid = llvm::dyn_cast<GridOp>(op))
      reads = llvm::any_of(grid.getTiles().getAsRange<FlatSymbolRefAttr>(),
                           [&](FlatSymbolRefAttr tile) { return tile.getValue() == name; });
    if (!reads)
      return;
    const auto attr = op->getAttrOfType<FloatAttr>("input_range");
    const float own = attr ? static_cast<float>(attr.getValueAsDouble()) : 0.0f;
    agree = agree && (!range || *range == own);
    range = own;
  });
  if (!agree)
    return block.emitError("expected one input range for all calls that read this block, but got "
                           "several; give --ticks");
  return range.value_or(0.0f);
}

LogicalResult Exporter::convertInput() {
  auto given = ::aimc::translate::readVector(options.input, options.vector);
  if (!given)
    return fail() << given.error();
  std::vector<double> x = std::move(*given);
  auto weight = module.lookupSymbol<WeightOp>(block.getWeight());
  const auto rows = static_cast<size_t>(block.numRows());
  // An input of the whole weight holds this block's part.
  if (x.size() != rows && x.size() == static_cast<size_t>(weight.numRows()))
    x = std::vector<double>(x.begin() + block.firstRow(),
                            x.begin() + block.firstRow() + block.numRows());
  if (x.size() != rows)
    return fail() << "expected an input of " << rows << " values for the block"
                  << (weight.numRows() != block.numRows()
                          ? " or " + std::to_string(weight.numRows()) + " for its weight"
                          : std::string())
                  << ", but got " << x.size();
  for (size_t i = 0; i < rows; ++i)
    if (!std::isfinite(x[i]))
      return fail() << "expected finite inputs, but got " << x[i] << " at " << i;
  ticks.assign(static_cast<size_t>(target.rows), 0);
  const auto first = static_cast<size_t>(block.getPlace()->getRow());
  if (options.ticks) {
    std::copy(x.begin(), x.end(), ticks.begin() + static_cast<ptrdiff_t>(first));
    return success();
  }
  // At mid-rail pulses arrive as they are sent, so there is nothing to pre-distort.
  if (placed[blockNumber].compensate == model::Compensate::WeightsAndPulses &&
      target.idle == model::Idle::Open)
    return block.emitError("expected --ticks for a block whose pulses are pre-distorted");
  std::vector<float> single(x.begin(), x.end());
  const auto stated = inputRange();
  if (failed(stated))
    return failure();
  const float range = *stated > 0 ? *stated : model::absMax(single);
  const int32_t levels = model::converterLevels(target.dacBits);
  const float inverse = model::ticksPerUnit(range, levels);
  const model::DacPass pass = exec::dacPasses(target)[static_cast<size_t>(options.pass)];
  for (size_t i = 0; i < rows; ++i) {
    const auto code = static_cast<int32_t>(model::quantise(single[i], inverse, levels));
    const int32_t length = pass.ticks(std::abs(code));
    ticks[first + i] = code < 0 ? -length : length;
  }
  return success();
}

LogicalResult Exporter::run(llvm::raw_ostream &out) {
  if (failed(findBlock()) || failed(readTarget()) || failed(collectBlocks()) ||
      failed(convertInput()))
    return failure();
  exec::TileState state;
  exec::TileState::Request request;
  request.target = &target;
  request.blocks = placed;
  const auto place = *block.getPlace();
  request.id = {targetNumber, static_cast<uint64_t>(place.getChip()),
                static_cast<uint64_t>(place.getTile())};
  request.seed = options.seed;
  request.effects.programming = request.effects.variation = options.noise;
  request.life = options.timeS.has_value();
  state.program(request);
  state.setTime(options.timeS);

  const auto plane = static_cast<size_t>(options.pair);
  spice::Circuit circuit;
  circuit.cells = state.now(plane);
  circuit.wires = state.wires(plane);
  circuit.readout = target.readout;
  circuit.idle = target.idle;
  circuit.readVolt = target.readV;
  circuit.offVolt = target.vOffV;
  circuit.tickNs = target.tickNs;
  const model::DacPass dac = exec::dacPasses(target)[static_cast<size_t>(options.pass)];
  spice::Pass pass{ticks, static_cast<double>(dac.longest()), {}};
  std::ostringstream note;
  note << "Tile " << block.getSymName().str() << ", rows " << place.getRow() << " to "
       << place.getRow() + block.numRows() - 1 << ", columns " << place.getCol() << " to "
       << place.getCol() + block.numCols() - 1 << " of the array; target "
       << targetOp.getSymName().str() << ", seed " << options.seed << ", pass " << options.pass
       << ", pair " << options.pair;
  if (options.timeS)
    note << ", " << *options.timeS << " s after programming";
  pass.notes.push_back(note.str());
  std::ostringstream text;
  if (auto done = spice::writeNetlist(text, circuit, pass); !done)
    return fail() << done.error();
  out << text.str();
  return success();
}

} // namespace

namespace aimc::translate {

mlir::LogicalResult exportSpice(MLIRContext *context, const SpiceOptions &options,
                                llvm::raw_ostream &out) {
  if (llvm::StringRef(options.file).ends_with(".onnx"))
    return emitError(UnknownLoc::get(context))
           << options.file
           << ": expected a mapped module (.mlir or .mlirbc), but got an ONNX model; aimc-compile "
              "--emit tiled -o FILE.mlirbc makes one of it";
  OwningOpRef<ModuleOp> module = mlir::aimc::parseMlirFile(options.file, context);
  if (!module)
    return failure();
  return Exporter(*module, options).run(out);
}

} // namespace aimc::translate
