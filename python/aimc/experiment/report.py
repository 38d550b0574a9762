# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page: tables, plots and statements, all made from the cells that are there."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence

from aimc.experiment import outcome, plan, plots, statements
from aimc.experiment.methods import digital, rows, time_name
from aimc.experiment.outcome import ADAPTED, METHODS, Case
from aimc.experiment.settings import FULL, Settings
from aimc.experiment.statistics import Right, accuracy, difference, spread
from aimc.experiment.store import Store

_GROUPS = {
    "adc": ("a", "ADC resolution"),
    "devices": ("b", "Devices: programming, read noise and drift"),
    "wires": ("c", "Wires alone"),
    "all": ("d", "All together"),
}
_PAIRS = (
    ("adapted - none", ADAPTED, "none"),
    ("adapted - gain", ADAPTED, "gain"),
    ("circuit - Gaussian", plan.CIRCUIT, plan.GAUSSIAN),
    ("circuit - adapted", plan.CIRCUIT, ADAPTED),
    ("Gaussian + adapted - adapted", f"{plan.GAUSSIAN} + {ADAPTED}", ADAPTED),
    ("circuit + adapted - adapted", f"{plan.CIRCUIT} + {ADAPTED}", ADAPTED),
    ("circuit + adapted - Gaussian + adapted", f"{plan.CIRCUIT} + {ADAPTED}",
     f"{plan.GAUSSIAN} + {ADAPTED}"),
)  # fmt: skip


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines)) + "\n"


def right_of(case: Case, name: str) -> Right | None:
    """What a method gets right; `adapted` is the case's own full adaptation."""
    return case.adapted if name == ADAPTED else case.right.get(name)


def accuracies(cases: Sequence[Case]) -> str:
    """Accuracy of every method."""
    names = [name for name in METHODS if any(name in case.right for case in cases)]
    lines = [
        [case.name, *(str(accuracy(case.right[n])) if n in case.right else "" for n in names)]
        for case in cases
    ]
    return table(["hardware", *names], lines)


def differences(cases: Sequence[Case]) -> str:
    """Paired differences between methods."""
    lines = []
    for case in cases:
        cells = []
        for _, one, other in _PAIRS:
            a, b = right_of(case, one), right_of(case, other)
            if a is None or b is None:
                cells.append("")
                continue
            value = difference(a, b)
            cells.append(f"**{value}**" if value.clear else str(value))
        lines.append([case.name, *cells])
    return table(["hardware", *(title for title, _, _ in _PAIRS)], lines)


def chip_spread(cases: Sequence[Case]) -> str:
    """How far chips are apart."""
    names = [name for name in METHODS if any(name in case.right for case in cases)]
    lines = [
        [case.name, *(f"{spread(case.right[n]):.1f}" if n in case.right else "" for n in names)]
        for case in cases
    ]
    return table(["hardware", *names], lines)


def _short(case: Case) -> str:
    name = case.row.name.replace("ADC ", "").replace("PCM, ", "").replace(", ", "\n")
    when = "" if case.time_s is None else time_name(case.time_s)
    return "\n".join(part for part in (name, when) if part)


def _choices(found: list[plan.Choice]) -> str:
    lines = []
    for choice in found:
        best = choice.training == plan.chosen(found, choice.method)
        lines.append(
            [
                f"{choice.method} + {ADAPTED}",
                "" if choice.training.std is None else f"{choice.training.std:g}",
                f"{choice.training.rate:g}",
                f"{100 * (choice.accuracy or 0):.1f}" + (" (chosen)" if best else ""),
            ]
        )
    return table(["training", "deviation", "rate", "validation accuracy, %"], lines)


_PROTOTYPE = {
    ("midrail 0.35 ohm", "none"): 78.0, ("midrail 0.35 ohm", "gain"): 82.1,
    ("midrail 0.35 ohm", "weights"): 82.2, ("midrail 1 ohm", "none"): 40.1,
    ("midrail 1 ohm", "gain"): 81.6, ("midrail 1 ohm", "weights"): 82.2,
    ("midrail 4 ohm", "none"): 10.6, ("midrail 4 ohm", "gain"): 72.8,
    ("midrail 4 ohm", "weights"): 82.2, ("ADC 6 bits", "none"): 81.75, ("ADC 5 bits", "none"): 81.5,
}  # fmt: skip
"""Of 4,000 test glosses, by a NumPy model of the circuit; digital 82.15."""


def _against_prototype(cases: Sequence[Case]) -> str:
    lines = []
    for case in cases:
        for name, right in case.right.items():
            before = _PROTOTYPE.get((case.name, name))
            if before is not None:
                value = accuracy(right)
                inside = "yes" if value.low <= before <= value.high else "no"
                lines.append([f"{case.name}, {name}", f"{before:g}", str(value), inside])
    return table(["hardware, method", "prototype, %", "here, %", "within"], lines) if lines else ""


def _confirmed(items: Sequence[outcome.Confirmation]) -> str:
    lines = [
        [
            f"{item.name}, {time_name(item.time_s)}",
            str(accuracy(item.runtime)),
            str(accuracy(item.trainer)),
            str(difference(item.trainer, item.runtime)),
            f"{100 * float((item.trainer == item.runtime).mean()):.1f}",
        ]
        for item in items
    ]
    return table(
        ["weights", "runtime, %", "trainer, %", "difference", "same verdict on a gloss, %"], lines
    )


def _costs(store: Store, settings: Settings, found: list[plan.Choice]) -> str:
    row = plan.tuning_row(settings)
    trainings = [
        ("digital", digital(settings)),
        ("Gaussian", plan.chosen(found, plan.GAUSSIAN)),
        ("circuit and devices", plan.trained(settings, found, row, plan.CIRCUIT, True)[0]),
    ]
    lines = []
    for name, training in trainings:
        result = store.get(training.describe(settings))
        if result is not None:
            lines.append(
                [name, str(training.steps), f"{result['seconds_per_step']:.2f}",
                 f"{result['first_loss']:.2f}", f"{result['last_loss']:.2f}"]
            )  # fmt: skip
    return table(["training", "steps", "s per step", "first loss", "last loss"], lines)


def write(store: Store, settings: Settings, page: pathlib.Path) -> None:
    """The page and its plots beside it."""
    found = plan.choices(store, settings)
    cases = outcome.cases(store, settings, found)
    exact = outcome.digital_right(store, settings)
    reference = None if exact is None else accuracy(exact)
    parts = [statements.introduction(settings, reference, smoke=settings != FULL)]
    parts.append("## What to use when\n\n" + statements.advice(cases, exact))
    for group, (letter, title) in _GROUPS.items():
        own = [case for case in cases if case.row.group == group]
        if not any(case.right for case in own):
            continue
        name = f"experiment-{group}"
        plots.group(
            page.parent / "plots" / f"{name}.svg", own,
            None if reference is None else reference.mean, [_short(case) for case in own],
        )  # fmt: skip
        text = [f"## ({letter}) {title}\n", statements.about(settings, group)]
        text += ["Accuracy, % [95% interval]:\n", accuracies(own)]
        text += ["Paired differences, percentage points [95% interval], bold where the interval "
                 "leaves out zero:\n", differences(own)]  # fmt: skip
        if any(case.row.noisy for case in own):
            text += ["Percentage points between the best and the worst chip:\n", chip_spread(own)]
        text.append(f"![{title}](plots/{name}.svg)\n")
        parts.append("\n".join(text))
    if found is not None:
        items = outcome.confirmations(store, settings, found)
        if items:
            parts.append(statements.CONFIRMATION + "\n" + _confirmed(items))
        parts.append(statements.choosing(settings) + "\n" + _choices(found))
        parts.append("## Cost of a step\n\n" + statements.COST + "\n" + _costs(
            store, settings, found))  # fmt: skip
    compared = _against_prototype(cases)
    if compared and settings == FULL:
        parts.append(statements.PROTOTYPE + "\n" + compared)
    parts.append(statements.limits(settings))
    parts.append(statements.lacking(cases, len(rows(settings))))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(part.rstrip() + "\n" for part in parts), encoding="utf-8")
