# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Numbers that index a table: what onnxruntime refuses is refused by name, what it takes is right."""

import re

import numpy as np
import onnxruntime
import pytest
from onnx import helper

import aimc
from aimc.testing.models import node, save_like
from aimc.testing.programs import assert_one_error, run_program

TABLE = np.arange(5 * 7 * 3, dtype=np.float32).reshape(5, 7, 3)


def both(path, feeds):
    """Our outputs and onnxruntime's; an error's text where there is one."""
    package = aimc.compile(path, target="ideal")

    def ours():
        with aimc.Session(package, ideal=True) as session:
            return session.run(None, feeds)

    def theirs():
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, feeds)

    results = []
    for run in (ours, theirs):
        try:
            results.append(run())
        except Exception as error:  # noqa: BLE001
            results.append(str(error))
    return results


def gather(axis):
    return [helper.make_node("Gather", ["table", "ids"], ["y"], name="look_up", axis=axis)]


CASES = {
    "rows": (gather(0), {}, (2, 3), 5),
    "columns": (gather(1), {}, (4,), 7),
    "elements": (
        [helper.make_node("GatherElements", ["table", "ids"], ["y"], name="look_up", axis=2)],
        {},
        (5, 7, 2),
        3,
    ),
    "tuples": (
        [helper.make_node("GatherND", ["table", "ids"], ["y"], name="look_up")],
        {},
        (4, 2),
        (5, 7),
    ),
    "scatter": (
        [helper.make_node("ScatterND", ["table", "ids", "new"], ["y"], name="look_up")],
        {"new": np.ones((4, 3), np.float32)},
        (4, 2),
        (5, 7),
    ),
    "reshaped": (
        [node("Unsqueeze", ["ids", "axis"], "column"), *gather(0)],
        {"axis": np.array([0], np.int64)},
        (2, 3),
        5,
    ),
    "computed": ([node("Neg", ["ids"], "negative"), *gather(0)], {}, (2, 3), 5),
}
CASES["reshaped"][0][1].input[1] = "column"
CASES["computed"][0][1].input[1] = "negative"


LONG_ONLY = ("tuples", "scatter", "computed")  # ONNX knows them with int64 alone


@pytest.mark.parametrize(
    "case,dtype",
    [(c, t) for c in CASES for t in (np.int64, np.int32) if t == np.int64 or c not in LONG_ONLY],
)
def test_the_same_numbers_are_refused_as_by_onnxruntime(tmp_path, case, dtype):
    nodes, constants, shape, sizes = CASES[case]
    rng = np.random.default_rng(0)
    low = -np.broadcast_to(sizes, shape[-1:])
    ids = rng.integers(low, -low, shape).astype(dtype)
    if case == "computed":
        ids = np.clip(ids, 1 - sizes, sizes - 1)
    path = save_like(tmp_path / "m.onnx", nodes, {"table": TABLE} | constants, {"ids": ids})
    ours, theirs = both(path, {"ids": ids})
    np.testing.assert_array_equal(ours[0], theirs[0])

    place = tuple(int(rng.integers(n)) for n in shape)
    size = int(np.broadcast_to(sizes, shape[-1:])[place[-1]])
    for wrong in (size, -size - 1, 1000):
        bad = ids.copy()
        bad[place] = wrong
        ours, theirs = both(path, {"ids": bad})
        if case == "computed" and wrong == size:  # -size is the first row
            np.testing.assert_array_equal(ours[0], theirs[0])
            continue
        assert isinstance(theirs, str), theirs
        assert isinstance(ours, str), ours
        value = -wrong if case == "computed" else wrong
        at = place[:-1] if case in ("tuples", "scatter") else place
        assert "node 'look_up'" in ours
        assert f"in [{-size}, {size}) at [{', '.join(map(str, at))}], but got {value}" in ours
        assert ("input 'ids'" in ours) == (case not in ("computed", "elements"))


def test_a_bad_token_leaves_no_trace_in_the_chip(tmp_path):
    """The input is refused before a tile is read: the next run draws what it would have drawn."""
    rng = np.random.default_rng(3)
    constants = {"table": rng.standard_normal((5, 8), np.float32)}
    constants["w"] = rng.standard_normal((8, 16), np.float32)
    nodes = [
        node("MatMul", ["x", "w"], "y"),
        node("Gather", ["table", "ids"], "row"),
        node("MatMul", ["row", "w"], "z"),
    ]
    feeds = {"x": rng.standard_normal((2, 8), np.float32), "ids": np.array([1, 4])}
    path = save_like(tmp_path / "m.onnx", nodes, constants, feeds, ("y", "z"))
    package = aimc.compile(path)
    with aimc.Session(package, seed=1) as fresh:
        expected = fresh.run(None, feeds)
    with aimc.Session(package, seed=1) as session:
        with pytest.raises(aimc.InvalidArgumentError, match="input 'ids' of node"):
            session.run(None, feeds | {"ids": np.array([1, 5])})
        for got, wanted in zip(session.run(None, feeds), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_aimc_run_says_it_too(tmp_path):
    ids = np.array([[0, 4], [9, 1]])
    path = save_like(tmp_path / "m.onnx", gather(0), {"table": TABLE}, {"ids": ids})
    np.savez(tmp_path / "x.npz", ids=ids)
    done = run_program(
        "aimc-run",
        aimc.compile(path),
        "--input",
        tmp_path / "x.npz",
        "--output",
        tmp_path / "y.npz",
    )
    assert_one_error(done, "input 'ids'", "[1, 0]", "9", "[-5, 5)")
    assert not (tmp_path / "y.npz").exists()


def test_constant_indices_are_refused_when_compiled(tmp_path):
    for nodes, ids in ((gather(0), [5]), (CASES["tuples"][0], [[0, 7]])):
        path = save_like(
            tmp_path / "m.onnx",
            nodes,
            {"ids": np.array(ids)},
            {"table": TABLE},
        )
        with pytest.raises(aimc.CompileError, match=re.escape("'look_up'")):
            aimc.compile(path)
