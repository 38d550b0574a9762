// RUN: %python %S/Inputs/calibration.py %t.safetensors
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors percentile=0.99' | FileCheck %s --check-prefix=P99
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors percentile=0.9995' | FileCheck %s --check-prefix=P9995
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors percentile=1' | FileCheck %s --check-prefix=ALL
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors percentile=auto' | %python %S/Inputs/best_range.py | FileCheck %s --check-prefix=AUTO

// A second round keeps the ranges of the first, whatever it has recorded.
// RUN: %python %S/Inputs/calibration.py %t.second --scale 9
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors percentile=1' --aimc-calibrate='statistics=%t.second percentile=keep' | FileCheck %s --check-prefix=ALL

// Without ranges of its own a module takes those of the recorded run.
// RUN: %python %S/Inputs/calibration.py %t.ranged --range 2.5
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.ranged percentile=keep' | FileCheck %s --check-prefix=KEPT

// Errors by the file's quantiles: range 5, 127 codes: 5 / 127 / sqrt(12) = 0.01137 before. With the
// range 1 a share of 0.01 lies above, spread evenly between quantiles: the mean of (x - 1)^2 is
// 0.009 / 3 + 0.0009 (1 + 2 + 4) / 3 + 0.00009 (4 + 6 + 9) / 3 + 0.00001 (9 + 12 + 16) / 3 = 0.0057933,
// its root 0.07611; with rounding to 1 / 127 / sqrt(12) = 0.002273 together 0.07615.
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors percentile=0.99' --remarks-filter=aimc --remark-policy=all 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// Data of zeros choose nothing.
// RUN: %python %S/Inputs/calibration.py %t.zeros --scale 0
// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.zeros percentile=1' 2>&1 | FileCheck %s --check-prefix=ZEROS

// RUN: aimc-opt %s --aimc-calibrate='statistics=%t.safetensors adc=false' --verify-diagnostics | FileCheck %s --check-prefix=NOADC

// P99: input_range = 1.000000e+00 : f32
// Between the quantiles of 0.999 and 0.9999, 2 and 3: 2 + log(0.0005 / 0.001) / log(0.1).
// P9995: input_range = 2.3010{{.*}} : f32
// ALL: input_range = 5.000000e+00 : f32
// KEPT: input_range = 2.500000e+00 : f32
// REMARK: input range of the grid that reads @a{{.*}} clip error=7.611{{.*}}e-02, clipped=1.0{{.*}}e-02, error after=7.614{{.*}}e-02, error before=1.136{{.*}}e-02
// 5 fC / sqrt(12) of 10 fC before.
// REMARK: ADC of @a{{.*}} clip error=0.0{{.*}}, error after=5.8{{.*}}e-04, error before=1.443{{.*}}e-01
// ZEROS: warning: the calibration data give only zeros to the grid that reads @a: nothing is chosen for it
// ZEROS-NOT: input_range =
// AUTO: best
// NOADC-NOT: adc_lsb_fc
aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, lsb_fc = 5.0, bits = 12>}
// expected-warning @below {{the ADC throws the signal of @a away: charges of 10.0 fC root mean square are counted in steps of 5.00 fC up to 10235.0 fC, 2.8 effective bits; without adc=false the data choose the step}}
aimc.weight @a : tensor<2x3xf32>
aimc.tile @a.r0.c0 of @a rows [0, 2] cols [0, 3] on @t
// expected-warning @below {{the ADC throws the signal of @b away: charges of 0.1 fC root mean square are counted in steps of 5.00 fC up to 10235.0 fC, 0.0 effective bits; without adc=false the data choose the step}}
aimc.weight @b : tensor<2x3xf32>
aimc.tile @b.r0.c0 of @b rows [0, 2] cols [0, 3] on @t
func.func @main(%x: tensor<8x2xf32>, %y: tensor<8x3xf32>) -> (tensor<8x3xf32>, tensor<8x3xf32>) {
  %r:2 = aimc.grid weights [@a, @b] tiles [@a.r0.c0, @b.r0.c0] ins(%x : tensor<8x2xf32>)
      outs(%y, %y : tensor<8x3xf32>, tensor<8x3xf32>) -> tensor<8x3xf32>, tensor<8x3xf32>
  return %r#0, %r#1 : tensor<8x3xf32>, tensor<8x3xf32>
}
