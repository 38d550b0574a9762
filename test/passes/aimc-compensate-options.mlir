// RUN: aimc-opt %s --verify-diagnostics --aimc-compensate='mode=weights+pulses report=false' | FileCheck %s

// CHECK: aimc.tile @w.r0.c0 {{.*}} {compensate = #aimc.compensate<weights_pulses>}
// CHECK: aimc.tile @later.r0.c0 {{.*}} {compensate = #aimc.compensate<weights_pulses>}
aimc.target @t {
  geometry = #aimc.geometry<rows = 1, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 1000.0>,
  wire = #aimc.wire<column_ohm = 1000.0, row_ohm = 0.0, idle = open>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
// expected-warning @below {{compensation of open idle rows without recorded activity (this and 1 more weights); inputs of a third of the DAC's range are assumed}}
aimc.weight @w : tensor<1x2xf32> = dense<[[4.0, -2.0]]>
aimc.tile @w.r0.c0 of @w rows [0, 1] cols [0, 2] on @t at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
aimc.weight @later : tensor<1x1xf32>
aimc.tile @later.r0.c0 of @later rows [0, 1] cols [0, 1] on @t
