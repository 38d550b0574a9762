# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Options that can do nothing here are told, those that can are not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import aimc
from aimc.testing import models
from aimc.testing.programs import run_program


@pytest.mark.parametrize(
    ("target", "options", "why"),
    [
        ({"wire": {"column_ohm": 0.0}}, {"compensate": "gain"}, "compensate has no effect: no target"),
        ({}, {"compensate": "gain", "effects": {"wire": False}}, "compensate has no effect: the eff"),
        ({}, {"compensate": "weights+pulses"}, r"compensate: weights\+pulses does what"),
        ({}, {"compare_exact": 3}, "compare_exact has no effect: where idle rows are at mid-rail"),
        ({}, {"activity": np.full((8, 32), 1 / 32).tolist()}, "activity has no effect"),
        ({"device": {"kind": "ideal"}}, {"effects": {"programming": True}}, "effects.programming"),
        ({"device": {"kind": "ideal"}}, {"effects": {"read_noise": True}}, "effects.read_noise"),
        ({"adc": {"kind": "ideal"}}, {"effects": {"adc": True}}, "effects.adc"),
        ({}, {"effects": {"variation": True}}, "effects.variation has no effect"),
        ({"wire": {"column_ohm": 0.0}}, {"effects": {"wire": True}}, "effects.wire has no effect"),
    ],
)  # fmt: skip
def test_an_option_that_can_do_nothing_is_told(target, options, why):
    with pytest.warns(aimc.HardwareWarning, match=why) as caught:
        given = aimc.Tile(np.eye(8), target, seed=1, **options)
    assert len(caught) == 1
    other = {"compensate": "weights"} if "does what" in why else {}
    plain = aimc.Tile(np.eye(8), target, seed=1, **other)
    assert np.array_equal(given.read(np.eye(8)), plain.read(np.eye(8)))  # and it is true


@pytest.mark.parametrize("on", [True, False])
def test_effects_of_a_session_without_tiles(tmp_path, on):
    """There an effect can be neither had nor switched off."""
    package = aimc.compile(
        models.linear(tmp_path / "m.onnx"), dims={"batch": 1}, output=tmp_path / "m.aimc"
    )
    said = "effects.wire has no effect in a session without tiles (ideal)"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        aimc.Session(package, ideal=True, effects={"wire": on})
    assert [str(w.message) for w in told] == [said]
    if not on:
        np.savez(tmp_path / "x.npz", x=np.ones((1, 96), np.float32))
        done = run_program("aimc-run", package, "--input", tmp_path / "x.npz", "--ideal",
                           "--disable", "wire")  # fmt: skip
        assert (done.status, done.stderr) == (0, f"aimc-run: warning: {said}\n")


def test_a_tile_names_its_own_remedies():
    """It is not compiled."""
    tile = aimc.Tile(np.eye(8), {"adc": {"kind": "linear", "bits": 4, "lsb_fc": 2000.0}}, seed=1)
    with pytest.warns(aimc.HardwareWarning, match="effective bits") as told:
        tile.read(np.eye(8))
    assert str(told[0].message).endswith("; another adc.lsb_fc, or more adc bits, keep more")


def test_an_option_that_does_something_is_not_told():
    everything = {
        "device": {"device_spread": 0.05}, "wire": {"column_ohm": 1.0, "idle": "open"},
    }  # fmt: skip
    names = ("programming", "wire", "dac", "adc", "read_noise", "variation")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aimc.Tile(
            np.eye(8), everything, compensate="weights+pulses", compare_exact=1, scale="optimal",
            input_range=1.0, activity=np.full((8, 32), 1 / 32).tolist(), time_s=60.0,
            drift_compensation="column", effects=dict.fromkeys(names, True),
        )  # fmt: skip
        # what is switched off is off, whether it was there or not
        aimc.Tile(np.eye(8), effects=dict.fromkeys(names, False))
