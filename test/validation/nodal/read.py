# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From an input vector to charges: pulses of the three DAC modes, and the integral of the current
over a pass, which is constant between two pulse ends."""

from __future__ import annotations

import numpy as np

from nodal.circuit import Array, Circuit
from nodal.column import column_currents
from nodal.network import network_currents


def codes_of(x: Array, bits: int, full_range: float | None = None) -> Array:
    """Signed codes of a vector: round(x / range (2^(b-1) - 1)), ties to even, clamped."""
    x = np.asarray(x, float)
    full = np.abs(x).max() if full_range is None else full_range
    levels = 2 ** (bits - 1) - 1
    if full == 0:
        return np.zeros_like(x)
    return np.clip(np.rint(x / full * levels), -levels, levels)


def passes(codes: Array, bits: int, mode: str, lsb_bits: int = 0) -> list[tuple[Array, float, int]]:
    """Each pass of a read: signed ticks per row, digital factor, ticks of the longest pulse."""
    size, sign = np.abs(codes).astype(int), np.sign(codes)
    if mode == "one_pass":
        return [(codes, 1.0, 2 ** (bits - 1) - 1)]
    if mode == "split":
        low, high = size & (2**lsb_bits - 1), size >> lsb_bits
        return [
            (sign * low, 1.0, 2**lsb_bits - 1),
            (sign * high, float(2**lsb_bits), 2 ** (bits - 1 - lsb_bits) - 1),
        ]
    assert mode == "bit_serial", mode
    return [(sign * (size >> p & 1), float(2**p), 1) for p in range(bits - 1)]


def read_charges(circuit: Circuit, ticks: Array, window: float, sparse: bool = False) -> Array:
    """Charge (fC) into each ADC over a pass whose pulses last `ticks` [rows], signed, integrated
    over `window` ticks from the common start of all pulses."""
    ticks = np.asarray(ticks, float)
    ends = np.unique(np.concatenate([np.abs(ticks), [window]]))
    ends = ends[(ends > 0) & (ends <= window)]
    starts = np.concatenate([[0.0], ends[:-1]])
    # In the interval that ends at e the rows with |d| >= e conduct.
    signs = np.sign(ticks) * (np.abs(ticks) >= ends[:, None])
    currents = (network_currents if sparse else column_currents)(circuit, signs)
    return (ends - starts) @ currents * circuit.tick_ns


def combine(charges: list[Array], factors: list[float]) -> Array:
    """The digital sum of the passes, without an ADC in between."""
    return sum(f * q for f, q in zip(factors, charges, strict=True))
