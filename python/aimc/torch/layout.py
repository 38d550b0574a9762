# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where a weight's blocks lie, by a target's geometry or by a noise spec."""

from __future__ import annotations

import dataclasses
import json

import torch

from aimc.errors import InvalidArgumentError
from aimc.target import Dac, Device, Geometry, Target
from aimc.torch import operators  # noqa: F401, registers torch.ops.aimc


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows and columns of a weight [inputs x outputs] at a place of a tile."""

    row: int
    rows: int
    col: int
    cols: int
    at_row: int
    at_col: int
    lsb_fc: float | None = None
    compensate: str | None = None
    scales: tuple[float, ...] | None = None
    stream: int | None = None  # what the runtime's draws name this tile by; None: a layer's own

    @staticmethod
    def stream_of(target: int, chip: int, tile: int) -> int:
        """As the runtime names a tile: 64 bits, here as operators take them, with a sign.

        Raises:
            InvalidArgumentError: for a number beyond which two tiles would have the same devices.
        """
        try:
            return int(torch.ops.aimc.tile_stream(target, chip, tile))
        except ValueError as error:
            raise InvalidArgumentError(str(error).partition("\n")[0]) from None


def numbers_of_tiles() -> tuple[int, int]:
    """How many targets there may be, and the largest number of a chip or of a tile."""
    targets, number = torch.ops.aimc.tile_numbers()
    return targets, number


def reads_of(grid: int, first: int = 0) -> int:
    """What a session's draws name reads of a call site by, and there of its block number `first`:
    drawId of runtime/exec."""
    return grid << 32 | first


@dataclasses.dataclass(frozen=True)
class Layout:
    """The blocks of one weight, band by band."""

    rows: int
    cols: int
    blocks: tuple[Block, ...]

    @classmethod
    def cut(cls, rows: int, cols: int, target: Target) -> Layout:
        """Full tiles first, the remainder last, each at the rows next to the ADC.

        Raises:
            InvalidArgumentError: for a target that no tile can be.
        """
        target.check()
        tile = target.geometry
        numbers = torch.ops.aimc.cut_blocks(
            rows, cols, tile.rows, tile.cols, tile.readout == "alternating"
        )
        blocks = (Block(*numbers[i : i + 6]) for i in range(0, len(numbers), 6))
        return cls(rows, cols, tuple(blocks))

    @property
    def bands(self) -> tuple[tuple[int, int], ...]:
        """First row and number of rows of each row block."""
        return tuple(dict.fromkeys((b.row, b.rows) for b in self.blocks))

    @property
    def numbers(self) -> list[int]:
        """As the operators take blocks."""
        return [n for b in self.blocks for n in (b.row, b.rows, b.col, b.cols, b.at_row, b.at_col)]


def pair_shares(geometry: Geometry) -> list[tuple[float, float, float]]:
    """(start, share, factor) of each pair of a weight: what it covers of the whole range, and what
    its output counts (PairShare of runtime/model)."""
    significance = geometry.significance or (1.0,) * geometry.pairs
    total, start, shares = sum(significance), 0.0, []
    for factor in significance:
        shares.append((start, factor / total, factor / total))
        start += factor / total
    return shares


def dac_passes(dac: Dac) -> list[int]:
    """Shift and bits of each pass of a converter, as operators take them; one pass: none."""
    bits = dac.bits - 1
    if dac.mode == "split":
        return [0, dac.lsb_bits, dac.lsb_bits, bits - dac.lsb_bits]
    if dac.mode == "bit_serial":
        return [n for bit in range(bits) for n in (bit, 1)]
    return []


def table_text(device: Device) -> tuple[str, ...]:
    """The table as operators take it, after their other arguments; nothing where there is none."""
    return () if device.table is None else (json.dumps(device.table),)


def device_facts(device: Device) -> tuple[bool, float, float]:
    """Whether reads of nanoseconds are noisy, and how many devices are stuck at g_min, at g_max.

    Raises:
        InvalidArgumentError: for a device table with mistakes, or a window that it does not cover.
    """
    if device.kind != "table":
        return device.kind == "pcm", device.stuck_off, device.stuck_on
    try:
        noisy, off, on = torch.ops.aimc.device_facts(
            device.kind, device.g_min_us, device.g_max_us, device.stuck_off, device.stuck_on,
            *table_text(device),
        )  # fmt: skip
    except ValueError as error:
        raise InvalidArgumentError(str(error).partition("\n")[0]) from None
    return noisy, off, on
