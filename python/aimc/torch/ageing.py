# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times and drift compensation that can do nothing, told once in the runtime's words."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch

from aimc.errors import HardwareWarning
from aimc.torch.layout import table_text
from aimc.torch.tiled import TiledWeight


def warn_without_effect(
    layers: Iterable[TiledWeight], *, time: bool, compensation: bool, level: int
) -> None:
    """Warns where none of the layers' devices ages. `level` frames up is the user's line."""
    lines: dict[str, None] = {}
    for layer in layers:
        part, device = layer.recipe.device, layer.target.device
        if part is None:
            continue
        # A strength that is a ramp comes to something.
        on = [float(strength != 0) for strength in (part.programming, part.read, part.drift)]
        line = torch.ops.aimc.ageing_without_effect(
            device.kind, device.g_min_us, device.g_max_us, device.programming_noise_scale * on[0],
            device.read_noise_scale * on[1], device.drift_scale * on[2], time, compensation,
            *table_text(device),
        )  # fmt: skip
        if not line:
            return
        lines[line] = None
    if lines:
        warnings.warn("; ".join(lines), HardwareWarning, stacklevel=level + 1)
