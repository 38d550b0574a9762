// RUN: split-file %s %t
// RUN: not aimc-opt %t/plain.mlir --aimc-partition=target=absent 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not aimc-opt %t/plain.mlir --aimc-partition=target-file=absent 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not aimc-opt %t/plain.mlir --aimc-set-target --aimc-set-target=target=pcm-256 --aimc-partition 2>&1 | FileCheck %s --check-prefix=TWO
// RUN: not aimc-opt %t/buffers.mlir --aimc-partition 2>&1 | FileCheck %s --check-prefix=BUFFERS
// RUN: not aimc-opt %t/hole.mlir --aimc-partition 2>&1 | FileCheck %s --check-prefix=HOLE
// RUN: not aimc-opt %t/twice.mlir --aimc-partition 2>&1 | FileCheck %s --check-prefix=TWICE

// NAME: error: expected an aimc.target named 'absent', but found none
// FILE: error: expected a preset or a .mlir file, but got 'absent'; presets are
// TWO: error: expected the option target to choose one of several targets, but got none
// TWO: note: see target @pcm_256
// TWO: note: see target @pcm
// BUFFERS: error: 'aimc.linear' op expected tensors, but got buffers
// HOLE: error: 'aimc.weight' op expected tiles that hold every cell once, but the last one ends at row 4 and column 2
// TWICE: error: 'aimc.tile' op expected tiles of @w that hold every cell once, the next one from row 0 and column 2 on, but got one from row 0 and column 1 on
//--- plain.mlir
aimc.weight @w : tensor<4x4xf32>
func.func @main(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = aimc.linear @w ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
//--- buffers.mlir
aimc.weight @w : tensor<4x4xf32>
func.func @main(%x: memref<2x4xf32>, %init: memref<2x4xf32>) {
  aimc.linear @w ins(%x : memref<2x4xf32>) outs(%init : memref<2x4xf32>)
  return
}
//--- hole.mlir
aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x4xf32>
aimc.tile @a of @w rows [0, 4] cols [0, 2] on @t
func.func @main(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = aimc.linear @w ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
//--- twice.mlir
aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x4xf32>
aimc.tile @a of @w rows [0, 4] cols [0, 2] on @t
aimc.tile @b of @w rows [0, 4] cols [1, 3] on @t
func.func @main(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = aimc.linear @w ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
