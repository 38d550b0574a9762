//===- TileModel.h - attributes as the physics takes them -------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Scaling and compensation ask the same functions that a chip is programmed with (runtime/model);
// this is the way from the IR to their arguments.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/IR/AIMC.h"
#include "aimc/model/Compensation.h"
#include "aimc/model/Device.h"
#include "aimc/model/Scale.h"

#include "llvm/Support/JSON.h"

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace mlir::aimc {

/// The elements of a block of a weight: in place where they are stored as a matrix.
struct BlockData {
  ::aimc::model::WeightView view;
  std::vector<float> copy; ///< what `view` points to where the weight is a splat
};

/// Fails without a diagnostic where the weight's values are not in the module.
FailureOr<BlockData> blockData(WeightOp weight, TileOp tile);

/// Fails with a diagnostic at `op` where a weight is not finite, naming its position.
LogicalResult checkFinite(TileOp op, const BlockData &data);

/// The JSON that a device table was read from, value by value.
llvm::json::Value jsonOf(Attribute table);

/// The device of a target, its table as the runtime reads it; else one line of what is wrong with
/// that or with the conductance window, which `file` opens.
tl::expected<::aimc::model::DeviceModel, std::string> deviceOf(DeviceAttr device,
                                                               const std::string &file);

/// What programming leaves on a weight (model/Scale.h).
::aimc::model::RelativeNoise programmingNoise(GeometryAttr geometry, DeviceAttr device);

/// Circuit of one plane of a tile.
::aimc::model::CompensationTile circuitOf(TargetOp target);

/// The factors of a target's pairs, each 1 where none are given.
std::vector<double> significanceOf(GeometryAttr geometry);

} // namespace mlir::aimc
