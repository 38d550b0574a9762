# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arguments that cannot be meant: one line of aimc's own, with what helps."""

import copy
import json
import pickle

import numpy as np
import pytest

import aimc
from aimc.testing import models
from aimc.wording import in_python

X = np.ones((4, 96), np.float32)


@pytest.fixture(scope="module")
def session(linear_package):
    with aimc.Session(linear_package) as made:
        yield made


def said(call, *arguments, **options):
    with pytest.raises(aimc.InvalidArgumentError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "feeds", "words"),
    [
        (None, X, "input_feed: expected a mapping of input names to arrays, but got ndarray; "
                  "run(None, {'x': array})"),
        (None, None, "input_feed: expected a mapping of input names to arrays, but got NoneType"),
        (None, {1: X}, "input_feed: expected names of inputs, such as 'x', but got 1"),
        ("y", {"x": X}, "output_names: expected a list of names or None, but got 'y'; "
                        "run(['y'], feeds)"),
        (5, {"x": X}, "output_names: expected a list of names or None, but got 5"),
        (None, {"x": [[1], [1, 2]]}, "input 'x': expected an array, but got list: "),
        (None, {"x": X.astype(float)}, "input 'x': expected dtype float32, but got float64; "
                                       "array.astype(np.float32) converts it"),
        (None, {"x": X.astype(int)}, "input 'x': expected dtype float32, but got int64; "
                                     "array.astype(np.float32) converts it"),
        (None, {"x": "words"}, "input 'x': expected dtype float32, but got <U5"),
        (None, {"x": X[:2]}, "input 'x': expected f32 [4, 96], but got f32 [2, 96]; "
                             "aimc.compile(model, dims=...) makes a package of other sizes"),
        (None, {"z": X}, "input 'z': unknown name, expected 'x'"),
    ],
)  # fmt: skip
def test_runs(session, names, feeds, words):
    assert said(session.run, names, feeds).startswith(words)


@pytest.mark.parametrize("time_s", ["1d", None, True, [1.0]])
def test_ages(session, time_s):
    tile = aimc.Tile(np.eye(4), {})
    for aged in (session, tile):
        told = said(aged.age, time_s)
        assert told == f"time_s: expected seconds as a number, but got {time_s!r}; a day is 86400.0"


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copies_would_share_a_handle(session, make):
    """A copy of the object alone closed the session that it was made of."""
    assert "but got aimc.Session, which holds what the runtime has made; aimc.Session(" in said(
        make, session
    )
    assert "but got aimc.Tile, which holds" in said(make, aimc.Tile(np.eye(4), {}))
    assert len(session.run(None, {"x": X})) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dims": [("batch", 8)]}, "dims: expected a mapping of names to sizes, such as {'batch': "
                                   "8}, but got list"),
        ({"dims": {"batch": "x"}}, "dims: expected a whole number of at least 0 for 'batch', but "
                                   "got 'x'"),
        ({"dims": {"batch": -1}}, "dims: expected a whole number of at least 0 for 'batch', but"),
        ({"extra_args": "--no-pack"}, "extra_args: expected a list of flags, but got '--no-pack'"),
        ({"target": 3}, "target: expected a preset, a file, a mapping or an aimc.Target, but got"),
        ({"target": {"wire": {"ohm": 1.0}}}, "target 'target': wire: unknown key 'ohm'"),
        ({"calibrate": X}, "calibrate: expected arrays by input names or the path of a .npz file, "
                           "but got ndarray"),
        ({"calibrate": {"x": [[1], [1, 2]]}}, "calibrate: array 'x': expected an array"),
        ({"output": 3}, "output: expected a path, but got int"),
    ],
)  # fmt: skip
def test_compilations(linear_model, options, words):
    assert said(aimc.compile, linear_model, **({"dims": {"batch": 4}} | options)).startswith(words)


@pytest.mark.parametrize("call", [aimc.compile, aimc.Session, aimc.Chip, aimc.Target.load])
def test_paths(call):
    assert said(call, 3).endswith(": expected a path, but got int")


def test_the_compilers_remedies_are_arguments(tmp_path):
    model = models.linear(tmp_path / "m.onnx")
    with pytest.raises(aimc.CompileError) as caught:
        aimc.compile(model)
    assert str(caught.value).endswith(
        "expected sizes for the dynamic dimensions 'batch'; give them as dims={'batch': N}"
    )
    with pytest.raises(aimc.CompileError, match=r"error: input_range requires calibrate$"):
        aimc.compile(model, dims={"batch": 1}, input_range="auto")
    with pytest.raises(aimc.CompileError, match=r"a preset or a \.mlir or \.json file, but got"):
        aimc.compile(model, dims={"batch": 1}, target="pmc")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("give them as --dim 'a'=N --dim 'b c'=N; no", "give them as dims={'a': N, 'b c': N}; no"),
        ("--dim: expected", "dims: expected"),
        ("--emit-noise, --no-pack and --device", "emit_noise, --no-pack and device"),
        ("m--dim.onnx and --dims", "m--dim.onnx and --dims"),
    ],
)
def test_flags_become_arguments(line, words):
    assert in_python(line) == words


def test_every_road_reads_the_same_targets(linear_package, linear_model, tmp_path):
    """A preset, a file, parts and an aimc.Target, wherever a target is wanted."""
    wanted = aimc.Target.load("pcm-open")
    (tmp_path / "own.json").write_text(json.dumps(wanted.parts()))
    wire, plus = wanted.parts()["wire"], np.ones((wanted.geometry.rows, wanted.geometry.cols))
    assert wire != aimc.Target().parts()["wire"]
    for number, given in enumerate(["pcm-open", tmp_path / "own.json", wanted, wanted.parts()]):
        assert aimc.Tile(np.eye(4), given).target["wire"] == wire
        assert aimc.Tile.from_conductances(plus, plus, given).target["wire"] == wire
        with aimc.Session(linear_package, target=given) as session:
            session.save_chip(tmp_path / "chip")
        in_force = aimc.Chip(tmp_path / "chip").targets.values()
        assert [target["wire"] for target in in_force] == [wire]
        package = aimc.compile(
            linear_model, dims={"batch": 4}, target=given, output=tmp_path / f"{number}.aimc"
        )
        with aimc.Session(package, ideal=True) as session:
            assert [t.parts()["wire"] for t in session.targets().values()] == [wire]
    for call in (
        lambda given: aimc.Tile(np.eye(4), given),
        lambda given: aimc.Session(linear_package, target=given),
        lambda given: aimc.Session(linear_package, targets={"pcm": given}),
    ):
        assert "expected a preset or a .mlir or .json file, but got 'pmc'" in said(call, "pmc")
        assert "expected wire as a mapping, but got aimc.Wire" in said(call, {"wire": aimc.Wire()})
