# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`convert` puts a module's linear layers on tiles, `strip` takes them off again."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from aimc.errors import InvalidArgumentError
from aimc.target import Target
from aimc.torch.layer import AnalogLinear
from aimc.torch.recipes import Circuit, Part, Recipe
from aimc.torch.spec import Spec, load_spec

_RANK = 0x9E3779B97F4A7C15  # an odd number far from small ones: ranks do not meet
_WORD = 2**63


def convert(
    module: nn.Module,
    target: Target | Mapping[str, Any] | None = None,
    *,
    recipe: Part | Recipe | None = None,
    spec: Spec | str | os.PathLike[str] | None = None,
    skip: Iterable[str] = (),
    seed: int = 0,
) -> nn.Module:
    """Replace each nn.Linear and transformers' Conv1D of `module` by an :class:`AnalogLinear`.

    The parameters stay the module's own, so optimizers, tied weights and checkpoints go on
    working. With a `spec` (from ``aimc-compile --emit-noise``) only the layers that it names are
    replaced, each placed as it was mapped; without one every layer is, placed by the target's
    geometry.

    Args:
        module: changed in place, and returned (a bare nn.Linear is replaced and returned).
        target: the hardware, an :class:`aimc.Target` or its parts as in a manifest; a spec brings
            its own.
        recipe: what training sees of it; default ``Circuit()``.
        spec: a noise spec or the path of one.
        skip: names of layers that stay digital; ``*`` and ``?`` match as in file names.
        seed: of all draws; ranks of a process group draw differently from one seed.

    Raises:
        InvalidArgumentError: for layers of a spec that the module does not have, or of another
            shape.
        UnsupportedError: for hardware that training has no model of.
    """
    if spec is not None and not isinstance(spec, Spec):
        spec = load_spec(spec)
    if (spec is None) == (target is None):
        raise InvalidArgumentError("expected a target or a spec, but got both or neither")
    chosen = Recipe.of(recipe) if recipe is not None else Recipe.of(Circuit())
    hardware = _target(target)
    found = {name: m for name, m in module.named_modules() if _orientation(m) is not None}
    layers = spec.match({name: _shape(m) for name, m in found.items()}) if spec else {}
    made: dict[int, AnalogLinear] = {}
    for site, (name, linear) in enumerate(found.items()):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in skip):
            continue
        entry = layers.get(name)
        if spec is not None and entry is None:
            continue
        transposed = bool(_orientation(linear))
        layer = made[id(linear)] = AnalogLinear(
            linear.weight,
            linear.bias,
            transposed=transposed,
            target=entry.target if entry else hardware,
            recipe=chosen,
            layout=entry.layout if entry else None,
            input_range=entry.input_range if entry else None,
            activity=entry.activity if entry else None,
            name=name,
            site=site,
            seed=seed,
        )
        layer.train(linear.training)
    if id(module) in made:
        module = made[id(module)]
    else:
        _replace(module, made)
    module._aimc_seed = seed
    module._aimc_step = 0
    module.register_forward_pre_hook(_advance)
    return module


def strip(module: nn.Module) -> nn.Module:
    """The plain module back, in place: the same parameters in nn.Linear and Conv1D."""
    made: dict[int, nn.Module] = {
        id(m): _plain(m) for m in module.modules() if isinstance(m, AnalogLinear)
    }
    for key, hook in list(module._forward_pre_hooks.items()):
        if hook is _advance:
            del module._forward_pre_hooks[key]
    for name in ("_aimc_seed", "_aimc_step"):
        module.__dict__.pop(name, None)
    if id(module) in made:
        return made[id(module)]
    _replace(module, made)
    return module


def _target(given: Target | Mapping[str, Any] | None) -> Target:
    if isinstance(given, Target):
        return given
    names = ("geometry", "device", "wire", "dac", "adc")
    parts: dict[str, dict[str, Any]] = {part: {} for part in names}
    for part, values in (given or {}).items():
        if part not in parts:
            raise InvalidArgumentError(
                f"{part}: expected one of {', '.join(parts)} of a target, but got an unknown part"
            )
        known = {f.name for f in dataclasses.fields(getattr(Target(), part))}
        for key in values:
            if key not in known:
                raise InvalidArgumentError(f"{part}.{key}: expected a key of a target")
        parts[part] = dict(values)
    return Target.from_manifest("target", parts)


def _orientation(module: nn.Module) -> bool | None:
    """True for a weight [out, in], False for [in, out], None for other modules."""
    if isinstance(module, nn.Linear):
        return True
    conv = type(module)
    if conv.__name__ == "Conv1D" and conv.__module__.startswith("transformers."):
        return False
    return None


def _shape(module: nn.Module) -> tuple[int, int]:
    """Inputs and outputs."""
    outputs, inputs = module.weight.shape if _orientation(module) else module.weight.shape[::-1]
    return int(inputs), int(outputs)


def _replace(module: nn.Module, made: Mapping[int, nn.Module]) -> None:
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if id(child) in made:
                setattr(parent, name, made[id(child)])


def _plain(layer: AnalogLinear) -> nn.Module:
    plain: nn.Module
    if layer.transposed:
        plain = nn.Linear(layer.in_features, layer.out_features, False, device="meta")
    else:
        from transformers.pytorch_utils import Conv1D

        plain = Conv1D(layer.out_features, layer.in_features)
    plain.weight = layer.weight
    plain.register_parameter("bias", layer.bias)
    return plain.train(layer.training)


def analog_layers(module: nn.Module) -> Iterator[AnalogLinear]:
    """The layers of a module that are on tiles."""
    return (m for m in module.modules() if isinstance(m, AnalogLinear))


def _advance(module: nn.Module, _: Any) -> None:
    """Before each training pass of the converted module: the next step's noise."""
    if not module.training:
        return
    if torch.compiler.is_compiling():
        for layer in analog_layers(module):
            layer.clock[2] += 1
        return
    set_step(module, module._aimc_step + 1)


def set_step(module: nn.Module, step: int) -> None:
    """Make `step` the current step: what is drawn, and where ramps are.

    Converted modules count their training passes by themselves; this is for runs that resume, or
    that count otherwise.
    """
    module._aimc_step = step
    rank = 0
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        rank = torch.distributed.get_rank()
    seed = (getattr(module, "_aimc_seed", 0) + rank * _RANK) % _WORD
    for layer in analog_layers(module):
        layer.clock[0] = seed
        layer.set_step(step)
        circuit = layer.recipe.circuit
        if circuit and step and step % circuit.refresh == 0:
            layer.refresh()


@contextlib.contextmanager
def on_chip(module: nn.Module, chip: int, time_s: float | None = None) -> Iterator[nn.Module]:
    """Evaluate on one chip instance, `time_s` after programming.

    Devices are drawn from the seed `chip` as the runtime draws them. With a spec, which says on
    which tile each block lies, it is the same chip as in :class:`aimc.Session` with that seed.
    """
    layers = list(analog_layers(module))
    before = [(layer.chip, layer.time_s) for layer in layers]
    try:
        for layer in layers:
            layer.chip = chip
            if layer.recipe.device:
                layer.time_s = time_s
                layer._sample_device()
        yield module
    finally:
        for layer, (old, time) in zip(layers, before, strict=True):
            layer.chip = old
            if layer.recipe.device:
                layer.time_s = time
                layer._sample_device()


def calibrate(
    module: nn.Module, batches: Iterable[Any], quantile: float = 0.9999, limit: int = 1 << 16
) -> nn.Module:
    """Set fixed and learned input ranges from what layers see: a quantile of abs(x) per row block.

    `batches` are what the module is called with: a tensor, a tuple, or keyword arguments.
    """
    seen: dict[AnalogLinear, list[Tensor]] = {}

    def look(layer: AnalogLinear, args: tuple[Tensor, ...]) -> None:
        x = args[0].detach().reshape(-1, layer.in_features).abs().float()
        tops = []
        for row, rows in layer.layout.bands:
            values = x[:, row : row + rows].flatten()
            step = max(1, values.numel() // limit)
            tops.append(torch.quantile(values[::step], quantile))
        seen.setdefault(layer, []).append(torch.stack(tops))

    layers = list(analog_layers(module))
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    modes = [(layer, layer.range_mode) for layer in layers]
    training = module.training
    try:
        module.eval()
        for layer in layers:
            layer.range_mode = "vector"
        with torch.no_grad():
            for batch in batches:
                if isinstance(batch, Mapping):
                    module(**batch)
                elif isinstance(batch, tuple | list):
                    module(*batch)
                else:
                    module(batch)
    finally:
        for hook in hooks:
            hook.remove()
        for layer, mode in modes:
            layer.range_mode = mode
        module.train(training)
    for layer, tops in seen.items():
        layer.input_range.data.copy_(torch.stack(tops).amax(0).clamp_min(1e-12))
        layer.calibrated = True
    return module


def learned_ranges(module: nn.Module) -> list[nn.Parameter]:
    """Parameters that are ranges: a group of the optimizer of their own, without weight decay."""
    return [
        p
        for layer in analog_layers(module)
        for p in (layer.input_range, layer.adc_lsb)
        if isinstance(p, nn.Parameter)
    ]


def save_ranges(module: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write input ranges and LSBs by layer as JSON, for targets and later runs."""
    values = {
        layer.name: {
            "input_range": layer.input_range.tolist() if layer.range_mode != "vector" else None,
            "lsb_fc": layer.adc_lsb.tolist(),
        }
        for layer in analog_layers(module)
    }
    pathlib.Path(path).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
