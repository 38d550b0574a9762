# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calibration, scales and compensation as a user asks for them: `aimc.compile()`."""

import json
import os
import re
import signal
import subprocess
import time
import warnings

import numpy as np
import pytest
from safetensors.numpy import load_file

import aimc
from aimc.locate import find_program
from aimc.testing import models
from aimc.testing.programs import assert_one_error, run_program

RNG = np.random.default_rng(11)
# 96 inputs of very different size, and seven samples for a batch of two.
X = (RNG.standard_normal((7, 96)) * np.geomspace(0.01, 1, 96)).astype(np.float32)


def blocks_of(package):
    manifest = json.loads((package / "manifest.json").read_text())
    return [block for weight in manifest["weights"] for block in weight["blocks"]]


@pytest.fixture(scope="module")
def calibrated(linear_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    package = aimc.compile(
        linear_model, dims={"batch": 2}, calibrate={"x": X}, output=folder / "c.aimc"
    )
    assert os.listdir(folder) == ["c.aimc"]
    return package


def test_activity_is_the_histogram_of_the_samples(calibrated):
    """Seven samples in batches of two: the last batch overlaps, so sample 5 counts twice."""
    manifest = json.loads((calibrated / "manifest.json").read_text())
    activity = load_file(calibrated / "weights.safetensors")[manifest["weights"][0]["activity"]]
    seen = np.concatenate([X[:6], X[5:7]])
    relative = np.abs(seen) / np.abs(seen).max(axis=1, keepdims=True)
    bins = np.minimum((relative * 32).astype(int), 31)
    expected = np.stack([np.bincount(column, minlength=32) / 8 for column in bins.T])
    np.testing.assert_allclose(activity, expected, atol=1e-6)


def test_every_block_has_an_adc_that_fits(calibrated, linear_package):
    blocks = blocks_of(calibrated)
    assert all(0 < block["lsb_fc"] < 16.03 for block in blocks)
    assert not any("lsb_fc" in block for block in blocks_of(linear_package))
    with aimc.Session(calibrated, compare_ideal=True) as session:
        session.run(None, {"x": X[:2]})
        weight = session.statistics()["grids"][0]["weights"][0]
    assert weight["adc_clip_rate"] < 0.02


def test_input_range_and_second_round(linear_model, tmp_path):
    package = aimc.compile(linear_model, dims={"batch": 2}, calibrate={"x": X}, input_range=1,
                           output=tmp_path / "r.aimc")  # fmt: skip
    manifest = json.loads((package / "manifest.json").read_text())
    largest = np.abs(X).max()
    assert manifest["grids"][0]["input_range"] == pytest.approx(largest, rel=0.02)
    activity = load_file(package / "weights.safetensors")[manifest["weights"][0]["activity"]]
    seen = np.abs(np.concatenate([X[:6], X[5:7]])) / manifest["grids"][0]["input_range"]
    bins = np.minimum((seen * 32).astype(int), 31)
    expected = np.stack([np.bincount(column, minlength=32) / 8 for column in bins.T])
    np.testing.assert_allclose(activity, expected, atol=1e-6)


@pytest.mark.parametrize("ranges", [{}, {"input_range": 1}])
def test_a_record_calibrates_as_its_data_do(linear_model, tmp_path, ranges):
    """The same run, once by the compiler and once by hand: the same scales, ranges, activities."""
    data, record = tmp_path / "x.npz", tmp_path / "r.safetensors"
    np.savez(data, x=X[:2])
    wanted = aimc.compile(linear_model, dims={"batch": 2}, calibrate=data, **ranges,
                          output=tmp_path / "wanted.aimc")  # fmt: skip
    source = wanted if ranges else aimc.compile(linear_model, dims={"batch": 2},
                                                output=tmp_path / "source.aimc")  # fmt: skip
    run_program("aimc-run", source, "--input", data, "--record", record)
    got = aimc.compile(linear_model, dims={"batch": 2}, calibrate=record,
                       output=tmp_path / "got.aimc")  # fmt: skip
    for name in ("manifest.json", "weights.safetensors"):
        assert (got / name).read_bytes() == (wanted / name).read_bytes(), name
    done = run_program("aimc-compile", linear_model, "--dim", "batch=2", "--calibrate", record,
                       "--input-range", "auto", "-o", tmp_path / "o.aimc")  # fmt: skip
    assert_one_error(done, "r.safetensors: expected data (.npz) with --input-range")


def test_doubts_of_the_compiler_are_warnings(linear_model, tmp_path):
    options = {"dims": {"batch": 2}, "output": tmp_path / "w.aimc"}
    with pytest.warns(
        aimc.HardwareWarning, match="the scale sigma:1e-9 clips 100.0% of the weights of @"
    ):
        aimc.compile(linear_model, scale="sigma:1e-9", **options)
    with pytest.warns(aimc.HardwareWarning, match="the calibration data give only zeros"):
        aimc.compile(linear_model, calibrate={"x": X * 0}, **options)
    with pytest.warns(aimc.HardwareWarning, match="--fidelity has no effect: where idle"):
        aimc.compile(linear_model, fidelity="exact", **options)
    with pytest.warns(aimc.HardwareWarning, match=r"weights\+pulses does what weights does"):
        aimc.compile(linear_model, compensate="weights+pulses", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aimc.compile(linear_model, target="pcm-open", fidelity="exact", scale="sigma:3", **options)


@pytest.mark.parametrize(
    ("target", "options", "why"),
    [
        ("ideal", {"compensate": "weights"}, "--compensate has no effect: no target has wires"),
        ("ideal", {"compensate": "gain"}, "--compensate has no effect: no target has wires"),
        ("ideal", {"calibrate": {"x": X}}, "--calibrate has no effect: no target has an ADC that"),
        ("pcm", {"compensate": "weights"}, None),
        ("pcm", {"calibrate": {"x": X}}, None),
        ("ideal", {"calibrate": {"x": X}, "input_range": "auto"}, None),
    ],
)  # fmt: skip
def test_an_option_that_can_do_nothing_is_told(linear_model, tmp_path, target, options, why):
    def made(**given):
        output = tmp_path / f"{len(given)}.aimc"
        package = aimc.compile(
            linear_model, dims={"batch": 2}, target=target, output=output, **given
        )
        with aimc.Session(package, seed=1) as session:
            return session.run(None, {"x": X[:2]})[0]

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        given = made(**options)
    assert ["no effect" in str(w.message) for w in told] == [True] * bool(why)
    assert not why or why in str(told[0].message)
    assert np.array_equal(given, made()) == bool(why)  # and it is true


def metrics(text, name):
    """What remarks say of a metric."""
    return [float(value) for value in re.findall(rf"{name}=([-+0-9.eE]+)", text)]


@pytest.fixture(scope="module")
def plain_case(linear_model, tmp_path_factory):
    """Data for the linear model, and what it gives for them exactly."""
    folder = tmp_path_factory.mktemp("plain")
    x = np.random.default_rng(5).standard_normal((128, 96)).astype(np.float32)
    np.savez(folder / "x.npz", x=x)
    exact = x.astype(np.float64) @ models.weight(96, 80).astype(np.float64)
    return folder, x, exact


def tuned(model, folder, target, *options):
    """Standard error of the compiler, which calibrates with the folder's data, and a package."""
    (folder / "t.mlir").write_text(target.to_mlir())
    package = folder / "t.aimc"
    done = run_program("aimc-compile", model, "--dim", "batch=128", "--target", folder / "t.mlir",
                       "--calibrate", folder / "x.npz", "--remarks", *options,
                       "-o", package)  # fmt: skip
    assert done.status == 0, done.stderr
    return done.stderr, package


def run_once(package, x, **options):
    """Outputs, statistics of the one grid, and warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with aimc.Session(package, **options) as session:
            y = session.run(None, {"x": x})[0]
            grid = session.statistics()["grids"][0]
    return y, grid, [str(warning.message) for warning in told]


@pytest.mark.parametrize("lsb", [1.0, 4.0, 200.0])
def test_the_error_before_counts_all_that_saturates(linear_model, plain_case, lsb):
    """Against what a session of the uncalibrated ADC loses, from saturation to rounding."""
    folder, x, exact = plain_case
    target = aimc.Target(name="t", device=aimc.Device(kind="ideal"), wire=aimc.Wire(column_ohm=0.0),
                         adc=aimc.Adc(kind="linear", bits=8, lsb_fc=lsb))  # fmt: skip
    text, _ = tuned(linear_model, folder, target)
    (_, before), (_, after) = metrics(text, "error before"), metrics(text, "error after")
    (folder / "t.mlir").write_text(target.to_mlir())
    package = aimc.compile(linear_model, dims={"batch": 128}, target=target,
                           output=folder / "u.aimc")  # fmt: skip
    y, grid, _ = run_once(package, x, effects={"dac": False})
    lost = np.linalg.norm(y - exact) / np.linalg.norm(exact)
    assert before == pytest.approx(lost, rel=0.15)
    assert after < before
    bits = grid["weights"][0]["effective_bits"]
    assert 0.5 * np.log2(1 + 1 / before**2) == pytest.approx(bits, abs=0.25)


@pytest.mark.parametrize("bits", [3, 4, 6])
def test_compiler_and_runtime_agree_on_few_bits(linear_model, plain_case, bits):
    folder, x, _ = plain_case
    target = aimc.Target(name="t", device=aimc.Device(kind="ideal"), wire=aimc.Wire(column_ohm=0.0),
                         adc=aimc.Adc(kind="linear", bits=bits, lsb_fc=16.0))  # fmt: skip
    text, package = tuned(linear_model, folder, target)
    _, grid, told = run_once(package, x)
    kept = grid["weights"][0]["effective_bits"]
    (said,) = metrics(text, "effective bits")
    assert said == pytest.approx(kept, abs=0.25)
    few = kept < 3
    assert abs(kept - 3) > 0.25  # or the threshold could not be seen
    assert ("the ADC throws the signal of @" in text) == few
    remedies = [line.partition("; ")[2] for line in told if "effective bits" in line]
    assert remedies == ["more adc bits keep more"] * few  # data chose the range already
    _, _, told = run_once(package, x, target={"adc": {"lsb_fc": 2000.0}})
    (line,) = [line for line in told if "effective bits" in line]
    assert line.endswith("; without adc.lsb_fc the range holds that was chosen from data")
    bare = aimc.compile(linear_model, dims={"batch": 128}, target=target, output=folder / "b.aimc")
    _, _, told = run_once(bare, x, target={"adc": {"lsb_fc": 2000.0}})
    (line,) = [line for line in told if "effective bits" in line]
    assert "compile with --calibrate" in line


@pytest.mark.parametrize(("outlier", "share", "heavy"), [(40, "0.99", True), (1, "0.99", False),
                                                         (40, "auto", False), (40, "1", False)])  # fmt: skip
def test_a_clip_is_judged_by_the_power_it_takes(linear_model, tmp_path, outlier, share, heavy):
    """One channel of 96 holds nearly all of it: 1% of the inputs clip, and the model is gone."""
    x = np.random.default_rng(6).standard_normal((128, 96)).astype(np.float32)
    x[:, 7] *= outlier
    np.savez(tmp_path / "x.npz", x=x)
    target = aimc.Target(name="t", device=aimc.Device(kind="ideal"), wire=aimc.Wire(column_ohm=0.0),
                         adc=aimc.Adc(kind="ideal"))  # fmt: skip
    text, package = tuned(linear_model, tmp_path, target, "--input-range", share)
    _, grid, told = run_once(package, x)
    full = json.loads((package / "manifest.json").read_text())["grids"][0]["input_range"]
    beyond = np.maximum(np.abs(x.astype(np.float64)) - full, 0)
    loss = (beyond**2).sum() / (x.astype(np.float64) ** 2).sum()
    assert grid["dac_clip_loss"] == pytest.approx(loss, rel=1e-4, abs=1e-9)
    assert grid["dac_clip_rate"] < 0.011
    assert (loss > 1 / 63) == heavy
    assert ("the input range" in text and "--input-range auto" in text) == heavy
    assert any("the DAC's range takes" in line for line in told) == heavy


def test_an_optimal_scale_that_clips_a_little_everywhere_is_no_mistake():
    """All weights alike under strong noise: each is clipped a little, which is worth it."""
    weight = np.where(np.arange(64)[:, None] % 2, 0.1, -0.1) * np.ones((64, 4))
    device = {"kind": "pcm", "g_min_us": 0.1, "g_max_us": 25.0, "programming_noise_scale": 2.0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tile = aimc.Tile(weight, {"device": device}, scale="optimal")
    assert (tile.array("scale") < 0.1).all()
    with pytest.warns(aimc.HardwareWarning, match=r"scale sigma:0.7 clips 100% .* takes 9% of"):
        aimc.Tile(weight, {"device": device}, scale="sigma:0.7")


def test_calibrated_packages_are_reproducible(linear_model, calibrated, tmp_path):
    again = aimc.compile(
        linear_model, dims={"batch": 2}, calibrate={"x": X}, output=tmp_path / "again.aimc"
    )
    for name in sorted(os.listdir(calibrated)):
        assert (calibrated / name).read_bytes() == (again / name).read_bytes(), name


def test_compensation_undoes_the_wires(linear_model, tmp_path):
    """Without noise and converters, a compensated tile with bad wires multiplies as without."""
    target = aimc.Target(
        geometry=aimc.Geometry(rows=128, cols=128),
        device=aimc.Device(kind="ideal", g_min_us=0.1),
        wire=aimc.Wire(column_ohm=20.0),
        adc=aimc.Adc(kind="ideal"),
    )
    error = {}
    for mode in ("none", "weights"):
        package = aimc.compile(linear_model, dims={"batch": 7}, target=target, compensate=mode,
                               output=tmp_path / f"{mode}.aimc")  # fmt: skip
        assert [block.get("compensate", "none") for block in blocks_of(package)] == [mode]
        with aimc.Session(package, ideal=True) as session:
            exact = session.run(None, {"x": X})[0]
        with aimc.Session(package, effects={"dac": False}) as session:
            error[mode] = np.linalg.norm(session.run(None, {"x": X})[0] - exact)
        error[mode] /= np.linalg.norm(exact)
    assert error["none"] > 0.05
    assert error["weights"] < 1e-3


def test_scales_are_those_of_the_rule(linear_model, tmp_path):
    package = aimc.compile(
        linear_model, dims={"batch": 2}, scale="sigma:2", output=tmp_path / "s.aimc"
    )
    manifest = json.loads((package / "manifest.json").read_text())
    tensors = load_file(package / "weights.safetensors")
    weight = manifest["weights"][0]
    w = tensors[weight["tensor"]]
    w = w.T if weight["transposed"] else w
    expected = np.minimum(2 * w.astype(float).std(axis=0), np.abs(w).max(axis=0))
    np.testing.assert_allclose(tensors[weight["blocks"][0]["scales"]], expected, rtol=1e-5)


def test_a_device_file_replaces_the_device(linear_model, tmp_path):
    path = tmp_path / "dev.json"
    table = {"format": "aimc-device", "version": 1, "g_min_us": 1.0, "g_max_us": 40.0,
             "programming": {"std": 0.5}}  # fmt: skip
    path.write_text(json.dumps(table))
    package = aimc.compile(linear_model, dims={"batch": 2}, device=path, output=tmp_path / "d.aimc")
    device = json.loads((package / "manifest.json").read_text())["targets"]["pcm"]["device"]
    assert device == {"kind": "table", "g_min_us": 1.0, "g_max_us": 40.0, "table": table}
    aimc.Session(package).close()
    table["programming"]["std"] = -1
    path.write_text(json.dumps(table))
    with pytest.raises(aimc.CompileError, match=r"dev\.json': programming\.std: expected"):
        aimc.compile(linear_model, dims={"batch": 2}, device=path, output=tmp_path / "x.aimc")
    assert not (tmp_path / "x.aimc").exists()


@pytest.mark.parametrize(
    ("arrays", "cause"),
    [
        ({"y": X}, "expected an array 'x', which the model's inputs name, but got y"),
        ({"x": X.astype(np.int64)}, r"array 'x': expected f32 \[samples, 96\], but got i64"),
        ({"x": X[:, :5]}, r"array 'x': expected f32 \[samples, 96\], but got f32 \[7, 5\]"),
        ({"x": X[:0]}, "array 'x': expected at least one sample"),
        ({"x": np.full_like(X, np.nan)}, "batch 0: .*x"),
    ],
)
def test_calibration_data_that_does_not_fit(linear_model, tmp_path, arrays, cause):
    with pytest.raises(aimc.CompileError, match=cause):
        aimc.compile(linear_model, dims={"batch": 2}, calibrate=arrays, output=tmp_path / "c.aimc")
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_no_calibration_folder(linear_model, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.tile(X, (200, 1)))
    command = [find_program("aimc-compile"), linear_model, "--dim", "batch=2",
               "--calibrate", tmp_path / "x.npz", "-o", tmp_path / "c.aimc"]  # fmt: skip
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob("c.aimc.calibrate.*")) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.terminate()
    assert process.returncode in (-signal.SIGTERM, 0)
    assert not list(tmp_path.glob("*calibrate*"))


@pytest.mark.parametrize(
    "flags",
    [["--scale", "sigma:-1"], ["--compensate", "magic"], ["--input-range", "auto"],
     ["--fidelity", "high"], ["--calibrate", "x.npz", "--input-range", "0.5"]],
)  # fmt: skip
def test_wrong_usage(linear_model, flags):
    done = run_program("aimc-compile", linear_model, "--dim", "batch=2", *flags)
    assert done.status == 2
    assert len(done.error_lines) == 1
    assert flags[-2] in done.error_lines[0]
