# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Digital factors for aged columns are those that the runtime finds through its wires."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import aimc
from aimc.torch import Circuit, Device, convert, on_chip

ROWS, COLS, MONTH_S = 384, 48, 30 * 86_400.0
CASES = [("midrail", 0.0), ("midrail", 1.0), ("open", 0.0), ("open", 1.0)]


def setup(idle: str, ohm: float) -> tuple[nn.Linear, aimc.Target, torch.Tensor]:
    torch.manual_seed(0)
    layer = nn.Linear(ROWS, COLS, bias=False)
    nn.init.normal_(layer.weight, std=0.05)
    target = aimc.Target(
        geometry=aimc.Geometry(rows=ROWS), wire=aimc.Wire(ohm, idle=idle), adc=aimc.Adc("ideal")
    )
    return layer, target, torch.randn(64, ROWS)


def by_the_runtime(layer: nn.Linear, target: aimc.Target, x: torch.Tensor) -> np.ndarray:
    weight = layer.weight.detach().numpy().T.copy()
    tile = aimc.Tile(
        weight, target, seed=3, time_s=MONTH_S, drift_compensation="column",
        effects={"read_noise": False},
    )  # fmt: skip
    return tile.read(x.numpy())


@pytest.mark.parametrize(("idle", "ohm"), CASES)
def test_a_chip_gets_the_runtime_s_factors(idle, ohm):
    # The runtime finds them from 64 vectors, training from all of a column's weights.
    layer, target, x = setup(idle, ohm)
    wanted = by_the_runtime(layer, target, x)
    recipe = Circuit() + Device(times_s=(MONTH_S,), compensate_drift=True, read=0.0)
    model = convert(nn.Sequential(layer), target, recipe=recipe)
    with on_chip(model, 3, MONTH_S), torch.no_grad():
        got = model.eval()(x).numpy()
    assert np.linalg.norm(got - wanted) < 0.03 * np.linalg.norm(wanted)


@pytest.mark.parametrize(("idle", "ohm"), CASES)
def test_joint_draws_keep_the_slope(idle, ohm):
    layer, target, x = setup(idle, ohm)
    wanted = torch.from_numpy(by_the_runtime(layer, target, x))
    recipe = Circuit() + Device(times_s=(MONTH_S,), compensate_drift=True, joint=True)
    model = convert(nn.Sequential(layer), target, recipe=recipe).train()
    exact = x @ layer.weight.detach().T
    with torch.no_grad():
        slopes = [float((model(x) * exact).sum()) for _ in range(4)]
    assert np.mean(slopes) == pytest.approx(float((wanted * exact).sum()), rel=0.03)


def test_pairs_of_a_weight_have_one_factor():
    # Pairs that hold other parts of a weight lose other parts of it; the runtime adds them up first.
    layer, target, x = setup("midrail", 1.0)
    target = target.replace(geometry=aimc.Geometry(rows=ROWS, pairs=2))
    wanted = by_the_runtime(layer, target, x)
    recipe = Circuit() + Device(times_s=(MONTH_S,), compensate_drift=True, read=0.0)
    model = convert(nn.Sequential(layer), target, recipe=recipe)
    with on_chip(model, 3, MONTH_S), torch.no_grad():
        got = model.eval()(x).numpy()
    assert np.linalg.norm(got - wanted) < 0.02 * np.linalg.norm(wanted)


@pytest.mark.parametrize("pairs", [1, 2])
def test_a_coarse_converter_finds_what_training_computes(pairs):
    torch.manual_seed(0)
    weight = torch.randn(ROWS, 6) * 0.05
    for column, count in enumerate((2, 8, 32)):
        weight[count:, column] = 0
    target = aimc.Target(
        geometry=aimc.Geometry(rows=ROWS, pairs=pairs), adc=aimc.Adc("linear", bits=5, lsb_fc=370.0)
    )
    x = torch.eye(ROWS)

    def trained(chip: int, compensated: bool) -> torch.Tensor:
        layer = nn.Linear(ROWS, 6, bias=False)
        layer.weight.data.copy_(weight.T)
        recipe = Circuit(adc=False) + Device(times_s=(MONTH_S,), compensate_drift=compensated)
        model = convert(nn.Sequential(layer), target, recipe=recipe).eval()
        with on_chip(model, chip, MONTH_S), torch.no_grad():
            return model(x)

    ratios = []
    for chip in range(8):
        tile = aimc.Tile(
            weight.numpy(), target, seed=chip, time_s=MONTH_S, drift_compensation="column"
        )
        plain, scaled = trained(chip, False), trained(chip, True)
        # reads have the same noise, so a factor is the whole difference
        ratios.append(
            tile.array("drift_factor") / ((plain * scaled).sum(0) / plain.square().sum(0))
        )
    found = np.array([np.asarray(r) for r in ratios])
    error = np.abs(found.mean(0) - 1)
    assert np.all(error < 0.01 + 3 * found.std(0) / np.sqrt(len(found))), found.mean(0)
    assert np.all(found.std(0) < 0.1)
