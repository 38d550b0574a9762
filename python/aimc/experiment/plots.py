# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Plots of the page, as SVG that does not change where the numbers do not."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from aimc.experiment.outcome import METHODS, Case
from aimc.experiment.statistics import Estimate, accuracy
from aimc.testing.plots import STYLE

_COLOURS = dict(
    zip(
        METHODS,
        ("#888888", "#bbaa66", "#66aabb", "#2266aa", "#224488", "#ddaa33", "#cc6633", "#aa7700",
         "#aa2222"),
        strict=True,
    )
)  # fmt: skip


def _save(path: pathlib.Path, draw: Callable[[Any], None], size: tuple[float, float]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=size, layout="constrained")
        draw(axes)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _bars(estimate: Estimate) -> list[list[float]]:
    return [
        [max(0.0, estimate.mean - estimate.low)], [max(0.0, estimate.high - estimate.mean)]
    ]  # fmt: skip


def group(
    path: pathlib.Path, cases: Sequence[Case], digital: float | None, labels: Sequence[str]
) -> None:
    """Accuracy of every method, case by case, with 95% intervals."""
    names = [name for name in METHODS if any(name in case.right for case in cases)]

    def draw(axes: Any) -> None:
        for index, name in enumerate(names):
            shift = (index - (len(names) - 1) / 2) * 0.8 / max(1, len(names))
            first = True
            for place, case in enumerate(cases):
                if name not in case.right:
                    continue
                value = accuracy(case.right[name])
                axes.errorbar(
                    [place + shift], [value.mean], yerr=_bars(value), fmt="o", markersize=4,
                    capsize=2, color=_COLOURS[name], label=name if first else None,
                )  # fmt: skip
                first = False
        if digital is not None:
            axes.axhline(digital, color="black", linewidth=0.8, linestyle="--", label="digital")
        axes.set_xticks(range(len(cases)), labels)
        axes.set_ylabel("accuracy, %")
        axes.legend(fontsize=7, ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))

    _save(path, draw, (7.2, 3.2))
