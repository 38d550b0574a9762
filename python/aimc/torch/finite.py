# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A loss that is no number: where numbers stop being finite, and which tile saturates most."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aimc.errors import InvalidArgumentError, NotFiniteError
from aimc.torch.layer import AnalogLinear
from aimc.torch.places import placed
from aimc.torch.steps import analog_layers, converted_layers, counts, held

_CLAMP = 3  # ops::AdcMode: saturation without rounding


def check_loss(
    module: nn.Module,
    loss: Tensor,
    again: Callable[[], Any] | None = None,
    *,
    step: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> None:
    """Stop a training loop whose loss is not finite, before its step reaches the weights.

    Args:
        module: converted, or with converted modules in it; a plain one is watched as well.
        loss: of the pass at hand, before ``loss.backward()``.
        again: makes that pass once more (``lambda: model(**batch)``), on the same noise, to find
            the layer in which numbers stop being finite and the tile that saturates most.
        step: the step's number; default the module's own.
        checkpoint: the last one that was written, for the message.

    Raises:
        NotFiniteError: names the step, the layer, the tile and the checkpoint.
    """
    value = float(loss.detach())
    if value - value != 0.0:
        if step is None:
            step = next((count.step for count in counts(module).values()), None)
        when = "" if step is None else f"step {step}: "
        said = diagnosis(module, f"{when}the loss is {value}", again)
        if checkpoint is not None:
            said += f"; the last good checkpoint is '{os.fspath(checkpoint)}'"
        raise NotFiniteError(said)


def diagnosis(module: nn.Module, what: str, again: Callable[[], Any] | None) -> str:
    """`what`, and what a pass that is made once more shows of it."""
    if again is None:
        return what
    seen = _Inspection(module)
    try:
        with torch.no_grad(), held(module), torch.compiler.set_stance("force_eager"):
            seen.result = again()
    except (ArithmeticError, RuntimeError, ValueError):
        pass  # numbers that are none may be refused on the way; what was seen until then counts
    finally:
        seen.remove()
    return "; ".join([what, *seen.said()])


def saturation(layer: AnalogLinear, x: Tensor, call: int | None = 0) -> tuple[float, float]:
    """Shares of inputs beyond the DAC's range and of readings beyond the ADC's, without noise.

    Readings saturate where one that is only clamped differs from one that is not.

    Raises:
        InvalidArgumentError: for a layer that is not on tiles.
    """
    _check_layer(layer)
    circuit = layer.recipe.circuit
    if circuit is None:
        return 0.0, 0.0
    kind = x.device.type
    with torch.no_grad(), torch.autocast(kind, enabled=False):
        x = x.detach().to(layer._dtype()).nan_to_num()
        inputs = 0.0
        ranges = layer._input_ranges(call)
        if circuit.dac and ranges is not None:
            heights = torch.tensor([rows for _, rows in layer.layout.bands], device=x.device)
            full = torch.repeat_interleave(ranges, heights, output_size=layer.in_features)
            inputs = float((x.abs() > full).float().mean())
        if not circuit.adc or layer.target.adc.kind == "ideal":
            return inputs, 0.0
        weight = layer.weight.detach().to(layer._dtype())
        free, held_back = (layer._analog(x, weight, False, call, mode) for mode in (0, _CLAMP))
        beyond = (free - held_back).abs() > free.abs().max() * 1e-3
        return inputs, float(beyond.float().mean())


def _check_layer(layer: Any) -> None:
    if isinstance(layer, AnalogLinear):
        return
    converted_layers(layer)
    raise InvalidArgumentError(
        f"layer: expected one of aimc.torch.analog_layers(model), but got {type(layer).__name__}"
    )


class _Inspection:
    """Hooks that watch a pass.

    An infinity is not a fault by itself: masks are made of it, and a softmax takes it away again.
    At fault is the module that makes NaN of numbers, or that has parameters and makes or takes an
    infinity; another module's infinity is, where it ends in one of these or in the result.
    """

    def __init__(self, module: nn.Module) -> None:
        self.first: str | None = None
        self.result: Any = None  # of the pass; None where it came to no end
        self.worst: tuple[float, str, str] = (0.0, "", "")
        self._source: str | None = None  # of infinities that may be meant
        self._masks = True  # whether they are negative alone
        self._running: list[nn.Module] = []
        self._names = {m: placed(name, type(m), quoted=True) for name, m in module.named_modules()}
        self._hooks = []
        for part in module.modules():
            self._hooks.append(part.register_forward_pre_hook(self._enter, with_kwargs=True))
            self._hooks.append(part.register_forward_hook(self._look, with_kwargs=True))
        # Before the layer: then the number of the call is that of the call to come.
        self._hooks += [
            layer.register_forward_pre_hook(self._measure) for layer in analog_layers(module)
        ]

    def _name(self, module: nn.Module) -> str:
        return self._names[module]

    def _enter(self, module: nn.Module, args: Any, named: dict[str, Any]) -> None:
        """What comes from no module is the running one's own."""
        if self.first is None and self._running and _kinds([args, named]).nan:
            self.first = self._name(self._running[-1])
        self._running.append(module)

    def _look(self, module: nn.Module, args: Any, named: dict[str, Any], output: Any) -> None:
        while self._running and self._running.pop() is not module:
            pass  # modules that were left by an exception
        if self.first is not None:
            return
        came, made = _kinds([args, named]), _kinds(output)
        infinite = came.high or came.low
        weighs = next(module.parameters(recurse=False), None) is not None
        if made.nan or (weighs and (made.high or made.low)):
            meant = self._source is None or (self._masks and not came.high and not weighs)
            self.first = self._name(module) if meant or not infinite else self._source
        elif (made.high or made.low) and not infinite and self._source is None:
            self._source, self._masks = self._name(module), not made.high

    def _measure(self, layer: AnalogLinear, args: tuple[Tensor, ...]) -> None:
        shares = saturation(layer, args[0], layer.calls.at)
        for share, what in zip(shares, ("inputs", "readings"), strict=True):
            if share > self.worst[0]:
                self.worst = (share, self._names[layer], what)

    def said(self) -> list[str]:
        """What there is to say."""
        parts = []
        ended = _kinds(self.result)
        first = self._source if self.first is None and (ended.high or ended.low) else self.first
        if first is not None:
            parts.append(f"numbers stop being finite in {first}")
        share, name, what = self.worst
        if share > 0:
            parts.append(f"the tile of {name} saturates in {100 * share:.3g}% of its {what}")
        return parts

    def remove(self) -> None:
        """Watch no more."""
        for hook in self._hooks:
            hook.remove()


class _Kinds(NamedTuple):
    """What is not finite in some tensors."""

    nan: bool
    high: bool
    low: bool


def _kinds(value: Any) -> _Kinds:
    floats = [t for t in _tensors(value) if t.is_floating_point()]
    bad = [t for t in floats if not bool(t.isfinite().all())]
    return _Kinds(
        any(bool(t.isnan().any()) for t in bad),
        any(bool(t.isposinf().any()) for t in bad),
        any(bool(t.isneginf().any()) for t in bad),
    )


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [t for part in value for t in _tensors(part)]
    return []
