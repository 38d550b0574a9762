# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Print a module whose one weight is cut into many blocks, sixteen of 4 x 4 to a physical tile.

many_tiles.py COUNT [--overlap]    with --overlap the last block sits one column too far left
"""

import sys

count = int(sys.argv[1])
shift = 1 if "--overlap" in sys.argv else 0
print("""aimc.target @t {
  geometry = #aimc.geometry<rows = 16, cols = 16, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}""")
print(f"aimc.weight @w : tensor<4x{4 * count}xf32>")
for i in range(count):
    row, col = 4 * (i % 16 // 4), 4 * (i % 4) - (shift if i == count - 1 else 0)
    place = f"#aimc.place<chip = 0, tile = {i // 16}, row = {row}, col = {col}>"
    print(f"aimc.tile @b{i} of @w rows [0, 4] cols [{4 * i}, 4] on @t at {place}")
tiles = ", ".join(f"@b{i}" for i in range(count))
matrix = f"tensor<2x{4 * count}xf32>"
print(f"func.func @f(%x: tensor<2x4xf32>, %i: {matrix}) -> {matrix} {{")
print(f"  %y = aimc.grid weights [@w] tiles [{tiles}]")
print(f"    ins(%x : tensor<2x4xf32>) outs(%i : {matrix}) -> {matrix}")
print(f"  return %y : {matrix}\n}}")
