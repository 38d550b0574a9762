# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The study of docs/studies/Variation.md: wires and devices that are not all alike."""

from __future__ import annotations

import dataclasses
import functools

import minilm
import numpy as np
from pages import plot, short, table

import aimc

TILE = 512
# Spreads and nothing else that is random; converters out of the way.
ONLY = {"programming": False, "read_noise": False, "dac": False, "adc": False}
SPREADS = (0.05, 0.1, 0.2, 0.3)
SHOWN = (0.1, 0.3)  # in tables
OHMS = (0.35, 1.0, 4.0)
SEEDS = (1, 2)
VECTORS = 48


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """Row blocks [rows, columns] and their inputs."""

    name: str
    blocks: tuple[tuple[np.ndarray, np.ndarray], ...]


@functools.cache
def layers() -> tuple[Layer, ...]:
    """BERT-base's sizes with random weights and inputs, and real layers; 128 columns of each."""
    rng = np.random.default_rng(0)
    out = []
    for rows, cols in ((768, 768), (768, 3072), (3072, 768)):
        parts = -(-rows // TILE)
        size = rows // parts
        blocks = []
        for _ in range(parts):
            weights = minilm.some(rng.normal(size=(size, cols)).astype(np.float32), 128, 1)
            blocks.append((weights, rng.normal(size=(VECTORS, size)).astype(np.float32)))
        out.append(Layer(f"{rows} x {cols}, random", tuple(blocks)))
    for name in ("encoder.layer.2.attention.self.query", "encoder.layer.2.output.dense"):
        real = minilm.layers()[name]
        rows, cols = sum(len(b.weights) for b in real), real[0].weights.shape[1]
        pairs = tuple(
            (minilm.some(b.weights, 128, 1), minilm.some(b.inputs, VECTORS, 0)) for b in real
        )
        out.append(Layer(f"{rows} x {cols}, MiniLM {name.removeprefix('encoder.layer.')}", pairs))
    weights = rng.normal(size=(TILE, TILE)).astype(np.float32)
    whole = (weights, rng.normal(size=(VECTORS, TILE)).astype(np.float32))
    out.append(Layer("512 x 512, random, whole tile", (whole,)))
    return tuple(out)


def output(layer: Layer, wire: dict, device: dict, compensate: str, seed: int) -> np.ndarray:
    """Outputs of the layer from one chip."""
    y = 0.0
    for number, (weights, x) in enumerate(layer.blocks):
        target = {
            "geometry": {"rows": TILE, "cols": weights.shape[1]},
            "device": {"kind": "pcm", "g_min_us": 0.1, "g_max_us": 25.0, **device},
            "wire": wire,
            "adc": {"kind": "ideal"},
        }
        tile = aimc.Tile(
            weights,
            target,
            effects=ONLY,
            compensate=compensate,
            scale="max",
            seed=seed,
            tile=number,
        )
        y = y + tile.read(x).astype(float)
    return y


def wanted(layer: Layer) -> np.ndarray:
    return sum(x.astype(float) @ w.astype(float) for w, x in layer.blocks)


@functools.cache
def _uniform(number: int, wires: tuple, compensate: str) -> np.ndarray:
    return output(layers()[number], dict(wires), {}, compensate, SEEDS[0])


def uniform(layer: Layer, wire: dict, compensate: str) -> np.ndarray:
    """Outputs with wires and devices all alike; remembered."""
    return _uniform(layers().index(layer), tuple(wire.items()), compensate)


def size(difference: np.ndarray, layer: Layer) -> float:
    """Root mean square relative to that of the wanted product."""
    return float(np.sqrt(np.mean(np.square(difference)) / np.mean(np.square(wanted(layer)))))


def added(layer: Layer, wire: dict, compensate: str, spread: dict, device: dict) -> float:
    """What a spread changes, mean over chips."""
    base = uniform(layer, wire, compensate)
    found = [
        size(output(layer, wire | spread, device, compensate, seed) - base, layer) for seed in SEEDS
    ]
    return float(np.mean(found))


def wire_tables():
    """Per layer and resistance: uniform wires, and what spreads add, uncorrected and compensated
    for the nominal wires."""
    rows, curves = [], {}
    for layer in layers()[:-1]:
        for ohm in OHMS:
            wire = {"column_ohm": ohm}
            row = [f"{layer.name}, {ohm:g} ohm"]
            for mode in ("none", "weights"):
                row.append(short(size(uniform(layer, wire, mode) - wanted(layer), layer)))
            for mode in ("none", "weights"):
                curve = [added(layer, wire, mode, {"spread": s}, {}) for s in SPREADS]
                curves[layer.name, ohm, mode] = curve
                row += [short(curve[SPREADS.index(s)]) for s in SHOWN]
            rows.append(row)
    return rows, curves


def device_table():
    """Spread of conductance per device, per column, per tile, at 1 ohm."""
    rows = []
    for layer in layers()[:-1]:
        row = [layer.name]
        for key in ("device_spread", "column_spread", "tile_spread"):
            for spread in (0.02, 0.1):
                value = added(layer, {"column_ohm": 1.0}, "weights", {}, {key: spread})
                row.append(short(value))
        rows.append(row)
    return rows


def plane_table():
    """Row and column wires together, a whole tile."""
    layer = layers()[-1]
    rows = []
    for ohm in (0.35, 1.0):
        wire = {"column_ohm": ohm, "row_ohm": ohm}
        row = [f"{ohm:g} ohm both"]
        for mode in ("none", "weights"):
            row.append(short(size(uniform(layer, wire, mode) - wanted(layer), layer)))
        for spread in SHOWN:
            row.append(short(added(layer, wire, "weights", {"spread": spread}, {})))
        rows.append(row)
    return rows


def section() -> str:
    """The whole page."""
    rows, curves = wire_tables()
    header = ["layer, wire per cell", "uniform", "uniform, compensated"]
    header += [f"spread {s:.0%} adds" for s in SHOWN]
    header += [f"{s:.0%} adds, compensated" for s in SHOWN]
    ratio = [
        curves[layer.name, ohm, "weights"][1] / float(row[1])
        for (layer, ohm), row in zip(
            ((k, o) for k in layers()[:-1] for o in OHMS), rows, strict=True
        )
    ]
    device = ["layer, 1 ohm, compensated"]
    device += [f"{k} {s:.0%}" for k in ("device", "column", "tile") for s in (0.02, 0.1)]
    picture = plot("variation-wires", lambda axes: _draw(axes, curves)).replace("](", "](../")
    return f"""\
<!-- Written by test/validation/sections/variation.py; run 'make validate' instead of editing. -->
# Wires and devices that are not all alike

Uniform wires do a known thing to a product, and compensation removes it (docs/Validation.md). What of
wires that differ from cell to cell, and devices whose full conductance differs? Both are drawn once per
chip (docs/Physics.md) and are not known to the compiler: compensation is for the nominal wires.

Layers of BERT-base's sizes with random weights and inputs, and two of MiniLM with real ones; 128 columns
of each, tiles of {TILE} rows, idle rows at mid-rail, g_max 25 uS, no converters and no other noise, {len(SEEDS)}
chips. Error: root mean square of the outputs' difference to the wanted product, relative to it. *Adds*:
the difference between the outputs with and without the spread, relative to the wanted product too.

## Resistance of each piece of wire
The pieces of a column wire have independent normal factors 1 + spread x N(0, 1).

{table(header, rows)}
{picture}
The wires' own effect is a sum over hundreds of pieces, so that independent spreads average out: 10% of
spread adds {min(ratio):.1%} to {max(ratio):.1%} of the uniform, uncorrected effect. It grows in
proportion to the spread, and less than that with the wire's resistance; knowing the nominal value is
enough.

Row and column wires together, one tile of 512 x 512:

{table(["wires", "uniform", "uniform, compensated", "spread 10% adds, compensated", "spread 30% adds, compensated"], plane_table())}
## Conductance of each device
Factors 1 + spread x N(0, 1) per device, per column, per tile, on conductances after programming.

{table(device, device_table())}
A spread per device acts like programming error: it is not averaged by anything but the sum over rows,
and nothing short of reading each device removes it. Spreads per column and per tile are gains, which
`drift_compensation = column` or `tile` measures and removes (not on here). Next to these the spread of
wires is small: 10% of spread in 1 ohm wires adds less than 2% of spread in devices.
"""


def _draw(axes, curves) -> None:
    for number, layer in enumerate(layers()[:-1]):
        for mode, line in (("none", ":"), ("weights", "-")):
            label = layer.name if mode == "weights" else None
            axes.plot(
                [0, *SPREADS], [0, *curves[layer.name, 1.0, mode]], line,
                color=f"C{number}", marker=".", label=label,
            )  # fmt: skip
    axes.set_xlabel("relative spread of each piece of wire (1 ohm; dotted: uncompensated)")
    axes.set_ylabel("error added")
    axes.legend(frameon=False, fontsize=6)
