// RUN: split-file %s %t
// RUN: aimc-opt %t/input.mlir --aimc-set-target='target=small targets-dir=%t' | FileCheck %s
// RUN: aimc-opt %t/input.mlir --aimc-set-target='target=%t/small.mlir' | FileCheck %s
// RUN: env AIMC_TARGETS_DIR=%t aimc-opt %t/input.mlir --aimc-set-target=target=small | FileCheck %s

// CHECK: aimc.target @small {
// CHECK-NEXT: geometry = #aimc.geometry<rows = 4, cols = 3
//--- small.mlir
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 3, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
//--- input.mlir
func.func @main() {
  return
}
