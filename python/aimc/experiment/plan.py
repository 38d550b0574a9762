# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which trainings and evaluations the experiment consists of, the most important first."""

from __future__ import annotations

import dataclasses

from aimc.experiment.jobs import Job, results
from aimc.experiment.methods import Evaluation, Row, Training, digital, rows
from aimc.experiment.settings import Settings
from aimc.experiment.store import Store

GAUSSIAN, CIRCUIT = "Gaussian", "circuit"


@dataclasses.dataclass(frozen=True)
class Choice:
    """A candidate for a training's rate (and deviation) and its accuracy on validation glosses."""

    method: str
    training: Training
    evaluation: Evaluation
    accuracy: float | None = None


def tuning_row(settings: Settings) -> Row:
    """Choices are made on the last headline row, which has most to gain."""
    return [row for row in rows(settings) if row.headline][-1]


def candidates(settings: Settings) -> list[Choice]:
    """What is tried to choose rates and the Gaussian's deviation: with adaptation, seed 0, few
    chips, validation glosses."""
    row = tuning_row(settings)
    trainings = [
        Training("gaussian", settings.tuned_steps, rate, std=std)
        for std in settings.gaussian_stds
        for rate in settings.rates
    ]
    trainings += [
        Training("circuit", settings.tuned_steps, rate, row=row, adaptation=row.adapted)
        for rate in settings.rates
    ]
    return [
        Choice(
            GAUSSIAN if training.kind == "gaussian" else CIRCUIT,
            training,
            Evaluation(training, row, row.adapted, settings.tuning_chips, "validation"),
        )
        for training in trainings
    ]


def choices(store: Store, settings: Settings) -> list[Choice] | None:
    """The candidates with their accuracies, or None while any is missing."""
    found = []
    for choice in candidates(settings):
        cells = results(store, settings, choice.evaluation)
        if cells is None:
            return None
        mean = sum(cell["accuracy"] for cell in cells) / len(cells)
        found.append(dataclasses.replace(choice, accuracy=mean))
    return found


def chosen(found: list[Choice], method: str) -> Training:
    """The candidate with the best accuracy on validation glosses."""
    fits = [c for c in found if c.method == method]
    return max(fits, key=lambda c: c.accuracy or 0.0).training


def trained(
    settings: Settings, found: list[Choice], row: Row, method: str, adapted: bool
) -> list[Training]:
    """The trainings whose weights are deployed on a row, one per seed."""
    best = chosen(found, method)
    seeds = range(settings.seeds if row.headline else 1)
    if method == GAUSSIAN:
        return [dataclasses.replace(best, seed=seed) for seed in seeds]
    adaptation = row.adapted if adapted else row.plain
    seen = row
    if row.group == "adc":  # one training serves all resolutions
        seen = next(r for r in rows(settings) if r.name == f"ADC {settings.trained_bits} bits")
    return [dataclasses.replace(best, seed=seed, row=seen, adaptation=adaptation) for seed in seeds]


def untrained(settings: Settings, row: Row) -> list[Evaluation]:
    """The digital model on a row's hardware, by adaptation."""
    return [
        Evaluation(digital(settings), row, adaptation, row.chips)
        for adaptation in row.adaptations()
    ]


def with_training(
    settings: Settings, found: list[Choice], row: Row
) -> dict[tuple[str, bool], list[Evaluation]]:
    """Trained weights on a row's hardware, by method and whether the compiler adapts."""
    return {
        (method, adapted): [
            Evaluation(training, row, row.adapted if adapted else row.plain, row.chips)
            for training in trained(settings, found, row, method, adapted)
        ]
        for method in (GAUSSIAN, CIRCUIT)
        for adapted in (False, True)
    }


def confirmations(settings: Settings, found: list[Choice]) -> list[tuple[Evaluation, Evaluation]]:
    """Pairs of an evaluation by the runtime and the same by the trainer, on fewer chips."""
    deployed = with_training(settings, found, tuning_row(settings))
    runtimes = [deployed[CIRCUIT, adapted][0] for adapted in (True, False)]
    return [(e, dataclasses.replace(e, by="trainer", chips=2)) for e in runtimes]


def first(settings: Settings) -> list[Job]:
    """The digital model, what it needs no choice for, and what choices are made from."""
    row = tuning_row(settings)
    early: list[Job] = [digital(settings)]
    early.append(Evaluation(digital(settings), row, row.plain, 1, by="digital"))
    early += [choice.evaluation for choice in candidates(settings)]
    return early


def second(settings: Settings, found: list[Choice]) -> list[Job]:
    """Everything else: headlines with adaptation first, then all rows without training, then the
    others."""
    everything = rows(settings)
    heads = [row for row in everything if row.headline]
    deployed = [with_training(settings, found, head) for head in heads]
    adapted, plain = confirmations(settings, found)
    jobs: list[Job] = []
    for head, own in zip(heads, deployed, strict=True):
        jobs += [*untrained(settings, head), *_by_seed(own, True)]
    jobs.append(adapted[1])
    for row in everything:
        jobs += untrained(settings, row)
    for own in deployed:
        jobs += _by_seed(own, False)
    jobs.append(plain[1])
    for group in ("devices", "all", "adc", "wires"):
        for row in everything:
            if row.group == group:
                for evaluations in with_training(settings, found, row).values():
                    jobs += evaluations
    return jobs


def _by_seed(deployed: dict[tuple[str, bool], list[Evaluation]], adapted: bool) -> list[Job]:
    """Seed by seed, so that an early end leaves every method with as many."""
    both = (deployed[method, adapted] for method in (GAUSSIAN, CIRCUIT))
    return [job for pair in zip(*both, strict=True) for job in pair]
