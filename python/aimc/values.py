# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Paths, numbers and arrays that users give, told from what is none before anything is done."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt

from aimc.errors import InvalidArgumentError


def path_of(value: object, what: str) -> pathlib.Path:
    """A path. Raises InvalidArgumentError for what is none."""
    if not isinstance(value, str | os.PathLike):
        raise InvalidArgumentError(f"{what}: expected a path, but got {type(value).__name__}")
    return pathlib.Path(value)


def seconds_of(value: Any, what: str) -> float:
    """A time as the runtime takes it, which judges how long it may be. Units are the command
    line's: raises InvalidArgumentError for text, and what else is no number."""
    try:
        if not isinstance(value, bool | str | bytes):
            return float(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise InvalidArgumentError(
        f"{what}: expected seconds as a number, but got {value!r}; a day is 86400.0"
    )


def text_of(value: object, what: str) -> bytes:
    """A word of the runtime. Raises InvalidArgumentError for what is no text."""
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{what}: expected text, but got {value!r}")
    return value.encode()


def array_of(value: Any, what: str) -> npt.NDArray[Any]:
    """An array, whatever its dtype. Raises InvalidArgumentError for what numpy makes none of: rows
    of several lengths, tensors that want gradients."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        said = str(error).splitlines()[0]
        raise InvalidArgumentError(
            f"{what}: expected an array, but got {type(value).__name__}: {said}"
        ) from None
