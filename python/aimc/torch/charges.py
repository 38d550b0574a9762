# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Charges that reach the ADCs of a layer, and the LSBs that fit them.

Counted as a session with the option `record` counts them (Recording.h of runtime/exec), and judged
as the pass aimc-calibrate judges them, so that training starts from what the compiler would choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from aimc.torch.layer import AnalogLinear

_OPS = torch.ops.aimc
_Product = Callable[[int, int, Tensor, Tensor, Tensor], Tensor]
_MODES = {"linear": 1, "cco": 2}
_SHIFT = 18  # bins of a float's exponent and first five bits of its mantissa
_BINS = 0x7F800000 >> _SHIFT
_SPARE = 1.05
_SAMPLE = 4096  # charges of a block that a batch adds to those that are converted
_KEPT = 1 << 16


class Magnitudes:
    """Magnitudes counted in bins of 1.6%."""

    def __init__(self) -> None:
        self.counts, self.top = torch.zeros(_BINS, dtype=torch.int64), 0.0

    def add(self, values: Tensor) -> None:
        """Values that are not finite are left out, as the runtime leaves them out."""
        size = values.detach().float().abs().flatten()
        size = size[size.isfinite()]
        if size.numel() == 0:
            return
        bins = size.contiguous().view(torch.int32) >> _SHIFT
        self.counts += torch.bincount(bins, minlength=_BINS).cpu()
        self.top = max(self.top, float(size.max()))

    def quantile(self, share: float) -> float:
        """Upper edge of the bin that it lies in, at most the largest value."""
        sums = self.counts.cumsum(0)
        wanted = math.ceil(share * int(sums[-1]))
        found = int(torch.searchsorted(sums, max(wanted, 1)))
        edge = torch.tensor((found + 1) << _SHIFT, dtype=torch.int32).view(torch.float32)
        return min(self.top, float(edge))


class Charges:
    """What one layer's blocks were seen to give, fC."""

    def __init__(self, layer: AnalogLinear) -> None:
        self.layer = layer
        count = len(layer.layout.blocks)
        self.longest = [Magnitudes() for _ in range(count)]  # in a longest pass
        self.samples: list[list[tuple[float, Tensor]]] = [[] for _ in range(count)]

    def add(self, x: Tensor, call: int = 0) -> None:
        """Charges of a call's input vectors, behind the wires as they are and without noise."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            for block, made in enumerate(_charges(self.layer, x.to(self.layer._dtype()), call)):
                for _, longest, charge in made:
                    if longest:
                        self.longest[block].add(charge)
                self._sample(block, torch.stack([w * q.flatten() for w, _, q in made]), made)

    def _sample(
        self, block: int, weighted: Tensor, made: Sequence[tuple[float, bool, Tensor]]
    ) -> None:
        kept = self.samples[block]
        if sum(sample.shape[1] for _, sample in kept) >= _KEPT:
            return
        step = max(1, weighted.shape[1] // _SAMPLE)
        weights = weighted.new_tensor([w for w, _, _ in made]).unsqueeze(1)
        some = torch.cat([weighted[:, ::step], weights.expand(-1, 1)], 1)
        kept.append((float(step), some))

    def lsb(self, block: int) -> float | None:
        """The LSB that the compiler would choose; None where there was no charge."""
        adc, seen = self.layer.target.adc, self.longest[block]
        if not seen.top > 0:
            return None
        codes = 2.0 ** (adc.bits - 1) - 1
        shares = (0.999, 0.9999, 1.0)
        values = (seen.quantile(shares[0]), seen.quantile(shares[1]), seen.top)
        full: float = _OPS.best_range(shares, values, codes, adc.kind == "linear")
        return min(max(_SPARE * full / codes, 1e-9), 1e9)

    def effective_bits(self) -> tuple[float, bool] | None:
        """As the runtime's statistics have it, with the layer's LSBs, and whether these are so few
        that the runtime warns; None without a signal."""
        adc = self.layer.target.adc
        signal = error = 0.0
        for kept, lsb in zip(self.samples, self.layer.adc_lsb.detach(), strict=True):
            for step, sample in kept:
                weighted, weights = sample[:, :-1], sample[:, -1:]
                charge = weighted / weights
                code = _OPS.adc(charge, lsb.to(charge).clamp_min(1e-9), adc.bits, _MODES[adc.kind])
                signal += step * float(weighted.sum(0).double().square().sum())
                error += step * float((weights * (code - charge)).double().square().sum())
        if not (signal > 0 and error > 0):
            return None
        bits, few = _OPS.effective_bits(signal, error)
        return bits, few


def _charges(
    layer: AnalogLinear, x: Tensor, call: int
) -> Iterator[list[tuple[float, bool, Tensor]]]:
    """Per block its conversions: digital weight, whether it is of a longest pass, charges."""
    target, circuit = layer.target, layer.recipe.circuit
    assert circuit is not None  # the caller looked
    dac = target.dac
    levels, rounded = 2 ** (dac.bits - 1) - 1, 2 if circuit.dac else 0
    passes = _passes(layer._passes if circuit.dac else [])
    weight = weight_of(layer).to(layer._dtype())
    scale = layer._scale(weight)
    pairs = [layer._targets(weight, scale, k) for k in range(len(layer._shares))]
    fold = _open if target.wire.idle == "open" else _driven
    products = [fold(layer, *pair, *pairs[0]) for pair in pairs]
    ranges = layer._input_ranges(call)
    x = x.reshape(-1, layer.in_features)
    bands = list(layer.layout.bands)
    for index, block in enumerate(layer.layout.blocks):
        band = bands.index((block.row, block.rows))
        part = x[:, block.row : block.row + block.rows]
        full = part.abs().amax(-1, keepdim=True) if ranges is None else ranges[band]
        code = _OPS.dac(part, full, levels, rounded)
        made = []
        for k, product in enumerate(products):
            for shift, bits, longest in passes:
                ticks = code
                if bits is not None:
                    digits = torch.remainder((code.abs() / 2**shift).floor(), 2**bits)
                    ticks = digits * code.sign()
                charge = product(index, band, part, full, ticks)
                made.append((2.0**shift * layer._shares[k][2], longest, charge))
        yield made


def weight_of(layer: AnalogLinear) -> Tensor:
    """What a layer's recipe leaves of its weight without noise."""
    weight: Tensor = layer.weight
    return layer._gaussian(weight, False) if layer.recipe.gaussian else weight


def _passes(numbers: Sequence[int]) -> list[tuple[int, int | None, bool]]:
    """Shift and bits of each pass, and whether it is the last of those with the longest pulses."""
    if not numbers:
        return [(0, None, True)]
    passes = list(zip(numbers[::2], numbers[1::2], strict=True))
    top = max(bits for _, bits in passes)
    last = max(i for i, (_, bits) in enumerate(passes) if bits == top)
    return [(shift, bits, i == last) for i, (shift, bits) in enumerate(passes)]


def _driven(layer: AnalogLinear, plus: Tensor, minus: Tensor, *_: Tensor) -> _Product:
    """Rows that stay driven: a product with the folded matrix."""
    ohm, adc_ohm, plane = _wires(layer)
    matrix = layer._fold(plus, minus, ohm, adc_ohm, plane)[0]
    matrix = matrix.t() if layer.transposed else matrix

    def product(index: int, band: int, part: Tensor, full: Tensor, ticks: Tensor) -> Tensor:
        b = layer.layout.blocks[index]
        own = matrix[b.row : b.row + b.rows, b.col : b.col + b.cols]
        return ticks @ own * layer.target.dac.tick_ns

    return product


def _open(
    layer: AnalogLinear, plus: Tensor, minus: Tensor, first_plus: Tensor, first_minus: Tensor
) -> _Product:
    """Open rows: pulses arrive through reference columns, pre-distorted where they compensate: for
    the first pair, as all pairs of a weight have the same."""
    dac, rows = layer.target.dac, layer.target.geometry.rows
    ohm, adc_ohm, _ = _wires(layer)
    alternating, levels = layer._alternating(), 2 ** (dac.bits - 1) - 1
    matrix, _, reference = _OPS.open_fold(
        plus, minus, layer.probability, layer.share, layer.blocks, layer.transposed, rows, ohm,
        adc_ohm, alternating, dac.v_read_v * dac.tick_ns,
    )  # fmt: skip
    if layer.transposed:
        matrix, first_plus, first_minus = matrix.t(), first_plus.t(), first_minus.t()
    circuit = layer.recipe.circuit
    shaped = circuit is not None and circuit.dac and len(layer._passes) <= 2
    shaped = shaped and layer.shape is not None and layer._compensation() == "weights+pulses"

    def product(index: int, band: int, part: Tensor, full: Tensor, ticks: Tensor) -> Tensor:
        b = layer.layout.blocks[index]
        columns = slice(b.col, b.col + b.cols)
        own = (slice(b.row, b.row + b.rows), columns)
        numbers = [0, b.rows, 0, b.cols, b.at_row, b.at_col]
        place = (numbers, rows, ohm, adc_ohm, alternating, levels)
        aim = None
        if shaped:
            seen = (t[:, b.row : b.row + b.rows] for t in (layer.probability, layer.share))
            ticks, _, aim = _OPS.open_pulses(
                part, full, first_plus[own], first_minus[own], *seen, *place
            )
        charge: Tensor = _OPS.open_product(
            ticks, matrix[own], reference[band, columns], aim, *place
        )
        return charge

    return product


def _wires(layer: AnalogLinear) -> tuple[float, float, bool]:
    """Ohm per cell and at the ADC, and whether rows have wires too, as they are at this step."""
    wire, wired = layer.target.wire, layer._level["wire"]
    plane = wired > 0 and (wire.row_ohm > 0 or wire.driver_ohm > 0)
    return wire.column_ohm * wired, wire.adc_ohm if wired > 0 else 0.0, plane
