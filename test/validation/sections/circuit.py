# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Charges of programmed tiles: ours, node equations, ngspice."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import time

import numpy as np
from circuits import Setting, circuit_of, error, patterns, pulses_of, tile_of
from nodal import read_charges
from pages import plot, short, table, verdict

from aimc import spice

SIZES = ((8, 8), (32, 16), (64, 32), (128, 64))
TOPOLOGIES = {
    "midrail, column wires": {},
    "midrail, alternating, wire spread 20%, partly filled": {
        "readout": "alternating", "spread": 0.2, "used": 0.6,
    },
    "row and column wires, terminals": {"row_ohm": 0.7, "driver_ohm": 20.0, "adc_ohm": 3.0},
    "row and column, alternating, spread 20%, partly filled": {
        "row_ohm": 1.0, "readout": "alternating", "spread": 0.2, "used": 0.6,
    },
    "open rows": {"idle": "open"},
    "open rows, alternating, spread 20%, partly filled": {
        "idle": "open", "readout": "alternating", "spread": 0.2, "used": 0.6, "adc_ohm": 3.0,
    },
}  # fmt: skip
MODES = ({"mode": "one_pass"}, {"mode": "split", "lsb_bits": 3}, {"mode": "bit_serial"})


@dataclasses.dataclass
class Case:
    """One pass of one pattern on one tile."""

    topology: str
    setting: Setting
    pattern: str
    ticks: np.ndarray
    window: int
    ours_nodal: float = 0.0
    ours_spice: float = 0.0
    spice_nodal: float = 0.0
    spice_s: float = 0.0

    def run(self) -> Case:
        tile = tile_of(self.setting, seed=1)
        rows = self.setting.used or self.setting.rows
        first = self.setting.at_row
        ours = tile.charges(self.ticks[first : first + rows][None], "exact")[0, 0]
        nodal = read_charges(circuit_of(tile), self.ticks, self.window, sparse=self._sparse())
        start = time.perf_counter()
        simulated = spice.charges(tile, self.ticks, window=self.window)
        self.spice_s = time.perf_counter() - start
        self.ours_nodal = error(ours, nodal)
        self.ours_spice = error(ours, simulated)
        self.spice_nodal = error(simulated, nodal)
        return self

    def _sparse(self) -> bool:
        """The dense column solver where it applies, so that both oracles take part."""
        return self.setting.row_ohm > 0 or self.setting.driver_ohm > 0


def few(setting: Setting, pattern: str) -> bool:
    """Whether a large array with row wires is worth ngspice's minutes for this pattern."""
    if setting.rows <= 32:
        return True
    if setting.mode != "one_pass":
        return setting.rows <= 64 and pattern == "random" and not setting.used
    if setting.rows <= 64:
        return pattern in ("random", "all on")
    return pattern == ("random" if setting.used else "all on")


def cases() -> list[Case]:
    """What is run. ngspice needs minutes for one pass of a large array with row wires, so the
    largest of these see pulses of few distinct lengths."""
    out = []
    for topology, options in TOPOLOGIES.items():
        plane = "row" in topology and "open" not in topology
        for rows, cols in SIZES:
            used = round(rows * options.get("used", 0))
            place = {"used": used, "at_row": (rows - used) // 3 if used else 0}
            for mode in MODES:
                bits = 3 if plane and rows > 64 else (5 if plane and rows > 32 else 8)
                if mode["mode"] == "split" and bits == 3:
                    continue
                fields = {**options, **place, **mode, "bits": bits}
                if mode["mode"] == "split" and bits == 5:
                    fields["lsb_bits"] = 2
                setting = Setting(topology, rows, cols, **fields)
                for name, codes in patterns(setting, seed=rows).items():
                    if plane and not few(setting, name):
                        continue
                    pulses = pulses_of(setting, codes)
                    if rows > 32:
                        pulses = pulses[:1] if name != "random" else [pulses[0], *pulses[1:][-1:]]
                    if plane and rows > 64:
                        pulses = pulses[:1]
                    out += [Case(topology, setting, name, t, w) for t, _, w in pulses]
    return out


def section() -> str:
    """Run all cases, as many at a time as there are processors."""
    work = cases()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        done = list(pool.map(Case.run, sorted(work, key=lambda c: -c.setting.rows)))
    rows = []
    for topology in TOPOLOGIES:
        bound = 1e-5 if "open" in topology else 1e-6
        for size in SIZES:
            here = [
                c for c in done
                if c.topology == topology and (c.setting.rows, c.setting.cols) == size
            ]  # fmt: skip
            rows.append(
                [
                    topology,
                    f"{size[0]}x{size[1]}",
                    len(here),
                    short(max(c.ours_nodal for c in here)),
                    verdict(max(c.ours_spice for c in here), bound),
                    short(max(c.spice_nodal for c in here)),
                    f"{sum(c.spice_s for c in here):.1f}",
                ]
            )
    modes = table(
        ["DAC mode and pattern", "passes", "ours - node equations", "ours - ngspice"],
        [
            [
                f"{mode}, {pattern}",
                len(here),
                short(max(c.ours_nodal for c in here)),
                short(max(c.ours_spice for c in here)),
            ]
            for mode in ("one_pass", "split", "bit_serial")
            for pattern in ("random", "all on", "one row", "alternating sign", "all zero")
            if (here := [c for c in done if (c.setting.mode, c.pattern) == (mode, pattern)])
        ],
    )
    return f"""\
## Charges: ours, node equations, ngspice

Tiles of random weights, programmed PCM with all its noise, 1 ohm per cell. *Ours* is
`aimc.Tile.charges`, fp64, fidelity `exact` where idle rows are open. *Node equations* are
`test/validation/nodal`: dense for columns, sparse for whole arrays, one solve per interval between two
pulse ends. *ngspice* is version 39's transient analysis of the netlist that `aimc.spice.write` and
`aimc-translate --export-spice` make. Differences are the largest over columns and cases, relative to
the root mean square charge of the tile's columns (at least the 5 fC of one device of 25 uS in one tick).
8 bits, all passes, patterns: random, all rows on, one row on, alternating sign, all zero. Arrays with
row wires have 5 bits from 64 rows on and 3 from 128 on, and fewer patterns, because ngspice's sparse
solver needs up to minutes for one pass of 24,000 nodes; from 64 rows on the first pass stands for all,
and `random` has two.

{table(["circuit", "array", "passes", "ours - node equations", "ours - ngspice", "ngspice - node equations", "ngspice s"], rows)}
By mode and pattern, all circuits together:

{modes}
{plot("validation-circuit", lambda axes: _draw(axes, done))}
What makes ngspice this exact: no capacitor in the circuit, so a transient is a chain of exact linear
solves; pulse edges that are ramps centred on the ends of pulses, whose area is that of the ideal step;
with open rows a ramp of 1.5e-5 ticks, because access transistors do not follow it linearly (its step in
time then sets the difference: 9e-6 with ramps of 1e-4 ticks and a single tick of current); `integ()`
in a control section, because `.measure` rounds to seven digits.
"""


def _draw(axes, done: list[Case]) -> None:
    """Every case as a point: cells against difference."""
    for topology, colour in zip(TOPOLOGIES, ("C0", "C1", "C2", "C3", "C4", "C5"), strict=True):
        here = [c for c in done if c.topology == topology and c.ours_spice > 0]
        cells = [c.setting.rows * c.setting.cols for c in here]
        axes.loglog(
            cells, [c.ours_spice for c in here], ".", color=colour, alpha=0.6, label=topology
        )
    axes.set_xlabel("cells")
    axes.set_ylabel("ours - ngspice, relative")
    axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
