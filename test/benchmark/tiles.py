# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What one tile costs beside a plain product, beside AIHWKIT, and as there are more of them."""

from __future__ import annotations

import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from measurements import Comparison

import aimc
from aimc.testing import measure, models

ROWS = COLS = 512
BATCH = 128
QUIET = {"read_noise": False}
PLAIN = ("torch", "oneDNN", "OpenBLAS")
BEST = "best plain product"
# What a read may cost, as multiples of the best plain product.
GOALS = {"read with ADC": 1.15, "and read noise": 2.5, "open, one_product": 2, "open, segments": 15}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def sides(threads: int, x: np.ndarray, w: np.ndarray) -> Iterator[tuple[str, Callable[[], object]]]:
    """Three plain products and our reads of the same shape. Inputs of a read use the DAC's range as
    activations do, a quarter of the ticks on average."""
    import torch

    tx, tw, ty = torch.from_numpy(x), torch.from_numpy(w), torch.empty(BATCH, COLS)
    y = np.empty((BATCH, COLS), np.float32)
    yield "torch", lambda: torch.mm(tx, tw, out=ty)
    mx, mw = tx.to_mkldnn(), tw.t().contiguous().to_mkldnn()
    yield "oneDNN", lambda: torch.nn.functional.linear(mx, mw)
    yield "OpenBLAS", lambda: np.matmul(x, w, out=y)
    for name, options in (
        ("read with ADC", {"effects": QUIET}),
        ("and read noise", {}),
        ("open, one_product", {"fidelity": "one_product", "effects": QUIET}),
        ("open, segments", {"fidelity": "segments", "effects": QUIET}),
        ("open, exact", {"fidelity": "exact", "effects": QUIET}),
    ):
        wire = {"column_ohm": 0.15}
        if "fidelity" in options:
            wire |= {"idle": "open", "fidelity": options["fidelity"]}
        effects = options.get("effects", {})
        tile = aimc.Tile(w, {"wire": wire}, effects=effects, threads=threads, input_range=3.0)
        yield name, lambda tile=tile: tile.read(x)


def against_products() -> Iterator[Comparison]:
    """A 512 x 512 tile and 128 vectors; every side in turn, the best product of each turn counts."""
    import torch
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, ROWS)).astype(np.float32)
    w = models.weight(ROWS, COLS)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with threadpool_limits(threads), torch.no_grad():
            runs = {}
            for name, run in sides(threads, x, w):
                times = 1 if name == "open, exact" else 40

                def loop(run: Callable[[], object] = run, times: int = times) -> None:
                    for _ in range(times):
                        run()

                runs[name] = (loop, times)
            found = measure.interleaved({k: v[0] for k, v in runs.items()}, repeats=15, budget_s=40)
        timings = {
            name: measure.Timing(tuple(s / runs[name][1] for s in t.seconds))
            for name, t in found.items()
        }
        best = tuple(min(turn) for turn in zip(*(timings[p].seconds for p in PLAIN), strict=True))
        yield Comparison(
            "tile 512x512, 128 vectors", threads, BEST, {BEST: measure.Timing(best)} | timings
        )


def against_aihwkit() -> dict[str, Any]:
    """Microseconds per input vector of the same read in AIHWKIT's IRDropT."""
    folder = str(ROOT / "test" / "validation" / "aihwkit")
    sys.path.insert(0, folder)
    try:
        import compare
    finally:
        sys.path.remove(folder)
    out: dict[str, Any] = {}
    for mode in ("one_pass", "split", "bit_serial"):
        read = compare.Read(mode, rows=ROWS, cols=COLS, vectors=4, adc=True)
        weights, _ = compare.operands(read)
        inputs = np.random.default_rng(1).normal(size=(BATCH, ROWS)).astype(np.float32)
        compare.theirs(read)
        target = compare.target(read)
        tile = aimc.Tile(weights, target, effects=QUIET)
        tile.read(inputs)
        theirs, ours = [], []
        for _ in range(5):
            start = time.perf_counter()
            compare.theirs(read)
            theirs.append((time.perf_counter() - start) / read.vectors)
            start = time.perf_counter()
            for _ in range(10):
                tile.read(inputs)
            ours.append((time.perf_counter() - start) / 10 / BATCH)
        out[mode] = {
            "theirs_us": statistics.median(theirs) * 1e6,
            "ours_us": statistics.median(ours) * 1e6,
            "ratio": statistics.median(a / b for a, b in zip(theirs, ours, strict=True)),
        }
    return out


def median_time(run: Callable[[], object], repeats: int = 7) -> float:
    """Seconds, after one run that does not count."""
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def scaling(folder: pathlib.Path) -> dict[str, list[tuple[int, float]]]:
    """Milliseconds of one read by number of vectors, and of one layer by number of tiles."""
    rng = np.random.default_rng(2)
    tile = aimc.Tile(models.weight(ROWS, COLS), threads=1)
    by_batch = []
    for batch in (16, 32, 64, 128, 256, 512, 1024, 2048):
        x = rng.standard_normal((batch, ROWS)).astype(np.float32)
        by_batch.append((batch, median_time(lambda x=x: tile.read(x)) * 1e3))
    by_tiles = []
    x = rng.standard_normal((BATCH, ROWS)).astype(np.float32)
    for count in (1, 2, 4, 8, 16, 32, 64):
        model = models.linear(folder / f"wide-{count}.onnx", ROWS, COLS * count)
        package = aimc.compile(model, dims={"batch": BATCH}, output=folder / f"wide-{count}.aimc")
        with aimc.Session(package, threads=1) as session:
            by_tiles.append((count, median_time(lambda s=session: s.run(None, {"x": x})) * 1e3))
    return {"vectors": by_batch, "tiles": by_tiles}


def programming() -> dict[str, float]:
    """Milliseconds to program and fold one 512 x 512 tile, one thread, by what its wires are."""
    w = models.weight(ROWS, COLS)
    out = {}
    wires = {
        "no wires": {"column_ohm": 0.0},
        "column wires": {"column_ohm": 0.35},
        "row and column wires": {"column_ohm": 0.35, "row_ohm": 0.35},
        "row and column wires, terminals, 2 ohm": {
            "column_ohm": 2.0, "row_ohm": 2.0, "driver_ohm": 50.0, "adc_ohm": 10.0,
        },
        "open rows, one_product": {"column_ohm": 0.35, "idle": "open"},
    }  # fmt: skip
    for name, wire in wires.items():

        def run(wire: dict[str, Any] = wire) -> None:
            aimc.Tile(w, {"wire": wire}, threads=1).close()

        out[name] = median_time(run, 5) * 1e3
    return out


def draw(found: dict[str, list[tuple[int, float]]], path: pathlib.Path) -> None:
    """Time per vector and per tile: flat lines are linear scaling."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({"svg.hashsalt": "aimc", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.8), layout="constrained")
        for axis, (what, points) in zip(axes, found.items(), strict=True):
            count, ms = np.array(points).T
            axis.loglog(count, ms, "o-", markersize=4)
            slope = ms[-1] / count[-1]
            axis.loglog(count, count * slope, "k--", linewidth=0.8, label="linear")
            axis.set_xlabel(
                f"{what}" + (" of 512 x 512" if what == "tiles" else " read by one tile")
            )
            axis.set_ylabel("ms, one thread")
            axis.grid(alpha=0.3)
            axis.legend(frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
