// RUN: aimc-opt %s --aimc-partition=target-file=%S/Inputs/small.mlir --split-input-file | FileCheck %s

// Tiles of 4 x 3: K = 6 is 4 + 2, N = 7 is 3 + 3 + 1; every cell once.
// CHECK: aimc.target @small
// CHECK: aimc.weight @w : tensor<6x7xf32>
// CHECK-NEXT: aimc.tile @w.r0.c0 of @w rows [0, 4] cols [0, 3] on @small{{$}}
// CHECK-NEXT: aimc.tile @w.r0.c1 of @w rows [0, 4] cols [3, 3] on @small{{$}}
// CHECK-NEXT: aimc.tile @w.r0.c2 of @w rows [0, 4] cols [6, 1] on @small{{$}}
// CHECK-NEXT: aimc.tile @w.r1.c0 of @w rows [4, 2] cols [0, 3] on @small{{$}}
// CHECK-NEXT: aimc.tile @w.r1.c1 of @w rows [4, 2] cols [3, 3] on @small{{$}}
// CHECK-NEXT: aimc.tile @w.r1.c2 of @w rows [4, 2] cols [6, 1] on @small{{$}}
// CHECK-NOT: aimc.tile
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2x6xf32>, %[[INIT:.*]]: tensor<2x7xf32>)
// CHECK-DAG: %[[B0:.*]] = tensor.extract_slice %[[INIT]][0, 0] [2, 3] [1, 1]
// CHECK-DAG: %[[X0:.*]] = tensor.extract_slice %[[X]][0, 0] [2, 4] [1, 1]
// CHECK: %[[P0:.*]] = aimc.mvm @w.r0.c0 ins(%[[X0]] : tensor<2x4xf32>) outs(%[[B0]] : tensor<2x3xf32>) {input_range = 3.000000e+00 : f32}
// CHECK: %[[X1:.*]] = tensor.extract_slice %[[X]][0, 4] [2, 2] [1, 1]
// CHECK: %[[P1:.*]] = aimc.mvm @w.r1.c0 ins(%[[X1]] : tensor<2x2xf32>) outs(%[[P0]] : tensor<2x3xf32>) {input_range = 3.000000e+00 : f32}
// CHECK: %[[Y0:.*]] = tensor.insert_slice %[[P1]] into %[[INIT]][0, 0] [2, 3] [1, 1]
// CHECK: %[[B1:.*]] = tensor.extract_slice %[[Y0]][0, 3] [2, 3] [1, 1]
// CHECK: %[[P2:.*]] = aimc.mvm @w.r0.c1 ins(%[[X0]] : tensor<2x4xf32>) outs(%[[B1]] : tensor<2x3xf32>)
// CHECK: %[[P3:.*]] = aimc.mvm @w.r1.c1 ins(%[[X1]] : tensor<2x2xf32>) outs(%[[P2]] : tensor<2x3xf32>)
// CHECK: %[[Y1:.*]] = tensor.insert_slice %[[P3]] into %[[Y0]][0, 3] [2, 3] [1, 1]
// CHECK: %[[B2:.*]] = tensor.extract_slice %[[Y1]][0, 6] [2, 1] [1, 1]
// CHECK: %[[P4:.*]] = aimc.mvm @w.r0.c2 ins(%[[X0]] : tensor<2x4xf32>) outs(%[[B2]] : tensor<2x1xf32>)
// CHECK: %[[P5:.*]] = aimc.mvm @w.r1.c2 ins(%[[X1]] : tensor<2x2xf32>) outs(%[[P4]] : tensor<2x1xf32>)
// CHECK: %[[Y2:.*]] = tensor.insert_slice %[[P5]] into %[[Y1]][0, 6] [2, 1] [1, 1]
// CHECK: return %[[Y2]]
aimc.weight @w : tensor<6x7xf32>
func.func @main(%x: tensor<2x6xf32>, %init: tensor<2x7xf32>) -> tensor<2x7xf32> {
  %y = aimc.linear @w ins(%x : tensor<2x6xf32>) outs(%init : tensor<2x7xf32>) {input_range = 3.0 : f32} -> tensor<2x7xf32>
  return %y : tensor<2x7xf32>
}

// -----

// A weight of one row and one of one column; what fits a tile is not sliced. Unused weights have no tiles.
// CHECK: aimc.tile @row.r0.c0 of @row rows [0, 1] cols [0, 3]
// CHECK: aimc.tile @col.r0.c0 of @col rows [0, 3] cols [0, 1]
// CHECK-NOT: aimc.tile
// CHECK-LABEL: func.func @thin
// CHECK-SAME: (%[[X:.*]]: tensor<?x1xf32>, %[[A:.*]]: tensor<?x3xf32>, %[[B:.*]]: tensor<?x1xf32>)
// CHECK-NEXT: %[[Y:.*]] = aimc.mvm @row.r0.c0 ins(%[[X]] : tensor<?x1xf32>) outs(%[[A]] : tensor<?x3xf32>)
// CHECK-NEXT: %[[Z:.*]] = aimc.mvm @col.r0.c0 ins(%[[Y]] : tensor<?x3xf32>) outs(%[[B]] : tensor<?x1xf32>)
// CHECK-NEXT: return %[[Z]]
aimc.weight @row : tensor<1x3xf32>
aimc.weight @col : tensor<3x1xf32>
aimc.weight @unused : tensor<3x1xf32>
func.func @thin(%x: tensor<?x1xf32>, %a: tensor<?x3xf32>, %b: tensor<?x1xf32>) -> tensor<?x1xf32> {
  %y = aimc.linear @row ins(%x : tensor<?x1xf32>) outs(%a : tensor<?x3xf32>) -> tensor<?x3xf32>
  %z = aimc.linear @col ins(%y : tensor<?x3xf32>) outs(%b : tensor<?x1xf32>) -> tensor<?x1xf32>
  return %z : tensor<?x1xf32>
}

// -----

// A name that is taken is not taken twice, and tiles that exist are kept.
// CHECK: aimc.tile @[[NEW:w.r0.c0_.*]] of @w rows [0, 2] cols [0, 2] on @small
// CHECK: aimc.tile @mine of @v rows [0, 2] cols [0, 2] on @small
// CHECK-LABEL: func.func @names
// CHECK: aimc.mvm @[[NEW]] ins
// CHECK: aimc.mvm @mine ins
aimc.weight @w : tensor<2x2xf32>
aimc.weight @v : tensor<2x2xf32>
aimc.tile @mine of @v rows [0, 2] cols [0, 2] on @small
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 3, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
func.func private @w.r0.c0()
func.func @names(%x: tensor<2x2xf32>, %init: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %y = aimc.linear @w ins(%x : tensor<2x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  %z = aimc.linear @v ins(%y : tensor<2x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %z : tensor<2x2xf32>
}
