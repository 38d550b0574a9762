# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What compensation leaves of the wires, layer by layer of MiniLM."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os

import minilm
import numpy as np
from pages import plot, short, table

import aimc

CONDITIONS = (
    ("midrail", 0.35), ("midrail", 1.0), ("midrail", 2.0), ("midrail", 4.0),
    ("open", 0.35), ("open", 1.0),
)  # fmt: skip
GOALS = {
    ("midrail", 0.35): 1.05, ("midrail", 1.0): 1.05, ("midrail", 2.0): 1.05,
    ("open", 0.35): 1.2, ("open", 1.0): 1.4,
}  # fmt: skip
MODES = ("none", "gain", "weights", "weights+pulses")
COLUMNS, VECTORS = 48, 48
QUIET = {"programming": False, "variation": False, "read_noise": False, "adc": False}


@dataclasses.dataclass
class Layer:
    name: str
    dac: float
    errors: dict[tuple[str, float, str], float]


def output(name: str, idle: str, ohm: float, mode: str, wire: bool = True) -> np.ndarray:
    """Outputs of a layer through its tiles, blocks summed."""
    total = 0.0
    for block in minilm.layers()[name]:
        weights = minilm.some(block.weights, COLUMNS, 1)
        x = minilm.some(block.inputs, VECTORS, 0)
        target = {
            "geometry": {"rows": minilm.TILE, "cols": weights.shape[1]},
            "wire": {"idle": idle, "column_ohm": ohm},
            "adc": {"kind": "ideal"},
        }
        if idle == "open":
            target["wire"]["fidelity"] = "exact"
        tile = aimc.Tile(
            weights, target, effects=QUIET | {"wire": wire}, compensate=mode, scale="max",
            activity=block.activity, threads=1,
        )  # fmt: skip
        total = total + tile.read(x).astype(float)
    return total


def measure(name: str) -> Layer:
    """Errors to the wanted product; the DAC's rounding alone is a read without wires."""
    wanted = sum(
        minilm.some(b.inputs, VECTORS, 0).astype(float) @ minilm.some(b.weights, COLUMNS, 1)
        for b in minilm.layers()[name]
    )
    dac = minilm.relative(output(name, "midrail", 1.0, "none", wire=False), wanted)
    errors = {}
    for idle, ohm in CONDITIONS:
        for mode in MODES:
            if idle == "open" or mode != "weights+pulses":
                errors[idle, ohm, mode] = minilm.relative(output(name, idle, ohm, mode), wanted)
    return Layer(name, dac, errors)


def section() -> str:
    minilm.layers()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        done = list(pool.map(measure, minilm.layers()))
    rows = []
    for idle, ohm in CONDITIONS:
        for mode in MODES:
            if (idle, ohm, mode) not in done[0].errors:
                continue
            error = [layer.errors[idle, ohm, mode] for layer in done]
            ratio = [layer.errors[idle, ohm, mode] / layer.dac for layer in done]
            worst = done[int(np.argmax(ratio))].name.removeprefix("encoder.layer.")
            goal = GOALS.get((idle, ohm))
            best = mode == ("weights+pulses" if idle == "open" else "weights")
            inside = ""
            if goal and best:
                met = sum(r <= goal for r in ratio)
                inside = f"<= {goal:g}x: {met} of {len(done)} layers"
            rows.append(
                [
                    f"{idle}, {ohm:g} ohm, {mode}",
                    short(float(np.median(error))),
                    f"{np.median(ratio):.2f}x",
                    f"{max(ratio):.2f}x",
                    worst,
                    inside,
                ]
            )
    dac = [layer.dac for layer in done]
    return f"""\
## Compensation of wires

Every linear layer of MiniLM-L6 ({len(done)}), real weights and activations ({VECTORS} tokens, {COLUMNS}
columns), blocks at row 0 of tiles of {minilm.TILE} rows, 8 bits one pass over each vector's own range,
no noise, ideal ADC, open rows read with fidelity `exact`. Error: root mean square of the difference to
the wanted product, relative to it, and that over the DAC's own rounding (a read without wires:
{short(min(dac))} to {short(max(dac))}). `gain` gives each column one digital factor, `weights`
pre-distorts conductances, `weights+pulses` also pulse lengths, per input vector (open rows only; a
vector whose longest pulse would have to grow is scaled down, which makes its rounding coarser).

{table(["circuit, mode", "median error", "median / DAC", "worst / DAC", "worst layer", "goal"], rows)}
{plot("validation-compensation", lambda axes: _draw(axes, done))}
"""


def _draw(axes, done: list[Layer]) -> None:
    """Spread over layers for each condition and mode."""
    width = 0.2
    for number, mode in enumerate(MODES):
        data, positions = [], []
        for at, (idle, ohm) in enumerate(CONDITIONS):
            if (idle, ohm, mode) in done[0].errors:
                data.append([d.errors[idle, ohm, mode] / d.dac for d in done])
                positions.append(at + (number - 1.5) * width)
        colour = {"color": f"C{number}"}
        drawn = axes.boxplot(
            data, positions=positions, widths=width * 0.8, whis=(0, 100), manage_ticks=False,
            boxprops=colour, medianprops=colour, whiskerprops=colour, capprops=colour,
        )  # fmt: skip
        drawn["boxes"][0].set_label(mode)
    axes.axhline(1.0, color="k", linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    axes.set_xticks(range(len(CONDITIONS)), [f"{i}\n{o:g} ohm" for i, o in CONDITIONS])
    axes.set_ylabel("error / DAC rounding")
    axes.legend(frameon=False, fontsize=7, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
