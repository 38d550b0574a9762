# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The measured numbers as docs/Performance.md and as the table on the front page."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from measurements import SIDES, Comparison, Compilation
from tiles import GOALS, PLAIN

from aimc.testing.measure import machine

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
MIB = 2**20


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows)) + "\n"


def against_goal(value: float, goal: float, unit: str = "x") -> str:
    """A number, its goal, and whether it is reached."""
    return f"{value:.2f}{unit} (goal {goal:g}{unit}: {'yes' if value <= goal else 'no'})"


def plain(value: float, _: float, unit: str = "x") -> str:
    """A number that no goal is stated for."""
    return f"{value:.2f}{unit}"


def tiles(comparisons: Sequence[Comparison]) -> str:
    """Tile reads against plain products."""
    rows = []
    for c in comparisons:
        for side, timing in c.timings.items():
            goal = {SIDES[1]: 1.15, SIDES[2]: 2.5}.get(side)
            value = c.ratio(side)
            rows.append(
                [
                    side,
                    str(c.threads),
                    f"{timing.median * 1e6:.0f}",
                    f"{timing.spread:.0%}",
                    against_goal(value, goal) if goal else f"{value:.2f}x",
                ]
            )
    return table(["128 vectors x 512x512", "threads", "us", "spread", "vs our plain product"], rows)


def transformers(comparisons: Sequence[Comparison]) -> str:
    """Whole models against onnxruntime."""
    rows = []
    for c in comparisons:
        cells = [c.what, str(c.threads), f"{c.timings['onnxruntime'].median * 1e3:.1f}"]
        for side in SIDES:
            cells.append(f"{c.timings[side].median * 1e3:.1f} ({c.ratio(side):.2f}x)")
        rows.append(cells)
    return table(["model", "threads", "onnxruntime ms", *(f"{side} ms" for side in SIDES)], rows)


def compilations(done: Sequence[Compilation]) -> str:
    """Time and memory of the compiler."""
    rows = []
    for c in done:
        # The goals are stated for BERT-base; what LLVM itself needs outweighs a small model's weights.
        goal = against_goal if c.what.startswith("bert-base") else plain
        row = [
            c.what,
            goal(c.seconds, 30, " s"),
            f"{c.peak_bytes / MIB:.0f}",
            goal(c.peak_ratio, 2.5),
            f"{c.weight_bytes / MIB:.0f}",
            f"{c.package_bytes / MIB:.0f}",
            goal(c.program_s, 1.5, " s"),
        ]
        rows.append(row)
    header = ["model", "compile", "peak MiB", "peak / weights", "weights MiB", "package MiB",
              "program a chip"]  # fmt: skip
    return table(header, rows)


def kernels(rows: Sequence[dict[str, Any]]) -> str:
    """Google Benchmark's medians."""
    cells = []
    for row in rows:
        rate = row.get("items_per_second") or row.get("GFLOP/s") or row.get("FLOPS")
        name = str(row["run_name"])
        cells.append(
            [name, f"{row['real_time']:.1f} {row['time_unit']}", f"{rate:.3g}" if rate else ""]
        )
    return table(["kernel", "median", "rate /s"], cells)


def circuit(products: Sequence[Comparison], peer: dict[str, Any], folds: dict[str, float]) -> str:
    """One tile: beside plain products, beside AIHWKIT, its programming."""
    rows = []
    for c in products:
        for side, timing in c.timings.items():
            goal = GOALS.get(side)
            ratio = c.ratio(side)
            rows.append(
                [
                    f"{side} (plain)" if side in PLAIN else side,
                    str(c.threads),
                    f"{timing.median * 1e6:.0f}",
                    f"{timing.spread:.0%}",
                    against_goal(ratio, goal) if goal else f"{ratio:.2f}x",
                ]
            )
    text = table(
        ["128 vectors x 512x512", "threads", "us", "spread", "vs best plain product"], rows
    )
    text += (
        "\nThe best of torch, oneDNN (through torch) and OpenBLAS (through numpy) in each turn.\n"
    )
    text += "\n### Beside AIHWKIT's IR-drop simulation\n"
    text += "Microseconds per input vector of the same 512x512 tile with ADC; theirs is `IRDropT`\n"
    text += "with four vectors a call, ours 128, both on all processors. Goal: 10,000x.\n\n"
    text += table(
        ["DAC mode", "AIHWKIT us", "ours us", "ratio"],
        [
            [mode, f"{v['theirs_us']:.0f}", f"{v['ours_us']:.2f}", f"{v['ratio']:.0f}x"]
            for mode, v in peer.items()
        ],
    )
    text += "\n### Programming a tile\n512x512 PCM pairs, one thread, from weights to packed panels.\n\n"
    text += table(["wires", "ms"], [[name, f"{ms:.1f}"] for name, ms in folds.items()])
    text += "\n### More vectors, more tiles\n![scaling](plots/performance-scaling.svg)\n"
    return text


STEP_GOALS = {"circuit": 1.25}
MEMORY_GOAL = 1.3


def training(measured: dict[str, Any]) -> str:
    """Training steps against plain torch."""
    rows = []
    for row in measured["rows"]:
        variant, peak = row["variant"], row.get("peak_ratio")
        goal = STEP_GOALS.get(variant)
        memory = ["", ""]
        if peak is not None:
            held = plain(peak, 0) if goal is None else against_goal(peak, MEMORY_GOAL)
            memory = [f"{row['peak_mib']:.0f}", held]
        time = against_goal(row["ratio"], goal) if goal else f"{row['ratio']:.2f}x"
        rows.append([f"{row['case']}: {variant}", f"{row['ms']:.0f}", time, *memory])
    header = ["forward, backward, optimizer", "ms", "vs plain", "peak MiB", "vs plain"]
    return f"{measured['threads']} threads.\n\n" + table(header, rows)


def page(
    read: Sequence[Comparison],
    models: Sequence[Comparison],
    compiled: Sequence[Compilation],
    kernel_rows: Sequence[dict[str, Any]],
    load: float,
    circuits: str,
    steps: str,
) -> str:
    """All of docs/Performance.md."""
    return f"""\
<!-- Written by test/benchmark/bench.py; run 'make bench' instead of editing. -->
# Performance

Machine: {machine()}; load average {load:.1f} when measuring began.

Both sides of every comparison run in one process and take turns; a ratio is the median over turns,
a spread half the distance between the quartiles. Times of different machines, and of different
sections here, do not compare. *ideal* is our package with plain fp32 products; *circuit* has DAC,
wires, ADC and programming noise on; *circuit and read noise* has everything on. Target `pcm`.

## Reading a tile
Through `aimc.Session`, so call, threads and output copy are included. `torch` is `torch.mm`.

{tiles(read)}
## One tile
Through `aimc.Tile`, 0.15 ohm per cell, 8 bits one pass, inputs over a range of three standard deviations.

{circuits}
## Whole models
onnxruntime in fp32 has no analog model; goal of this version for *circuit*: 1.5x.

{transformers(models)}
## Training
A step through `aimc.torch` on midrail rows of 0.35 ohm per cell with an 8-bit ADC, against the plain
module; a linear layer has no optimizer. Times are the smallest of interleaved turns. Memory is what
model and steps add at most to a process of one thread.

{steps}
## Compiling
From ONNX to a package, as a process of its own; weights are the initializers' bytes.

{compilations(compiled)}
## Kernels alone
Google Benchmark, `build/release/bin/aimc-bench-kernels`.

{kernels(kernel_rows)}"""


def front_page(
    readme: pathlib.Path,
    demo: dict[str, Any],
    read: Sequence[Comparison],
    models: Sequence[Comparison],
    compiled: Sequence[Compilation],
) -> None:
    """Replace the measured table of README.md."""
    rows = [
        ["MiniLM-L6, max abs difference to onnxruntime, ideal", f"{demo['ideal']['max_abs']:.1e}"],
        ["MiniLM-L6 analog: cosine of sentence embeddings, mean",
         f"{demo['analog']['cosine_mean']:.3f}"],
        ["rank correlation with 24 graded pairs: onnxruntime / analog",
         f"{demo['onnxruntime']['spearman']:.3f} / {demo['analog']['spearman']:.3f}"],
    ]  # fmt: skip
    for c in [c for c in read if c.threads == 1]:
        rows.append(
            [f"{c.what}, {c.threads} thread(s): circuit / with read noise, against a plain product",
             f"{c.ratio(SIDES[1]):.2f}x / {c.ratio(SIDES[2]):.2f}x"]
        )  # fmt: skip
    for c in models:
        rows.append(
            [f"{c.what}, {c.threads} thread(s): circuit / with read noise, against onnxruntime",
             f"{c.ratio(SIDES[1]):.2f}x / {c.ratio(SIDES[2]):.2f}x"]
        )  # fmt: skip
    for done in compiled:
        rows.append(
            [f"compiling {done.what}", f"{done.seconds:.1f} s, {done.peak_ratio:.2f}x weights"]
        )
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    body = f"On {machine()}:\n\n{table(['what', 'measured'], rows)}"
    readme.write_text(f"{before}{BEGIN}\n{body}{END}{after}")
