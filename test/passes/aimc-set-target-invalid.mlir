// RUN: split-file %s %t
// RUN: not aimc-opt %t/input.mlir --aimc-set-target=target=absent 2>&1 | FileCheck %s --check-prefix=PRESET
// RUN: not aimc-opt %t/input.mlir --aimc-set-target='target=%t/absent.mlir' 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not aimc-opt %t/input.mlir --aimc-set-target='target=%t/none.mlir' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not aimc-opt %t/input.mlir --aimc-set-target='target=%t/wrong.mlir' 2>&1 | FileCheck %s --check-prefix=WRONG
// RUN: not aimc-opt %t/clash.mlir --aimc-set-target 2>&1 | FileCheck %s --check-prefix=CLASH

// PRESET: error: expected a preset or a .mlir file, but got 'absent'; presets are
// FILE: error: expected a target file, but found none at '{{.*}}absent.mlir'
// NONE: error: expected one aimc.target in '{{.*}}none.mlir', but got 0
// WRONG: wrong.mlir:2:{{.*}}error:
// WRONG: error: cannot read target file '{{.*}}wrong.mlir'
// CLASH: error: '{{.*}}pcm.mlir' defines @pcm, but the module has another symbol of that name
// CLASH: note: see the symbol here
//--- none.mlir
func.func @not_a_target() {
  return
}
//--- wrong.mlir
aimc.target @wrong {
  geometry = #aimc.geometry<rows = 0, cols = 3, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
//--- clash.mlir
func.func @pcm() {
  return
}
//--- input.mlir
func.func @main() {
  return
}
