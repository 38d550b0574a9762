# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demo's arithmetic against independent implementations."""

import numpy as np
import pytest
import scipy.stats

from aimc.demo import encode, report
from aimc.demo.sentences import PAIRS
from aimc.testing import exports, measure
from aimc.tiles import tile_table


@pytest.mark.parametrize("seed", range(5))
def test_spearman_agrees_with_scipy(seed):
    generator = np.random.default_rng(seed)
    a, b = generator.integers(0, 6, 40).astype(float), generator.standard_normal(40)
    assert encode.spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic)


def test_pairs_span_the_scale_and_are_distinct():
    grades = [grade for grade, _, _ in PAIRS]
    assert (min(grades), max(grades)) == (0.0, 5.0)
    assert len(PAIRS) >= 16
    sentences = [text for _, a, b in PAIRS for text in (a, b)]
    assert len(set(sentences)) == len(sentences)


def test_tokenize_gives_whole_batches():
    batches = encode.tokenize(["a", "b c", "d " * 99], exports.minilm_folder(), batch=2, seq=8)
    assert [feeds["input_ids"].shape for feeds in batches] == [(2, 8), (2, 8)]
    assert batches[0]["attention_mask"].sum(1).tolist() == [3, 4]
    assert batches[1]["attention_mask"].sum(1).tolist() == [8, 2]


def test_embeddings_ignore_padding():
    feeds = {"attention_mask": np.array([[1, 1, 0]])}
    states = np.array([[[1.0, 0.0], [0.0, 1.0], [99.0, -99.0]]])
    _, embeddings = encode.embed(lambda _: states, [feeds], 1)
    np.testing.assert_allclose(embeddings, [[0.5**0.5, 0.5**0.5]])


def test_tile_table_counts_places_once():
    block = {"target": "t", "chip": 0, "rows": 4, "cols": 5}
    manifest = {
        "targets": {"t": {"geometry": {"rows": 10, "cols": 10}}},
        "weights": [
            {"name": "a", "rows": 4, "cols": 5, "blocks": [{**block, "tile": 0}]},
            {"name": "b", "rows": 8, "cols": 5,
             "blocks": [{**block, "tile": 0}, {**block, "tile": 1}]},
        ],
    }  # fmt: skip
    table = tile_table(manifest)
    assert table.tiles == 2
    assert table.utilisation == pytest.approx(60 / 200)
    assert table.analog_parameters == 60
    assert [len(weight.tiles) for weight in table.weights] == [1, 2]


def test_table_aligns():
    text = report.table("T", ["name", "n"], [["a", "1"], ["long", "22"]])
    assert text.splitlines()[1:] == ["  name   n", "  ----  --", "  a      1", "  long  22"]


def test_interleaving_takes_turns_and_compares_turn_by_turn():
    order = []
    sides = {name: (lambda n=name: order.append(n)) for name in ("a", "b")}
    timings = measure.interleaved(sides, repeats=3, pause_s=0)
    assert order == ["a", "b"] * 4
    assert all(len(timing.seconds) == 3 for timing in timings.values())
    fixed = {"a": measure.Timing((1.0, 2.0, 8.0)), "b": measure.Timing((2.0, 4.0, 4.0))}
    assert measure.ratio(fixed, "b", "a") == 2.0
