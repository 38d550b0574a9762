// RUN: not aimc-opt %s --aimc-group=max-weights=-1 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: aimc-opt %s --aimc-group --remarks-filter=aimc 2>&1 | FileCheck %s

// OPTION: error: expected the option max-weights to be at least 0, but got -1
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x8xf32>
aimc.tile @w.0 of @w rows [0, 4] cols [0, 4] on @small
aimc.tile @w.1 of @w rows [0, 4] cols [4, 4] on @small
aimc.weight @k : tensor<6x4xf32>
aimc.tile @k.0 of @k rows [0, 4] cols [0, 4] on @small
aimc.tile @k.1 of @k rows [4, 2] cols [0, 4] on @small
aimc.weight @a : tensor<4x4xf32>
aimc.tile @a.0 of @a rows [0, 4] cols [0, 4] on @small
aimc.weight @b : tensor<4x4xf32>
aimc.tile @b.0 of @b rows [0, 4] cols [0, 4] on @small

// CHECK: Function=half{{.*}}@w.1 stays aimc.mvm: not every column of @w is read
// CHECK: Function=rows{{.*}}@k.1 stays aimc.mvm: not every row of @k is read
// CHECK: Function=wrong_slice{{.*}}@k.0 stays aimc.mvm: expected the input to be columns 0 to 3 of a matrix with 6 columns
// CHECK: Function=buffers{{.*}}@w.0 stays aimc.mvm: expected tensors, but got buffers
// CHECK: Function=ordered{{.*}}@b shares the input of @a, but its destination is computed after @a
// CHECK-LABEL: func.func @half
// CHECK: aimc.mvm @w.1
func.func @half(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = aimc.mvm @w.1 ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
func.func @rows(%x: tensor<2x6xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = tensor.extract_slice %x[0, 4] [2, 2] [1, 1] : tensor<2x6xf32> to tensor<2x2xf32>
  %y = aimc.mvm @k.1 ins(%s : tensor<2x2xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
func.func @wrong_slice(%x: tensor<2x6xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = tensor.extract_slice %x[0, 1] [2, 4] [1, 1] : tensor<2x6xf32> to tensor<2x4xf32>
  %y = aimc.mvm @k.0 ins(%s : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
func.func @buffers(%x: memref<2x4xf32>, %y: memref<2x4xf32>) {
  aimc.mvm @w.0 ins(%x : memref<2x4xf32>) outs(%y : memref<2x4xf32>)
  return
}
// CHECK-LABEL: func.func @ordered
// CHECK: aimc.grid weights [@a]
// CHECK: aimc.grid weights [@b]
func.func @ordered(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = aimc.mvm @a.0 ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %e = math.exp %y : tensor<2x4xf32>
  %z = aimc.mvm @b.0 ins(%x : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}
