// RUN: aimc-opt %s --aimc-scale=rule=sigma:0.5 | FileCheck %s
// RUN: aimc-opt %s --aimc-scale=rule=sigma:0.5 --remarks-filter=aimc --remark-policy=all 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: aimc-opt %s --aimc-scale=rule=sigma:0.5 --aimc-scale=rule=max | FileCheck %s --check-prefix=MAX
// The best scale of a device without noise is the largest weight.
// RUN: aimc-opt %s --aimc-scale | FileCheck %s --check-prefix=MAX

// Column 0: mean 0, standard deviation 3. Column 1: mean 2, variance 64 / 4 - 4 = 12. Column 2: zeros.
// CHECK: aimc.tile @w.r0.c0 {{.*}} {column_scale = dense<[1.500000e+00, 1.73205078]> : tensor<2xf32>}
// CHECK: aimc.tile @w.r0.c1 {{.*}} {column_scale = dense<0.000000e+00> : tensor<1xf32>}
// Rows and columns of a weight that is stored the other way round.
// CHECK: aimc.tile @t.r0.c0 {{.*}} {column_scale = dense<[1.500000e+00, 1.73205078]> : tensor<2xf32>}

// Five of twelve weights are clipped: four by 1.5, one by 8 - 1.732; squares 4 x 2.25 + 39.28 of 36 + 64.
// REMARK: scale of @w{{.*}} clipped share=4.16{{.*}}e-01, error after=6.948{{.*}}e-01, error before=0.0{{.*}}

// MAX-NOT: column_scale
aimc.target @ideal {
  geometry = #aimc.geometry<rows = 4, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x3xf32> = dense<[[3.0, 8.0, 0.0], [-3.0, 0.0, 0.0], [3.0, 0.0, 0.0], [-3.0, 0.0, 0.0]]>
aimc.tile @w.r0.c0 of @w rows [0, 4] cols [0, 2] on @ideal
aimc.tile @w.r0.c1 of @w rows [0, 4] cols [2, 1] on @ideal
aimc.weight @t transposed : tensor<4x2xf32> = dense<[[3.0, -3.0, 3.0, -3.0], [8.0, 0.0, 0.0, 0.0]]>
aimc.tile @t.r0.c0 of @t rows [0, 4] cols [0, 2] on @ideal
