# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a converted module knows beside its parameters, for runs that resume exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from aimc.errors import InvalidArgumentError
from aimc.torch.layer import AnalogLinear
from aimc.torch.steps import converted_layers, counts, restore

_FORMAT, _VERSION = "aimc-compiled-state", 1


def compiled_state(module: nn.Module) -> dict[str, Any]:
    """What a run that is interrupted needs beside the parameters to go on bit for bit.

    Between the steps at which a circuit's `refresh` falls due, scales, compensation and held drift
    factors are those of earlier weights, which cannot be had from the weights as they are; fixed
    input ranges are from :func:`aimc.torch.calibrate`; and the step says what is drawn. The state
    holds tensors and plain values alone: :func:`torch.save` it beside a checkpoint.

    Drift factors are of a rank's own draws: each rank of a process group has a state of its own.
    """
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "layers": {name: layer.compiled_state() for name, layer in _layers(module).items()},
        "steps": {name: count.step for name, count in counts(module).items()},
    }


def load_compiled_state(module: nn.Module, state: Mapping[str, Any]) -> None:
    """The reverse of :func:`compiled_state`, after the module's parameters have been loaded.

    Raises:
        InvalidArgumentError: for a module without layers on tiles, and a state of other layers,
            shapes or weights; nothing is changed.
    """
    converted_layers(module)
    if not isinstance(state, Mapping) or state.get("format") != _FORMAT:
        raise InvalidArgumentError(f"expected a state of the format {_FORMAT}")
    if state.get("version") != _VERSION:
        raise InvalidArgumentError(
            f"expected version {_VERSION} of a compiled state, but got {state.get('version')!r}"
        )
    try:
        _load(module, state)
    except KeyError as error:
        raise InvalidArgumentError(f"expected {error.args[0]!r} in a compiled state") from None


def _load(module: nn.Module, state: Mapping[str, Any]) -> None:
    layers, counting = _layers(module), counts(module)
    for what, own, theirs in (
        ("layer", layers.keys(), state["layers"].keys()),
        ("converted module", counting.keys(), state["steps"].keys()),
    ):
        for name in sorted(own ^ theirs):
            having, lacking = ("module", "state") if name in own else ("state", "module")
            raise InvalidArgumentError(
                f"{what} {name!r}: expected it in both, but the {having} has it and the {lacking} "
                "has not"
            )
    for name, layer in layers.items():
        layer.check_compiled_state(state["layers"][name], name)
    for name, layer in layers.items():
        layer.load_compiled_state(state["layers"][name])
    for name, count in counting.items():
        restore(count, state["steps"][name])


def _layers(module: nn.Module) -> dict[str, AnalogLinear]:
    converted_layers(module)
    return {name: m for name, m in module.named_modules() if isinstance(m, AnalogLinear)}
