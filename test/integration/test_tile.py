# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`aimc.Tile`: one tile from Python, against matrices worked out in numpy."""

import warnings

import numpy as np
import pytest
import torch

import aimc
from aimc.torch import Circuit, convert

QUIET = {"programming": False, "read_noise": False, "variation": False}


def matrix(rows, cols, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, cols)).astype(np.float32)


def test_read_is_the_product_where_nothing_disturbs():
    w, x = matrix(40, 30), matrix(7, 40, 1)
    target = {"adc": {"kind": "ideal"}, "wire": {"column_ohm": 0.0}}
    tile = aimc.Tile(w, target, effects=QUIET | {"dac": False})
    np.testing.assert_allclose(tile.read(x), x @ w, atol=2e-5)


@pytest.mark.parametrize("mode", [{}, {"mode": "split", "lsb_bits": 3}, {"mode": "bit_serial"}])
@pytest.mark.parametrize("idle", ["midrail", "open"])
def test_read_is_built_from_its_parts(mode, idle):
    """Codes, charges of each pass, and the digital scale, put together by hand."""
    w, x = matrix(48, 20), matrix(3, 48, 1)
    target = {
        "wire": {"column_ohm": 5.0, "idle": idle, "fidelity": "exact"},
        "adc": {"kind": "ideal"},
        "dac": mode,
    }
    tile = aimc.Tile(w, target, effects=QUIET)
    top = np.abs(x).max(axis=1, keepdims=True)
    code = np.rint(x * (np.float32(127) / top)).astype(int)
    passes = {"split": [(0, 3), (3, 4)], "bit_serial": [(b, 1) for b in range(7)]}
    expected = 0.0
    for shift, bits in passes.get(mode.get("mode", ""), [(0, 7)]):
        part = np.sign(code) * ((np.abs(code) >> shift) & (2**bits - 1))
        expected = expected + 2**shift * tile.charges(part, "exact")[:, 0]
    expected = expected * tile.array("digital")[0] * top / 127
    np.testing.assert_allclose(tile.read(x), expected, atol=1e-5 * np.abs(expected).max())


def test_charges_at_midrail_are_one_product():
    tile = aimc.Tile(matrix(60, 40), {"wire": {"column_ohm": 3.0, "row_ohm": 2.0}}, seed=4)
    pulses = np.rint(matrix(5, 60, 2) * 40)
    expected = pulses @ tile.array("effective")[0]
    np.testing.assert_allclose(tile.charges(pulses)[:, 0], expected, rtol=1e-9, atol=1e-9)


def test_fidelities_stay_near_the_circuit():
    tile = aimc.Tile(matrix(256, 64), {"wire": {"column_ohm": 0.35, "idle": "open"}}, seed=4)
    pulses = np.rint(np.clip(matrix(16, 256, 2) / 3, -1, 1) * 127)
    exact = tile.charges(pulses, "exact")
    for fidelity, bound in (("segments", 1e-3), ("one_product", 1e-2)):
        error = np.linalg.norm(tile.charges(pulses, fidelity) - exact) / np.linalg.norm(exact)
        assert 0 < error < bound, fidelity


def test_given_conductances_are_taken_as_they_are():
    rng = np.random.default_rng(0)
    plus, minus = rng.uniform(0, 30, (2, 3, 20, 9)).astype(np.float32)
    target = {"geometry": {"significance": [1, 2, 4]}, "wire": {"column_ohm": 0.0}}
    tile = aimc.Tile.from_conductances(plus, minus, target, effects={"read_noise": False})
    np.testing.assert_array_equal(tile.array("plus"), plus)
    weights = np.einsum("k,kij->ij", [1, 2, 4], plus.astype(float) - minus) / 7 / 24.9
    np.testing.assert_allclose(tile.array("weights"), weights, rtol=1e-9)
    pulses = np.rint(matrix(2, 20) * 30)
    charges = 0.2 * np.einsum("ni,kij->nkj", pulses, plus.astype(float) - minus)
    np.testing.assert_allclose(tile.charges(pulses), charges, rtol=1e-9, atol=1e-9)


def test_age_follows_the_devices():
    """Drift of a table device with one exponent: a power law."""
    device = {
        "kind": "table",
        "g_min_us": 0.0,
        "table": {
            "format": "aimc-device",
            "version": 1,
            "drift": {"t0_s": 10.0, "nu_mean": 0.05, "nu_std": 0.0},
        },
    }
    tile = aimc.Tile(matrix(20, 10), {"device": device})
    before = tile.array("plus")
    for time in (0.0, 90.0, 1e6):
        tile.age(time)
        expected = before * ((time + 10) / 10) ** -0.05
        np.testing.assert_allclose(tile.array("plus"), expected, rtol=2e-6)


def test_stuck_devices_and_spreads_have_their_statistics():
    n = 200
    device = {"kind": "ideal", "stuck_off": 0.02, "stuck_on": 0.03, "device_spread": 0.1}
    tile = aimc.Tile(np.full((n, n), 0.5), {"device": device}, scale="max", seed=2)
    minus = tile.array("programmed_minus").ravel()  # aims at g_min
    plus = tile.array("programmed_plus").ravel()  # aims at g_max
    for share, expected in (
        ((minus > 24).mean(), 0.03),
        ((plus < 0.2).mean(), 0.02),
    ):
        sigma = np.sqrt(expected * (1 - expected) / n**2)
        assert abs(share - expected) < 5 * sigma
    free = plus[(plus > 1) & (plus != np.float32(25))] / 25
    assert abs(free.mean() - 1) < 5 * 0.1 / n
    assert free.std() == pytest.approx(0.1, abs=5 * 0.1 / np.sqrt(2) / n)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (([1.0, 2.0],), "weights: expected a matrix"),
        ((np.zeros((2, 2), complex),), "weights: expected real numbers"),
        ((np.full((2, 2), np.inf),), "got inf at \\[0, 0\\]"),
        ((np.zeros((2, 2)), {"dac": {"tick_ns": 0}}), "tick_ns: expected a number from 1e-06"),
        ((np.zeros((2, 2)), [1]), "target: expected a preset, a file, a mapping or"),
        (
            (np.zeros((2, 2)), {"device": aimc.Device()}),
            r"device as a mapping, but got aimc.Device; "
            r"aimc.Target\(device=",
        ),
        (([[0, 0, 0], [0, 2e38, 0]],), r"weights: expected magnitudes of at most .* at \[1, 1\]"),
        ((np.zeros((2, 2)), {"device": {"g_min_us": np.nan}}), "target.device.g_min_us: .* nan"),
    ],
)
def test_mistakes_are_named(arguments, cause):
    with pytest.raises(aimc.InvalidArgumentError, match=cause):
        aimc.Tile(*arguments)


def test_a_closed_tile_says_so():
    tile = aimc.Tile(matrix(2, 2))
    tile.close()
    with pytest.raises(aimc.InvalidArgumentError, match="closed"):
        tile.read(matrix(1, 2))


@pytest.mark.parametrize("target", [{}, {"wire": {"idle": "open"}},
                                    {"dac": {"mode": "split", "lsb_bits": 3}}])  # fmt: skip
@pytest.mark.parametrize("fidelity", ["exact", "segments", "one_product"])
def test_ticks_are_whole_and_within_the_longest_pulse(target, fidelity):
    longest = 15 if "dac" in target else 127
    with aimc.Tile(matrix(3, 2), target, seed=1) as tile:
        assert np.isfinite(tile.charges([[longest, -longest, 0]], fidelity)).all()
        for wrong in (longest + 1, -longest - 1, 0.5, np.inf, np.nan):
            with pytest.raises(
                aimc.InvalidArgumentError,
                match=rf"whole numbers from -{longest} to {longest}, but got .* at \[0, 1\]",
            ):
                tile.charges([[0, wrong, 0]], fidelity)


def test_an_offset_of_the_adc_is_integrated_over_the_longest_pass():
    """Midrail and no pulse: the column's whole conductance times offset and window."""
    offset = 0.01
    for dac, ticks in (
        ({}, 127),
        ({"mode": "split", "lsb_bits": 3}, 15),
        ({"mode": "bit_serial"}, 1),
    ):
        target = {"geometry": {"rows": 4, "cols": 3}, "adc": {"v_off_v": offset},
                  "wire": {"column_ohm": 0.0}, "dac": dac}  # fmt: skip
        with aimc.Tile(matrix(4, 3), target, effects=QUIET) as tile:
            column = (tile.array("plus") + tile.array("minus")).sum(axis=1)
            charge = tile.charges(np.zeros((1, 4)))[0]
        np.testing.assert_allclose(charge, -column * offset * ticks, rtol=1e-6)


@pytest.mark.parametrize("partial", [{}, {"geometry": {}}, {"wire": {}, "adc": {}}, None])
def test_what_a_target_leaves_out_is_what_it_is_elsewhere(partial):
    """The tile of 512 x 512 that the compiler and aimc.torch cut for, the block beside its ADC."""
    w, x = matrix(256, 8), matrix(5, 256, 1)
    with (
        aimc.Tile(w, partial, effects=QUIET) as tile,
        aimc.Tile(w, aimc.Target(), effects=QUIET) as whole,
    ):
        assert tile.target == whole.target
        assert tile.target["geometry"] | {"rows": 512, "cols": 512} == tile.target["geometry"]
        layer = convert(torch.nn.Linear(256, 8, bias=False), partial or {}, recipe=Circuit())
        layer.weight.data = torch.from_numpy(w.T.copy())
        layer.refresh()
        with torch.no_grad():
            trained = layer.eval()(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(trained, tile.read(x), atol=1e-4 * np.abs(trained).max())


def test_an_array_that_is_given_whole_is_the_tile():
    plus = np.full((24, 6), 5.0)
    with aimc.Tile.from_conductances(plus, plus / 2) as tile:
        assert (tile.target["geometry"]["rows"], tile.target["geometry"]["cols"]) == (24, 6)


def test_what_has_no_effect_is_a_warning_once():
    """Fidelity and pulse compensation belong to open idle rows."""
    with pytest.warns(aimc.HardwareWarning, match="wire.fidelity has no effect"):
        aimc.Tile(matrix(2, 2), {"wire": {"fidelity": "exact"}})
    with pytest.warns(aimc.HardwareWarning, match=r"weights\+pulses does what weights does"):
        tile = aimc.Tile(matrix(2, 2), compensate="weights+pulses")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tile.read(matrix(1, 2))
        aimc.Tile(matrix(2, 2), {"wire": {"fidelity": "exact", "idle": "open"}})
        aimc.Tile(matrix(2, 2), seed=3, scale="sigma:3")


def test_a_scale_that_clips_most_weights_is_a_warning():
    with pytest.warns(aimc.HardwareWarning, match="scale sigma:.* clips 100% of the weights"):
        aimc.Tile(matrix(8, 8), scale="sigma:1e-9")
