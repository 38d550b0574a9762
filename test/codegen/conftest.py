# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lets the tests of this folder run the importer's cases."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "import"))


@pytest.fixture(autouse=True)
def native_engine(monkeypatch):
    """The cases of test/import, executed by compiled packages."""
    monkeypatch.setenv("AIMC_TEST_ENGINE", "native")
