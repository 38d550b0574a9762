# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Open idle rows: how far the fast fidelities are from the circuit, layer by layer of MiniLM."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os

import minilm
import numpy as np
from pages import plot, short, table, verdict

import aimc

OHMS = (0.15, 0.35, 1.0)
COLUMNS, VECTORS = 128, 24  # one_product has a reference per 32 columns
GOALS = {"one_product": {0.15: 2.5e-3, 1.0: 1.1e-2}, "segments": dict.fromkeys(OHMS, 5e-4)}


@dataclasses.dataclass
class Layer:
    name: str
    dac: float
    errors: dict[tuple[str, float], float]

    @property
    def kind(self) -> str:
        return self.name.split(".", 3)[-1] if self.name.startswith("encoder") else self.name


def measure(name: str) -> Layer:
    """Errors of a layer's outputs: charges of its blocks, scaled and summed as the chip does."""
    wanted = rounded = 0.0
    read: dict[tuple[str, float], np.ndarray] = {}
    for block in minilm.layers()[name]:
        weights = minilm.some(block.weights, COLUMNS, 1)
        x = minilm.some(block.inputs, VECTORS, 0)
        ticks = minilm.codes(x)
        step = np.abs(x).max(1, keepdims=True) / 127
        wanted = wanted + x @ weights
        rounded = rounded + step * (ticks @ weights)
        for ohm in OHMS:
            target = {
                "geometry": {"rows": minilm.TILE, "cols": weights.shape[1]},
                "wire": {"idle": "open", "column_ohm": ohm},
                "adc": {"kind": "ideal"},
            }
            quiet = {"programming": False, "variation": False}
            tile = aimc.Tile(weights, target, effects=quiet, activity=block.activity, threads=1)
            digital = tile.array("digital")[0]
            for fidelity in ("exact", "segments", "one_product"):
                y = step * digital * tile.charges(ticks, fidelity)[:, 0]
                key = (fidelity, ohm)
                read[key] = read.get(key, 0.0) + y
    errors = {
        key: minilm.relative(y, read["exact", key[1]])
        for key, y in read.items()
        if key[0] != "exact"
    }
    return Layer(name, minilm.relative(rounded, wanted), errors)


def section() -> str:
    minilm.layers()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        done = list(pool.map(measure, minilm.layers()))
    kinds = dict.fromkeys(layer.kind for layer in done)
    header = ["layers", "DAC rounding, least"]
    header += [f"{f}, {ohm:g} ohm" for f in ("segments", "one_product") for ohm in OHMS]
    rows = []
    for kind in kinds:
        here = [layer for layer in done if layer.kind == kind]
        row = [f"{kind} ({len(here)})", short(min(layer.dac for layer in here))]
        for fidelity in ("segments", "one_product"):
            row += [short(max(layer.errors[fidelity, ohm] for layer in here)) for ohm in OHMS]
        rows.append(row)
    goals = []
    for fidelity, bounds in GOALS.items():
        for ohm in OHMS:
            worst = max(layer.errors[fidelity, ohm] for layer in done)
            share = max(layer.errors[fidelity, ohm] / layer.dac for layer in done)
            inside = sum(layer.errors[fidelity, ohm] <= bounds.get(ohm, 1) for layer in done)
            goals.append(
                [
                    f"{fidelity}, {ohm:g} ohm",
                    short(float(np.median([layer.errors[fidelity, ohm] for layer in done]))),
                    verdict(worst, bounds[ohm]) if ohm in bounds else short(worst),
                    f"{inside} of {len(done)}" if ohm in bounds else "",
                    f"{share:.2f}",
                ]
            )
    return f"""\
## Open idle rows: segments and one_product against the circuit

Every linear layer of MiniLM-L6 ({len(done)}), real weights, activations of {VECTORS} tokens of the
demo's sentences, {COLUMNS} columns of each, blocks at row 0 of tiles of {minilm.TILE} rows, 8 bits one
pass, each vector over its own range, g_max 25 uS, no noise. Row activity comes from other sentences
than those that judge (about 230 tokens). Error: root mean square of a layer's outputs relative to the
same outputs with fidelity `exact`; the worst layer of each kind.

{table(header, rows)}
Against what was promised, and against the DAC's own rounding of the same layer:

{table(["fidelity", "median", "worst layer", "within", "worst / DAC rounding"], goals)}
{plot("validation-fidelity", lambda axes: _draw(axes, done))}
What one_product leaves out is that a column's load depends on which of its own cells conduct. Where
that is too much, `segments` is closer, in the middle of all layers {_gain(done)}. Limits were promised for
layers and activations like these. Inputs that load a tile otherwise (all rows at once, a single row, few
DAC bits with resistances of ohms) can pass them by a small factor, `--compare-exact` says by how much.
Off the rest level (`v_off_v`) one_product takes the reference's conductance for the column's own: at 1 mV
about 2e-3, at 5 mV 8e-3 even without wires, where `segments` stays exact.
"""


def _gain(done: list[Layer]) -> str:
    def times(ohm: float) -> str:
        ratio = [d.errors["one_product", ohm] / d.errors["segments", ohm] for d in done]
        return f"{np.median(ratio):.0f} times at {ohm:g} ohm"

    return ", ".join(times(ohm) for ohm in OHMS)


def _draw(axes, done: list[Layer]) -> None:
    """DAC rounding against error, a point per layer."""
    dac = [layer.dac for layer in done]
    for number, ohm in enumerate(OHMS):
        for fidelity, mark in (("one_product", "o"), ("segments", "x")):
            errors = [layer.errors[fidelity, ohm] for layer in done]
            label = f"{fidelity}, {ohm:g} ohm"
            axes.loglog(dac, errors, mark, color=f"C{number}", label=label, markersize=4)
    ends = [min(dac), max(dac)]
    axes.loglog(ends, ends, "k--", linewidth=0.8, label="DAC rounding")
    axes.set_xlabel("DAC rounding of the layer")
    axes.set_ylabel("error to exact")
    axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
