# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tables that a model reads by a product stay digital; onnxruntime says what is read."""

import json

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

import aimc
from aimc.testing.models import node, save_like
from aimc.testing.programs import run_program

COLS = 40
FLOAT = TensorProto.FLOAT


def equal():
    return [node("Unsqueeze", ["ids", "last"], "column"), node("Equal", ["column", "range"], "e")]


def one_minus():
    return [
        node("Unsqueeze", ["ids", "last"], "column"),
        node("Cast", ["column"], "b", to=FLOAT),
        node("Sub", ["one", "b"], "a"),
        node("Concat", ["a", "b"], "hot", axis=-1),
    ]


def comparisons(rows):
    nodes = [node("Unsqueeze", ["ids", "last"], "column")]
    for i in range(rows):
        nodes.append(node("Equal", ["column", f"number{i}"], f"e{i}"))
        nodes.append(node("Cast", [f"e{i}"], f"c{i}", to=FLOAT))
    return [*nodes, node("Concat", [f"c{i}" for i in range(rows)], "hot", axis=-1)]


ONE_HOT = {
    "cast": lambda rows: [*equal(), node("Cast", ["e"], "hot", to=FLOAT)],
    "where": lambda rows: [*equal(), node("Where", ["e", "one", "zero"], "hot")],
    "not": lambda rows: [
        *equal(),
        node("Not", ["e"], "n"),
        node("Where", ["n", "zero", "one"], "hot"),
    ],
    "one minus": lambda rows: [
        *equal(),
        node("Not", ["e"], "n"),
        node("Cast", ["n"], "f", to=FLOAT),
        node("Sub", ["one", "f"], "hot"),
    ],
    "floats": lambda rows: [
        node("Unsqueeze", ["ids", "last"], "column"),
        node("Cast", ["column"], "f", to=FLOAT),
        node("Cast", ["range"], "r", to=FLOAT),
        node("Equal", ["f", "r"], "e"),
        node("Where", ["e", "one", "zero"], "hot"),
    ],
    "identity": lambda rows: [node("Gather", ["eye", "ids"], "hot")],
    "integer identity": lambda rows: [
        node("Cast", ["eye"], "i", to=TensorProto.INT32),
        node("Gather", ["i", "ids"], "g"),
        node("Cast", ["g"], "hot", to=FLOAT),
    ],
    "turned": lambda rows: [
        node("Unsqueeze", ["ids", "middle"], "row"),
        node("Unsqueeze", ["range", "middle"], "r"),
        node("Equal", ["row", "r"], "e"),
        node("Cast", ["e"], "f", to=FLOAT),
        node("Transpose", ["f"], "hot", perm=[0, 2, 1]),
    ],
    "comparisons": comparisons,
    "padded": lambda rows: [
        *equal(),
        node("Cast", ["e"], "f", to=FLOAT),
        node("Slice", ["f", "start", "end", "last"], "s"),
        node("Pad", ["s", "pads"], "hot"),
    ],
}
CASES = [(form, rows) for form in ONE_HOT for rows in ((2, 80) if form == "cast" else (5,))]


def constants(rows, rng):
    return {
        "range": np.arange(rows, dtype=np.int64),
        "last": np.array([2], np.int64),
        "middle": np.array([1], np.int64),
        "one": np.ones(1, np.float32),
        "two": np.full(1, 2, np.float32),
        "zero": np.zeros(1, np.float32),
        "eye": np.eye(rows, dtype=np.float32),
        "codes": np.tri(rows, dtype=np.float32),
        "start": np.array([0], np.int64),
        "end": np.array([rows - 1], np.int64),
        "pads": np.array([0, 0, 0, 0, 0, 1], np.int64),
        "table": rng.standard_normal((rows, COLS), np.float32),
        **{f"number{i}": np.array(i, np.int64) for i in range(min(rows, 8))},
    }


def compile_product(tmp_path, nodes, tensors, feeds, *arguments):
    """Of `hot` with the table: the package, what was said, and what onnxruntime computes."""
    nodes = [*nodes, node("MatMul", ["hot", "table"], "y")]
    read = {name for each in nodes for name in each.input}
    used = {name: tensor for name, tensor in tensors.items() if name in read}
    model = save_like(tmp_path / "m.onnx", nodes, used, feeds)
    package = tmp_path / "m.aimc"
    done = run_program("aimc-compile", model, "-o", package, "--remarks", *arguments)
    assert done.status == 0, done.stderr
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return package, done.stderr, session.run(None, feeds)[0]


def tiled(package):
    """Shapes of the matrices on tiles."""
    manifest = json.loads((package / "manifest.json").read_text())
    return [(weight["rows"], weight["cols"]) for weight in manifest["weights"]]


def assert_look_up(package, said, feeds, expected):
    assert tiled(package) == []
    assert "stays digital: its input selects rows of the constant: a look-up" in said
    with aimc.Session(package) as session:
        np.testing.assert_array_equal(session.run(None, feeds)[0], expected)


@pytest.mark.parametrize(("form", "rows"), CASES)
def test_one_hot_vectors_are_addresses(tmp_path, form, rows):
    """Exact on a noisy target, no tile, and a remark that says so."""
    rng = np.random.default_rng(1)
    feeds = {"ids": rng.integers(0, rows, (2, 6))}
    tensors = constants(rows, rng)
    package, said, expected = compile_product(
        tmp_path, ONE_HOT[form](rows), tensors, feeds, "--require-analog"
    )
    if form != "padded":
        np.testing.assert_array_equal(expected, tensors["table"][feeds["ids"]])
    assert_look_up(package, said, feeds, expected)


def test_an_integer_beside_one_minus_it_selects_one_of_two_rows(tmp_path):
    rng = np.random.default_rng(2)
    feeds = {"ids": rng.integers(0, 2, (2, 6))}
    tensors = constants(2, rng)
    package, said, expected = compile_product(tmp_path, one_minus(), tensors, feeds)
    np.testing.assert_array_equal(expected, tensors["table"][feeds["ids"]])
    assert_look_up(package, said, feeds, expected)


PRODUCTS = {
    "scaled": [*equal(), node("Where", ["e", "two", "zero"], "hot")],
    "run-time data": [*equal(), node("Where", ["e", "x", "zero"], "hot")],
    "no one-hot rows": [node("Gather", ["codes", "ids"], "hot")],
    "thresholded": [node("Greater", ["x", "zero"], "t"), node("Cast", ["t"], "hot", to=FLOAT)],
    "masked": [*equal(), node("Cast", ["e"], "f", to=FLOAT), node("Mul", ["x", "f"], "hot")],
    "gate": [
        node("Sigmoid", ["x"], "s"),
        node("Slice", ["s", "start", "two_of", "last"], "b"),
        node("Sub", ["one", "b"], "a"),
        node("Concat", ["a", "b"], "hot", axis=-1),
    ],
}


@pytest.mark.parametrize("form", PRODUCTS)
def test_what_is_no_one_hot_vector_is_a_product_on_tiles(tmp_path, form):
    rng = np.random.default_rng(3)
    rows = 4 if form == "gate" else 5
    tensors = constants(rows, rng) | {"two_of": np.array([2], np.int64)}
    feeds = {
        "ids": rng.integers(0, rows, (2, 6)),
        "x": rng.standard_normal((2, 6, rows), np.float32),
    }
    read = {name for each in PRODUCTS[form] for name in each.input}
    feeds = {name: array for name, array in feeds.items() if name in read}
    package, said, expected = compile_product(
        tmp_path, PRODUCTS[form], tensors, feeds, "--target", "ideal"
    )
    assert tiled(package) == [(rows, COLS)]
    assert "look-up" not in said
    with aimc.Session(package, ideal=True) as session:
        np.testing.assert_allclose(session.run(None, feeds)[0], expected, rtol=1e-5, atol=1e-5)


def test_a_batch_of_equal_matrices_is_one_matrix(tmp_path):
    rng = np.random.default_rng(4)
    feeds = {"hot": rng.standard_normal((3, 4, 64), np.float32)}
    tensors = {
        "w": rng.standard_normal((64, COLS), np.float32),
        "shape": np.array([3, 64, COLS], np.int64),
    }
    nodes = [node("Expand", ["w", "shape"], "table")]
    package, _, expected = compile_product(
        tmp_path, nodes, tensors, feeds, "--target", "ideal", "--require-analog"
    )
    assert tiled(package) == [(64, COLS)]
    with aimc.Session(package, ideal=True) as session:
        np.testing.assert_allclose(session.run(None, feeds)[0], expected, rtol=1e-5, atol=1e-5)


def test_a_batch_of_matrices_one_of_which_differs_in_one_number_stays_digital(tmp_path):
    rng = np.random.default_rng(5)
    feeds = {"hot": rng.standard_normal((3, 4, 64), np.float32)}
    table = np.repeat(rng.standard_normal((1, 64, COLS), np.float32), 3, axis=0)
    table[2, -1, -1] += 1
    package, said, expected = compile_product(tmp_path, [], {"table": table}, feeds)
    assert tiled(package) == []
    assert "stays digital: the constant matrix differs along a batch dimension" in said
    with aimc.Session(package) as session:
        np.testing.assert_allclose(session.run(None, feeds)[0], expected, rtol=1e-5, atol=1e-5)
