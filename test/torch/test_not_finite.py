# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An input that is not finite leaves no number in its vector's outputs, and all in the others'."""

import pytest
import torch
from torch import nn

from aimc.torch import Circuit, Device, calibrate, convert

OPS = torch.ops.aimc
WIRES = {
    "midrail": {"column_ohm": 5.0},
    "open": {"column_ohm": 5.0, "idle": "open"},
    "rows": {"column_ohm": 5.0, "row_ohm": 5.0, "driver_ohm": 1.0},
}
BAD = [float("nan"), float("inf"), float("-inf")]


def composite(op):
    """The kernel that devices without one of their own get."""
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.XPU)
    return lambda *args: op.redispatch(keys, *args)


RECIPES = {
    "round": Circuit(),
    "no-dac": Circuit(dac=False),
    "fixed": Circuit(input_range="fixed"),
    "weights": Circuit(compensate="weights"),
    "pulses": Circuit(compensate="weights+pulses"),
    "noise": Circuit() + Device(),
}


@pytest.mark.parametrize(
    "name,wire",
    # pulses are pre-distorted where idle rows are open
    [(name, wire) for name in RECIPES for wire in WIRES if name != "pulses" or wire == "open"],
)
def test_a_vector_s_own_outputs_are_no_numbers(name, wire):
    recipe = RECIPES[name]
    parts = {"geometry": {"rows": 16, "cols": 16}, "wire": WIRES[wire]}
    noisy = not isinstance(recipe, Circuit)
    layer = convert(nn.Linear(20, 12), parts, recipe=recipe).train(noisy)
    x = torch.randn(3, 20)
    if not noisy and recipe.input_range == "fixed":
        calibrate(layer, [x])
    for value in BAD:
        bad = x.clone()
        bad[1, 2] = value
        y, expected = layer(bad.requires_grad_()), layer(x)
        assert y[1].isnan().all()
        if noisy:
            assert y[[0, 2]].isfinite().all()
            continue
        torch.testing.assert_close(y[[0, 2]], expected[[0, 2]])
        y.nansum().backward()


@pytest.mark.parametrize("others", [0.0, 3.0])
@pytest.mark.parametrize("value", BAD)
def test_ticks_that_are_no_numbers_do_not_arrive(others, value):
    """The operator itself, whatever came before it; also where no other row has a pulse."""
    rows, cols = 20, 5
    matrix = torch.rand(rows, cols, requires_grad=True)
    ticks = torch.full((3, rows), others)
    ticks[1, 7] = value
    ticks.requires_grad_()
    y = OPS.open_product(ticks, matrix, torch.full((cols,), 10.0), None, [0, rows, 0, cols, 0, 0],
                         30, 400.0, 10.0, True, 127)  # fmt: skip
    assert not y[1].isfinite().any() and y[[0, 2]].isfinite().all()
    y.sum().backward()
    assert ticks.grad[[0, 2]].isfinite().all()


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_other_devices_do_the_same(value, mode):
    x, full = torch.tensor([0.5, value, -2.0]), torch.tensor(1.0)
    there = composite(OPS.dac.default)(x, full, 31, mode)
    torch.testing.assert_close(OPS.dac(x, full, 31, mode), there, equal_nan=True)
    assert there.isnan().tolist() == [False, True, False]
    # The table of pulses is entered with them: no place in it is not a number.
    power = composite(OPS.read_power.default)(there.clamp(-31, 31), 31, 1.0)[0]
    assert power.isnan().tolist() == [False, True, False]
