# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a recipe is at one step: its strengths, and what devices are like that long after writing.

All of it is made outside of passes, so that a compiled pass finds numbers and makes none.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import torch
from torch import Tensor

from aimc.target import Device, Target
from aimc.torch import joint
from aimc.torch.layout import table_text
from aimc.torch.recipes import Recipe, strength


@dataclasses.dataclass(frozen=True)
class Moment:
    """Strengths, seconds since programming, and by "curves" (then) and "_fresh" (just programmed)
    what the devices do, each alone or jointly."""

    level: Mapping[str, float] = dataclasses.field(default_factory=dict)
    time_s: float | None = None
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
        return cls.of(level, time_s, target, recipe, where)

    @classmethod
    def of(
        cls, level: Mapping[str, float], time_s: float | None, target: Target, recipe: Recipe,
        where: torch.device,
    ) -> Moment:  # fmt: skip
        """These strengths, that long after programming."""
        if recipe.device is None:
            return cls(level, time_s)
        kind, text = dataclasses.replace(target.device, table=None), table_text(target.device)
        factors = level["programming"], level["read"], level["drift"]
        curves, laws, jointly = {}, {}, {}
        for name, time in (("curves", time_s), ("_fresh", None)):
            curve, law = _sampled(kind, *factors, time, *text)
            curves[name], laws[name] = curve.to(where), list(law)
            if recipe.device.joint:
                jointly[name] = joint.fit(kind, *factors, time, *text)
        return cls(level, time_s, curves, laws, jointly)


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
