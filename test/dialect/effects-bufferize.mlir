// RUN: aimc-opt --cse --canonicalize --loop-invariant-code-motion %s | FileCheck %s --check-prefix=EFFECTS
// RUN: aimc-opt --symbol-dce %s | FileCheck %s --check-prefix=SYMBOLS
// RUN: aimc-opt --one-shot-bufferize=bufferize-function-boundaries --canonicalize %s | FileCheck %s --check-prefix=BUFFERS

// Upstream passes see what a read of a tile is: a draw, which may be dropped but neither merged nor
// moved, and which adds to its destination.

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.weight "private" @u : tensor<8x2xf32>
aimc.tile @w0 of @w rows [0, 8] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
aimc.tile "private" @u0 of @u rows [0, 8] cols [0, 2] on @t
aimc.weight "private" @unused : tensor<3x3xf32>
aimc.weight "private" @used : tensor<8x6xf32>

// SYMBOLS: aimc.target @t
// SYMBOLS-NOT: @u {{:|of}}
// SYMBOLS: aimc.weight "private" @used
// SYMBOLS-NOT: aimc.weight "private" @unused

// EFFECTS-LABEL: func.func @equal_reads_are_two_draws(
func.func @equal_reads_are_two_draws(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  // EFFECTS: %[[A:.*]] = aimc.mvm @w0
  // EFFECTS: %[[B:.*]] = aimc.mvm @w0
  // EFFECTS: return %[[A]], %[[B]]
  %a = aimc.mvm @w0 ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  %b = aimc.mvm @w0 ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %a, %b : tensor<4x6xf32>, tensor<4x6xf32>
}

// EFFECTS-LABEL: func.func @unused_reads_go(
func.func @unused_reads_go(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) {
  // EFFECTS-NEXT: return
  %a = aimc.linear @used ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  %b = aimc.mvm @w0 ins(%x : tensor<4x8xf32>) outs(%a : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c = aimc.grid weights [@w] tiles [@w0] ins(%x : tensor<4x8xf32>) outs(%b : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// EFFECTS-LABEL: func.func @each_iteration_draws(
func.func @each_iteration_draws(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>, %out: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %out, %c0 : memref<?xf32>
  // EFFECTS: scf.for
  // EFFECTS: aimc.mvm @w0
  scf.for %k = %c0 to %n step %c1 {
    %a = aimc.mvm @w0 ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
    %v = tensor.extract %a[%c0, %c1] : tensor<4x6xf32>
    memref.store %v, %out[%k] : memref<?xf32>
  }
  return
}

// A buffer is written: nothing is dropped.
// EFFECTS-LABEL: func.func @buffers_are_written(
func.func @buffers_are_written(%x: memref<4x8xf32>, %i: memref<4x6xf32>) {
  // EFFECTS: aimc.mvm @w0
  // EFFECTS: aimc.mvm @w0
  aimc.mvm @w0 ins(%x : memref<4x8xf32>) outs(%i : memref<4x6xf32>)
  aimc.mvm @w0 ins(%x : memref<4x8xf32>) outs(%i : memref<4x6xf32>)
  return
}

// Accumulation in place: one buffer, no copy.
// BUFFERS-LABEL: func.func @chain(
// BUFFERS-SAME: %[[X:[^:]*]]: memref<4x8xf32, {{[^>]*>}}>)
func.func @chain(%x: tensor<4x8xf32>) -> tensor<4x6xf32> {
  // BUFFERS: %[[Y:.*]] = memref.alloc() {{.*}} : memref<4x6xf32>
  // BUFFERS: linalg.fill {{.*}} outs(%[[Y]]
  // BUFFERS-NEXT: aimc.linear @used ins(%[[X]] : {{.*}}) outs(%[[Y]] : memref<4x6xf32>) {input_range = 1.000000e+00 : f32}
  // BUFFERS-NEXT: aimc.mvm @w0 ins(%[[X]] : {{.*}}) outs(%[[Y]] : memref<4x6xf32>)
  // BUFFERS-NEXT: aimc.grid weights [@w] tiles [@w0] ins(%[[X]] : {{.*}}) outs(%[[Y]] : memref<4x6xf32>)
  // BUFFERS-NEXT: return %[[Y]]
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %a = aimc.linear @used ins(%x : tensor<4x8xf32>) outs(%f : tensor<4x6xf32>) {input_range = 1.0 : f32} -> tensor<4x6xf32>
  %b = aimc.mvm @w0 ins(%x : tensor<4x8xf32>) outs(%a : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c = aimc.grid weights [@w] tiles [@w0] ins(%x : tensor<4x8xf32>) outs(%b : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %c : tensor<4x6xf32>
}

// The destination is still needed: bufferization copies before the read adds to it.
// BUFFERS-LABEL: func.func @destination_used_again(
func.func @destination_used_again(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  // BUFFERS: %[[A:.*]] = memref.alloc()
  // BUFFERS: memref.copy %{{.*}}, %[[A]]
  // BUFFERS: aimc.mvm @w0 ins(%{{.*}}) outs(%[[A]] : memref<4x6xf32>)
  %a = aimc.mvm @w0 ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %a, %i : tensor<4x6xf32>, tensor<4x6xf32>
}
