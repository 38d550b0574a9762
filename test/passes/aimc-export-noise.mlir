// RUN: aimc-opt %s --aimc-export-noise=output=%t.json | FileCheck %s --check-prefix=SAME
// RUN: FileCheck %s --input-file=%t.json
// RUN: %python %S/Inputs/noise_tensors.py %t.safetensors | FileCheck %s --check-prefix=TENSORS

// A product has the name of its place in the model, a weight that two products read comes twice, and
// blocks keep what scaling, calibration and compensation wrote. Keys are in the order of the alphabet.
// CHECK: "format": "aimc-noise"
// CHECK-LABEL: "activity": "q.activity"
// CHECK: "compensate": "weights+pulses"
// CHECK: "lsb_fc": 12.5
// CHECK: "name": "q.r0.c0"
// CHECK: "scales": "[[SCALES:q\.r0\.c0\.scales]]"
// CHECK: "target": "t"
// CHECK: "tile": 3
// CHECK: "cols": 2
// CHECK-NEXT: "grid": 0
// CHECK-NEXT: "initializer": "onnx::MatMul_7"
// CHECK-NEXT: "input_range": 2.5
// CHECK-NEXT: "layer": "encoder.0.query"
// CHECK-NEXT: "rows": 4
// CHECK-NEXT: "transposed": false
// CHECK-NEXT: "weight": "q"
// CHECK: "at_row": 2
// CHECK-NOT: "compensate"
// CHECK: "grid": 0
// CHECK-NEXT: "initializer": null
// CHECK-NEXT: "input_range": 2.5
// CHECK-NEXT: "layer": "encoder.0.key"
// CHECK-NEXT: "rows": 4
// CHECK-NEXT: "transposed": true
// CHECK-NEXT: "weight": "k"
// CHECK: "scales": "[[SCALES]]"
// CHECK: "grid": 1
// CHECK: "input_range": null
// CHECK-NEXT: "layer": "encoder.1.query"
// CHECK: "weight": "q"
// CHECK-LABEL: "targets": {
// CHECK-NEXT: "t": {
// CHECK: "kind": "table"
// CHECK: "table": {
// CHECK: "format": "aimc-device"
// CHECK-LABEL: "unused": {
// CHECK: "kind": "ideal"
// CHECK: "tensors": "{{.*}}.safetensors"

// TENSORS: metadata aimc-noise
// TENSORS-NEXT: q.activity [4, 32] sum 4.0
// TENSORS-NEXT: q.r0.c0.scales [2] sum 1.5

// SAME: aimc.weight @q
// SAME-SAME: aimc.initializer = "onnx::MatMul_7"
// SAME: func.func @main
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<table, g_min_us = 0.0, g_max_us = 10.0, table = {
    format = "aimc-device", version = 1, g_min_us = 0.0, g_max_us = 10.0}>,
  wire = #aimc.wire<column_ohm = 0.5, row_ohm = 0.0, idle = open>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, bits = 8, lsb_fc = 16.0>}
aimc.target @unused {
  geometry = #aimc.geometry<rows = 8, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 10.0>,
  wire = #aimc.wire<column_ohm = 0.5, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @q : tensor<4x2xf32> = dense<1.0> {activity = dense<0.03125> : tensor<4x32xf32>, aimc.initializer = "onnx::MatMul_7"}
aimc.weight @k transposed : tensor<4x2xf32> = dense<2.0>
aimc.tile @q.r0.c0 of @q rows [0, 4] cols [0, 2] on @t at #aimc.place<chip = 0, tile = 3, row = 4, col = 0>
    {adc_lsb_fc = 12.5 : f64, column_scale = dense<[1.0, 0.5]> : tensor<2xf32>, compensate = #aimc.compensate<weights_pulses>}
aimc.tile @k.r0.c0 of @k rows [0, 4] cols [0, 2] on @t at #aimc.place<chip = 0, tile = 4, row = 2, col = 0>
func.func @main(%x: tensor<3x4xf32>, %a: tensor<3x2xf32>, %b: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) {
  %y:2 = aimc.grid weights [@q, @k] tiles [@q.r0.c0, @k.r0.c0] ins(%x : tensor<3x4xf32>)
      outs(%a, %b : tensor<3x2xf32>, tensor<3x2xf32>) {input_range = 2.5 : f32} -> tensor<3x2xf32>, tensor<3x2xf32> loc(fused["encoder.0.query"("node_1"), "encoder.0.key"])
  %z = aimc.grid weights [@q] tiles [@q.r0.c0] ins(%x : tensor<3x4xf32>) outs(%a : tensor<3x2xf32>) -> tensor<3x2xf32> loc("encoder.1.query")
  return %y#0, %y#1, %z : tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>
}
