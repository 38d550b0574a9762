# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exceptions and warnings. Each carries the one line that the compiler or the runtime wrote."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable


class Error(Exception):
    """Base of everything that this package raises on purpose."""


class CompileError(Error):
    """`aimc-compile` refused the model, the target or the output."""


class InvalidArgumentError(Error, ValueError):
    """A name, dtype, shape or option does not fit the package."""


class BadPackageError(Error):
    """The package is missing, truncated, altered or not ours."""


class UnsupportedError(Error):
    """The package is right, but not for this machine or this runtime."""


class RunError(Error):
    """Compiled code failed, or the runtime did."""


class HardwareWarning(UserWarning):
    """The compiler or the runtime did what it was asked to, and doubts that it was meant."""


class Warner:
    """Tells each message once: what differs in its numbers alone is the same message."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, messages: Iterable[str], level: int) -> None:
        """`level` frames up is the user's line."""
        for message in messages:
            key = re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "#", message)
            if key not in self._told:
                self._told.add(key)
                warnings.warn(message, HardwareWarning, stacklevel=level + 1)
