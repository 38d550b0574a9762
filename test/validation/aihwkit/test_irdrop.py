# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""compat = aihwkit against AIHWKIT's own IR-drop reads."""

import numpy as np
import pytest
from compare import (
    Read,
    error_of_full_scale,
    error_with_their_counts,
    miscounts,
    ours,
    theirs,
)

READS = [
    Read(mode, **setting)
    for mode in ("one_pass", "split", "bit_serial")
    for setting in (
        {},
        {"wire_ohm": 0.35, "g_min_us": 0.1},
        {"wire_ohm": 2.0, "g_max_us": 15.0},
        {"rows": 100, "cols": 22, "g_min_us": 0.5},
        {"rows": 256, "array_rows": 256, "pairs": (1.0, 3.0), "g_max_us": 20.0},
        {"adc": True},
    )
]


@pytest.mark.parametrize("read", READS, ids=str)
def test_outputs_are_theirs(read):
    # Theirs are sums of single-precision numbers.
    assert error_of_full_scale(read) <= 1e-4


def test_a_single_wrong_sample_would_be_seen():
    """The bound is sharp enough: one tick more for one row of 64 breaks it."""
    read = Read("one_pass", rows=64, array_rows=64, cols=8, vectors=1)
    wanted, got = theirs(read), ours(read)
    full = np.abs(wanted).max()
    from compare import operands

    weights, x = operands(read)
    step = np.abs(x).max() / 127
    assert np.abs(weights[5] * step).max() / full > 1e-3
    assert np.abs(got - wanted).max() / full <= 1e-4


@pytest.mark.parametrize("bits", range(3, 10))
def test_miscounts_are_all_that_differs(bits):
    """Where single precision makes pulses a sample too long or short, those pulses explain it."""
    read = Read("one_pass", rows=128, array_rows=128, cols=16, bits=bits, vectors=4)
    assert error_with_their_counts(read) <= 1e-4
    wrong, _ = miscounts(read)
    if wrong == 0:
        assert error_of_full_scale(read) <= 1e-4


def test_bit_wise_never_miscounts():
    for bits in range(3, 10):
        assert miscounts(Read("bit_serial", bits=bits, lsb_bits=1))[0] == 0
