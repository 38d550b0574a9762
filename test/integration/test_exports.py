# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real exports, digital equivalence: ideal mode against onnxruntime, max abs diff <= 1e-4."""

import numpy as np
import onnxruntime
import pytest

import aimc
from aimc.testing import exports

LIMIT = 1e-4
slow = pytest.mark.slow


def bindings(name, *shapes, marks=()):
    return [
        pytest.param(name, flavour, batch, seq, id=f"{name}-{flavour}-{batch}x{seq}", marks=marks)
        for flavour in exports.FLAVOURS
        for batch, seq in shapes
    ]


CASES = [
    *bindings("tiny-bert", (1, 1), (2, 7), (3, 64)),
    *bindings("tiny-albert", (1, 1), (5, 9)),
    # 8 x 128: so many rows that scratch in a loop used up the stack
    *bindings("minilm", (1, 16), (8, 128), (3, 17)),
    *bindings("bert-base", (1, 128), (2, 31), marks=slow),
    *bindings("albert-base", (1, 128), (3, 17), marks=slow),
]


def inputs(session, batch, seq, seed=0):
    """Random ids; every row but the first is padded, one in the middle as well as at its end."""
    generator = np.random.default_rng(seed)
    vocabulary = 100
    mask = np.ones((batch, seq), np.int64)
    for row in range(1, batch):
        mask[row, int(generator.integers(1, seq + 1)) :] = 0
    if batch > 2 and seq > 4:
        mask[2, 1:3] = 0
    feeds = {
        "input_ids": generator.integers(0, vocabulary, (batch, seq)),
        "attention_mask": mask,
        "token_type_ids": generator.integers(0, 2, (batch, seq)),
    }
    return {arg.name: feeds[arg.name] for arg in session.get_inputs()}


@pytest.fixture(scope="module")
def reference():
    """onnxruntime sessions, one at a time: BERT's weights need not be in memory four times."""
    held = {}

    def get(model):
        if model not in held:
            held.clear()
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            held[model] = onnxruntime.InferenceSession(str(model), options)
        return held[model]

    return get


@pytest.mark.parametrize(("name", "flavour", "batch", "seq"), CASES)
def test_ideal_equals_onnxruntime(name, flavour, batch, seq, reference, tmp_path):
    model = exports.ensure(name, flavour)
    package = aimc.compile(model, dims={"batch": batch, "seq": seq}, output=tmp_path / "model.aimc")
    digital = reference(model)
    with aimc.Session(package, ideal=True) as session:
        feeds = inputs(session, batch, seq)
        assert {arg.name for arg in session.get_outputs()} == set(exports.OUTPUTS)
        ours = session.run(exports.OUTPUTS, feeds)
    theirs = digital.run(list(exports.OUTPUTS), feeds)
    for output, got, expected in zip(exports.OUTPUTS, ours, theirs, strict=True):
        assert got.shape == expected.shape
        assert np.isfinite(expected).all()
        worst = np.abs(got - expected).max()
        assert worst <= LIMIT, f"{output}: max abs diff {worst:.2e}"


@pytest.mark.parametrize("flavour", exports.FLAVOURS)
def test_a_row_that_is_all_padding(flavour, reference, tmp_path):
    model = exports.ensure("tiny-bert", flavour)
    package = aimc.compile(model, dims={"batch": 2, "seq": 6}, output=tmp_path / "model.aimc")
    with aimc.Session(package, ideal=True) as session:
        feeds = inputs(session, 2, 6)
        feeds["attention_mask"][1] = 0
        ours = session.run(exports.OUTPUTS, feeds)
    for got, expected in zip(ours, reference(model).run(list(exports.OUTPUTS), feeds), strict=True):
        assert np.abs(got - expected).max() <= LIMIT


def test_shared_weights_are_one_set_of_tiles(tmp_path):
    """ALBERT runs one layer several times: as many call sites as layers, one set of weights."""
    model = exports.ensure("tiny-albert", "dynamo")
    package = aimc.compile(model, dims={"batch": 1, "seq": 8}, output=tmp_path / "model.aimc")
    with aimc.Session(package) as session:
        weights = session.manifest["weights"]
        calls = [index for grid in session.manifest["grids"] for index in grid["weights"]]
    # embedding projection, query, key, value, output, two of the feed-forward, pooler
    assert len(weights) == 8
    assert sorted(set(calls)) == list(range(8))
    # two layers call six weights each, embedding projection and pooler once
    assert len(calls) == 2 * 6 + 2
