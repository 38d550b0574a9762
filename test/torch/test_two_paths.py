# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What different ways to train through a tile have in common."""

import pytest
import torch
from torch import nn

import aimc
from aimc.torch import Circuit, Device, convert


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("pairs", [1, 3])
def test_one_draw_per_weight_does_not_clip_the_largest(pairs):
    """Noise takes half of the devices at g_max beyond it; mean and gradient are those of all."""
    target = aimc.Target(
        geometry=aimc.Geometry(rows=64, cols=256, pairs=pairs), wire=aimc.Wire(column_ohm=0.0),
        adc=aimc.Adc(kind="ideal"),
    )  # fmt: skip
    x, found = torch.ones(1, 64), []
    for joint in (False, True):
        plain = nn.Linear(64, 256, bias=False)
        plain.weight.data = torch.full((256, 64), 0.1)
        recipe = Circuit() + Device(joint=joint, read=0.0)
        layer = convert(plain, target, recipe=recipe).train()
        y = layer(x)
        y.sum().backward()
        found.append((float(y.detach().mean()), float(layer.weight.grad.mean())))
    (mean, slope), (joint_mean, joint_slope) = found
    assert joint_mean == pytest.approx(mean, rel=2e-3)
    assert joint_slope == pytest.approx(slope, rel=0.06) and slope > 0.9
