# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The experiment in small: it runs, resumes exactly, and its statistics are what they claim."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

from aimc.experiment import wordnet
from aimc.experiment.settings import SMOKE
from aimc.locate import has_torch_library

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.skipif(
        not (wordnet.WORDNET / "data.noun").exists(), reason="wordnet-base is not installed"
    ),
    pytest.mark.skipif(not has_torch_library(), reason="built without torch"),
]
TINY = dataclasses.replace(SMOKE, digital_steps=300, tuned_steps=8, test=600, validation=60)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with the digital model, and on the headline row what is needed to compare."""
    from aimc.experiment import jobs, plan
    from aimc.experiment.methods import Evaluation, Training, digital

    folder = tmp_path_factory.mktemp("experiment")
    row = plan.tuning_row(TINY)
    tuned = Training("circuit", TINY.tuned_steps, 3e-4, row=row, adaptation=row.adapted)
    evaluations = {
        "digital": Evaluation(digital(TINY), row, row.plain, 1, by="digital"),
        "none": Evaluation(digital(TINY), row, row.plain, row.chips),
        "adapted": Evaluation(digital(TINY), row, row.adapted, row.chips),
        "tuned": Evaluation(tuned, row, row.adapted, 1),
        "trainer": Evaluation(tuned, row, row.adapted, 1, by="trainer"),
    }
    jobs.run(folder, TINY, list(evaluations.values()), 1)
    return folder, evaluations


def accuracies(run):
    from aimc.experiment import jobs
    from aimc.experiment.store import Store

    folder, evaluations = run
    found = {n: jobs.results(Store(folder), TINY, e) for n, e in evaluations.items()}
    return {name: np.mean([c["accuracy"] for c in cells]) for name, cells in found.items()}


def test_compiled_programs_keep_what_training_taught(run):
    from aimc.experiment import data

    labels = data.load(TINY).test.labels
    majority = np.bincount(labels).max() / len(labels)
    found = accuracies(run)
    # two deviations of a share of so many glosses
    margin = 2 * math.sqrt(0.25 / TINY.test)
    assert found["digital"] > majority + margin
    assert found["adapted"] >= found["none"]
    assert found["tuned"] > majority
    assert abs(found["trainer"] - found["tuned"]) < margin


def test_page_says_what_is_missing(run, tmp_path):
    from aimc.experiment import report
    from aimc.experiment.store import Store

    page = tmp_path / "Experiment.md"
    report.write(Store(run[0]), TINY, page)
    text = page.read_text()
    found = accuracies(run)
    assert f"{100 * found['digital']:.1f} [" in text
    assert f"{100 * found['none']:.1f}" in text
    missing = text.split("## Missing cells")[1]
    assert "ADC 6 bits: " in missing
    assert "weights" in missing


def test_a_second_run_does_nothing(run):
    from aimc.experiment import jobs
    from aimc.experiment.store import Store

    folder, evaluations = run
    assert jobs.missing(Store(folder), TINY, list(evaluations.values())) == []


def test_interrupted_training_resumes_to_the_same_weights(tmp_path, monkeypatch):
    from aimc.experiment import training
    from aimc.experiment.methods import digital
    from aimc.experiment.store import Store

    settings = dataclasses.replace(TINY, digital_steps=6, checkpoint_s=0.0)
    whole, broken = Store(tmp_path / "whole"), Store(tmp_path / "broken")
    torch.set_num_threads(1)
    training.train(whole, settings, digital(settings))
    step, count = training._step, iter(range(100))

    def stop(*args):
        if next(count) == 4:
            raise KeyboardInterrupt
        return step(*args)

    with monkeypatch.context() as patch:
        patch.setattr(training, "_step", stop)
        with pytest.raises(KeyboardInterrupt):
            training.train(broken, settings, digital(settings))
    result = training.train(broken, settings, digital(settings))
    assert len(result["losses"]) == 6
    paths = [training.weights_path(s, settings, digital(settings)) for s in (whole, broken)]
    first, second = map(torch.load, paths)
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert torch.equal(values, second[name]), name


@pytest.mark.heavy
def test_the_small_experiment_runs_to_its_end(tmp_path):
    page = tmp_path / "Experiment.md"
    command = [sys.executable, "-m", "aimc.experiment", "--smoke", "--output", tmp_path / "cells",
               "--page", page]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert " to go: train digital" in done.stdout
    text = page.read_text()
    assert "## Missing cells\n\nNone: all" in text
    for method in ("weights+pulses", "Gaussian + adapted", "circuit + adapted"):
        assert f"| {method} |" in text, method
    assert sorted(p.name for p in (tmp_path / "plots").iterdir()) == [
        f"experiment-{group}.svg" for group in ("adc", "all", "devices", "wires")
    ]
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert again.stdout == ""  # nothing is left to do
    assert page.read_text() == text


def test_sides_share_no_synset():
    glosses = wordnet.read()
    assert {g.label for g in glosses} == set(range(wordnet.CLASSES))
    share = np.mean([g.is_test for g in glosses])
    assert share == pytest.approx(1 / wordnet.TEST_SHARE, abs=0.01)
    assert len({g.synset for g in glosses}) == len(glosses)


def test_batches_are_a_permutation_that_the_seed_decides():
    from aimc.experiment import data

    split = data.load(TINY).train
    batches = data.batches(split, 50, 3)
    epoch = np.concatenate([next(batches) for _ in range(len(split) // 50)])
    assert len(np.unique(epoch)) == len(epoch)
    again = data.batches(split, 50, 3)
    assert np.array_equal(epoch[:50], next(again))
    assert not np.array_equal(epoch[:50], next(data.batches(split, 50, 4)))


def test_intervals_against_the_normal_law():
    from aimc.experiment.statistics import accuracy, difference

    rng = np.random.default_rng(1)
    right = rng.random((1, 1, 2000)) < 0.8
    value = accuracy(right)
    half = 196 * math.sqrt(right.mean() * (1 - right.mean()) / 2000)
    assert value.high - value.low == pytest.approx(2 * half, rel=0.1)
    assert value.low < 80 < value.high
    # pairing takes away what both share
    flipped = right ^ (rng.random(right.shape) < 0.01)
    apart = difference(flipped, right)
    moved = (flipped.astype(int) - right.astype(int)).std()
    assert apart.high - apart.low == pytest.approx(2 * 196 * moved / math.sqrt(2000), rel=0.15)
    assert difference(right, right).low == difference(right, right).high == 0
    # chips that differ by more than glosses do widen the interval
    chips = np.stack([rng.random(2000) < p for p in (0.5, 0.7, 0.9)])[None]
    assert accuracy(chips).high - accuracy(chips).low > 20
    # a seed that one side lacks is left out on both
    several = np.repeat(chips, 3, axis=0)
    several[2] = False
    assert difference(several[:2], several).mean == 0
    with pytest.raises(ValueError, match="chips"):
        difference(chips, np.repeat(right, 2, axis=1))


def test_one_draw_has_mean_and_deviation_of_the_devices():
    from aimc.target import Device
    from aimc.torch import joint

    day = 86_400.0
    mean, deviation = joint.fit(Device(), 1.0, 1.0, 1.0, day)
    weights = torch.tensor([0.0, 0.03, 0.2, -0.5, 0.9], dtype=torch.float64).expand(40_000, -1)
    draw = torch.randn(
        weights.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )
    got = joint.perturbed(weights, torch.ones(1, 5, dtype=torch.float64), draw, mean, deviation)
    device = Device()
    curves, law = torch.ops.aimc.device_curves(
        device.kind, device.g_min_us, device.g_max_us, 1.0, 1.0, 1.0, 2.0, day
    )
    pair = torch.ops.aimc.target_pairs(
        weights.contiguous(), torch.ones(1, 5, dtype=torch.float64), 0.1, 25.0
    )
    state = [
        torch.ops.aimc.device_state(
            g, *[torch.randn(g.shape, dtype=torch.float64) for _ in range(3)], curves, list(law)
        )
        for g in pair
    ]
    true = (state[0] - state[1]) / 24.9
    np.testing.assert_allclose(got.mean(0), true.mean(0), atol=4e-3)
    np.testing.assert_allclose(got.std(0), true.std(0), rtol=0.08)
