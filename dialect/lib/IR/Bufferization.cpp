//===- Bufferization.cpp - compute ops on buffers -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A product on buffers is the same op without results: it reads the input and adds to its
// destinations in place. As an external model, since only programs that bufferize need it.
//
//===----------------------------------------------------------------------===//

#include "aimc/IR/AIMC.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::aimc;
using namespace mlir::bufferization;

namespace {
template <typename Op>
struct ComputeModel : DstBufferizableOpInterfaceExternalModel<ComputeModel<Op>, Op> {
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options, BufferizationState &state) const {
    auto dps = cast<DestinationStyleOpInterface>(op);
    if (dps.hasPureBufferSemantics())
      return success();
    rewriter.setInsertionPoint(op);
    SmallVector<Value> buffers;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    clone(rewriter, op, /*newResultTypes=*/TypeRange(), buffers);
    replaceOpWithBufferizedValues(rewriter, op, ArrayRef(buffers).take_back(op->getNumResults()));
    return success();
  }
};
} // namespace

void mlir::aimc::registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AIMCDialect *) {
    LinearOp::attachInterface<ComputeModel<LinearOp>>(*context);
    MvmOp::attachInterface<ComputeModel<MvmOp>>(*context);
    GridOp::attachInterface<ComputeModel<GridOp>>(*context);
  });
}
