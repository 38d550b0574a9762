# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The section of docs/Validation.md about AIHWKIT, measured as the tests measure it."""

from __future__ import annotations

import itertools
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

INTRODUCTION = """## AIHWKIT 1.1.0
### IR-drop reads in compat mode
`compat = aihwkit` repeats AIHWKIT's read in double precision, with what docs/Physics.md lists as
its defects. Error: largest difference of outputs over the largest output, limit 1e-4.
"""
COUNTS = """
### Miscounted pulses
AIHWKIT compares durations with its time grid in single precision. Signed codes for which a pulse
comes out a sample too long or too short in some pass, of all codes; {isa} instructions, on which
PyTorch's `linspace` depends. With those pulses in place of the codes, one-pass outputs agree again.

| bits | codes | one_pass | error | error then | split | bit_serial |
|---|---|---|---|---|---|---|
"""
DEVICES = """
### Devices
Per kind, quantity and eight levels of conductance, 32768 devices each: difference of means, and of
variances, in standard errors (the variance's from the fourth moment). Two-sided limit {limit} for
each of {number} comparisons: one false alarm in {suites:.0f} such tables. `sd` is the range over
the levels of our standard deviation over theirs.

| device | quantity | worst mean | worst variance | sd |
|---|---|---|---|---|
"""


def section() -> str:
    """Markdown. A page that has this section does not lose it where AIHWKIT is missing."""
    import torch
    from compare import (
        LIMIT_Z,
        Read,
        devices,
        error_of_full_scale,
        error_with_their_counts,
        miscounts,
        statistics,
    )
    from test_irdrop import READS

    text = INTRODUCTION + "\n| read | error |\n|---|---|\n"
    for read in READS:
        text += f"| {read} | {error_of_full_scale(read):.1e} |\n"
    text += COUNTS.format(isa=torch.backends.cpu.get_cpu_capability())
    for bits in range(3, 10):
        small = {"rows": 128, "array_rows": 128, "cols": 16, "bits": bits}
        shift = min(3, bits - 2)
        wrong = {
            mode: miscounts(Read(mode, lsb_bits=shift, **small))
            for mode in ("one_pass", "split", "bit_serial")
        }
        text += (
            f"| {bits} | {wrong['one_pass'][1]} | {wrong['one_pass'][0]} | "
            f"{error_of_full_scale(Read('one_pass', **small)):.1e} | "
            f"{error_with_their_counts(Read('one_pass', **small)):.1e} | {wrong['split'][0]} | "
            f"{wrong['bit_serial'][0]} |\n"
        )
    found = [c for device in devices() for c in statistics(device)]
    number = 2 * len(found)
    text += DEVICES.format(limit=LIMIT_Z, number=number, suites=1 / (number * 6.8e-6))
    for (device, quantity), group in itertools.groupby(found, lambda c: (c.device, c.quantity)):
        rows = list(group)
        ratio = [c.ours[1] / c.theirs[1] for c in rows if c.theirs[1] > 1e-4]
        text += (
            f"| {device} | {quantity} | {max(abs(c.z_mean) for c in rows):.1f} | "
            f"{max(abs(c.z_variance) for c in rows):.1f} | {min(ratio):.3f} to {max(ratio):.3f} |\n"
        )
    return text


if __name__ == "__main__":
    print(section())
