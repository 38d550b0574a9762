# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random products as aimc-finetune and a compiler's spec have them, against a session."""

import pathlib
import tempfile

import numpy as np
import pytest
from agreement import bound, compare, relative, size
from cases import cases
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx_case import program
from roads import (
    QUIET,
    Noise,
    compiled,
    distance_of_finetune,
    through_session,
    through_tiles,
    through_torch,
    tuned,
)
from settings import examples

NOISES = [QUIET, Noise(devices=True)]


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
@examples(10)
@given(case=cases(aged=True, ranges=False, partly=False), noise=st.sampled_from(NOISES[:2]))
def test_fine_tuning_starts_from_a_session(case, noise):
    """aimc-finetune and a converted module by the compiler's spec, against a session."""
    if noise.devices:
        case = case.replace(seed=0)  # evaluations of aimc-finetune number chips from 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made = compiled(case, folder)
        labels = through_session(case, made, noise)
        assume(np.isfinite(labels).all())
        read = through_tiles(case, noise)
        got = through_torch(case, folder, noise, made.spec)
        compare(case, got, read.y, read.step, noise)
        if not tuned():
            return
        distance = distance_of_finetune(case, made, folder, labels, noise)
    most = (relative(case, noise) * size(case) + bound("code-edge") * read.step) * made.factors
    assert distance <= np.sqrt(np.mean(most**2)) + 1e-30
