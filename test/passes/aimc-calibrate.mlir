// RUN: %python %S/Inputs/calibration.py %t.safetensors
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors' | FileCheck %s
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors' --remarks-filter=aimc --remark-policy=all 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: %python %S/Inputs/calibration.py %t.charge --fault charge
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.charge' 2>&1 | FileCheck %s --check-prefix=CHARGE
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.charge adc=false' 2>&1 | FileCheck %s --check-prefix=NOADC
// RUN: aimc-opt %s --aimc-calibrate | FileCheck %s --check-prefix=NOTHING

// With 24 bits rounding costs nothing, so nothing saturates: 1.05 x 40 fC / 8388607 a code.
// CHECK: aimc.weight @a {{.*}} {activity = dense_resource<a.activity> : tensor<2x32xf32>}
// CHECK: aimc.tile @a.r0.c0 {{.*}} {adc_lsb_fc = 5.0067{{.*}}E-6 : f64}
// CHECK: aimc.weight @b {{.*}} {activity = dense_resource<b.activity> : tensor<2x32xf32>}
// CHECK: aimc.tile @b.r0.c0 {{.*}} {adc_lsb_fc = 5.0067{{.*}}E-8 : f64}
// Each vector keeps its own range, and an old one goes.
// CHECK: aimc.grid
// CHECK-NOT: input_range

// log2(10 fC / (5.0068e-6 fC / sqrt(12))) = 22.72
// REMARK: input range of the grid that reads @a{{.*}} clipped=0.0{{.*}} largest=5.0{{.*}} range=0.0{{.*}} vectors=64
// REMARK: ADC of @a{{.*}} effective bits=2.272{{.*}}e+01, {{.*}} saturated=0.0{{.*}} tiles=1

// CHARGE: warning: {{.*}}.charge: the record has no charges of 1 of 2 tiles, @b.r0.c0 first, whose ADCs are left as they are; record a run of a package of this mapping that calls them
// CHARGE: aimc.tile @b.r0.c0
// CHARGE-NOT: adc_lsb_fc
// NOADC-NOT: the record has no charges

// NOTHING-NOT: activity
// NOTHING: input_range = 7.000000e+00

aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, lsb_fc = 5.0, bits = 24>}
aimc.weight @a : tensor<2x3xf32>
aimc.tile @a.r0.c0 of @a rows [0, 2] cols [0, 3] on @t
aimc.weight @b : tensor<2x3xf32>
aimc.tile @b.r0.c0 of @b rows [0, 2] cols [0, 3] on @t
func.func @main(%x: tensor<8x2xf32>, %y: tensor<8x3xf32>) -> (tensor<8x3xf32>, tensor<8x3xf32>) {
  %r:2 = aimc.grid weights [@a, @b] tiles [@a.r0.c0, @b.r0.c0] ins(%x : tensor<8x2xf32>)
      outs(%y, %y : tensor<8x3xf32>, tensor<8x3xf32>) {input_range = 7.0 : f32} -> tensor<8x3xf32>, tensor<8x3xf32>
  return %r#0, %r#1 : tensor<8x3xf32>, tensor<8x3xf32>
}
