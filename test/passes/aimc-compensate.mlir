// RUN: aimc-opt %s --aimc-compensate=mode=weights | FileCheck %s
// RUN: aimc-opt %s --aimc-compensate=mode=weights --remarks-filter=aimc --remark-policy=all 2>&1 >/dev/null | FileCheck %s --check-prefix=WEIGHTS
// RUN: aimc-opt %s --aimc-compensate=mode=gain --remarks-filter=aimc --remark-policy=all 2>&1 >/dev/null | FileCheck %s --check-prefix=GAIN
// RUN: aimc-opt %s --aimc-compensate=mode=weights --aimc-compensate | FileCheck %s --check-prefix=NONE

// One cell of 1000 uS behind half a piece of 1000 ohm: 1 / (1 + 500 ohm x 1000 uS) = 2/3 arrives.
// CHECK: aimc.tile @w.r0.c0 {{.*}} {compensate = #aimc.compensate<weights>}
// WEIGHTS: wires of @w{{.*}} error after={{0.0|[0-9.]+e-0[6-9]|[0-9.]+e-1}}{{.*}}, error before=3.333{{.*}}e-01, smallest factor=6.666{{.*}}e-01
// GAIN: wires of @w{{.*}} error after={{0.0|[0-9.]+e-0[6-9]|[0-9.]+e-1}}{{.*}}, error before=3.333{{.*}}e-01, smallest factor=6.666{{.*}}e-01
// NONE-NOT: compensate
aimc.target @t {
  geometry = #aimc.geometry<rows = 1, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 1000.0>,
  wire = #aimc.wire<column_ohm = 1000.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<1x2xf32> = dense<[[4.0, -2.0]]>
aimc.tile @w.r0.c0 of @w rows [0, 1] cols [0, 2] on @t at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
