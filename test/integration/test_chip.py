# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Chip instances through the programs: made, aged, resumed, compared, and mapped device by device."""

import csv
import json

import numpy as np
import pytest

import aimc
from aimc.testing import models
from aimc.testing.programs import assert_one_error, run_program


def batch(seed=0, rows=4, columns=96):
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def ok(name, *args):
    done = run_program(name, *args)
    assert done.status == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def chip(linear_package, tmp_path_factory):
    path = tmp_path_factory.mktemp("chip") / "c.safetensors"
    ok("aimc-chip", "program", linear_package, "--seed", "3", "-o", path)
    return path


def test_run_goes_on_where_a_saved_chip_stopped(linear_package, tmp_path):
    """Two runs in one session, or one, a file, and another: the same bits."""
    first, second = batch(1), batch(2)
    np.savez(tmp_path / "1.npz", x=first)
    np.savez(tmp_path / "2.npz", x=second)
    with aimc.Session(linear_package, seed=9) as session:
        session.run(None, {"x": first})
        (expected,) = session.run(None, {"x": second})
    chip, out = tmp_path / "c.safetensors", tmp_path / "y.npz"
    ok(
        "aimc-run",
        linear_package,
        "--input",
        tmp_path / "1.npz",
        "--seed",
        "9",
        "--save-chip",
        chip,
    )
    ok("aimc-run", linear_package, "--input", tmp_path / "2.npz", "--chip", chip, "--output", out)
    np.testing.assert_array_equal(np.load(out)["y"], expected)


def test_aged_file_is_the_session_at_that_time(linear_package, chip, tmp_path):
    old = tmp_path / "old.safetensors"
    ok("aimc-chip", "age", chip, "--time", "30d", "-o", old)
    for options in ({"seed": 3, "time_s": 30 * 86400}, {"chip": chip, "time_s": 30 * 86400}):
        with aimc.Session(linear_package, **options) as session:
            (expected,) = session.run(None, {"x": batch()})
        with aimc.Session(linear_package, chip=old) as session:
            (got,) = session.run(None, {"x": batch()})
        np.testing.assert_array_equal(got, expected)
    assert json.loads(ok("aimc-chip", "info", old, "--json"))["time_s"] == 30 * 86400


def test_drift_compensation_restores_the_slope(linear_package):
    """Least squares of the output on the exact product: after a year PCM has lost a third."""
    x = batch(5)
    exact = x.astype(np.float64) @ models.weight(96, 80).astype(np.float64)
    slopes = {}
    for kind in ("none", "tile", "column"):
        with aimc.Session(linear_package, time_s=3.15e7, drift_compensation=kind) as session:
            (y,) = session.run(None, {"x": x})
        slopes[kind] = float((y * exact).sum() / (exact**2).sum())
    assert slopes["none"] < 0.7
    assert abs(slopes["tile"] - 1) < 0.12
    assert abs(slopes["column"] - 1) < 0.12


def test_map_names_every_device(linear_package, chip, tmp_path):
    weight = models.weight(96, 80).astype(np.float64)
    scale = np.abs(weight).max(axis=0)
    programmed = aimc.Chip(chip).conductances(aimc.Chip(chip).blocks()[0].weight)
    for source in (["--seed", "3"], ["--chip", chip]):
        out = tmp_path / "map.csv"
        ok("aimc-chip", "dump-map", linear_package, *source, "-o", out)
        with out.open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 2 * weight.size
        for line in rows[:: len(rows) // 500]:
            i, j = int(line["row"]), int(line["column"])
            plus = line["device"] == "plus"
            share = max((1 if plus else -1) * weight[i, j] / scale[j], 0)
            assert float(line["target_us"]) == pytest.approx(0.1 + 24.9 * share, abs=1e-4)
            kept = programmed[0 if plus else 1][0, i, j]
            assert float(line["programmed_us"]) == pytest.approx(kept, rel=1e-6, abs=1e-9)
    ok("aimc-chip", "dump-map", linear_package, "--seed", "3", "-o", tmp_path / "map.npz")
    arrays = np.load(tmp_path / "map.npz")
    assert [float(line["programmed_us"]) for line in rows] == pytest.approx(
        arrays["programmed_us"].tolist(), rel=1e-6, abs=1e-9
    )
    assert arrays["device"].tolist()[:2] == [1, -1]
    assert list(arrays["weights"]) == [aimc.Chip(chip).blocks()[0].weight.encode()]
    # Without a time nothing has moved since programming.
    assert (arrays["now_us"] == arrays["programmed_us"]).all()


def test_map_of_an_aged_chip_holds_what_devices_have_become(linear_package, chip, tmp_path):
    """Conductances at a time, against a tile with the same devices at that time."""
    old, out = tmp_path / "old.safetensors", tmp_path / "map.npz"
    ok("aimc-chip", "age", chip, "--time", "30d", "-o", old)
    ok("aimc-chip", "dump-map", linear_package, "--chip", old, "-o", out)
    arrays = np.load(out)
    live = arrays["programmed_us"] > 0
    assert (arrays["now_us"] < arrays["programmed_us"])[live].mean() > 0.9  # drift of PCM
    (block,) = aimc.Chip(chip).blocks()
    place = {"at_row": block.at_row, "at_col": block.at_col, "tile": int(block.key.split("/")[2])}
    with aimc.Tile(models.weight(96, 80), {"geometry": {"rows": 512, "cols": 512}}, seed=3,
                   time_s=30 * 86400, **place) as tile:  # fmt: skip
        for sign, name in ((1, "plus"), (-1, "minus")):
            chosen = arrays["device"] == sign
            now = np.empty((96, 80))
            now[arrays["row"][chosen], arrays["column"][chosen]] = arrays["now_us"][chosen]
            np.testing.assert_array_equal(now, tile.array(name)[0])


def test_the_nearest_name_comes_first(mlp_package):
    """Of the model's weights, the one whose name was written without its first part."""
    manifest = json.loads((mlp_package / "manifest.json").read_text())
    names = [weight["name"] for weight in manifest["weights"]]
    assert len(names) > 1
    for name in names:
        done = run_program("aimc-chip", "dump-map", mlp_package, "--weight", name[1:] + "x")
        assert_one_error(done, f"; it has {name}")


def test_compare_sees_what_differs(linear_package, chip, tmp_path):
    same = json.loads(ok("aimc-chip", "compare", chip, chip, "--json"))
    assert all(row["rms_difference_us"] == 0 for row in same)
    other = tmp_path / "d.safetensors"
    ok("aimc-chip", "program", linear_package, "--seed", "4", "-o", other)
    a, b = (aimc.Chip(path).conductances(same[0]["weight"]) for path in (chip, other))
    (row,) = json.loads(ok("aimc-chip", "compare", chip, other, "--json"))
    difference = np.concatenate([(q - p).ravel() for p, q in zip(a, b, strict=True)])
    assert row["rms_difference_us"] == pytest.approx(np.sqrt((difference**2).mean()), rel=1e-4)
    assert row["largest_difference_us"] == pytest.approx(np.abs(difference).max(), rel=1e-5)
    (row,) = json.loads(ok("aimc-chip", "compare", chip, chip, "--other-time", "1y", "--json"))
    assert row["mean_difference_us"] < -1


def test_record_is_what_the_session_saw(linear_package, tmp_path):
    """Quantiles and histogram of the inputs, and exact products for the model that runs on."""
    x = batch(7)
    np.savez(tmp_path / "x.npz", x=x)
    record, out = tmp_path / "r.safetensors", tmp_path / "y.npz"
    ok("aimc-run", linear_package, "--input", tmp_path / "x.npz", "--record", record, "--output",
       out)  # fmt: skip
    exact = x.astype(np.float64) @ models.weight(96, 80).astype(np.float64)
    np.testing.assert_allclose(np.load(out)["y"], exact, atol=1e-4)
    data = record.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["aimc"])
    assert [grid["vectors"] for grid in about["grids"]] == [4]

    def tensor(name):
        begin, end = (8 + length + offset for offset in header[name]["data_offsets"])
        return np.frombuffer(data[begin:end], np.float32).reshape(header[name]["shape"])

    assert tensor("grid.0.quantiles")[4] == np.abs(x).max()
    shares = [0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998]
    quantiles = np.quantile(np.abs(x), shares, method="inverted_cdf")
    np.testing.assert_allclose(tensor("grid.0.body"), quantiles, rtol=0.032)  # a bin's width
    (name,) = about["grids"][0]["weights"]
    activity = tensor(f"weight.{name}.activity")
    bins = np.minimum((np.abs(x) / np.abs(x).max(axis=1, keepdims=True) * 32).astype(int), 31)
    expected = np.stack([np.bincount(column, minlength=32) / 4 for column in bins.T])
    assert np.abs(activity - expected).max() <= 0.25  # a value on the edge of a bin
    assert np.abs(activity - expected).mean() < 1e-3


@pytest.mark.parametrize(
    ("args", "status", "cause"),
    [
        (["age", "{chip}", "--time", "soon", "-o", "{out}"], 2, "duration"),
        (["age", "{out}", "--time", "1d", "-o", "{out}"], 1, "out"),
        (["program", "{package}", "-o", "{out}/absent/c"], 1, "cannot write"),
        (["program", "{package}", "--seed", "-1", "-o", "{out}"], 2, "18446744073709551615"),
        (["dump-map", "{package}", "--weight", "nobody"], 1, "nobody'; it has "),
        (
            ["dump-map", "{package}", "-o", "{out}.txt"],
            1,
            "expected a name that ends with .csv or .npz",
        ),
        (["compare", "{chip}", "{package}"], 1, "it is a package, of which aimc-chip program"),
        (["dump-map", "{package}", "--chip", "{package}/manifest.json"], 1, "manifest.json"),
        (["info", "{package}"], 1, "expected a chip file, but got a folder"),
        (["melt"], 2, "melt"),
        ([], 2, "expected a command among"),
    ],
)
def test_bad_use_is_one_line(linear_package, chip, tmp_path, args, status, cause):
    places = {"package": linear_package, "chip": chip, "out": tmp_path / "out"}
    done = run_program("aimc-chip", *(arg.format(**places) for arg in args))
    assert done.status == status, done.stderr
    if status == 1:
        assert_one_error(done, cause)
    else:
        assert len(done.error_lines) == 1
        assert cause in done.stderr


def test_a_chip_of_another_model_is_refused(mlp_package, chip, tmp_path):
    with pytest.raises(aimc.InvalidArgumentError, match="other weights or another mapping"):
        aimc.Session(mlp_package, chip=chip)
    done = run_program("aimc-run", mlp_package, "--chip", chip)
    assert_one_error(done, "other weights or another mapping")
    with pytest.raises(aimc.InvalidArgumentError, match="chip file"):
        aimc.Chip(mlp_package / "manifest.json")
