# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where the programs and the runtime library are."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Iterator

from aimc.errors import Error

LIBRARY = "libaimc_runtime.so"
TORCH_LIBRARY = "libaimc_torch.so"
_CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


def _build_folders() -> Iterator[pathlib.Path]:
    """The build folder of the checkout that this file belongs to, if it belongs to one."""
    if (_CHECKOUT / "CMakePresets.json").exists():
        yield _CHECKOUT / "build" / "release"


def find_program(name: str) -> str:
    """Path of a program: AIMC_BIN_DIR, then this checkout's build, then PATH."""
    if folder := os.environ.get("AIMC_BIN_DIR"):
        candidate = pathlib.Path(folder) / name
        if os.access(candidate, os.X_OK):
            return str(candidate)
        raise Error(f"expected {name} in AIMC_BIN_DIR, but {candidate} is not there")
    for build in _build_folders():
        if os.access(build / "bin" / name, os.X_OK):
            return str(build / "bin" / name)
    if found := shutil.which(name):
        return found
    raise Error(
        f"expected {name} in AIMC_BIN_DIR, in build/release/bin or in PATH; `make` builds it"
    )


def find_library(name: str = LIBRARY) -> str:
    """Path of a library of this project: AIMC_LIB_DIR, this checkout's build, beside the programs.

    Returns the bare name when none of these has it, so that the system's loader may know it.
    """
    if folder := os.environ.get("AIMC_LIB_DIR"):
        candidate = pathlib.Path(folder) / name
        if candidate.exists():
            return str(candidate)
        raise Error(f"expected {name} in AIMC_LIB_DIR, but {candidate} is not there")
    for build in _build_folders():
        if (build / "lib" / name).exists():
            return str(build / "lib" / name)
    if program := shutil.which("aimc-run"):
        candidate = pathlib.Path(program).resolve().parents[1] / "lib" / name
        if candidate.exists():
            return str(candidate)
    return name


def find_torch_library() -> str:
    """Path of the operators for torch."""
    return find_library(TORCH_LIBRARY)
