# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Options of a recipe that can do nothing, and scales that clip, told in the runtime's words."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence

import torch

from aimc.errors import HardwareWarning
from aimc.torch.charges import weight_of
from aimc.torch.layer import AnalogLinear
from aimc.torch.recipes import Circuit, Device, Ramp, Recipe, Strength

Asked = tuple[str, str]  # an option as its user spells it, and as runtime/model names it


def asked_of(recipe: Recipe) -> list[Asked]:
    """What of a recipe is asked for: no default, and nothing that is switched off."""
    asked: list[Asked] = []
    circuit, device = recipe.circuit, recipe.device
    if circuit is not None:
        if circuit.compensate == "weights+pulses":
            asked.append(("compensate", "compensate_by_pulses"))
        elif circuit.compensate not in (None, "none"):
            asked.append(("compensate", "compensate"))
        if circuit.wire != Circuit.wire and _on(circuit.wire):
            asked.append(("wire", "wire"))
        if circuit.input_range not in (None, "vector"):
            asked.append(("input_range", "input_range"))
        if circuit.adc_range == "learned":
            asked.append(("adc_range", "adc"))
        if circuit.scale != Circuit.scale:
            asked.append(("scale", "scale"))
        if circuit.refresh != Circuit.refresh:
            asked.append(("refresh", "refresh"))
    if device is not None:
        for name, option in (("programming", "programming"), ("read", "read_noise"),
                             ("drift", "drift")):  # fmt: skip
            strength = getattr(device, name)
            if strength != getattr(Device, name) and _on(strength):
                asked.append((name, option))
        if device.times_s:
            asked.append(("times_s", "time"))
        if device.compensate_drift:
            asked.append(("compensate_drift", "drift_compensation"))
    return asked


def warn_without_effect(
    layers: Iterable[AnalogLinear], asked: Sequence[Asked], *, timed: bool, level: int,
    ranged: bool = False,
) -> None:  # fmt: skip
    """Warns of what does nothing on any of these layers. `level` frames up is the user's line.

    Args:
        layers: where it was asked for.
        asked: what was.
        timed: whether time passes after programming.
        level: of the warning.
        ranged: whether inputs have full scales that data choose.
    """
    targets: dict[tuple[str, tuple[float, ...]], None] = {}
    for layer in layers if asked else ():
        device, circuit = layer.recipe.device, layer.recipe.circuit
        strengths = (device.programming, device.read, device.drift) if device else (0.0, 0.0, 0.0)
        wire = circuit.wire if circuit else 0.0
        converters = (circuit.dac, circuit.adc) if circuit else (False, False)
        scales = (_follows(layer), _ruled(layer))
        on = (*(_on(one) for one in (*strengths, wire)), *converters, *scales)
        numbers = tuple(float(one) for one in on)
        targets[json.dumps(layer.target.parts()), numbers] = None
    lines = torch.ops.aimc.without_effect(
        [name for name, _ in asked], [option for _, option in asked],
        [target for target, _ in targets], [n for _, numbers in targets for n in numbers],
        timed, ranged,
    )  # fmt: skip
    for line in lines:
        warnings.warn(line, HardwareWarning, stacklevel=level + 1)


def warn_of_clipped_weights(layers: Iterable[AnalogLinear], rule: str, *, level: int) -> None:
    """Warns where a rule of scales leaves too few bits of the weights as they are now."""
    cells = clipped = 0
    power = lost = 0.0
    seen: set[int] = set()
    for layer in layers if rule.startswith("sigma:") else ():
        ruled = {block.scales is None for block in layer.layout.blocks}
        if id(layer.weight) in seen or layer.weight.is_meta or True not in ruled:
            continue  # a spec's scales win
        seen.add(id(layer.weight))
        weight = weight_of(layer).detach().to(layer._dtype())
        values = weight.abs().double()
        own = torch.ones_like(values, dtype=torch.bool)
        if False in ruled:
            own = layer._wide(layer.scales).isnan().expand_as(values)
        over = (values - layer._wide(layer._scale(weight))).clamp_min(0.0) * own
        cells += int(own.sum())
        clipped += int((over > 0).sum())
        power += float((values * own).square().sum())
        lost += float(over.square().sum())
    if line := torch.ops.aimc.clipping_warning(rule, cells, clipped, power, lost):
        warnings.warn(line, HardwareWarning, stacklevel=level + 1)


def _on(strength: Strength) -> bool:
    """A strength that is a ramp comes to something."""
    if isinstance(strength, Ramp):
        return strength.start != 0 or strength.end != 0
    return strength != 0


def _ruled(layer: AnalogLinear) -> bool:
    """Whether scales follow the recipe's rule, where the spec has none."""
    return any(b.scales is None for b in layer.layout.blocks)


def _follows(layer: AnalogLinear) -> bool:
    """Whether something of a layer is made anew at a circuit's refreshes."""
    circuit, device = layer.recipe.circuit, layer.recipe.device
    if circuit is None:
        return False
    optimal = circuit.scale == "optimal" and all(b.scales is None for b in layer.layout.blocks)
    factors = device is not None and device.joint and device.compensate_drift
    compensated = layer.shape is not None and _on(circuit.wire)
    return optimal or compensated or (factors and bool(device and device.times_s))
