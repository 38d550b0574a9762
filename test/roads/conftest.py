# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lets the tests of this folder share its cases and roads, and says how many examples run."""

import pathlib
import sys

import pytest
import torch

FOLDER = pathlib.Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "torch"), str(FOLDER.parent / "import")]

from roads import c_program  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the cases are tiny
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def program_in_c(tmp_path_factory):
    """The road through the C API alone; None where there is no compiler."""
    return c_program(tmp_path_factory.mktemp("c"))
