// RUN: aimc-opt --canonicalize --split-input-file %s | FileCheck %s

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.weight @u : tensor<8x2xf32>
aimc.tile @w0 of @w rows [0, 8] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
aimc.tile @u0 of @u rows [0, 8] cols [0, 2] on @t

// CHECK-LABEL: func.func @linear_zero_rows(
// CHECK-SAME: %{{[^:]*}}: tensor<0x8xf32>, %[[I:[^:]*]]: tensor<0x6xf32>
func.func @linear_zero_rows(%x: tensor<0x8xf32>, %i: tensor<0x6xf32>) -> tensor<0x6xf32> {
  // CHECK-NEXT: return %[[I]]
  %y = aimc.linear @w ins(%x : tensor<0x8xf32>) outs(%i : tensor<0x6xf32>) -> tensor<0x6xf32>
  return %y : tensor<0x6xf32>
}

// The input alone knows that there are no rows.
// CHECK-LABEL: func.func @mvm_zero_rows(
// CHECK-SAME: %{{[^:]*}}: tensor<0x8xf32>, %[[I:[^:]*]]: tensor<?x6xf32>
func.func @mvm_zero_rows(%x: tensor<0x8xf32>, %i: tensor<?x6xf32>) -> tensor<?x6xf32> {
  // CHECK-NEXT: return %[[I]]
  %y = aimc.mvm @w0 ins(%x : tensor<0x8xf32>) outs(%i : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @grid_zero_rows(
// CHECK-SAME: %{{[^:]*}}: tensor<0x8xf32>, %[[I:[^:]*]]: tensor<0x6xf32>, %[[J:[^:]*]]: tensor<0x4xf32>
func.func @grid_zero_rows(%x: tensor<0x8xf32>, %i: tensor<0x6xf32>, %j: tensor<0x4xf32>) -> (tensor<0x6xf32>, tensor<0x4xf32>) {
  // CHECK-NEXT: return %[[I]], %[[J]]
  %y:2 = aimc.grid weights [@w, @v] tiles [@w0, @v0] ins(%x : tensor<0x8xf32>) outs(%i, %j : tensor<0x6xf32>, tensor<0x4xf32>) -> tensor<0x6xf32>, tensor<0x4xf32>
  return %y#0, %y#1 : tensor<0x6xf32>, tensor<0x4xf32>
}

// CHECK-LABEL: func.func @buffer_zero_rows(
func.func @buffer_zero_rows(%x: memref<0x8xf32>, %i: memref<0x6xf32>) {
  // CHECK-NEXT: return
  aimc.linear @w ins(%x : memref<0x8xf32>) outs(%i : memref<0x6xf32>)
  aimc.mvm @w0 ins(%x : memref<0x8xf32>) outs(%i : memref<0x6xf32>)
  aimc.grid weights [@w] tiles [@w0] ins(%x : memref<0x8xf32>) outs(%i : memref<0x6xf32>)
  return
}

// CHECK-LABEL: func.func @one_row_stays(
func.func @one_row_stays(%x: tensor<1x8xf32>, %i: tensor<1x6xf32>) -> tensor<1x6xf32> {
  // CHECK: aimc.linear @w
  %y = aimc.linear @w ins(%x : tensor<1x8xf32>) outs(%i : tensor<1x6xf32>) -> tensor<1x6xf32>
  return %y : tensor<1x6xf32>
}

// A cast that only hides a static size is looked through.
// CHECK-LABEL: func.func @fold_tensor_cast(
// CHECK-SAME: %[[X:[^:]*]]: tensor<4x8xf32>, %[[I:[^:]*]]: tensor<4x6xf32>
func.func @fold_tensor_cast(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) -> tensor<?x6xf32> {
  // CHECK: %[[Y:.*]] = aimc.linear @w ins(%[[X]] : tensor<4x8xf32>) outs(%[[I]] : tensor<4x6xf32>) {input_range = 2.000000e+00 : f32} -> tensor<4x6xf32>
  // CHECK: tensor.cast %[[Y]]
  %xd = tensor.cast %x : tensor<4x8xf32> to tensor<?x8xf32>
  %id = tensor.cast %i : tensor<4x6xf32> to tensor<?x6xf32>
  %y = aimc.linear @w ins(%xd : tensor<?x8xf32>) outs(%id : tensor<?x6xf32>) {input_range = 2.0 : f32} -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @fold_memref_cast(
// CHECK-SAME: %[[X:[^:]*]]: memref<4x8xf32>, %[[I:[^:]*]]: memref<4x6xf32>
func.func @fold_memref_cast(%x: memref<4x8xf32>, %i: memref<4x6xf32>) {
  // CHECK-NEXT: aimc.mvm @w0 ins(%[[X]] : memref<4x8xf32>) outs(%[[I]] : memref<4x6xf32>)
  %xd = memref.cast %x : memref<4x8xf32> to memref<?x8xf32>
  %id = memref.cast %i : memref<4x6xf32> to memref<?x6xf32>
  aimc.mvm @w0 ins(%xd : memref<?x8xf32>) outs(%id : memref<?x6xf32>)
  return
}

// CHECK-LABEL: func.func @grid_drops_unused(
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x8xf32>, %[[I:[^:]*]]: tensor<2x6xf32>, %[[J:[^:]*]]: tensor<2x4xf32>, %[[K:[^:]*]]: tensor<2x2xf32>
func.func @grid_drops_unused(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>, %k: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x6xf32>) {
  // CHECK: %[[Y:.*]]:2 = aimc.grid weights [@w, @u] tiles [@u0, @w0] ins(%[[X]] : tensor<2x8xf32>) outs(%[[I]], %[[K]] : tensor<2x6xf32>, tensor<2x2xf32>) {input_range = 3.000000e+00 : f32, vendor.layer = "q"} -> tensor<2x6xf32>, tensor<2x2xf32>
  // CHECK-NEXT: return %[[Y]]#1, %[[Y]]#0
  %y:3 = aimc.grid weights [@w, @v, @u] tiles [@u0, @w0, @v0] ins(%x : tensor<2x8xf32>) outs(%i, %j, %k : tensor<2x6xf32>, tensor<2x4xf32>, tensor<2x2xf32>) {input_range = 3.0 : f32, vendor.layer = "q"} -> tensor<2x6xf32>, tensor<2x4xf32>, tensor<2x2xf32>
  return %y#2, %y#0 : tensor<2x2xf32>, tensor<2x6xf32>
}
