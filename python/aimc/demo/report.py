# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demo's tables as text."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aimc.demo import encode
from aimc.testing.measure import Timing, machine, ratio
from aimc.tiles import tile_table

if TYPE_CHECKING:
    from aimc.demo.__main__ import Run

MIB = 2**20


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first is text, the others are numbers."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "  " + "  ".join([first, *rest]).rstrip()

    rule = "  " + "  ".join("-" * width for width in widths)
    return "\n".join([title, line(header), rule, *(line(row) for row in rows), ""])


def facts(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Names and what is known about them."""
    width = max(len(name) for name, _ in rows)
    return "\n".join([title, *(f"  {name.ljust(width)}  {text}" for name, text in rows), ""])


def size_of(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def package(
    model: pathlib.Path,
    folder: pathlib.Path,
    manifest: Mapping[str, Any],
    compile_s: float,
    args: argparse.Namespace,
) -> str:
    """What was compiled, and into how many tiles."""
    tiles = tile_table(manifest)
    geometry = next(iter(manifest["targets"].values()))["geometry"]
    per_chip = f"{geometry['rows']}x{geometry['cols']}"
    isa = manifest["isa"]
    return facts(
        "Package",
        [
            ["model", f"MiniLM-L6, ONNX {size_of(model.parent) / MIB:.1f} MiB"],
            ["shapes", f"batch {args.batch}, seq {args.seq}"],
            ["package", f"{size_of(folder) / MIB:.1f} MiB for {isa['cpu']}"],
            ["compile time", f"{compile_s:.2f} s"],
            ["target", f"{args.target}, chip seed {args.seed}"],
            [
                "weights on tiles",
                f"{tiles.analog_parameters / 1e6:.2f} M in {len(tiles.weights)} matrices",
            ],
            ["tiles used", f"{tiles.tiles}, each {per_chip}"],
            ["utilisation", f"{tiles.utilisation:.1%} of their cells"],
        ],
    )


def figures(runs: Sequence[Run], grades: encode.Floats) -> dict[str, dict[str, float]]:
    """Every run against the first one, and against people's grades."""
    base = runs[0]
    result = {}
    for run in runs:
        cosine = (run.embeddings * base.embeddings).sum(1)
        result[run.name] = {
            "max_abs": float(np.abs(run.hidden - base.hidden).max()),
            "cosine_mean": float(cosine.mean()),
            "cosine_worst": float(cosine.min()),
            "order": encode.spearman(run.similarities(), base.similarities()),
            "spearman": encode.spearman(run.similarities(), grades),
        }
    return result


def accuracy(runs: Sequence[Run], grades: encode.Floats) -> str:
    """The same as a table."""
    rows = [
        [
            name,
            f"{value['max_abs']:.2e}",
            f"{value['cosine_mean']:.6f}",
            f"{value['cosine_worst']:.6f}",
            f"{value['order']:.3f}",
            f"{value['spearman']:.3f}",
        ]
        for name, value in figures(runs, grades).items()
    ]
    header = ["run", "max abs diff", "cosine mean", "cosine worst", "rank vs ort", "rank vs grades"]
    return table(
        f"Outputs against {runs[0].name}: {len(runs[0].hidden)} sentences; largest difference of"
        " any hidden state,\npadding included; cosine of sentence embeddings; rank correlation"
        f" (Spearman) of {len(grades)} pairs\nthat the authors graded, where 0.05 means nothing",
        header,
        rows,
    )


def layers(manifest: Mapping[str, Any], statistics: Mapping[str, Any]) -> str:
    """Signal to noise of each layer's tiles: exact product over what the tiles added to it."""
    sizes = {w["name"]: w for w in manifest["weights"]}
    rows = []
    for grid in statistics["grids"]:
        for weight in grid["weights"]:
            w = sizes[weight["weight"]]
            places = {(b["target"], b["chip"], b["tile"]) for b in w["blocks"]}
            rows.append(
                [
                    weight["weight"],
                    f"{w['rows']}x{w['cols']}",
                    str(len(places)),
                    f"{weight['snr_db']:.1f}",
                    f"{weight['adc_clip_rate']:.1e}",
                ]
            )
    return table("Layers on tiles", ["layer", "size", "tiles", "SNR dB", "ADC clipped"], rows)


def latency(timings: Mapping[str, Timing], args: argparse.Namespace) -> str:
    """Medians of one run, and how they compare with the first row."""
    base = next(iter(timings))
    rows = [
        [
            name,
            f"{timing.median * 1e3:.2f}",
            f"{timing.spread:.0%}",
            f"{ratio(timings, name, base):.2f}x",
            f"{args.batch / timing.median:.0f}",
        ]
        for name, timing in timings.items()
    ]
    title = f"Latency of one batch, {args.threads} threads, the runs in turns ({machine()})"
    return table(title, ["run", "median ms", "spread", f"time / {base}", "sentences/s"], rows)
