//===- AIMCComputeOps.td - products with stationary weights -*- tablegen -*-==//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The program: one product, decided step by step (linear, mvm, grid). All are in destination style,
// accumulate into their destination, and tile over the rows of the input (the batch).
//
//===----------------------------------------------------------------------===//

#ifndef AIMC_IR_AIMCCOMPUTEOPS_TD
#define AIMC_IR_AIMCCOMPUTEOPS_TD

include "aimc/IR/AIMCSymbolOps.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

def AIMC_Matrix : AnyTypeOf<[2DTensorOf<[F32]>, MemRefRankOf<[F32], [2]>],
                            "f32 matrix (tensor or memref)">;
def AIMC_MatrixTensor : 2DTensorOf<[F32]>;

class AIMC_ComputeOp<string mnemonic, list<Trait> traits = []>
    : AIMC_Op<mnemonic, !listconcat([
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<SymbolUserOpInterface>,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>,
        DeclareOpInterfaceMethods<TilingInterface, [
          "getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
          "getResultTilePosition", "generateResultTileValue",
          "getIterationDomainTileFromResultTile", "getIterationDomainTileFromOperandTiles",
          "getTiledImplementationFromOperandTiles", "isOpFusableWithConsumerSlice",
          "isOpFusableWithProducerSlices"]>], traits)> {
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let hasFolder = 1;
}

/// A product with one weight and one result.
class AIMC_SingleOp<string mnemonic, string symbol> : AIMC_ComputeOp<mnemonic> {
  let results = (outs Optional<AIMC_MatrixTensor>:$output);
  let assemblyFormat = "$" # symbol # [{
    `ins` `(` $input `:` type($input) `)` `outs` `(` $init `:` type($init) `)` attr-dict
    (`->` type($output)^)?
  }];
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$symbol, "::mlir::Value":$input, "::mlir::Value":$init,
                   CArg<"::mlir::FloatAttr", "{}">:$inputRange)>
  ];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getInitMutable());
    }
  }];
}

def AIMC_LinearOp : AIMC_SingleOp<"linear", "weight"> {
  let summary = "a product with a stationary weight";
  let description = [{
    `y = init + x W` for x of M x K and W of K x N. The weight is on tiles once the module has been
    partitioned; until then this op says only that it will be. Without noise and converters the value
    is the real-valued sum above; on a target it is the sum over row blocks of what the tiles read.

    `input_range` is the input that drives the DAC to full scale; larger inputs are clamped to it.
    Without it each row of x is scaled by its own largest magnitude, for each row block on its own.

    - (C1) `weight` names an `aimc.weight`.
    - (C2) the columns of the input are the weight's rows (K).
    - (C3) the columns of the destination are the weight's columns (N).
    - (C4) input and destination have the same rows (M), where both are static.
    - (C5) `input_range` is a positive, finite f32.
    - (C6) operands are all tensors with one result of the destination's type, or all buffers with
      none.

    Canonical form: a product of zero rows is its destination.

    ```mlir
    %y = aimc.linear @query ins(%x : tensor<256x384xf32>) outs(%init : tensor<256x512xf32>)
           {input_range = 3.2 : f32} -> tensor<256x512xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight, AIMC_Matrix:$input, AIMC_Matrix:$init,
                       OptionalAttr<F32Attr>:$input_range);
}

def AIMC_MvmOp : AIMC_SingleOp<"mvm", "tile"> {
  let summary = "a read of one tile for each row of the input";
  let description = [{
    `y = init + x W[rows, cols]` for the block of the weight that the tile holds; x and the destination
    are already cut to the block. Blocks of one column range and different row ranges accumulate into
    one destination: the digital sum of partial products.

    - (C1) `tile` names an `aimc.tile`.
    - (C2) the columns of the input are the rows of the tile's block.
    - (C3) the columns of the destination are the columns of the tile's block.
    - (C4) input and destination have the same rows (M), where both are static.
    - (C5) `input_range` is a positive, finite f32.
    - (C6) operands are all tensors with one result of the destination's type, or all buffers with
      none.

    Canonical form: a read of zero rows is its destination.

    ```mlir
    %y = aimc.mvm @query.r0.c0 ins(%x : tensor<256x384xf32>) outs(%init : tensor<256x512xf32>)
           -> tensor<256x512xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$tile, AIMC_Matrix:$input, AIMC_Matrix:$init,
                       OptionalAttr<F32Attr>:$input_range);
}

def AIMC_GridOp : AIMC_ComputeOp<"grid"> {
  let summary = "whole weights that share an input, read in one call";
  let description = [{
    `y_i = init_i + x W_i` for each weight i, through the listed tiles, which hold every cell of every
    weight once. The input is converted once for each row block; partial sums stay inside. One grid is
    one call of the runtime, and each grid op draws noise of its own, also where several name the same
    weights.

    - (C1) there is at least one weight, none is listed twice, and each names an `aimc.weight`.
    - (C2) the columns of the input are the rows (K) of every weight.
    - (C3) there is one destination for each weight, and its columns are the weight's (N).
    - (C4) input and destinations have the same rows (M), where static.
    - (C5) `input_range` is a positive, finite f32.
    - (C6) operands are all tensors with one result for each destination and of its type, or all
      buffers with none.
    - (C7) every tile names an `aimc.tile` of one of the weights.
    - (C8) the tiles cover every weight exactly once.
    - (C9) all tiles are on one target.

    Canonical form: a weight whose result has no use is dropped, with its tiles; a grid of zero rows is
    its destinations.

    ```mlir
    %y:2 = aimc.grid weights [@query, @key] tiles [@query.r0.c0, @key.r0.c0]
             ins(%x : tensor<256x384xf32>)
             outs(%a, %b : tensor<256x512xf32>, tensor<256x512xf32>)
             -> tensor<256x512xf32>, tensor<256x512xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefArrayAttr:$weights, FlatSymbolRefArrayAttr:$tiles,
                       AIMC_Matrix:$input, Variadic<AIMC_Matrix>:$inits,
                       OptionalAttr<F32Attr>:$input_range);
  let results = (outs Variadic<AIMC_MatrixTensor>:$outputs);
  let assemblyFormat = [{
    `weights` $weights `tiles` $tiles `ins` `(` $input `:` type($input) `)`
    `outs` `(` $inits `:` type($inits) `)` attr-dict (`->` type($outputs)^)?
  }];
  let builders = [
    OpBuilder<(ins "::llvm::ArrayRef<::mlir::Attribute>":$weights,
                   "::llvm::ArrayRef<::mlir::Attribute>":$tiles, "::mlir::Value":$input,
                   "::mlir::ValueRange":$inits, CArg<"::mlir::FloatAttr", "{}">:$inputRange)>
  ];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
  }];
}

#endif // AIMC_IR_AIMCCOMPUTEOPS_TD
