# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random products by every road: equal within rounding, or as docs/Roads.md says they differ.

hypothesis shrinks what fails to the smallest case and prints it; a case is called again by giving
it to one of the functions here.
"""

import pathlib
import tempfile

import numpy as np
from agreement import SMALLEST, compare, differences
from cases import Case, cases
from hypothesis import example, given
from hypothesis import strategies as st
from roads import (
    QUIET,
    Noise,
    compiled,
    layout_of,
    through_c,
    through_session,
    through_tiles,
    through_torch,
)
from settings import examples

NOISES = [QUIET, Noise(devices=True), Noise(devices=True, reads=True)]


@examples(60)
@given(case=cases(training=False, aged=True, ranges=False), noise=st.sampled_from(NOISES))
def test_compiled_products_are_tiles(case, noise, program_in_c):
    """A session, a tile for each block and both from C have the same bits; blocks below each other
    are added where they are read or afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        made = compiled(case, pathlib.Path(folder))
        read = through_tiles(case, noise)
        wanted = read.y * made.factors
        got = through_session(case, made, noise)
        if case.reads > 1:
            least = SMALLEST / made.factors + 0 * read.step  # where a factor meets a small output
            compare(case, got / made.factors, wanted / made.factors, least)
        else:
            np.testing.assert_array_equal(got, wanted)
        if program_in_c is None:
            return
        session, tile = through_c(case, made, program_in_c, pathlib.Path(folder), noise)
    np.testing.assert_array_equal(session, got)
    if len(layout_of(case).blocks) == 1:
        np.testing.assert_array_equal(tile * made.factors, wanted)


SMALL = {"geometry": {"rows": 16, "cols": 16}}
BANDS = Case(SMALL, 32, (("constant", 0),), (("normal", 0), ("half of zeros", 0)))
OPEN = SMALL | {"wire": {"idle": "open", "fidelity": "segments"}}
UNBOUNDED = Case(
    OPEN, 9, (("normal", 0),), (("huge", 0), ("large", 0)), input_range=1.5, off=("dac",)
)
UNROUNDED = Case(SMALL, 9, (("normal", 0),), (("normal", 0),), input_range=0.2, off=("dac",))


@examples(100)
@given(case=cases(aged=True), noise=st.sampled_from(NOISES))
@example(case=BANDS, noise=NOISES[2])  # two blocks' reads draw for themselves
@example(case=UNBOUNDED, noise=QUIET)  # pulses that no DAC bounds
@example(case=UNROUNDED, noise=QUIET)  # a range is also how long a pulse lasts
def test_training_reads_tiles(case, noise):
    """A converted module, alone and on a chip instance of a seed and an age."""
    wanted = through_tiles(case, noise)
    with tempfile.TemporaryDirectory() as folder:
        got = through_torch(case, pathlib.Path(folder), noise)
    compare(case, got, wanted.y, wanted.step, noise)


def test_no_difference_is_listed_for_nothing():
    folder = pathlib.Path(__file__).parent
    sources = "".join(path.read_text() for path in folder.glob("*.py"))
    assert differences()
    assert [name for name in differences() if f'"{name}"' not in sources] == []
