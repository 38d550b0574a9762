# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which weight g_max should stand for, under the device's programming noise."""

from __future__ import annotations

import minilm
import numpy as np
from pages import plot, short, table

import aimc

RULES = ("max", "sigma:2.5", "sigma:3", "sigma:4", "optimal")
ONLY = {"wire": False, "dac": False, "adc": False, "read_noise": False}
SEEDS, VECTORS = (1, 2), 96
KINDS = {"pcm": 25.0, "hermes2": 20.7}  # uS


def errors(kind: str) -> dict[str, list[float]]:
    """Per rule the error of each layer's outputs, mean over chips."""
    out: dict[str, list[float]] = {rule: [] for rule in RULES}
    device = {"kind": kind, "g_max_us": KINDS[kind]}
    for blocks in minilm.layers().values():
        wanted = sum(minilm.some(b.inputs, VECTORS, 0) @ b.weights for b in blocks)
        for rule in RULES:
            found = []
            for seed in SEEDS:
                y = 0.0
                for number, b in enumerate(blocks):
                    target = {"device": device, "adc": {"kind": "ideal"}}
                    tile = aimc.Tile(
                        b.weights, target, effects=ONLY, scale=rule, seed=seed, tile=number
                    )
                    y = y + tile.read(minilm.some(b.inputs, VECTORS, 0)).astype(float)
                found.append(minilm.relative(y, wanted))
            out[rule].append(float(np.mean(found)))
    return out


def section() -> str:
    rows, drawn = [], {}
    for kind in KINDS:
        found = drawn[kind] = errors(kind)
        best = min(RULES, key=lambda r, f=found: float(np.mean(f[r])))
        for rule in RULES:
            values = found[rule]
            wins = sum(values[i] <= min(found[r][i] for r in RULES) for i in range(len(values)))
            rows.append(
                [
                    f"{kind}, {rule}" + (" (best mean)" if rule == best else ""),
                    short(float(np.median(values))),
                    short(float(np.mean(values))),
                    short(max(values)),
                    f"{wins} of {len(values)}",
                ]
            )
    return f"""\
## Conductance scale

The weight s_j that g_max stands for in a column: the largest (`max`), q standard deviations, or where
clipping and the device's own programming noise balance (`optimal`, docs/Physics.md section 5). Every
layer of MiniLM-L6, {VECTORS} tokens, all columns, {len(SEEDS)} chips, programming noise and nothing
else. Error: root mean square of a layer's outputs to the wanted product, relative to it.

{table(["device, rule", "median layer", "mean", "worst layer", "best in"], rows)}
{plot("validation-scale", lambda axes: _draw(axes, drawn["pcm"]))}
"""


def _draw(axes, found: dict[str, list[float]]) -> None:
    for number, rule in enumerate(RULES):
        axes.semilogy(found[rule], ".-", color=f"C{number}", label=rule, linewidth=0.6)
    axes.set_xlabel("layer of MiniLM, in the model's order")
    axes.set_ylabel("error under PCM programming noise")
    axes.legend(frameon=False, fontsize=7, ncols=5)
