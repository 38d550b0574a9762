//===- Passes.td - native code for what is not on tiles ----*- tablegen -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#ifndef AIMC_CODEGEN_PASSES
#define AIMC_CODEGEN_PASSES

include "mlir/Pass/PassBase.td"

def PrepareDigital : Pass<"aimc-prepare-digital", "::mlir::ModuleOp"> {
  let summary = "Bring the digital part of a tiled program into few, fused linalg operations";
  let description = [{
    Contract before: tiled IR (docs/Contracts.md section 2) or any linalg on tensors.
    Contract after: apart from `aimc.grid`, constants and views, each function holds
    `linalg.generic`, `linalg.fill`, contractions (`linalg.matmul`, `linalg.batch_matmul`, ...) and
    `tensor` slices and reshapes. Element-wise producers are fused into their only consumer unless
    that would repeat an expensive computation (a broadcast of exp, erf, a division, ...).
    `aimc.grid` destinations are zero fills; a destination that carried values is added afterwards.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect", "::mlir::affine::AffineDialect"
  ];
}

def OutlineKernels : Pass<"aimc-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Move digital operations into kernels that are compiled once";
  let description = [{
    Contract before: the result of `aimc-prepare-digital`, static shapes.
    Contract after: each linalg operation, together with the row-wise producers that only it uses
    (softmax, layer normalisation), lives in a private function marked `aimc.kernel` whose last
    arguments are the destinations of its results; the caller passes `tensor.empty`. Operations
    that are equal up to their operands share one kernel, so that identical layers compile once.

    A kernel carries its parallel iteration space: `aimc.tile_sizes`, one number per loop of its
    last operation (0: not split), and `aimc.tiles`, the number of tiles. Tile sizes divide their
    extents, so that all shapes stay static.

    Reports the remark `aimc-outline-kernels` (category `aimc`): operations outlined, distinct kernels.
  }];
  let options = [
    Option<"tileElements", "tile-elements", "int64_t", /*default=*/"8192",
           "Elements of the iteration space that one tile of a row-wise kernel should cover">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def LowerToRuntime : Pass<"aimc-lower-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Turn the main program into a native entry that calls kernels and the runtime";
  let description = [{
    Contract before: `func.func @main` holds calls to `aimc.kernel` functions, `aimc.grid`,
    constants and views only.
    Contract after: `llvm.func @aimc_entry_<n>(%frame)` (see `aimc/exec/abi.h`) replaces it. Every
    intermediate tensor has a fixed place in one arena (static liveness, best fit); graph outputs
    are written in place where possible; constants are reached through the frame by index. The
    module gets `aimc.entries`, `aimc.constants` and `aimc.grids` attributes from which the
    package's manifest is written, and `llvm.func @<kernel>_run` declarations.

    Reports the remark `aimc-lower-to-runtime` (category `aimc`): arena bytes and the sum of all buffers.
  }];
  let options = [
    Option<"entry", "entry", "int64_t", /*default=*/"0", "Number of the entry point">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def TileKernels : Pass<"aimc-tile-kernels", "::mlir::func::FuncOp"> {
  let summary = "Split kernels into parallel tiles and vectorise their contractions";
  let description = [{
    Contract before: a function marked `aimc.kernel` as `aimc-outline-kernels` made it (others are
    left alone). Contract after: its work is one `scf.forall` over the tiles announced by
    `aimc.tile_sizes`, with row-wise producers fused into the tile; contractions are cut to
    register tiles, ragged ends are peeled, and each register tile is a `vector.contract` whose
    accumulator lives in registers.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", /*default=*/"256",
           "Width of a vector register of the target in bits">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect"
  ];
}

def KernelRange : Pass<"aimc-kernel-range", "::mlir::func::FuncOp"> {
  let summary = "Give bufferised kernels a tile range as their last two arguments";
  let description = [{
    Contract before: a bufferised `aimc.kernel` function with at most one `scf.forall` at top level.
    Contract after: `kernel(buffers..., begin, end)` executes tiles [begin, end) in order.
    Temporary buffers become one stack allocation each in the entry block, or heap memory where
    they exceed `max-stack-bytes` together. `memref.copy` becomes a linalg operation.
  }];
  let options = [
    Option<"maxStackBytes", "max-stack-bytes", "int64_t", /*default=*/"1048576",
           "Stack space that one kernel may use, in bytes">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"
  ];
}

def ApproximateMath : Pass<"aimc-approximate-math", "::mlir::func::FuncOp"> {
  let summary = "Replace transcendental functions by polynomials that LLVM can vectorise";
  let description = [{
    Upstream has the patterns but only a test pass around them. Without them exp, erf and tanh are
    scalar calls into the C library, 10 to 80 times slower over a tensor. Errors are below 1e-6.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"
  ];
}

def LowerVectors : Pass<"aimc-lower-vectors", "::mlir::func::FuncOp"> {
  let summary = "Lower vector contractions to outer products of registers";
  let description = [{
    No canonicalisation may follow before LLVM: it would merge the chains of `vector.insert` into
    one operation per 256 elements (LLVM#142944).
  }];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect"];
}

def KernelTrampolines : Pass<"aimc-kernel-trampolines", "::mlir::ModuleOp"> {
  let summary = "Give each kernel the uniform signature that the runtime calls";
  let description = [{
    For every LLVM function marked `aimc.kernel` defines
    `<kernel>_run(ptr args, i64 begin, i64 end)` (`aimc_kernel_fn` of `aimc/exec/abi.h`), which
    loads the buffers from `args`. Symbols of tiles and weights, which only the manifest needs,
    are erased.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // AIMC_CODEGEN_PASSES
