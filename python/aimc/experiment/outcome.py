# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finished cells put together: what every method gets right on a row's chips at one time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aimc.experiment import plan
from aimc.experiment.deployment import unpacked
from aimc.experiment.jobs import results
from aimc.experiment.methods import Evaluation, Row, digital, rows, time_name
from aimc.experiment.settings import Settings
from aimc.experiment.statistics import Right
from aimc.experiment.store import Store

ADAPTED = "adapted"
METHODS = (
    "common ADC", "none", "gain", "weights", "weights+pulses", plan.GAUSSIAN, plan.CIRCUIT,
    f"{plan.GAUSSIAN} + {ADAPTED}", f"{plan.CIRCUIT} + {ADAPTED}",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """One row at one time: which glosses each finished method gets right, and what is missing."""

    row: Row
    time_s: float | None
    right: Mapping[str, Right]
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """Row and time."""
        when = "" if self.time_s is None else f", {time_name(self.time_s)}"
        return self.row.name + when

    @property
    def adapted(self) -> Right | None:
        """The full compile-time adaptation alone."""
        return self.right.get(self.row.adapted.name)


def _of(cells: Sequence[Mapping[str, Any]], time_s: float | None, count: int) -> Right:
    """[chips, glosses] at one time."""
    return np.stack([unpacked(c["right"], count) for c in cells if c["time_s"] == time_s])


def cases(store: Store, settings: Settings, found: list[plan.Choice] | None) -> list[Case]:
    """Every row at each of its times."""
    made = []
    for row in rows(settings):
        wanted: dict[str, list[Evaluation]] = {
            evaluation.adaptation.name: [evaluation] for evaluation in plan.untrained(settings, row)
        }
        if found is not None:
            for (method, adapted), list_ in plan.with_training(settings, found, row).items():
                wanted[method + (f" + {ADAPTED}" if adapted else "")] = list_
        for time_s in row.times_s:
            right, missing = {}, []
            for name in METHODS:
                if name not in wanted or time_s not in wanted[name][0].row.times_s:
                    continue
                seeds = [results(store, settings, e) for e in wanted[name]]
                there = [_of(s, time_s, settings.test) for s in seeds if s is not None]
                if len(there) < len(seeds):
                    lacking = f"{len(seeds) - len(there)} of {len(seeds)} seeds"
                    missing.append(name + (f" ({lacking})" if there else ""))
                if there:
                    right[name] = np.stack(there)
            made.append(Case(row, time_s, right, tuple(missing)))
    return made


def digital_right(store: Store, settings: Settings) -> Right | None:
    """What the digital model gets right, without any hardware: [1, 1, glosses]."""
    row = plan.tuning_row(settings)
    job = Evaluation(digital(settings), row, row.plain, 1, by="digital")
    cells = results(store, settings, job)
    return None if cells is None else _of(cells, None, settings.test)[None]


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """The same weights on the same chips by the runtime and by the trainer."""

    name: str
    time_s: float | None
    runtime: Right
    trainer: Right


def confirmations(store: Store, settings: Settings, found: list[plan.Choice]) -> list[Confirmation]:
    """What is there of them, at each time."""
    made = []
    for runtime, trainer in plan.confirmations(settings, found):
        by_runtime = results(store, settings, runtime)
        by_trainer = results(store, settings, trainer)
        if by_runtime is None or by_trainer is None:
            continue
        name = plan.CIRCUIT + (f" + {ADAPTED}" if not runtime.adaptation.plain else "")
        for time_s in runtime.row.times_s:
            run, train = (
                _of(cells, time_s, settings.test)[None, : trainer.chips]
                for cells in (by_runtime, by_trainer)
            )
            made.append(Confirmation(name, time_s, run, train))
    return made
