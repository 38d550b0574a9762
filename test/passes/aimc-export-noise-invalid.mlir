// RUN: split-file %s %t
// RUN: not aimc-opt %t/ungrouped.mlir --aimc-export-noise=output=%t/spec.json 2>&1 | FileCheck %s --check-prefix=UNGROUPED
// RUN: not aimc-opt %t/uncut.mlir --aimc-export-noise=output=%t/spec.json 2>&1 | FileCheck %s --check-prefix=UNCUT
// RUN: not aimc-opt %t/unplaced.mlir --aimc-export-noise=output=%t/spec.json 2>&1 | FileCheck %s --check-prefix=UNPLACED
// RUN: not aimc-opt %t/external.mlir --aimc-export-noise=output=%t/spec.json 2>&1 | FileCheck %s --check-prefix=EXTERNAL
// RUN: not ls %t/spec.json %t/spec.safetensors

// UNGROUPED: error: 'aimc.mvm' op expected every product on tiles as aimc.grid
// UNGROUPED: note: is the contract of aimc-group
// UNCUT: error: 'aimc.linear' op expected every product on tiles as aimc.grid
// UNCUT: note: is the contract of aimc-partition
// UNPLACED: error: tile 'w.r0.c0' has no place; run aimc-place before packaging
// EXTERNAL: error: tensor 'w.r0.c0.scales' has no data in the module

//--- ungrouped.mlir
aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 10.0>,
  wire = #aimc.wire<column_ohm = 0.5, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x2xf32> = dense<1.0>
aimc.tile @w.r0.c0 of @w rows [0, 4] cols [0, 2] on @t at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
func.func @main(%x: tensor<3x4xf32>, %a: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %y = aimc.mvm @w.r0.c0 ins(%x : tensor<3x4xf32>) outs(%a : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

//--- uncut.mlir
aimc.weight @w : tensor<4x2xf32> = dense<1.0>
func.func @main(%x: tensor<3x4xf32>, %a: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %y = aimc.linear @w ins(%x : tensor<3x4xf32>) outs(%a : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

//--- unplaced.mlir
aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 10.0>,
  wire = #aimc.wire<column_ohm = 0.5, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x2xf32> = dense<1.0>
aimc.tile @w.r0.c0 of @w rows [0, 4] cols [0, 2] on @t

//--- external.mlir
aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 10.0>,
  wire = #aimc.wire<column_ohm = 0.5, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x2xf32> = #aimc.external<"w">
aimc.tile @w.r0.c0 of @w rows [0, 4] cols [0, 2] on @t at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
    {column_scale = #aimc.external<"w.r0.c0.scales">}
