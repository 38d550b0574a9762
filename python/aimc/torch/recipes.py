# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What training sees of the hardware, as small values that add up to a recipe.

>>> recipe = Gaussian(0.05) + Circuit(input_range="learned")
>>> recipe.circuit.input_range
'learned'

Every strength may be a number or a :class:`Ramp` over training steps.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import Any, Literal

import torch

from aimc.errors import InvalidArgumentError, called, check_settings
from aimc.torch import operators  # noqa: F401, registers torch.ops.aimc


def check_number(name: str, value: object, least: float = 0.0) -> None:
    """Refuses what is no finite number of at least so much."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or value < least:  # type: ignore[arg-type,operator]
        raise InvalidArgumentError(
            f"{name}: expected a finite number, at least {least:g}, but got {value!r}"
        )


def check_count(name: str, value: object, least: int) -> None:
    """Refuses what is no integer of at least so much."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise InvalidArgumentError(
            f"{name}: expected an integer, at least {least}, but got {value!r}"
        )


def _check_strength(name: str, value: object) -> None:
    for one in (value.start, value.end) if isinstance(value, Ramp) else (value,):
        check_number(name, one)


@dataclasses.dataclass(frozen=True)
class Ramp:
    """A strength that goes from `start` to `end` over `steps` steps after `delay`, in `levels`."""

    end: float = 1.0
    steps: int = 1000
    start: float = 0.0
    delay: int = 0
    levels: int = 10

    def __post_init__(self) -> None:
        check_count("levels", self.levels, 1)
        check_count("steps", self.steps, 0)
        check_count("delay", self.delay, 0)
        check_number("start", self.start, -math.inf)
        check_number("end", self.end, -math.inf)

    def at(self, step: int) -> float:
        """The strength at a step."""
        if self.steps <= 0 or step >= self.delay + self.steps:
            return self.end
        done = max(step - self.delay, 0) * self.levels // self.steps / self.levels
        return self.start + (self.end - self.start) * done


Strength = float | Ramp


def strength(value: Strength, step: int) -> float:
    """A number, or where a ramp is at `step`."""
    return value.at(step) if isinstance(value, Ramp) else float(value)


class Part:
    """One ingredient. Ingredients and recipes add up."""

    def __add__(self, other: Part | Recipe) -> Recipe:
        return Recipe.of(self, other)

    def __radd__(self, other: object) -> Recipe:
        return Recipe.of(other, self)


@dataclasses.dataclass(frozen=True)
class Gaussian(Part):
    """Noise on weights, `std` times the largest magnitude of a column or of the whole weight.

    `clip` limits weights to that many standard deviations of their column or weight first;
    clipped ones get no gradient.
    """

    std: Strength = 0.05
    per: Literal["column", "tensor"] = "column"
    clip: float | None = None

    def __post_init__(self) -> None:
        if self.per not in ("column", "tensor"):
            raise InvalidArgumentError(f"per: expected column or tensor, but got {self.per!r}")
        _check_strength("std", self.std)
        if self.clip is not None:
            check_number("clip", self.clip)


@dataclasses.dataclass(frozen=True)
class Circuit(Part):
    """The tile between weight and output: DAC, wire resistance, ADC, the sum over row blocks.

    Attributes:
        wire: share of the target's wire resistance.
        dac: whether inputs are rounded and clamped.
        adc: whether charges are rounded and saturate.
        input_range: the DAC's full scale: `vector` (each vector's largest magnitude, in its row
            block), `fixed` (from the spec or from :func:`aimc.torch.calibrate`) or `learned`.
        adc_range: the ADC's full scale: `fixed` or `learned`.
        scale: what g_max stands for: `max`, `sigma:<q>` or `optimal`; a spec's scales win.
        compensate: `none`, `gain`, `weights` or, where idle rows are open, `weights+pulses`, as the
            compiler does it; None: what the spec says.
        refresh: steps after which `optimal` scales and compensation follow the weights.
    """

    wire: Strength = 1.0
    dac: bool = True
    adc: bool = True
    input_range: Literal["vector", "fixed", "learned"] | None = None
    adc_range: Literal["fixed", "learned"] = "fixed"
    scale: str = "max"
    compensate: str | None = None
    refresh: int = 50

    def __post_init__(self) -> None:
        if self.input_range not in (None, "vector", "fixed", "learned"):
            raise InvalidArgumentError(
                f"input_range: expected vector, fixed or learned, but got {self.input_range!r}"
            )
        if self.adc_range not in ("fixed", "learned"):
            raise InvalidArgumentError(
                f"adc_range: expected fixed or learned, but got {self.adc_range!r}"
            )
        if self.compensate not in (None, "none", "gain", "weights", "weights+pulses"):
            raise InvalidArgumentError(
                "compensate: expected none, gain, weights or weights+pulses, but got "
                f"{self.compensate!r}"
            )
        _check_strength("wire", self.wire)
        _check_scale(self.scale)
        check_count("refresh", self.refresh, 1)


def _check_scale(scale: object) -> None:
    """Refuses what runtime/model does not know as a rule."""
    if isinstance(scale, str):
        nothing = torch.zeros(1, 1), [0, 1, 0, 1, 0, 0], False
        with contextlib.suppress(ValueError):
            torch.ops.aimc.choose_scales(*nothing, scale, "ideal", 0.0, 1.0)
            return
    raise InvalidArgumentError(
        f"scale: expected max, optimal or sigma:<number above 0>, but got {scale!r}"
    )


@dataclasses.dataclass(frozen=True)
class Device(Part):
    """What the target's devices do, drawn anew at each step.

    Attributes:
        programming: factor on the deviation that programming leaves.
        read: factor on the noise of each read, and on low-frequency noise where time passes.
        drift: factor on drift.
        times_s: seconds since programming; each step takes the next of them, the first step the
            first. Empty: none passes.
        compensate_drift: whether each column's output is scaled digitally by what its conductances
            have lost since programming, as the runtime's `drift_compensation` column does it.
        variation: whether spreads and stuck devices of the target are drawn.
        joint: one draw per weight of the mean and deviation that programming, drift and
            low-frequency noise leave together, in place of a draw of each for each device. Several
            times cheaper; read noise of single pulses and variation are left out, and drift factors
            are held between a circuit's refreshes.
    """

    programming: Strength = 1.0
    read: Strength = 1.0
    drift: Strength = 1.0
    times_s: tuple[float, ...] = ()
    compensate_drift: bool = False
    variation: bool = True
    joint: bool = False

    def __new__(cls, *args: Any, **settings: Any) -> Device:
        """Says which of the classes named Device has what this one has not."""
        check_settings(cls, settings, "the hardware's device is an aimc.Device, part of a target")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name in ("programming", "read", "drift"):
            _check_strength(name, getattr(self, name))
        times: object = self.times_s
        if not isinstance(times, Sequence):
            raise InvalidArgumentError(f"times_s: expected a tuple of seconds, but got {times!r}")
        for time_s in times:
            check_number("times_s", time_s)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """At most one of each ingredient. Devices need a circuit to be read through."""

    gaussian: Gaussian | None = None
    circuit: Circuit | None = None
    device: Device | None = None

    @classmethod
    def of(cls, *parts: object) -> Recipe:
        """A recipe of these ingredients and recipes."""
        found: dict[str, Part] = {}
        for part in parts:
            if isinstance(part, Recipe):
                all_parts: tuple[Part | None, ...] = (part.gaussian, part.circuit, part.device)
                items = [p for p in all_parts if p is not None]
            elif isinstance(part, Gaussian | Circuit | Device):
                items = [part]
            else:
                raise InvalidArgumentError(
                    "recipe: expected Gaussian, Circuit or Device of aimc.torch, but got "
                    f"{called(part if isinstance(part, type) else type(part))}"
                )
            for item in items:
                name = type(item).__name__.lower()
                if name in found:
                    raise InvalidArgumentError(f"expected one {name} in a recipe, but got two")
                found[name] = item
        if "device" in found:
            found.setdefault("circuit", Circuit())
        return cls(**found)  # type: ignore[arg-type]

    def __add__(self, other: Part | Recipe) -> Recipe:
        return Recipe.of(self, other)

    def __radd__(self, other: object) -> Recipe:
        return Recipe.of(other, self)
