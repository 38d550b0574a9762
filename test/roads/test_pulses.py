# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pulses that no DAC bounds: a read is the same at any unit of time."""

import numpy as np
import pytest

import aimc

OFF = {"dac": False, "adc": False, "programming": False, "read_noise": False}


def read(fidelity, factor):
    rng = np.random.default_rng(0)
    weight, x = (rng.standard_normal(shape).astype(np.float32) for shape in ((32, 6), (3, 32)))
    target = {"geometry": {"rows": 32, "cols": 16}, "device": {"kind": "ideal"},
              "wire": {"idle": "open", "column_ohm": 50.0, "fidelity": fidelity}}  # fmt: skip
    with aimc.Tile(weight, target, effects=OFF, input_range=4.0) as tile:
        return tile.read(np.float32(factor) * x).astype(np.float64) / factor


@pytest.mark.parametrize(("fidelity", "near"), [("exact", 0), ("segments", 2e-3), ("one_product", 5e-2)])  # fmt: skip
@pytest.mark.parametrize("factor", [2, 10, 1e3, 3e9, 1e20])
def test_longer_pulses_are_read_in_another_unit_of_time(fidelity, near, factor):
    got, exact = read(fidelity, factor), read("exact", 1)
    size = np.abs(exact).max()
    assert np.abs(got - exact).max() <= (near + 1e-5) * size


@pytest.mark.parametrize("fidelity", ["exact", "segments", "one_product"])
def test_pulses_beyond_numbers_do_not_crash(fidelity):
    assert not np.isfinite(read(fidelity, 1e38)).all()
