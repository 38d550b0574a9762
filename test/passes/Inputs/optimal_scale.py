# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The noise-optimal column scale, by trying all of them.

optimal_scale.py module PAIRS DEVICE   print a module with one random weight of 64 x 3
optimal_scale.py check PAIRS DEVICE    compare the scales of the module on standard input
"""

import re
import sys

import numpy as np

pairs = int(sys.argv[2])
device = sys.argv[3]
rng = np.random.default_rng(3)
w = rng.standard_normal((64, 3)).astype(np.float32)
w[5, 0], w[9, 1] = 9.0, -25.0
g_min, g_max = 0.1, 25.0


def sigma(g):
    """Deviation after programming, uS: of PCM (docs/Physics.md 4), and of the table below."""
    r = g / g_max
    if device == "table":
        return np.interp(g, [0.1, 25.0], [0.5, 2.0])
    return 0.26348 + 1.9650 * r - 1.1731 * r * r


def cost(column, c):
    """Clipping and noise; each of equal pairs is filled before the next one."""
    u = np.minimum(np.abs(column) / c, 1)
    variance = np.zeros_like(u)
    for k in range(pairs):
        part = np.clip(u * pairs - k, 0, 1)
        for filled in (part, np.zeros_like(part)):
            variance += (sigma(g_min + (g_max - g_min) * filled) / pairs / (g_max - g_min)) ** 2
    clip = np.maximum(np.abs(column) - c, 0)
    return np.sum(clip**2 + c**2 * variance)


if sys.argv[1] == "module":
    kind = device if device == "pcm" else "table"
    extra = (
        ""
        if device == "pcm"
        else (
            ', table = {format = "aimc-device", version = 1, '
            "programming = {g_us = [0.1, 25.0], std = [0.5, 2]}}"
        )
    )
    print(f"""aimc.target @t {{
  geometry = #aimc.geometry<rows = 64, cols = 8, pairs = {pairs}, readout = single>,
  device = #aimc.device<{kind}, g_min_us = 0.1, g_max_us = 25.0{extra}>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}}
aimc.weight @w : tensor<64x3xf32> = dense<{w.tolist()}>
aimc.tile @w.r0.c0 of @w rows [0, 64] cols [0, 3] on @t""")
    sys.exit()
text = sys.stdin.read()
match = re.search(r"column_scale = dense<\[(.*?)\]>", text)
got = [float(s) for s in match[1].split(",")] if match else []
for j, scale in enumerate(got):
    tried = np.geomspace(0.02, 1, 500) * np.abs(w[:, j]).max()
    costs = [cost(w[:, j].astype(float), c) for c in tried]
    excess = cost(w[:, j].astype(float), scale) / min(costs) - 1
    print(
        f"column {j}: {'best' if excess < 1e-4 else f'{excess} worse than {tried[np.argmin(costs)]}'}"
    )
