# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Converter ranges from data, and ranges as files."""

from __future__ import annotations

import functools
import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aimc.errors import HardwareWarning, InvalidArgumentError
from aimc.files import read_json, replacing
from aimc.torch.charges import Charges, weight_of
from aimc.torch.doubts import warn_without_effect
from aimc.torch.layer import AnalogLinear
from aimc.torch.places import placed
from aimc.torch.ranges import LEAST
from aimc.torch.recipes import check_count, check_number
from aimc.torch.steps import converted_layers

_NAMED = 8  # layers in a warning
_See = Callable[[AnalogLinear, Tensor, int], None]


def calibrate(
    module: nn.Module,
    batches: Iterable[Any],
    quantile: float = 0.9999,
    limit: int = 1 << 16,
    *,
    adc: bool = True,
) -> nn.Module:
    """Set fixed and learned ranges of converters from what layers see.

    Layers see exact inputs, those of the plain module in evaluation mode, and measure beside it
    what their tiles would give. A DAC's full scale is a quantile of abs(x) per row block, and per
    call where the spec has several of a layer. An ADC's LSB is chosen per block from the charges
    behind the wires, by the rule of ``aimc-compile --calibrate``; blocks whose LSB a spec gives
    keep it.

    Args:
        module: a converted module.
        batches: what it is called with, each a tensor, a tuple, or keyword arguments. Kept, and
            run twice where charges depend on input ranges that are set first.
        quantile: of abs(x), that stays within an input range.
        limit: values per row block and batch that the quantile is taken of.
        adc: False leaves all LSBs as they are.

    Warns:
        HardwareWarning: once, naming the layers, where an ADC keeps less than 3 effective bits; and
            once where an input range takes more of the inputs' power than such an ADC. And where
            there is nothing to choose: neither an ADC that is not ideal nor an input range.

    Raises:
        InvalidArgumentError: for a module without layers on tiles, and without a batch.
    """
    layers = converted_layers(module)
    check_number("quantile", quantile)
    if quantile > 1:
        raise InvalidArgumentError(f"quantile: expected a number from 0 to 1, but got {quantile}")
    check_count("limit", limit, 1)
    kept = _kept(batches)
    inputs: dict[tuple[AnalogLinear, int], Tensor] = {}
    charges: dict[AnalogLinear, Charges] = {}
    powers: dict[AnalogLinear, Tensor] = {}  # of the inputs, and of what lies beyond their ranges

    def look(layer: AnalogLinear, x: Tensor, call: int) -> None:
        flat = x.reshape(-1, layer.in_features).abs().float()
        tops, power = [], torch.zeros(2, dtype=torch.float64)
        for row, rows in layer.layout.bands:
            values = flat[:, row : row + rows].flatten()
            step = max(1, values.numel() // limit)
            tops.append(torch.quantile(values[::step], quantile))
            beyond = (values - tops[-1]).clamp_min(0)  # later batches may widen the range
            power += torch.stack([v.double().square().sum() for v in (values, beyond)]).cpu()
        powers[layer] = powers.get(layer, 0) + power
        top, key = torch.stack(tops), (layer, call if layer.ranged_by_call else 0)
        inputs[key] = torch.maximum(inputs[key], top) if key in inputs else top

    def measure(layer: AnalogLinear, x: Tensor, call: int) -> None:
        charges.setdefault(layer, Charges(layer)).add(x, call)

    def first(layer: AnalogLinear, x: Tensor, call: int) -> None:
        look(layer, x, call)
        if layer in converting and layer not in ranged:
            measure(layer, x, call)

    def second(layer: AnalogLinear, x: Tensor, call: int) -> None:
        if layer in ranged:
            measure(layer, x, call)

    converting, ranged = set(), set()  # with an ADC; and with input ranges that come first
    for layer in layers:
        circuit = layer.recipe.circuit
        if circuit and circuit.adc and layer.target.adc.kind != "ideal":
            converting.add(layer)
            if _ranged(layer):
                ranged.add(layer)
    _run(module, kept, layers, first)
    for (layer, call), top in inputs.items():
        own = layer.input_range.data
        (own[call] if layer.ranged_by_call else own).copy_(top.clamp_min(LEAST))
        layer.calibrated = True
    if any(layer in ranged for layer, _ in inputs):
        _run(module, kept, layers, second)
    if adc:
        for layer, seen in charges.items():
            for index, block in enumerate(layer.layout.blocks):
                lsb = seen.lsb(index) if block.lsb_fc is None else None
                if lsb is not None:
                    layer.adc_lsb.data[index] = lsb
    _warn(charges, adc)
    if adc and not converting:
        warn_without_effect(
            layers, [("calibrate", "range_calibration")], timed=True, level=2,
            ranged=any(_ranged(layer) for layer in layers),
        )  # fmt: skip
    _warn_of_clipping({layer: powers[layer] for layer in layers if layer in powers}, quantile)
    return module


def _kept(batches: Iterable[Any]) -> list[Any]:
    """Batches; one by itself iterates too, over its rows or names, which are no batches."""
    one = isinstance(batches, Tensor | np.ndarray | Mapping | str)
    if one or not isinstance(batches, Iterable):
        raise InvalidArgumentError(
            f"batches: expected a list of batches, but got {type(batches).__name__}; "
            "calibrate(model, [x]) runs on one"
        )
    kept = list(batches)
    if not kept:
        raise InvalidArgumentError(
            "batches: expected at least one batch, but got none; an iterator gives them only once"
        )
    return kept


def _run(
    module: nn.Module, batches: Iterable[Any], layers: Iterable[AnalogLinear], see: _See
) -> None:
    """Passes of the plain module whose layers show their inputs to `see(layer, x, call)`."""

    def exact(layer: AnalogLinear, x: Tensor) -> Tensor:
        see(layer, x.detach(), layer.calls.enter(x) or 0)
        return layer._plain(x, weight_of(layer))

    training = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        for layer in layers:
            layer.__dict__["forward"] = functools.partial(exact, layer)
        with torch.no_grad():
            for batch in batches:
                if isinstance(batch, Mapping):
                    module(**batch)
                elif isinstance(batch, tuple | list):
                    module(*batch)
                else:
                    module(batch)
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)
        for part, mode in training:
            part.training = mode


def _ranged(layer: AnalogLinear) -> bool:
    """Whether inputs have a full scale that is not each vector's own."""
    circuit = layer.recipe.circuit
    return circuit is not None and circuit.dac and layer.range_mode != "vector"


def _warn(charges: Mapping[AnalogLinear, Charges], chosen: bool) -> None:
    """In the runtime's words, about the worst layer; the others by name. `chosen`: LSBs are."""
    few = {layer: bits[0] for layer, seen in charges.items()
           if (bits := seen.effective_bits()) is not None and bits[1]}  # fmt: skip
    if not few:
        return
    worst, *others = sorted(few, key=lambda layer: few[layer])
    target = worst.target
    more = [f"{layer.name} ({few[layer]:.3g})" for layer in others[:_NAMED]]
    if len(others) > _NAMED:
        more.append(f"{len(others) - _NAMED} more")
    given = any(block.lsb_fc is not None for block in worst.layout.blocks)
    remedy = "; more adc bits keep more"
    if not chosen and not given:
        remedy = (
            "; aimc.torch.calibrate with adc=True chooses the ADC's range from data for these bits,"
            " and more adc bits keep more"
        )
    warnings.warn(
        f"{worst.place}: the ADC keeps {few[worst]:.3g} effective bits (target {target.name}, "
        f"dac mode {target.dac.mode}, adc lsb {worst.adc_lsb.tolist()[0]:.3g} fC, "
        f"{target.adc.bits} bits)" + (f"; so do {', '.join(more)}" if more else "") + remedy,
        HardwareWarning,
        stacklevel=3,
    )


def _warn_of_clipping(powers: Mapping[AnalogLinear, Tensor], quantile: float) -> None:
    """By the power that lies beyond the ranges: few inputs may hold nearly all of it."""
    heavy = {}
    for layer, (whole, lost) in ((layer, sums.tolist()) for layer, sums in powers.items()):
        if not _ranged(layer) or not whole > 0:
            continue
        if torch.ops.aimc.effective_bits(whole, lost)[1]:
            heavy[layer] = lost / whole
    if not heavy:
        return
    worst = max(heavy, key=lambda layer: heavy[layer])
    warnings.warn(
        f"{worst.place}: the input range takes {100 * heavy[worst]:.3g}% of the inputs' power"
        + (f"; too much too in {len(heavy) - 1} more" if len(heavy) > 1 else "")
        + f"; a quantile above {quantile:g} keeps it, or a range for each vector",
        HardwareWarning,
        stacklevel=3,
    )


def learned_ranges(module: nn.Module) -> list[nn.Parameter]:
    """Parameters that are ranges: a group of the optimizer of their own, without weight decay."""
    return [
        p
        for layer in converted_layers(module)
        for p in (layer.input_range, layer.adc_lsb)
        if isinstance(p, nn.Parameter)
    ]


def save_ranges(module: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write input ranges and LSBs by layer as JSON, for :func:`load_ranges`."""
    values = {
        layer.name: {
            "input_range": layer.input_range.tolist() if layer.range_mode != "vector" else None,
            "lsb_fc": layer.adc_lsb.tolist(),
        }
        for layer in converted_layers(module)
    }
    with replacing(path) as scratch:
        scratch.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def load_ranges(module: nn.Module, path: str | os.PathLike[str]) -> nn.Module:
    """Take ranges from a file of :func:`save_ranges`: fixed and learned ones start from there.

    Raises:
        InvalidArgumentError: for a module without layers on tiles; and for a file without just
            the module's layers and blocks, or with mistakes: names the layer and what is expected.
            Nothing is changed then.
    """
    layers = {layer.name: layer for layer in converted_layers(module)}
    values = read_json(path, "file of ranges")
    if not isinstance(values, dict) or values.keys() != layers.keys():
        there = sorted(values) if isinstance(values, dict) else []
        unlike = sorted(layers.keys() ^ set(there))
        raise InvalidArgumentError(
            f"{path}: expected ranges of the module's {len(layers)} layers on tiles, but got "
            f"{len(there)} layers" + (f"; {unlike[0]!r} is in one alone" if unlike else "")
        )
    found = []
    for name, layer in layers.items():
        where, own = f"{path}: {placed(name, type(layer), quoted=True)}", values[name]
        if not isinstance(own, dict) or own.keys() != {"input_range", "lsb_fc"}:
            raise InvalidArgumentError(f"{where}: expected input_range and lsb_fc")
        full = own["input_range"]
        if (full is None) != (layer.range_mode == "vector"):
            what = "no input_range" if full is not None else "an input_range"
            raise InvalidArgumentError(
                f"{where}: expected {what} for Circuit(input_range={layer.range_mode!r})"
            )
        _check(own["lsb_fc"], layer.adc_lsb.numel(), f"{where}: lsb_fc")
        if full is not None:
            calls, rows = layer.calls.expected, full
            if not layer.ranged_by_call:
                calls, rows = 1, [full]
            if not isinstance(rows, list) or len(rows) != calls:
                raise InvalidArgumentError(
                    f"{where}: input_range: expected a list for each of {calls} calls"
                )
            for row in rows:
                _check(row, layer.input_range.shape[-1], f"{where}: input_range")
        found.append((layer, full, own["lsb_fc"]))
    for layer, full, lsb in found:
        if full is not None:
            layer.input_range.data.copy_(torch.tensor(full))
            layer.calibrated = True
        layer.adc_lsb.data.copy_(torch.tensor(lsb))
    return module


def _check(values: Any, count: int, where: str) -> None:
    if not isinstance(values, list) or len(values) != count:
        got = f"{len(values)}" if isinstance(values, list) else repr(values)
        raise InvalidArgumentError(f"{where}: expected {count} numbers, but got {got}")
    for value in values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value < float("inf"):
            raise InvalidArgumentError(f"{where}: expected numbers above 0, but got {value!r}")
