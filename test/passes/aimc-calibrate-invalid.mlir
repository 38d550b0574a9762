// Files that are no calibration of this module; each fault is one line that says what was expected.
// RUN: %python %S/Inputs/calibration.py %t.cut --fault cut
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.cut 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: %python %S/Inputs/calibration.py %t.length --fault length
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.length 2>&1 | FileCheck %s --check-prefix=LENGTH
// RUN: %python %S/Inputs/calibration.py %t.text --fault text
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.text 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: %python %S/Inputs/calibration.py %t.unsealed --fault unsealed
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.unsealed 2>&1 | FileCheck %s --check-prefix=UNSEALED
// RUN: %python %S/Inputs/calibration.py %t.flip --fault flip
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.flip 2>&1 | FileCheck %s --check-prefix=FLIP
// RUN: %python %S/Inputs/calibration.py %t.version --fault version
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.version 2>&1 | FileCheck %s --check-prefix=VERSION
// RUN: %python %S/Inputs/calibration.py %t.missing --fault missing
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.missing 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: %python %S/Inputs/calibration.py %t.order --fault order
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.order 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: %python %S/Inputs/calibration.py %t.body --fault body
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.body 2>&1 | FileCheck %s --check-prefix=BODY
// RUN: %python %S/Inputs/calibration.py %t.shape --fault shape
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.shape 2>&1 | FileCheck %s --check-prefix=SHAPE
// RUN: %python %S/Inputs/calibration.py %t.sum --fault sum
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.sum 2>&1 | FileCheck %s --check-prefix=SUM
// RUN: %python %S/Inputs/calibration.py %t.nan --fault nan
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.nan 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: %python %S/Inputs/calibration.py %t.other --fault other
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.other 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.nothing 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: %python -c "import numpy; numpy.savez('%t.npz', x=1)"
// RUN: not aimc-opt %s --aimc-calibrate=statistics=%t.npz 2>&1 | FileCheck %s --check-prefix=DATA
// RUN: not aimc-opt %s --aimc-calibrate=percentile=0.5 2>&1 | FileCheck %s --check-prefix=PERCENTILE

// CUT: error: {{.*}}.cut: tensor 'block.b.r0.c0.charge': expected dtype, shape and a range within
// LENGTH: error: {{.*}}.length: expected a header inside the file of
// TEXT: error: {{.*}}.text: expected a record of a run, as aimc-run --record writes it, but got one without its hash; record the run again
// UNSEALED: error: {{.*}}.unsealed: expected a record of a run, as aimc-run --record writes it, but got one without its hash
// FLIP: error: {{.*}}.flip: the file was changed after it was saved, expected SHA-256 {{.*}}, but got {{.*}}; record the run again
// VERSION: error: {{.*}}.version: expected a calibration file of version 1
// MISSING: error: {{.*}}.missing: tensor 'grid.0.quantiles': expected it, but there is none
// ORDER: error: {{.*}}.order: tensor 'grid.0.quantiles': expected quantiles in ascending order
// BODY: error: {{.*}}.body: tensor 'block.a.r0.c0.body': expected quantiles in ascending order, at most those of the tail
// SHAPE: error: {{.*}}.shape: tensor 'weight.a.activity': expected F32 [2, 32], but got F32 [1, 32]
// SUM: error: {{.*}}.sum: tensor 'weight.a.activity': expected rows that sum up to 1, but row 1 sums up to 1.0{{0*}}e-01
// NAN: error: {{.*}}.nan: tensor 'block.a.r0.c0.charge': expected magnitudes, but got nan at index 1
// OTHER: error: {{.*}}.other: expected statistics of a package of this module, but none of its grids is in them
// NOTHING: error: {{.*}}.nothing: cannot read: No such file or directory
// DATA: error: {{.*}}.npz: expected a record of a run, as aimc-run MODEL.aimc --input DATA.npz --record FILE writes it, but got an archive (.npz); aimc-compile --calibrate takes data as it is
// PERCENTILE: error: expected the option percentile to be none, auto, keep or a number from 0.99 to 1, but got '0.5'

aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, lsb_fc = 5.0, bits = 12>}
aimc.weight @a : tensor<2x3xf32>
aimc.tile @a.r0.c0 of @a rows [0, 2] cols [0, 3] on @t
aimc.weight @b : tensor<2x3xf32>
aimc.tile @b.r0.c0 of @b rows [0, 2] cols [0, 3] on @t
func.func @main(%x: tensor<8x2xf32>, %y: tensor<8x3xf32>) -> (tensor<8x3xf32>, tensor<8x3xf32>) {
  %r:2 = aimc.grid weights [@a, @b] tiles [@a.r0.c0, @b.r0.c0] ins(%x : tensor<8x2xf32>)
      outs(%y, %y : tensor<8x3xf32>, tensor<8x3xf32>) -> tensor<8x3xf32>, tensor<8x3xf32>
  return %r#0, %r#1 : tensor<8x3xf32>, tensor<8x3xf32>
}
