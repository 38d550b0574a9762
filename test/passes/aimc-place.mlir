// RUN: aimc-opt %s --aimc-place --split-input-file | FileCheck %s
// RUN: aimc-opt %s --aimc-place --split-input-file --remarks-filter=aimc 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// Places that are given stay: a second run changes nothing.
// RUN: aimc-opt %s --aimc-place --aimc-place --split-input-file | FileCheck %s

// A 6 x 6 weight on 4 x 4 tiles: one full block; 4x2, 2x4 and 2x2 need two more tiles.
// Blocks lie at the ADC's side, the last row.
// REMARK: remark: [Analysis] aimc-place{{.*}}blocks=4, chips=1, target=small, tiles=3, utilisation=7.5
// CHECK: aimc.tile @full of {{.*}} at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
// CHECK: aimc.tile @right of {{.*}} at #aimc.place<chip = 0, tile = 1, row = 0, col = 0>
// CHECK: aimc.tile @below of {{.*}} at #aimc.place<chip = 0, tile = 2, row = 2, col = 0>
// CHECK: aimc.tile @corner of {{.*}} at #aimc.place<chip = 0, tile = 1, row = 2, col = 2>
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<6x6xf32>
aimc.tile @full of @w rows [0, 4] cols [0, 4] on @small
aimc.tile @right of @w rows [0, 4] cols [4, 2] on @small
aimc.tile @below of @w rows [4, 2] cols [0, 4] on @small
aimc.tile @corner of @w rows [4, 2] cols [4, 2] on @small

// -----

// The room beside a given place is used; its address is not given again.
// REMARK: remark: [Analysis] aimc-place{{.*}}blocks=3, chips=2, target=small, tiles=2, utilisation=
// CHECK: aimc.tile @fixed of {{.*}} at #aimc.place<chip = 3, tile = 0, row = 1, col = 0>
// CHECK: aimc.tile @fits of {{.*}} at #aimc.place<chip = 3, tile = 0, row = 0, col = 0>
// CHECK: aimc.tile @new of {{.*}} at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x4xf32>
aimc.tile @fixed of @w rows [0, 3] cols [0, 4] on @small at #aimc.place<chip = 3, tile = 0, row = 1, col = 0>
aimc.tile @fits of @w rows [3, 1] cols [0, 4] on @small
aimc.tile @new of @w rows [4, 4] cols [0, 4] on @small

// -----

// With alternating read-out neither side is nearer for all columns: blocks start at row 0.
// CHECK: aimc.tile @half of {{.*}} at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
aimc.target @both {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = alternating>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<2x4xf32>
aimc.tile @half of @w rows [0, 2] cols [0, 4] on @both
