# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where may be written: through no link, over nothing that is read, and nothing is left."""

import os
import shutil
import signal
import subprocess
import warnings

import pytest

import aimc
from aimc.files import replacing
from aimc.locate import find_program
from aimc.testing import exports
from aimc.testing.programs import listing, run_program


def run(name, *args):
    done = run_program(name, *args)
    assert done.status == 0, done.stderr
    return done


# --- Links ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
def test_nothing_is_written_through_a_link(linear_model, linear_package, made, tmp_path, kind):
    """Every program that writes: what a link leads to stays, and so does the link."""
    aim, link = tmp_path / "aim", tmp_path / "link.npz"
    if kind == "file":
        aim.write_text("yesterday")
    elif kind == "folder":
        aim.mkdir()
    link.symlink_to(aim)
    tiled = tmp_path / "tiled.mlir"
    run("aimc-compile", linear_model, "--dim", "batch=4", "--emit", "tiled", "-o", tiled)
    before = listing(tmp_path)
    run_linear = ["aimc-run", linear_package, "--input", made / "x.npz"]
    for command in (
        ["aimc-compile", linear_model, "--dim", "batch=4", "-o", link],
        ["aimc-compile", linear_model, "--dim", "batch=4", "--emit", "tiled", "-o", link],
        ["aimc-compile", linear_model, "--dim", "batch=4", "--emit-noise", link],
        [*run_linear, "--output", link],
        [*run_linear, "--output", tmp_path / "y.npz", "--record", link],
        [*run_linear, "--output", tmp_path / "y.npz", "--save-chip", link],
        ["aimc-chip", "program", linear_package, "-o", link],
        ["aimc-chip", "age", made / "c", "--time", "1d", "-o", link],
        ["aimc-chip", "dump-map", linear_package, "-o", link],
        ["aimc-opt", tiled, "-o", link],
    ):
        done = run_program(*command)
        assert done.status != 0, command
        assert f"expected no link in the place of what is written, but got one to {aim}" in (
            done.stderr
        ), (command, done.stderr)
        assert done.stderr.count("\n") == 1, done.stderr
        assert link.is_symlink()
        assert listing(tmp_path) == before, command
    with pytest.raises(aimc.InvalidArgumentError, match="expected no link"), replacing(link):
        pass
    assert listing(tmp_path) == before


def test_a_chip_that_others_may_change_is_told_once(linear_package, made, tmp_path):
    chip = tmp_path / "chip"
    chip.write_bytes((made / "c").read_bytes())
    chip.chmod(0o646)
    done = run_program("aimc-chip", "info", chip)
    assert done.status == 0
    assert done.stderr.count("every user of this machine may change this chip; chmod o-w") == 1
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(2):
            aimc.Session(linear_package, chip=chip).close()
    assert [w.category for w in told] == [aimc.HardwareWarning]
    assert "every user of this machine may change this chip" in str(told[0].message)


# --- What is read is not overwritten ---------------------------------------------------------------


def test_no_output_is_an_input(linear_model, linear_package, made, tmp_path):
    """By its own name, by a hard link, or inside of a package; nor are two outputs one file."""
    model, x, table = tmp_path / "m.onnx", tmp_path / "x.npz", tmp_path / "d.json"
    model.write_bytes(linear_model.read_bytes())
    x.write_bytes((made / "x.npz").read_bytes())
    chip, package = tmp_path / "chip", tmp_path / "p.aimc"
    chip.write_bytes((made / "c").read_bytes())
    shutil.copytree(linear_package, package)
    table.write_text("{}")
    other = tmp_path / "other"
    other.hardlink_to(x)
    before = listing(tmp_path)
    compiled = ["aimc-compile", model, "--dim", "batch=4"]
    ran = ["aimc-run", package, "--input", x]
    y = tmp_path / "y.npz"
    for command in (
        [*compiled, "--emit", "tiled", "-o", model],
        [*compiled, "--emit-noise", model],
        [*compiled, "--calibrate", x, "--emit-noise", x],
        [*compiled, "--device", table, "--emit-noise", table],
        [*compiled, "-o", tmp_path / "n.aimc", "--calibrate", x, "--emit-noise", other],
        [*ran, "--output", x],
        [*ran, "--output", other],
        [*ran, "--output", y, "--stats", x],
        [*ran, "--output", y, "--record", x],
        [*ran, "--output", y, "--save-chip", x],
        [*ran, "--output", y, "--stats", y],
        [*ran, "--output", package / "weights.safetensors"],
        [*ran, "--output", package / "new.npz"],
        ["aimc-chip", "program", package, "-o", package / "manifest.json"],
        ["aimc-chip", "dump-map", package, "--chip", chip, "-o", package / "map.npz"],
    ):
        done = run_program(*command)
        assert done.status == 1, (command, done.stderr)
        assert done.stderr.count("\n") == 1 and ": expected a" in done.stderr, done.stderr
        assert listing(tmp_path) == before, command
    run(*ran, "--output", y, "--chip", chip, "--save-chip", chip)  # a chip goes on in its place
    run("aimc-chip", "age", chip, "--time", "1d", "-o", chip)
    run(*ran, "--output", "/dev/null", "--stats", "/dev/null")


def test_a_model_keeps_its_external_data(tmp_path):
    path = exports.ensure("tiny-bert", "dynamo")
    shutil.copytree(path.parent, tmp_path / "m")
    before = listing(tmp_path)
    (data,) = (p for p in (tmp_path / "m").iterdir() if p.name != path.name)
    sizes = ["--dim", "batch=1", "--dim", "seq=4"]
    for emit in (["--emit", "tiled", "-o", data], ["--emit-noise", data]):
        done = run_program("aimc-compile", tmp_path / "m" / path.name, *sizes, *emit)
        assert done.status == 1
        assert "expected another file than the input" in done.stderr
        assert listing(tmp_path) == before


def test_a_reader_that_goes_away_leaves_nothing(linear_model, tmp_path):
    """Messages into a pipe that nobody reads any more."""
    command = [find_program("aimc-compile"), linear_model, "--dim", "batch=4", "--remarks", "-o",
               tmp_path / "p.aimc"]  # fmt: skip
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(command, stdout=gone, stderr=gone)
    assert done.returncode in (0, -signal.SIGPIPE)
    assert [p.name for p in tmp_path.iterdir()] in ([], ["p.aimc"])
