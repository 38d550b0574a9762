# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A loss that is no number: where numbers stop being finite, and which tile saturates most."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from aimc.errors import NotFiniteError
from aimc.torch.layer import AnalogLinear
from aimc.torch.steps import analog_layers, counts, held

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
        module: converted, or with converted modules in it.
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
            again()
    except (ArithmeticError, RuntimeError, ValueError):
        pass  # numbers that are none may be refused on the way; what was seen until then counts
    finally:
        seen.remove()
    return "; ".join([what, *seen.said()])


def saturation(layer: AnalogLinear, x: Tensor, call: int | None = 0) -> tuple[float, float]:
    """Shares of inputs beyond the DAC's range and of readings beyond the ADC's, without noise.

    Readings saturate where one that is only clamped differs from one that is not.
    """
    circuit = layer.recipe.circuit
    if circuit is None:
        return 0.0, 0.0
    kind = x.device.type
    with torch.no_grad(), torch.autocast(kind, enabled=False):
        x = x.detach().to(layer._dtype()).nan_to_num()
        inputs = 0.0
        ranges = layer._input_ranges(call)
        if ranges is not None:
            heights = torch.tensor([rows for _, rows in layer.layout.bands], device=x.device)
            full = torch.repeat_interleave(ranges, heights, output_size=layer.in_features)
            inputs = float((x.abs() > full).float().mean())
        if not circuit.adc or layer.target.adc.kind == "ideal":
            return inputs, 0.0
        weight = layer.weight.detach().to(layer._dtype())
        free, held_back = (layer._analog(x, weight, False, call, mode) for mode in (0, _CLAMP))
        beyond = (free - held_back).abs() > free.abs().max() * 1e-3
        return inputs, float(beyond.float().mean())


class _Inspection:
    """Hooks that watch a pass."""

    def __init__(self, module: nn.Module) -> None:
        self.first: str | None = None
        self.worst: tuple[float, str, str] = (0.0, "", "")
        self._names = {m: name for name, m in module.named_modules()}
        self._hooks = [m.register_forward_hook(self._look) for m in module.modules()]
        # Before the layer: then the number of the call is that of the call to come.
        self._hooks += [
            layer.register_forward_pre_hook(self._measure) for layer in analog_layers(module)
        ]

    def _look(self, module: nn.Module, _: Any, output: Any) -> None:
        if self.first is None and not all(
            bool(t.isfinite().all()) for t in _tensors(output) if t.is_floating_point()
        ):
            self.first = self._names[module] or type(module).__name__

    def _measure(self, layer: AnalogLinear, args: tuple[Tensor, ...]) -> None:
        shares = saturation(layer, args[0], layer.calls.at)
        for share, what in zip(shares, ("inputs", "readings"), strict=True):
            if share > self.worst[0]:
                self.worst = (share, self._names[layer], what)

    def said(self) -> list[str]:
        """What there is to say."""
        parts = []
        if self.first is not None:
            parts.append(f"numbers stop being finite in layer {self.first!r}")
        share, name, what = self.worst
        if share > 0:
            parts.append(
                f"the tile of layer {name!r} saturates in {100 * share:.3g}% of its {what}"
            )
        return parts

    def remove(self) -> None:
        """Watch no more."""
        for hook in self._hooks:
            hook.remove()


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [t for part in value for t in _tensors(part)]
    return []
