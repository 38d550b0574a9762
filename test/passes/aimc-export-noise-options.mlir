// RUN: not aimc-opt %s --aimc-export-noise 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not aimc-opt %s --aimc-export-noise=output=%t/none/spec.json 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not aimc-opt %s --aimc-export-noise=output=%t.safetensors 2>&1 | FileCheck %s --check-prefix=SUFFIX

// A module without tensors has no second file; names come from locations, then from the weight.
// RUN: rm -f %t.json %t.safetensors
// RUN: aimc-opt %s --aimc-export-noise=output=%t.json && FileCheck %s --input-file=%t.json
// RUN: not ls %t.safetensors

// A file that no spec has left where its tensors would go stays; an older spec's is replaced.
// RUN: echo "the user's" > %t.safetensors
// RUN: not aimc-opt %s --aimc-scale=rule=sigma:2 --aimc-export-noise=output=%t.json 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: FileCheck %s --check-prefix=KEPT --input-file=%t.safetensors
// RUN: rm %t.safetensors
// RUN: aimc-opt %s --aimc-scale=rule=sigma:2 --aimc-export-noise=output=%t.json
// RUN: aimc-opt %s --aimc-scale=rule=sigma:1 --aimc-export-noise=output=%t.json
// RUN: %python %S/Inputs/noise_tensors.py %t.safetensors | FileCheck %s --check-prefix=SCALES

// NONE: error: expected the option output to name a file, but got none
// FOLDER: error: {{.*}}/none/spec.json: cannot write: No such file or directory
// SUFFIX: error: expected a path for JSON, but got '{{.*}}.safetensors', where the tensors of the spec go
// CHECK-LABEL: "layers": [
// CHECK: "activity": null
// CHECK: "layer": "w"
// CHECK: "tensors": null
// OTHER: error: expected '{{.*}}.safetensors', where the tensors of the spec go, to be free or of an older spec, but it is another file
// KEPT: the user's
// SCALES: w.r0.c0.scales [2] sum 3.0
aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 10.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x2xf32> = dense<[[1.0, 2.0], [-1.0, -2.0], [1.0, 2.0], [-1.0, -2.0]]>
aimc.tile @w.r0.c0 of @w rows [0, 4] cols [0, 2] on @t at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
func.func @main(%x: tensor<3x4xf32>, %a: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %y = aimc.grid weights [@w] tiles [@w.r0.c0] ins(%x : tensor<3x4xf32>) outs(%a : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
