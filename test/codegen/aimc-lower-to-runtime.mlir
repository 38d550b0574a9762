// RUN: aimc-opt %s --aimc-lower-to-runtime --split-input-file | FileCheck %s
// RUN: aimc-opt %s --aimc-lower-to-runtime --split-input-file --remarks-filter=aimc 2>&1 | FileCheck %s --check-prefix=REMARK

// Three kernels in a chain: two buffers of 1024 bytes are alive at most, the third reuses the first;
// the last result is written into the output. Every call can end the entry.
// REMARK: aimc-lower-to-runtime | Category:aimc {{.*}}arena_bytes=2048, sum_of_buffers=3072
// CHECK-LABEL: module attributes
// CHECK-SAME: aimc.constants = []
// CHECK-SAME: aimc.entries = [{arena_bytes = 2048 : i64
// CHECK-SAME: inputs = [{dtype = "f32", name = "x", shape = [16, 16]}]
// CHECK-SAME: outputs = [{dtype = "f32", name = "output0", shape = [16, 16]}]
// CHECK-SAME: symbol = "aimc_entry_0"
// CHECK: llvm.func @aimc_entry_0(%[[FRAME:.*]]: !llvm.ptr) -> i32
// CHECK: llvm.getelementptr %[[FRAME]][0, 2]
// CHECK: %[[K:.*]] = llvm.mlir.addressof @k_run
// CHECK: %[[STATUS:.*]] = llvm.call %{{.*}}(%{{.*}}, %[[K]], %{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64) -> i32
// CHECK: %[[FAILED:.*]] = llvm.icmp "ne" %[[STATUS]], %{{.*}} : i32
// CHECK: llvm.cond_br %[[FAILED]], ^[[EXIT:.*]](%[[STATUS]] : i32), ^
// CHECK-COUNT-3: llvm.mlir.addressof @k_run
// CHECK: llvm.br ^[[EXIT]]
// CHECK: ^[[EXIT]](%[[CODE:.*]]: i32):
// CHECK-NEXT: llvm.return %[[CODE]] : i32
// CHECK: llvm.func @k_run(!llvm.ptr, i64, i64)
// CHECK-NOT: func.func @main
module {
  func.func private @k(%a: tensor<16x16xf32>, %out: tensor<16x16xf32>) -> tensor<16x16xf32> attributes {aimc.kernel, aimc.tile_sizes = array<i64: 0, 0>, aimc.tiles = 1 : i64} {
    return %a : tensor<16x16xf32>
  }
  func.func @main(%x: tensor<16x16xf32> {aimc.name = "x"}) -> tensor<16x16xf32> {
    %e = tensor.empty() : tensor<16x16xf32>
    %1 = func.call @k(%x, %e) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %2 = func.call @k(%1, %e) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %3 = func.call @k(%2, %e) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %4 = func.call @k(%3, %e) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    return %4 : tensor<16x16xf32>
  }
}

// -----

// Constants are listed once; a contiguous slice and a reshape cost nothing; a strided slice is one
// copy of two dimensions (rows of 4 of 8 floats); a returned input is copied whole.
// REMARK: aimc-lower-to-runtime | Category:aimc {{.*}}arena_bytes=64, sum_of_buffers=64
// CHECK-LABEL: module attributes
// CHECK-SAME: aimc.constants = [{name = "table", value = dense_resource<table> : tensor<4x8xf32>}]
// CHECK: llvm.func @aimc_entry_0
// CHECK-NOT: @k_run
// CHECK-DAG: llvm.mlir.constant(8 : i64)
// CHECK-COUNT-1: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i32, i32) -> i32
// CHECK: llvm.mlir.addressof @k_run
// CHECK-COUNT-2: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i32, i32) -> i32
// CHECK-NOT: llvm.call
// CHECK: llvm.return
module {
  func.func private @k(%a: tensor<4x4xf32>, %b: tensor<2x8xf32>, %out: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {aimc.kernel, aimc.tile_sizes = array<i64: 0, 0>, aimc.tiles = 1 : i64} {
    return %a : tensor<4x4xf32>
  }
  func.func @main(%x: tensor<4x8xf32>) -> (tensor<4x4xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
    %c = arith.constant dense_resource<table> : tensor<4x8xf32>
    %e = tensor.empty() : tensor<4x4xf32>
    %strided = tensor.extract_slice %x[0, 2] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
    %rows = tensor.extract_slice %c[2, 0] [2, 8] [1, 1] : tensor<4x8xf32> to tensor<2x8xf32>
    %flat = tensor.collapse_shape %strided [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
    %back = tensor.expand_shape %flat [[0, 1]] output_shape [4, 4] : tensor<16xf32> into tensor<4x4xf32>
    %y = func.call @k(%back, %rows, %e) : (tensor<4x4xf32>, tensor<2x8xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    return %y, %x, %c : tensor<4x4xf32>, tensor<4x8xf32>, tensor<4x8xf32>
  }
}

// -----

// A grid is one call with its number; each call site is a grid of its own.
// CHECK-LABEL: module attributes
// CHECK-SAME: aimc.grids = [{layer = "encoder.0", weights = [@q, @k]}, {input_range = 3.000000e+00 : f32, layer = "encoder.1", weights = [@q]}]
// CHECK: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, i32, i64, !llvm.ptr, !llvm.ptr) -> i32
// CHECK: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, i32, i64, !llvm.ptr, !llvm.ptr) -> i32
module {
  aimc.target @small {
    geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
    device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
    wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
    dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
    adc = #aimc.adc<ideal>}
  aimc.weight @q : tensor<4x4xf32>
  aimc.weight @k : tensor<4x4xf32>
  aimc.tile @q.r0.c0 of @q rows [0, 4] cols [0, 4] on @small
  aimc.tile @k.r0.c0 of @k rows [0, 4] cols [0, 4] on @small
  func.func @main(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<2x4xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
    %y:2 = aimc.grid weights [@q, @k] tiles [@q.r0.c0, @k.r0.c0] ins(%x : tensor<2x4xf32>) outs(%f, %f : tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>, tensor<2x4xf32> loc("encoder.0")
    %z = aimc.grid weights [@q] tiles [@q.r0.c0] ins(%y#0 : tensor<2x4xf32>) outs(%f : tensor<2x4xf32>) {input_range = 3.0 : f32} -> tensor<2x4xf32> loc("encoder.1")
    return %z, %y#1 : tensor<2x4xf32>, tensor<2x4xf32>
  }
}

// -----

// A check is a call of the runtime with a text, the shape without the tuples' axis and the sizes; its
// function is gone.
// CHECK: llvm.func @aimc_entry_0
// CHECK: %[[WHAT:.*]] = llvm.mlir.addressof @check_indices_0_text
// CHECK: llvm.call %{{.*}}(%{{.*}}, %[[WHAT]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i32, i32, !llvm.ptr, i32) -> i32
// CHECK: llvm.mlir.global internal constant @check_indices_0_text("input 'ids' of node 'g'\00")
// CHECK-NOT: func.func
module {
  func.func private @check_indices_0(%ids: tensor<4x2xi64>) attributes {aimc.index_check = {sizes = array<i64: 5, 7>, tuples = true, what = "input 'ids' of node 'g'"}} {
    return
  }
  func.func @main(%ids: tensor<4x2xi64>) -> tensor<4x2xi64> {
    func.call @check_indices_0(%ids) : (tensor<4x2xi64>) -> ()
    return %ids : tensor<4x2xi64>
  }
}
