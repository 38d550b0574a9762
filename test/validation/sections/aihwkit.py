# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compat mode and devices beside AIHWKIT, as test/validation/aihwkit measures them."""

from __future__ import annotations

import importlib.util
import pathlib


def section() -> str:
    path = pathlib.Path(__file__).parents[1] / "aihwkit" / "report.py"
    spec = importlib.util.spec_from_file_location("aihwkit_report", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text: str = module.section()
    return text
