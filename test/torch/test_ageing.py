# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A time, or drift compensation, that can do nothing is told once, in the same words everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hardware_warnings import told
from torch import nn

import aimc
from aimc.torch import Circuit, Device, convert, on_chip

HOUR_S = 3600.0
TIME = "a time since programming has no effect: "
COMPENSATION = "drift compensation has no effect: "
BOTH = "a time since programming and drift compensation have no effect: "
MISSING = "drift compensation has no effect without a time since programming"


def still(tmp_path: Path) -> dict[str, tuple[aimc.Device, str]]:
    """Devices that do not age, and why."""
    table = {"format": "aimc-device", "version": 1, "g_min_us": 1, "g_max_us": 50}
    path = tmp_path / "still.json"
    path.write_text(json.dumps(table | {"programming": {"std": 0.1}}))
    return {
        "ideal": (aimc.Device(kind="ideal"), "devices of kind ideal do not age"),
        "off": (
            aimc.Device(drift_scale=0.0, read_noise_scale=0.0),
            "drift and read noise of the devices are off",
        ),
        "table": (
            aimc.Device.from_file(path),
            "the device table has no drift, no later times and no low-frequency noise",
        ),
    }


def trained(device: aimc.Device, **recipe: Any) -> nn.Module:
    model = nn.Sequential(nn.Linear(16, 4))
    return convert(model, aimc.Target(device=device), recipe=Circuit() + Device(**recipe))


def evaluated(device: aimc.Device) -> None:
    with on_chip(trained(device), 3, time_s=HOUR_S):
        pass


@pytest.mark.parametrize("kind", ["ideal", "off", "table"])
def test_devices_that_do_not_age(kind, tmp_path):
    device, why = still(tmp_path)[kind]
    target, weights = aimc.Target(device=device), np.eye(8)

    def tile(**options: Any) -> aimc.Tile:
        return aimc.Tile(weights, target, **options)

    column = {"drift_compensation": "column"}
    assert told(lambda: tile(time_s=HOUR_S)) == [TIME + why]
    assert told(lambda: tile(time_s=HOUR_S, **column)) == [BOTH + why]
    assert told(lambda: tile(**column)) == [COMPENSATION + why]
    young = tile()
    assert told(lambda: young.age(HOUR_S)) == [TIME + why]
    assert told(lambda: young.age(2 * HOUR_S)) == []  # once
    assert told(lambda: trained(device, times_s=(HOUR_S,))) == [TIME + why]
    assert told(lambda: trained(device, times_s=(HOUR_S,), compensate_drift=True)) == [BOTH + why]
    assert told(lambda: evaluated(device)) == [TIME + why]


def test_what_nobody_asked_for_is_not_told(tmp_path):
    for device, _ in still(tmp_path).values():
        options = {"time_s": None, "drift_compensation": "none"}
        assert told(lambda d=device: aimc.Tile(np.eye(8), aimc.Target(device=d))) == []
        assert (
            told(lambda d=device, o=options: aimc.Tile(np.eye(8), aimc.Target(device=d), **o)) == []
        )
        assert told(lambda d=device: trained(d)) == []


def test_devices_that_age():
    target, month = aimc.Target(), {"time_s": 720 * HOUR_S, "drift_compensation": "column"}
    assert told(lambda: aimc.Tile(np.eye(8), target, **month).read(np.eye(8))) == []
    assert told(lambda: evaluated(aimc.Device())) == []
    assert told(lambda: trained(aimc.Device(), times_s=(1.0,), compensate_drift=True)) == []
    # Without a time: a tile may be aged before it is read.
    tile = aimc.Tile(np.eye(8), target, drift_compensation="column")
    assert told(lambda: tile.read(np.eye(8))) == [MISSING]
    assert told(lambda: trained(aimc.Device(), compensate_drift=True)) == [MISSING]
    # Off is what is off in the recipe too.
    off = {"drift": 0.0, "read": 0.0, "times_s": (HOUR_S,)}
    (line,) = told(lambda: trained(aimc.Device(), **off))
    assert line.startswith(TIME)
