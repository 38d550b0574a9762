# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tiles for validation: the same circuit once as ours (`aimc.Tile`) and once for the oracles."""

from __future__ import annotations

import dataclasses

import numpy as np
from nodal import Circuit, passes

import aimc

SMALLEST_FC = 5.0  # one device of 25 uS read at 0.2 V for one tick of 1 ns


@dataclasses.dataclass(frozen=True)
class Setting:
    """A kind of tile; `rows` and `cols` of the array, `used` rows hold weights."""

    name: str
    rows: int
    cols: int
    column_ohm: float = 1.0
    row_ohm: float = 0.0
    driver_ohm: float = 0.0
    adc_ohm: float = 0.0
    spread: float = 0.0
    idle: str = "midrail"
    readout: str = "single"
    mode: str = "one_pass"
    bits: int = 8
    lsb_bits: int = 0
    used: int = 0  # rows of the block; 0: all
    at_row: int = 0
    v_off_v: float = 0.0

    def target(self) -> dict:
        """As a manifest has it."""
        dac = {"bits": self.bits, "mode": self.mode}
        if self.mode == "split":
            dac["lsb_bits"] = self.lsb_bits
        wire = {"column_ohm": self.column_ohm, "row_ohm": self.row_ohm, "idle": self.idle}
        for key in ("driver_ohm", "adc_ohm", "spread"):
            if value := getattr(self, key):
                wire[key] = value
        if self.idle == "open":
            wire["fidelity"] = "exact"
        adc = {"kind": "ideal"} | ({"v_off_v": self.v_off_v} if self.v_off_v else {})
        return {
            "geometry": {"rows": self.rows, "cols": self.cols, "readout": self.readout},
            "wire": wire,
            "dac": dac,
            "adc": adc,
        }


def tile_of(setting: Setting, seed: int) -> aimc.Tile:
    """Random weights, programmed with all noise."""
    rows = setting.used or setting.rows
    weights = np.random.default_rng(seed).normal(size=(rows, setting.cols))
    return aimc.Tile(weights, setting.target(), seed=seed, at_row=setting.at_row)


def circuit_of(tile: aimc.Tile) -> Circuit:
    """The devices and wires of a tile, for the node equations."""
    target = tile.target
    wire = target["wire"]
    return Circuit(
        plus=tile.array("tile_plus")[0],
        minus=tile.array("tile_minus")[0],
        column_factor=tile.array("column_factor")[0],
        row_factor=tile.array("row_factor")[0],
        alternating=target["geometry"]["readout"] == "alternating",
        open_rows=wire["idle"] == "open",
        read_v=target["dac"]["v_read_v"],
        tick_ns=target["dac"]["tick_ns"],
        v_off_v=target["adc"].get("v_off_v", 0.0),
        **{k: wire.get(k, 0.0) for k in ("column_ohm", "row_ohm", "driver_ohm", "adc_ohm")},
    )


def patterns(setting: Setting, seed: int) -> dict[str, np.ndarray]:
    """Codes of the block's rows: random, and what a circuit finds hard."""
    rows = setting.used or setting.rows
    rng = np.random.default_rng(seed)
    top = 2 ** (setting.bits - 1) - 1
    one_hot = np.zeros(rows)
    one_hot[0] = top
    return {
        "random": np.clip(np.rint(rng.normal(size=rows) * top / 3), -top, top),
        "all on": np.full(rows, float(top)),
        "one row": one_hot,
        "alternating sign": top * (-1.0) ** np.arange(rows),
        "all zero": np.zeros(rows),
    }


def pulses_of(setting: Setting, codes: np.ndarray) -> list[tuple[np.ndarray, float, int]]:
    """Passes of the DAC over the array's rows: ticks, digital factor, window."""
    out = []
    for ticks, factor, window in passes(codes, setting.bits, setting.mode, setting.lsb_bits):
        whole = np.zeros(setting.rows)
        whole[setting.at_row : setting.at_row + ticks.size] = ticks
        out.append((whole, factor, window))
    return out


def error(got: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference relative to the root mean square of a tile's charges."""
    scale = max(float(np.sqrt(np.mean(np.square(wanted)))), SMALLEST_FC)
    return float(np.abs(got - wanted).max()) / scale
