// RUN: aimc-opt %s --aimc-place=tiles-per-chip=2 | FileCheck %s --check-prefix=CHIPS
// RUN: aimc-opt %s --aimc-place=pack=false --remarks-filter=aimc 2>&1 | FileCheck %s --check-prefix=ALONE

// CHIPS: aimc.tile @a of {{.*}} at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
// CHIPS: aimc.tile @b of {{.*}} at #aimc.place<chip = 0, tile = 1, row = 0, col = 0>
// CHIPS: aimc.tile @c of {{.*}} at #aimc.place<chip = 0, tile = 1, row = 0, col = 2>
// CHIPS: aimc.tile @d of {{.*}} at #aimc.place<chip = 1, tile = 0, row = 0, col = 0>
// ALONE: blocks=4, chips=1, target=small, tiles=4
// ALONE: aimc.tile @a of {{.*}} at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
// ALONE: aimc.tile @b of {{.*}} at #aimc.place<chip = 0, tile = 1, row = 0, col = 0>
// ALONE: aimc.tile @c of {{.*}} at #aimc.place<chip = 0, tile = 2, row = 0, col = 0>
// ALONE: aimc.tile @d of {{.*}} at #aimc.place<chip = 0, tile = 3, row = 0, col = 0>
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x12xf32>
aimc.tile @a of @w rows [0, 4] cols [0, 4] on @small
aimc.tile @b of @w rows [0, 4] cols [4, 2] on @small
aimc.tile @c of @w rows [0, 4] cols [6, 2] on @small
aimc.tile @d of @w rows [0, 4] cols [8, 4] on @small
