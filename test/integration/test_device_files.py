# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Device tables of users, from the file to the devices of a tile; docs/Devices.md is the first user."""

import json
import pathlib
import re

import numpy as np
import pytest
from scipy.stats import norm

from aimc import InvalidArgumentError, Tile

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = [
    json.loads(text)
    for text in re.findall(
        r"```json\n(.*?)```", (ROOT / "docs" / "Devices.md").read_text(encoding="utf-8"), re.DOTALL
    )
]
LEVELS = np.array([0.0, 0.1, 0.35, 0.7, 1.0])
SIDE = 200


def tile_of(table, **options):
    weights = np.repeat(LEVELS, SIDE // len(LEVELS))[:, None] * np.ones((1, SIDE))
    device = {"kind": "table", "g_min_us": 1.0, "g_max_us": 50.0, "table": table}
    return Tile(weights, {"device": device}, **options)


def by_level(values):
    return values[0].reshape(len(LEVELS), -1)


def test_the_manuals_device_is_programmed_as_its_tables_say():
    table = EXAMPLES[0]
    law = table["programming"]
    with tile_of(table, seed=4, time_s=1000.0) as tile:
        target = by_level(tile.array("target_plus"))[:, 0]
        g = by_level(tile.array("programmed_plus"))
        nu = by_level(tile.array("life_plus"))
    for k, wanted in enumerate(target):
        free = g[k][(g[k] != 1.0) & (g[k] != 50.0)]
        mean = np.interp(wanted, law["g_us"], law["mean_us"])
        std = np.interp(wanted, law["g_us"], law["std"])
        n = len(free)
        assert abs(free.mean() - mean) < 4.5 * std / np.sqrt(n)
        assert abs(free.std() / std - 1) < 4.5 / np.sqrt(2 * n)
        # Stuck devices: a few in a thousand, at both ends.
        off = np.mean(g[k] == 1.0)
        assert abs(off - 0.002) < 4.5 * np.sqrt(0.002 / g[k].size)
        # Exponents belong to the programmed conductance; |N(mean, std)| has a closed mean.
        drift = table["drift"]
        mean = np.interp(g[k], drift["g_us"], drift["nu_mean"])
        std = np.interp(g[k], drift["g_us"], drift["nu_std"])
        folded = std * np.sqrt(2 / np.pi) * np.exp(-((mean / std) ** 2) / 2)
        folded += mean * (1 - 2 * norm.cdf(-mean / std))
        assert abs(nu[k].mean() - folded.mean()) < 4.5 * std.max() / np.sqrt(n)


def test_the_manuals_times_are_interpolated_in_log_time():
    with tile_of(EXAMPLES[1], seed=4, time_s=1.0) as tile:
        target = by_level(tile.array("target_plus"))
        for seconds, share in ((1.0, 0.02), (60.0, 0.0275), (3600.0, 0.035)):
            tile.age(seconds)
            error = by_level(tile.array("plus")) / target - 1
            assert error.std(axis=1) == pytest.approx(np.full(len(LEVELS), share), rel=0.05)
        with pytest.raises(InvalidArgumentError, match="expected a time from 1 to 86400 s"):
            tile.age(1e6)


def test_mistakes_name_the_key():
    for change, message in [
        ({"drift": {"nu_mean": 3}}, "table.drift.nu_mean: expected a number from 0 to 1"),
        ({"programing": {}}, "unknown key 'programing'"),
        ({"g_max_us": 20.0}, "expected conductances from 1 to 20 uS"),
    ]:
        with pytest.raises(InvalidArgumentError, match=re.escape(message)):
            tile_of({**EXAMPLES[0], **change})
