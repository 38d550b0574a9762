# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Columns whose idle rows are disconnected, in the form of one matrix product.

Weights see the mean load of their rows' activity, inputs the exact circuit of a reference column
(docs/Physics.md section 2): Q = V_r sum_i z_i (Tm_ij / Tm^ref_i) (G+ - G-)_ij. The gradient goes
through both; the reference's conductance is a constant to it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aimc.target import Target
from aimc.torch import operators  # noqa: F401, registers torch.ops.aimc
from aimc.torch.layout import Block, Layout

_OPS = torch.ops.aimc


def mean_field(
    plus: Tensor, minus: Tensor, probability: Tensor, share: Tensor, numbers: list[int],
    tile_rows: int, column_ohm: float, adc_ohm: float,
) -> Tensor:  # fmt: skip
    """Tm of every cell: attenuations under the mean loads of each slot, weighted with its charge.

    `plus`, `minus` [K, N]; `probability`, `share` [slots, K]; other rows are open.
    """
    total = torch.zeros_like(plus)
    for p, u in zip(probability.unsqueeze(-1), share.unsqueeze(-1), strict=True):
        transfer = _OPS.fold(
            plus * p, minus * p, None, numbers, False, tile_rows, column_ohm, adc_ohm, False, 1.0,
            0.0,
        )[1]  # fmt: skip
        total = total + u * transfer
    return total


def _block(
    block: Block, plus: Tensor, minus: Tensor, ticks: Tensor, activity: tuple[Tensor, Tensor],
    target: Target, ohm: float, adc_ohm: float,
    conductance: float,
) -> Tensor:  # fmt: skip
    """Charges in fC of a block [rows x cols] for signed ticks [..., rows]."""
    rows, tile_rows = block.rows, target.geometry.rows
    numbers = [0, rows, 0, block.cols, block.at_row, 0]
    mean = mean_field(plus, minus, *activity, numbers, tile_rows, ohm, adc_ohm)
    half = plus.new_full((rows, 1), conductance / 2)
    column = [0, rows, 0, 1, block.at_row, 0]
    reference = mean_field(half, half, *activity, column, tile_rows, ohm, adc_ohm)
    terminal = ohm * (tile_rows - block.at_row - rows + 0.5) + adc_ohm
    z = _OPS.reference_ticks(ticks, conductance, ohm, terminal, False)
    matrix = target.dac.v_read_v * mean / reference * (plus - minus)
    return z @ matrix * target.dac.tick_ns


def open_read(
    x: Tensor, plus: Tensor, minus: Tensor, scale: Tensor, gains: Tensor | None,
    ranges: Tensor | None, lsb: Tensor | None, layout: Layout, target: Target, ohm: float,
    adc_ohm: float, converters: tuple[int, int, int, int], histogram: Tensor | None = None,
    slots: int = 8, references: list[float] | None = None,
) -> Tensor:  # fmt: skip
    """y of x [..., K] through pairs [K, N], as the operator `read` has it for midrail rows.

    `references` are the conductances of the blocks' reference columns, by default their means.
    """
    levels, dac, adc, bits = converters
    device = target.device
    unit = 1.0 / (target.dac.v_read_v * target.dac.tick_ns * (device.g_max_us - device.g_min_us))
    p, u = _OPS.row_activity(histogram, layout.rows, target.dac.bits, slots)
    p, u = (t.to(x.device, x.dtype) for t in (p, u))
    y = x.new_zeros((*x.shape[:-1], layout.cols))
    for band, (row, rows) in enumerate(layout.bands):
        part = x[..., row : row + rows]
        full = ranges[band] if ranges is not None else part.detach().abs().amax(-1, keepdim=True)
        ticks = _OPS.dac(part, full, levels, dac)
        columns = []
        for index, block in enumerate(layout.blocks):
            if block.row != row:
                continue
            here = (slice(row, row + rows), slice(block.col, block.col + block.cols))
            activity = (p[:, row : row + rows], u[:, row : row + rows])
            g, h = plus[here], minus[here]
            mean = references[index] if references else float((g + h).detach().mean())
            charge = _block(block, g, h, ticks, activity, target, ohm, adc_ohm, mean)
            if adc and lsb is not None:
                charge = _OPS.adc(charge, lsb[index], bits, adc)
            columns.append(charge)
        digital = scale[band] * unit if gains is None else scale[band] * gains[band] * unit
        y = y + torch.cat(columns, -1) * digital * (full / levels)
    return y
