# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a recipe is at one step: its strengths, and what devices are like that long after writing.

All of it is made outside of passes, so that a compiled pass finds numbers and makes none.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from aimc.target import Device, Target
from aimc.torch import joint
from aimc.torch.layout import table_text
from aimc.torch.recipes import Ramp, Recipe, strength

_FEW = 6  # fewer than torch.compile compiles before it gives up


@dataclasses.dataclass(frozen=True)
class Moment:
    """Strengths, seconds since programming, and by `then` and "_fresh" (just programmed) what the
    devices do, each alone or jointly.

    A number that changes torch.compile makes a variable, which it loses between two checkpointed
    calls of one layer in a pass. So where a recipe has few strengths and times, `then` names those
    of the moment, and each name's numbers are others to it: it compiles once a name.
    """

    level: Mapping[str, float] = dataclasses.field(default_factory=dict)
    time_s: float | None = None
    then: str = "then"
    levels: Mapping[str, Mapping[str, float]] = dataclasses.field(
        default_factory=lambda: {"then": {}}
    )
    curves: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)
    laws: Mapping[str, list[float]] = dataclasses.field(default_factory=dict)
    joint: Mapping[str, tuple[joint.Curve, joint.Curve]] = dataclasses.field(default_factory=dict)

    @classmethod
    def at(cls, step: int, target: Target, recipe: Recipe, where: torch.device) -> Moment:
        """A step of a recipe."""
        level: dict[str, float] = {}
        time_s = None
        if recipe.gaussian:
            level["gaussian"] = strength(recipe.gaussian.std, step)
        if recipe.circuit:
            level["wire"] = strength(recipe.circuit.wire, step)
        if recipe.device:
            times = recipe.device.times_s
            # Step 1 is the first pass, and takes the first of them.
            time_s = times[max(step - 1, 0) % len(times)] if times else None
            for name in ("programming", "read", "drift"):
                level[name] = strength(getattr(recipe.device, name), step)
        then = f"{level} at {time_s}" if _moments(recipe) <= _FEW else "then"
        return cls.of(level, time_s, target, recipe, where, then)

    @classmethod
    def of(
        cls, level: Mapping[str, float], time_s: float | None, target: Target, recipe: Recipe,
        where: torch.device, then: str = "then",
    ) -> Moment:  # fmt: skip
        """These strengths, that long after programming."""
        if recipe.device is None:
            return cls(level, time_s, then, {then: level})
        kind, text = dataclasses.replace(target.device, table=None), table_text(target.device)
        factors = level["programming"], level["read"], level["drift"]
        curves, laws, jointly = {}, {}, {}
        for name, time in ((then, time_s), ("_fresh", None)):
            curve, law = _sampled(kind, *factors, time, *text)
            curves[name], laws[name] = curve.to(where), list(law)
            if recipe.device.joint:
                jointly[name] = joint.fit(kind, *factors, time, *text)
        return cls(level, time_s, then, {then: level}, curves, laws, jointly)


def _moments(recipe: Recipe) -> int:
    """How many combinations of strengths and times a recipe can have."""
    parts = [part for part in (recipe.gaussian, recipe.circuit, recipe.device) if part]
    values = [getattr(part, field.name) for part in parts for field in dataclasses.fields(part)]
    count = len(set(recipe.device.times_s)) or 1 if recipe.device else 1
    return count * math.prod(v.levels + 1 for v in values if isinstance(v, Ramp))


@functools.lru_cache(maxsize=64)
def _sampled(
    device: Device, programming: float, read: float, drift: float, time_s: float | None,
    *table: str,
) -> tuple[Tensor, tuple[float, ...]]:  # fmt: skip
    curves, law = torch.ops.aimc.device_curves(
        device.kind, device.g_min_us, device.g_max_us, device.programming_noise_scale * programming,
        device.read_noise_scale * read, device.drift_scale * drift, device.acceptance_percent,
        time_s, *table,
    )  # fmt: skip
    return curves, tuple(law)
