# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The session's surface: names, types, shapes, options, statistics, errors."""

import gc
import warnings

import numpy as np
import onnxruntime
import pytest

import aimc


def x(rows=4, columns=64, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def test_shaped_like_onnxruntime(mlp_package, mlp_model):
    theirs = onnxruntime.InferenceSession(str(mlp_model))
    with aimc.Session(mlp_package, ideal=True) as ours:
        for mine, other in [
            (ours.get_inputs(), theirs.get_inputs()),
            (ours.get_outputs(), theirs.get_outputs()),
        ]:
            assert [(a.name, a.type) for a in mine] == [(a.name, a.type) for a in other]
        assert ours.get_inputs()[0].shape == [4, 64]
        got, expected = ours.run(None, {"x": x()}), theirs.run(None, {"x": x()})
        np.testing.assert_allclose(got[0], expected[0], atol=1e-5)
        (named,) = ours.run(["y"], {"x": x()})
        np.testing.assert_array_equal(named, got[0])


def test_analog_run_is_near_and_not_equal(mlp_package, mlp_model):
    expected = onnxruntime.InferenceSession(str(mlp_model)).run(None, {"x": x()})[0]
    with aimc.Session(mlp_package, seed=0) as session:
        (got,) = session.run(None, {"x": x()})
    error = np.linalg.norm(got - expected) / np.linalg.norm(expected)
    assert 1e-4 < error < 0.5


def test_every_effect_off_leaves_the_converters_codes(linear_package, linear_model):
    """No wire, noise or ADC: what remains is the DAC's 8-bit code, at most half a step per input."""
    effects = {"programming": False, "wire": False, "adc": False, "read_noise": False}
    feed = x(columns=96)
    expected = onnxruntime.InferenceSession(str(linear_model)).run(None, {"x": feed})[0]
    with aimc.Session(linear_package, effects=effects) as session:
        (coded,) = session.run(None, {"x": feed})
    with aimc.Session(linear_package, effects=effects | {"dac": False}) as session:
        (exact,) = session.run(None, {"x": feed})
    np.testing.assert_allclose(exact, expected, rtol=0, atol=2e-5)
    step = np.abs(feed).max(1, keepdims=True) / 127
    from aimc.testing import models

    bound = (step / 2) * np.abs(models.weight(96, 80)).sum(0)
    assert (np.abs(coded - expected) <= bound + 1e-5).all()
    assert np.abs(coded - expected).max() > 0


def test_input_layouts_do_not_matter(linear_package):
    """Fortran order, a strided view and a read-only array are all the same numbers."""
    feed = x(columns=96)
    wide = np.zeros((8, 96 * 2), np.float32)
    wide[::2, ::2] = feed
    frozen = feed.copy()
    frozen.setflags(write=False)
    with aimc.Session(linear_package, ideal=True) as session:
        (expected,) = session.run(None, {"x": feed})
        for view in (np.asfortranarray(feed), wide[::2, ::2], frozen):
            np.testing.assert_array_equal(session.run(None, {"x": view})[0], expected)


@pytest.mark.parametrize(
    ("feeds", "names"),
    [
        ({"x": x(columns=96).astype(np.float64)}, ["x", "float64"]),
        ({"x": x(columns=96).astype(np.float16)}, ["x", "float16"]),
        ({"x": x(columns=96).astype(np.int64)}, ["x", "int64"]),
        ({"x": x(rows=5, columns=96)}, ["x", "5"]),
        ({"y": x(columns=96)}, ["y"]),
        ({}, ["x"]),
        ({"x": "text"}, ["x"]),
    ],
    ids=["f64", "f16", "i64", "shape", "name", "none", "text"],
)
def test_inputs_that_do_not_fit(linear_package, feeds, names):
    with (
        aimc.Session(linear_package) as session,
        pytest.raises(aimc.InvalidArgumentError) as raised,
    ):
        session.run(None, feeds)
    assert all(name in str(raised.value) for name in names)


def test_unknown_output_and_closed_session(linear_package):
    session = aimc.Session(linear_package)
    with pytest.raises(aimc.InvalidArgumentError, match="'nope'"):
        session.run(["nope"], {"x": x(columns=96)})
    session.close()
    session.close()
    with pytest.raises(aimc.InvalidArgumentError, match="closed"):
        session.run(None, {"x": x(columns=96)})


def test_missing_package(tmp_path):
    with pytest.raises(aimc.BadPackageError, match=r"absent\.aimc"):
        aimc.Session(tmp_path / "absent.aimc")


def test_results_outlive_the_session(linear_package):
    session = aimc.Session(linear_package, ideal=True)
    (first,) = session.run(None, {"x": x(columns=96)})
    copy = first.copy()
    session.run(None, {"x": x(columns=96, seed=9)})
    del session
    gc.collect()
    np.testing.assert_array_equal(first, copy)


def test_statistics_count_reads_and_judge_them(linear_package):
    feed = x(columns=96)
    with aimc.Session(linear_package, seed=1, compare_ideal=True) as session:
        for _ in range(3):
            session.run(None, {"x": feed})
        noisy = session.statistics()
    quiet_effects = {"programming": False, "read_noise": False}
    with aimc.Session(linear_package, compare_ideal=True, effects=quiet_effects) as session:
        session.run(None, {"x": feed})
        quiet = session.statistics()
    (grid,) = noisy["grids"]
    assert (grid["calls"], grid["rows"]) == (3, 12)
    assert noisy["chip"]["targets"]["pcm"]["tiles"] == 1
    assert noisy["chip"]["tiles"][0]["used_cells"] == 96 * 80
    assert 0 < grid["weights"][0]["snr_db"] < quiet["grids"][0]["weights"][0]["snr_db"]


def test_snr_agrees_with_the_outputs(linear_package):
    """The statistic against its definition, computed outside from the outputs themselves."""
    feed = x(columns=96)
    with aimc.Session(linear_package, ideal=True) as session:
        (exact,) = session.run(None, {"x": feed})
    with aimc.Session(linear_package, seed=1, compare_ideal=True) as session:
        (got,) = session.run(None, {"x": feed})
        stated = session.statistics()["grids"][0]["weights"][0]["snr_db"]
    measured = 10 * np.log10((exact**2).sum() / ((got - exact) ** 2).sum())
    assert stated == pytest.approx(measured, abs=0.01)


def test_target_overrides_change_the_circuit(linear_package):
    feed = {"x": x(columns=96)}
    quiet = {"programming": False, "read_noise": False, "adc": False, "dac": False}

    def error(ohm):
        with aimc.Session(
            linear_package, effects=quiet, target={"wire": {"column_ohm": ohm}}
        ) as session:
            got = session.run(None, feed)[0]
        with aimc.Session(linear_package, ideal=True) as session:
            return np.abs(got - session.run(None, feed)[0]).max()

    errors = [error(ohm) for ohm in (0.0, 0.15, 1.0, 4.0)]
    assert errors[0] < 1e-5
    assert errors == sorted(errors)
    with pytest.raises(aimc.InvalidArgumentError, match="geometry"):
        aimc.Session(linear_package, target={"geometry": {"rows": 256}})


def test_what_is_wrong_with_every_layer_is_said_once(mlp_package):
    """Of the worst layer, with the number of others and the remedy."""
    feed = {"x": x(columns=64)}
    few = {"adc": {"bits": 4, "lsb_fc": 1.0}}
    with aimc.Session(mlp_package, target=few) as session:
        with pytest.warns(aimc.HardwareWarning) as told:
            session.run(None, feed)
        layers = session.statistics()["grids"]
    saturated = [str(w.message) for w in told if "saturate" in str(w.message)]
    assert len(saturated) == 1
    rates = {g["layer"]: g["weights"][0]["adc_clip_rate"] for g in layers}
    worst = max(rates, key=rates.__getitem__)
    others = sum(rate > 0.01 for rate in rates.values()) - 1
    assert others >= 1
    assert saturated[0].startswith(f"layer {worst}")
    assert f"and likewise {others} other" in saturated[0] and "--calibrate" in saturated[0]


def test_a_doubt_of_the_runtime_is_a_warning_once(linear_package):
    """An ADC step of a whole column's charge leaves no bits; the second run says nothing new."""
    feed = {"x": x(columns=96)}
    with aimc.Session(linear_package, target={"adc": {"lsb_fc": 2e5}}) as session:
        with pytest.warns(aimc.HardwareWarning, match="effective bits"):
            session.run(None, feed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            session.run(None, feed)
            aimc.Session(linear_package).run(None, feed)
    with pytest.warns(aimc.HardwareWarning, match="drift compensation has no effect"):
        aimc.Session(linear_package, drift_compensation="column").run(None, feed)


def test_an_ideal_session_says_what_it_leaves_out(linear_package):
    with pytest.warns(aimc.HardwareWarning, match="scale, time_s have no effect in a session wi"):
        aimc.Session(linear_package, ideal=True, scale="optimal", time_s=60.0)
    session = aimc.Session(
        linear_package, target={"device": {"drift_scale": 0.0, "read_noise_scale": 0.0}}
    )
    with pytest.warns(aimc.HardwareWarning, match="a time since programming has no effect"):
        session.age(60.0)
