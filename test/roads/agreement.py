# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How equal two roads are, by the documented list of differences (docs/Roads.md)."""

from __future__ import annotations

import functools
import pathlib
import re

import numpy as np
from cases import Case
from roads import QUIET, Noise

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "Roads.md"
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = 2.0**-149  # of single precision; below 2^-126 numbers are this far apart


@functools.cache
def differences() -> dict[str, float]:
    """Bound of each difference in the page's list, by its name."""
    rows = re.findall(
        r"^\| `([\w-]+)` \|.*?\| ([\d.e-]+) \|[^|]*\|$", PAGE.read_text(), re.MULTILINE
    )
    return {name: float(bound) for name, bound in rows}


def bound(name: str) -> float:
    return differences()[name]


def names_of(case: Case, noise: Noise = QUIET) -> list[str]:
    """The differences between training and a session that a case may show."""
    whole, found = case.whole, ["rounding"]
    if noise.devices:
        found.append("device-curves")
    wire = whole["wire"]
    if case.compensate in ("weights", "weights+pulses"):
        found.append("compensated")
    if wire["idle"] == "open":
        if wire["fidelity"] != "one_product":
            found.append("fidelity")
        if case.compensate == "weights+pulses":
            found.append("pulse-edge")
    return found


def size(case: Case) -> np.ndarray:
    """What an output [vectors, columns] could be at most: every input on the column's largest
    weight. Sums of single precision err by it."""
    x = np.abs(case.x).astype(np.float64).sum(1, keepdims=True)
    if case.input_range is not None and "dac" not in case.off:
        x = np.minimum(x, case.input_range * case.rows)
    return x * np.abs(case.weight).astype(np.float64).max(0)


def slack(case: Case) -> np.ndarray:
    """What is lost below the smallest number that is not denormal: of a weight's worth in a uS."""
    x = np.abs(case.x).astype(np.float64).sum(1, keepdims=True)
    most = max(4.0, case.whole["device"]["g_max_us"] / 2)
    return most * SMALLEST * (1 + x) * case.reads * case.whole["geometry"]["pairs"]


def grain(case: Case, wanted: np.ndarray, step: np.ndarray) -> np.ndarray:
    """What training loses of codes that are worth a few of the smallest numbers."""
    codes = np.abs(wanted) / np.where(step > 0, step, np.inf)
    return SMALLEST * case.reads * codes


def nothing(case: Case) -> np.ndarray:
    """What blocks' columns of zeros give in training, whose scale is not nothing there."""
    x = np.abs(case.x).astype(np.float64).sum(1, keepdims=True)
    rows = case.whole["geometry"]["rows"]
    bands = [case.weight[row : row + rows] for row in range(0, case.rows, rows)]
    return bound("zero-column") * x * np.any([(band == 0).all(0) for band in bands], 0)


def zeros(case: Case) -> np.ndarray:
    """What compensation leaves at zero in training alone, and all columns see of it."""
    wire = case.whole["wire"]
    if case.compensate in ("none", "gain") or wire["row_ohm"] + wire["driver_ohm"] == 0:
        return np.zeros((1, 1))
    top = np.abs(case.weight).max(0)
    denormal = ((top > 0) & (top < 2.0**-126)).any()
    return bound("zero-weight") * size(case) * ((case.weight == 0).any() | denormal)


def overflows(case: Case) -> np.ndarray:
    """Outputs [vectors, columns] whose sums may leave single precision on the way."""
    return size(case) * case.rows > LARGEST


def relative(case: Case, noise: Noise = QUIET) -> float:
    return max(bound(name) for name in names_of(case, noise))


def compare(case: Case, got: np.ndarray, wanted: np.ndarray, step: np.ndarray, noise: Noise = QUIET) -> None:  # fmt: skip
    """Outputs [vectors, columns] differ by no more than is said: a code that lies at the edge of
    two may fall to either side."""
    assert got.shape == wanted.shape
    relative_bound = relative(case, noise)
    near = relative_bound * size(case) + slack(case) + nothing(case) + grain(case, wanted, step)
    near = near + zeros(case)
    apart = np.abs(got.astype(np.float64) - wanted)
    edge = bound("code-edge") * step
    wrong = ~(apart <= near + edge) & ~overflows(case)
    if wrong.any():
        vector, column = map(int, np.argwhere(wrong)[0])
        raise AssertionError(
            f"vector {vector}, column {column}: expected {wanted[vector, column]!r}, but got "
            f"{got[vector, column]!r}; {apart[vector, column] / near[vector, column]:.3g} times what rounding "
            f"may be, {relative_bound:g} of {size(case)[vector, column]:.3g}, and a code is {step[vector, column]:.3g}"
        )
