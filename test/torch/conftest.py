# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of this folder share: the importer's cases, and where each test starts from."""

import pathlib
import sys

import pytest
import torch

FOLDER = pathlib.Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "import")]


@pytest.fixture(autouse=True)
def _start():
    """The same numbers at every run, nothing compiled by another test, and one thread: the cases
    are tiny."""
    torch.manual_seed(0)
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
