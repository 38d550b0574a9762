# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What tests of several files start from."""

import numpy as np
import pytest

from aimc.testing.programs import run_program


@pytest.fixture(scope="module")
def made(linear_model, linear_package, tmp_path_factory):
    """A run's inputs, record and chip."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(5)
    np.savez(folder / "x.npz", x=rng.standard_normal((4, 96)).astype(np.float32))
    done = run_program("aimc-run", linear_package, "--input", folder / "x.npz", "--record", folder / "r",
        "--save-chip", folder / "c", "--output", folder / "y.npz")  # fmt: skip
    assert done.status == 0, done.stderr
    return folder
