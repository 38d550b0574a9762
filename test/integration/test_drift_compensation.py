# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Factors of drift compensation against the circuit's own charges, whatever converter reads them.

The oracle sends the same pulses through a tile as programmed and through it a month later, without
noise and converters, and fits what brings one to the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import aimc

ROWS, MONTH_S = 256, 30 * 86_400.0
NON_ZERO = (1, 2, 8, 64, 256)  # of a column's weights; a last column has none


def weights() -> np.ndarray:
    rng = np.random.default_rng(0)
    columns = np.zeros((ROWS, len(NON_ZERO) + 1), np.float32)
    for j, count in enumerate(NON_ZERO):
        rows = rng.choice(ROWS, count, replace=False)
        columns[rows, j] = rng.standard_normal(count)
    return columns


def outputs(tile: aimc.Tile, ticks: np.ndarray) -> np.ndarray:
    """Of the circuit alone, pairs added up."""
    return (tile.charges(ticks) * tile.array("digital")).sum(1)


def found_and_wanted(
    target: aimc.Target, mode: str, chips: int, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Factors [chips x columns with weights]: of the runtime, of the oracle."""
    found, wanted = [], []
    longest = 1 if target.dac.mode == "bit_serial" else 15 if target.dac.mode == "split" else 127
    for chip in range(chips):
        rng = np.random.default_rng(chip)
        ticks = np.clip(np.rint(rng.normal(0, longest / 3, (400, ROWS))), -longest, longest)
        tile = aimc.Tile(weights(), target, seed=chip, drift_compensation=mode, **options)
        assert np.all(tile.array("drift_factor") == 1)
        then = outputs(tile, ticks)
        tile.age(MONTH_S)
        now = outputs(tile, ticks)
        over = None if mode == "tile" else 0
        best = (then * now).sum(over) / (now * now).sum(over).clip(1e-30)
        found.append(tile.array("drift_factor"))
        wanted.append(np.broadcast_to(best, found[-1].shape))
    return np.array(found), np.array(wanted)


def cases() -> list[Any]:
    coarse, fine = aimc.Adc("linear", bits=5, lsb_fc=370.0), aimc.Adc("cco", bits=12)
    wire = aimc.Wire(column_ohm=0.35)
    noisy = aimc.Device(read_noise_scale=5.0)

    def case(name: str, mode: str = "column", **parts: Any) -> Any:
        options = parts.pop("options", {})
        return pytest.param(aimc.Target(**({"wire": wire} | parts)), mode, options, id=name)

    return [
        case("5 bits", adc=coarse),
        case("5 bits, whole tile", mode="tile", adc=coarse),
        case("5 bits, noisy", adc=coarse, device=noisy),
        case("8 bits, noisy", adc=aimc.Adc("linear", bits=8, lsb_fc=46.0), device=noisy),
        case("counter", adc=fine),
        case("coarse counter", adc=aimc.Adc("cco", bits=6, lsb_fc=120.0)),
        case("saturating", adc=aimc.Adc("linear", bits=5, lsb_fc=60.0)),
        case("two pairs", adc=coarse, geometry=aimc.Geometry(pairs=2)),
        case("split", adc=aimc.Adc("linear", bits=6, lsb_fc=40.0),
             dac=aimc.Dac(mode="split", lsb_bits=3)),
        case("bit serial", adc=aimc.Adc("linear", bits=6, lsb_fc=3.0),
             dac=aimc.Dac(mode="bit_serial")),
        case("gain", adc=coarse, wire=aimc.Wire(column_ohm=2.0), options={"compensate": "gain"}),
        case("weights", adc=coarse, wire=aimc.Wire(column_ohm=2.0),
             options={"compensate": "weights"}),
        case("open rows", adc=coarse, wire=aimc.Wire(column_ohm=0.35, idle="open")),
        case("row wires", adc=coarse, wire=aimc.Wire(column_ohm=0.35, row_ohm=0.35)),
        case("offsets", adc=aimc.Adc("linear", bits=6, lsb_fc=180.0, offset_spread_lsb=1.0,
                                     gain_spread=0.05)),
    ]  # fmt: skip


@pytest.mark.parametrize(("target", "mode", "options"), cases())
def test_factors_are_those_of_the_charges(target, mode, options):
    found, wanted = found_and_wanted(target, mode, chips=8, **options)
    assert np.all(found > 0)
    ratio = (found / wanted.clip(1e-9))[:, : len(NON_ZERO)]
    if target.dac.mode == "bit_serial":  # charges of few devices and one tick are not Gaussian
        assert np.all(np.abs(ratio.mean(0) - 1) < 0.2)
        ratio = ratio[:, 2:]
    spread = ratio.std(0)
    assert np.all(spread < 0.15)
    error = np.abs(ratio.mean(0) - 1)
    # What open rows take depends on how many conduct, more of the longer calibration vectors.
    bias = 0.02 if target.wire.idle == "open" else 0.01
    assert np.all(error < bias + 3 * spread / np.sqrt(len(ratio))), ratio.mean(0)


def test_a_column_that_says_nothing_is_drawn_to_its_tile():
    # A column of zeros, and one whose largest charge is far below a code.
    columns = weights()
    columns[:, 1] = 0
    target = aimc.Target(adc=aimc.Adc("linear", bits=3, lsb_fc=2000.0))
    tile = aimc.Tile(columns, target, seed=1, time_s=MONTH_S, drift_compensation="column")
    whole = aimc.Tile(columns, target, seed=1, time_s=MONTH_S, drift_compensation="tile")
    got, common = tile.array("drift_factor"), whole.array("drift_factor")
    assert np.ptp(common) == 0
    assert common[0] > 1.2
    assert got[1] == got[-1] == common[0]
    assert got[0] == pytest.approx(common[0], rel=0.05)
    nothing = aimc.Tile(
        np.zeros((8, 3)), target, seed=1, time_s=MONTH_S, drift_compensation="column"
    )
    assert np.all(nothing.array("drift_factor") == 1)


def test_factors_are_what_outputs_are_multiplied_with():
    target = aimc.Target(
        device=aimc.Device(read_noise_scale=0.0), adc=aimc.Adc("linear", bits=8, lsb_fc=40.0)
    )
    options = {"seed": 3, "time_s": MONTH_S}
    x = np.random.default_rng(0).standard_normal((20, ROWS))
    tile = aimc.Tile(weights(), target, drift_compensation="column", **options)
    plain = aimc.Tile(weights(), target, **options).read(x)
    factors = tile.array("drift_factor")
    np.testing.assert_allclose(tile.read(x), plain * factors, rtol=1e-5)
    (statistics,) = tile.statistics()["chip"]["tiles"]
    np.testing.assert_allclose(statistics["drift_factors"][0], factors, rtol=1e-6)
    assert statistics["drift_factor"] == pytest.approx(factors.mean(), rel=1e-6)
    # Without any noise on top of the devices', an age that is zero leaves what was.
    fresh = aimc.Tile(weights(), target, seed=3, time_s=0.0, drift_compensation="column")
    np.testing.assert_allclose(fresh.array("drift_factor"), 1, atol=0.02)
