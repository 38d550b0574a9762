# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where the programs and the libraries are.

Always by a whole path: what lies in the folder that a program happens to run in is nobody's to
load.
"""

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


def _named(variable: str) -> pathlib.Path | None:
    """The folder that an environment variable names."""
    folder = os.environ.get(variable)
    return pathlib.Path(os.path.abspath(folder)) if folder else None


def in_path(name: str) -> str | None:
    """A program in the folders of PATH; those that depend on the current folder are left out."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, folders)))


def find_program(name: str) -> str:
    """Path of a program: AIMC_BIN_DIR, then this checkout's build, then PATH."""
    if folder := _named("AIMC_BIN_DIR"):
        if os.access(folder / name, os.X_OK):
            return str(folder / name)
        raise Error(f"expected {name} in AIMC_BIN_DIR, but {folder / name} is not there")
    for build in _build_folders():
        if os.access(build / "bin" / name, os.X_OK):
            return str(build / "bin" / name)
    if found := in_path(name):
        return found
    raise Error(
        f"expected {name} in AIMC_BIN_DIR, in build/release/bin or in PATH; `make` builds it"
    )


def find_library(name: str = LIBRARY) -> str:
    """Path of a library of this project: AIMC_LIB_DIR, this checkout's build, beside the programs.

    Raises:
        Error: where none of these has it; no other place is looked at.
    """
    if folder := _named("AIMC_LIB_DIR"):
        if (folder / name).exists():
            return str(folder / name)
        raise Error(f"expected {name} in AIMC_LIB_DIR, but {folder / name} is not there")
    places = [build / "lib" for build in _build_folders()]
    if program := in_path("aimc-run"):
        places.append(pathlib.Path(program).resolve().parents[1] / "lib")
    for place in places:
        if (place / name).exists():
            return str(place / name)
    raise Error(
        f"expected {name} in AIMC_LIB_DIR, in build/release/lib or beside the programs in PATH; "
        "`make` builds it"
    )


def find_torch_library() -> str:
    """Path of the operators for torch."""
    return find_library(TORCH_LIBRARY)


def has_torch_library() -> bool:
    """Whether there are any; without torch none are built."""
    try:
        return bool(find_torch_library())
    except Error:
        return False
