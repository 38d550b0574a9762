# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which step a converted module is at: counted by its training passes, or set.

An eager pass moves its layers on before it starts. A compiled one cannot: strengths are constants
of its code. So each layer also knows the next step's moment, which is what a compiled pass reads,
and guards on; an operator inside the pass counts, hands out the pass's keys and refreshes scales
and compensation, and one at its end prepares the moment after. Both run whenever the pass does.

A compiled pass reads its keys and copies of its own, never the buffers that they come from: what is
computed for a gradient, or again for it (checkpointing), needs the numbers of its pass, and buffers
may have moved on by then.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import uuid
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from aimc.errors import InvalidArgumentError
from aimc.torch.calls import taking_gradients
from aimc.torch.layer import COMPILED, AnalogLinear
from aimc.torch.recipes import check_count

_RANK = 0x9E3779B97F4A7C15  # an odd number far from small ones: ranks do not meet
_WORD = 2**63
_NUMBERS = itertools.count(1)


class Steps:
    """The count of a converted module, for the layers that carry its key."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.step, self.key = module, 0, uuid.uuid4().int >> 66
        self.held = False  # whether passes see the step at hand once more
        self._enter()

    def _enter(self) -> None:
        self.number = next(_NUMBERS)
        _LIVE[self.number] = self

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._enter()  # a copy counts by itself

    def set(self, step: int, ahead: bool = True) -> None:
        """Make `step` the current step; `ahead` prepares the next one too."""
        self.step = step
        for layer in _layers(self.module, self.key):
            _set(layer, step, ahead)

    def prepare(self) -> None:
        """The next step's moment."""
        for layer in _layers(self.module, self.key):
            layer.prepare(self.step + 1)


# Compiled code names counts by their numbers.
_LIVE: weakref.WeakValueDictionary[int, Steps] = weakref.WeakValueDictionary()


def analog_layers(module: nn.Module) -> Iterator[AnalogLinear]:
    """The layers of a module that are on tiles."""
    check_module(module)
    return (m for m in module.modules() if isinstance(m, AnalogLinear))


def converted_layers(module: nn.Module) -> list[AnalogLinear]:
    """The same for what has no meaning without any: a module that nobody converted would seem to
    do perfectly.

    Raises:
        InvalidArgumentError: for a module without layers on tiles, with the remedy.
    """
    layers = list(analog_layers(module))
    if not layers:
        raise InvalidArgumentError(
            f"expected a module with layers on tiles, but got {type(module).__name__} with none; "
            "aimc.torch.convert(model, target) puts them there"
        )
    return layers


def check_module(module: object) -> None:
    """Refuse what is no module: a class that nobody called, or a file's name.

    Raises:
        InvalidArgumentError: says what is one.
    """
    if isinstance(module, nn.Module):
        return
    if isinstance(module, type) and issubclass(module, nn.Module):
        name = module.__name__
        got = f"the class {name}; {name}(...) makes a module"
    elif isinstance(module, str | os.PathLike):
        got = f"{os.fspath(module)!r}; aimc.compile(path) and aimc-finetune read files of models"
    else:
        got = type(module).__name__
    raise InvalidArgumentError(f"expected an nn.Module, but got {got}")


def _layers(module: nn.Module, key: int) -> list[AnalogLinear]:
    found = (m for m in module.modules() if isinstance(m, AnalogLinear))
    return [layer for layer in found if layer.steps_key == key]


def _set(layer: AnalogLinear, step: int, ahead: bool = True) -> None:
    _place(layer, step, ahead)
    circuit = layer.recipe.circuit
    if circuit and step and step % circuit.refresh == 0:
        layer.refresh()


def _place(layer: AnalogLinear, step: int, ahead: bool = True) -> None:
    """The step alone: scales and compensation stay as they are."""
    rank = 0
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        rank = torch.distributed.get_rank()
    layer.clock[0] = (layer.seed + rank * _RANK) % _WORD
    layer.set_step(step, ahead)


def set_step(module: nn.Module, step: int) -> None:
    """Make `step` the current step: what is drawn, and where ramps are.

    Steps are training passes; the next one sees `step` + 1. Converted modules count by themselves;
    this is for runs that resume, or that count otherwise. It holds for every converted module
    inside of `module`.

    Raises:
        InvalidArgumentError: for a module without layers on tiles, and for what is no step.
    """
    layers = converted_layers(module)
    check_count("step", step, 0)
    for part in module.modules():
        steps = part.__dict__.get("_aimc_steps")
        if steps is not None:
            steps.step = step
    for layer in layers:
        _set(layer, step)


def counts(module: nn.Module) -> dict[str, Steps]:
    """The counts of the converted modules inside of `module`, by name."""
    found = {name: part.__dict__.get("_aimc_steps") for name, part in module.named_modules()}
    return {name: steps for name, steps in found.items() if steps is not None}


def restore(steps: Steps, step: int) -> None:
    """A count goes on from `step`, with the scales and compensation that layers have."""
    steps.step = step
    for layer in _layers(steps.module, steps.key):
        _place(layer, step)


@contextlib.contextmanager
def held(module: nn.Module) -> Iterator[None]:
    """Passes see the step at hand once more."""
    found = counts(module).values()
    try:
        for steps in found:
            steps.held = True
        yield
    finally:
        for steps in found:
            steps.held = False


def count_steps(module: nn.Module) -> Steps:
    """The count of a module, which it has from now on."""
    steps: Steps | None = module.__dict__.get("_aimc_steps")
    if steps is None:
        steps = module._aimc_steps = Steps(module)
        module.register_forward_pre_hook(_advance)
        module.register_forward_hook(_settle)
    return steps


def forget_steps(module: nn.Module) -> None:
    """The reverse."""
    for hooks in (module._forward_pre_hooks, module._forward_hooks):
        for key, hook in list(hooks.items()):
            if hook in (_advance, _settle):
                del hooks[key]
    module.__dict__.pop("_aimc_steps", None)


def _state(layers: list[AnalogLinear]) -> list[Tensor]:
    kept = [getattr(layer, name) for layer in layers for name in COMPILED]
    return [tensor for tensor in kept if tensor is not None]


def _advance(module: nn.Module, _: Any) -> None:
    """Before each training pass of the converted module: the next step."""
    steps = module._aimc_steps
    if not module.training or steps.held:
        return
    if not torch.compiler.is_compiling():
        if not taking_gradients():
            steps.set(steps.step + 1)
        return
    layers = _layers(module, steps.key)
    if torch.compiler.is_exporting():  # the program is another process's: only draws move on
        for layer in layers:
            layer.clock[2] += 1
        return
    clocks = [layer.clock for layer in layers]
    keys = torch.ops.aimc_steps.advance(clocks, _state(layers), steps.number)
    for index, layer in enumerate(layers):
        made = {name: getattr(layer, name) for name in COMPILED}
        own = {name: tensor.clone() for name, tensor in made.items() if tensor is not None}
        layer.counted, layer.held = True, {"key": keys[index], **own}


def _settle(module: nn.Module, _: Any, __: Any) -> None:
    """After it, where it is compiled."""
    if not torch.compiler.is_compiling() or torch.compiler.is_exporting() or not module.training:
        return
    steps = module._aimc_steps
    layers = _layers(module, steps.key)
    for layer in layers:
        layer.counted, layer.held = False, None
    torch.ops.aimc_steps.prepare([layer.clock for layer in layers], steps.number)


# Both are Python: no graph of a GPU may hold them.
_TAGS = (torch.Tag.cudagraph_unsafe,)


@torch.library.custom_op("aimc_steps::advance", mutates_args=("clocks", "state"), tags=_TAGS)  # type: ignore[untyped-decorator]
def _advance_op(clocks: list[Tensor], state: list[Tensor], number: int) -> Tensor:
    """The keys of this pass, [layers, 3], which nothing changes any more."""
    steps = _LIVE[number]
    if not taking_gradients():
        steps.set(steps.step + 1, ahead=False)
    layers = _layers(steps.module, steps.key)
    own = [layer.clock for layer in layers] + _state(layers)
    for given, made in zip(clocks + state, own, strict=True):
        if given is not made:
            given.copy_(made)
    return torch.stack(clocks)


# The clocks stay as they are: they say that this comes after the pass has begun.
@torch.library.custom_op("aimc_steps::prepare", mutates_args=("clocks",), tags=_TAGS)  # type: ignore[untyped-decorator]
def _prepare_op(clocks: list[Tensor], number: int) -> None:
    if not taking_gradients():
        _LIVE[number].prepare()


@_advance_op.register_fake  # type: ignore[untyped-decorator]
def _(clocks: list[Tensor], state: list[Tensor], number: int) -> Tensor:
    return clocks[0].new_empty(len(clocks), 3)


@_prepare_op.register_fake  # type: ignore[untyped-decorator]
def _(clocks: list[Tensor], number: int) -> None:
    return None
