# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counter-based randomness: the number of threads and the split of a batch change no bit."""

import numpy as np
import pytest

import aimc
from aimc.testing import exports, models


def batch_of(rows, seed=0, columns=96):
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    model = exports.ensure("tiny-bert", "dynamo")
    output = tmp_path_factory.mktemp("encoder") / "model.aimc"
    return aimc.compile(model, dims={"batch": 3, "seq": 16}, output=output)


def encoder_feeds(seed=0):
    generator = np.random.default_rng(seed)
    mask = np.ones((3, 16), np.int64)
    mask[1, 9:] = 0
    ids = generator.integers(0, 100, (3, 16))
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


@pytest.mark.parametrize("ideal", [True, False], ids=["ideal", "analog"])
def test_threads_change_no_bit(encoder, ideal):
    results = []
    for threads in (1, 2, 5):
        with aimc.Session(encoder, seed=3, threads=threads, ideal=ideal) as session:
            results.append(session.run(None, encoder_feeds()))
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


def test_batch_split_changes_no_bit(linear_model, tmp_path):
    """Twelve rows at once, or as three reads of four: the same noise on the same row."""
    x = batch_of(12)
    whole = aimc.compile(linear_model, dims={"batch": 12}, output=tmp_path / "whole.aimc")
    part = aimc.compile(linear_model, dims={"batch": 4}, output=tmp_path / "part.aimc")
    with aimc.Session(whole, seed=5) as session:
        (once,) = session.run(None, {"x": x})
    with aimc.Session(part, seed=5) as session:
        parts = [session.run(None, {"x": x[i : i + 4]})[0] for i in (0, 4, 8)]
    np.testing.assert_array_equal(once, np.concatenate(parts))


def test_seed_decides_the_chip_and_repeats(linear_package):
    x = {"x": batch_of(4)}

    def run(seed, **effects):
        with aimc.Session(linear_package, seed=seed, effects=effects) as session:
            return session.run(None, x)[0]

    np.testing.assert_array_equal(run(1), run(1))
    assert np.abs(run(1) - run(2)).max() > 0
    quiet = {"programming": False, "read_noise": False}
    np.testing.assert_array_equal(run(1, **quiet), run(2, **quiet))


def test_read_noise_is_fresh_per_read_and_restarts_on_reset(linear_package):
    x = {"x": batch_of(4)}
    with aimc.Session(linear_package, seed=1) as session:
        first, second = session.run(None, x)[0], session.run(None, x)[0]
        session.reset()
        again = session.run(None, x)[0]
    assert np.abs(first - second).max() > 0
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("rows", "cols"), [(1, 1), (1, 7), (513, 1), (512, 512), (700, 1030), (3, 1500)]
)
def test_any_size_fits_tiles(rows, cols, tmp_path):
    """Odd sizes, one row, one column, smaller and larger than a tile: the ideal run is exact."""
    model = models.linear(tmp_path / "m.onnx", rows, cols)
    package = aimc.compile(model, dims={"batch": 3}, output=tmp_path / "m.aimc")
    x = batch_of(3, columns=rows)
    expected = x.astype(np.float64) @ models.weight(rows, cols).astype(np.float64)
    with aimc.Session(package, ideal=True) as session:
        (exact,) = session.run(None, {"x": x})
    np.testing.assert_allclose(exact, expected, atol=1e-4)
    with aimc.Session(package, seed=0, threads=1) as one, aimc.Session(package, seed=0) as many:
        np.testing.assert_array_equal(one.run(None, {"x": x})[0], many.run(None, {"x": x})[0])
