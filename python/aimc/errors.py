# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exceptions and warnings. Each carries the one line that the compiler or the runtime wrote."""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import warnings
from collections.abc import Iterable
from typing import Any, ClassVar

_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")
_PLACE = re.compile(r"^layer .*?: ")


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


class NotFiniteError(Error, ArithmeticError):
    """A loss, a gradient or a weight of a training is no longer a number."""


def called(kind: type[Any]) -> str:
    """A class as users write it: there is a Device of hardware, and one of training."""
    package, _, rest = kind.__module__.partition(".")
    if package != "aimc":
        return kind.__name__
    if rest.startswith("torch."):
        return f"aimc.torch.{kind.__name__}, which is for a recipe"
    return f"aimc.{kind.__name__}, which is for a target"


def check_settings(kind: type[Any], given: Iterable[str], hint: str) -> None:
    """Refuse settings that a dataclass does not have; `hint` says what else of its name has them.

    Raises:
        InvalidArgumentError: names the setting and those that there are.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for name in given:
        if name not in known:
            raise InvalidArgumentError(f"{name}: expected one of {', '.join(known)}; {hint}")


class HardwareWarning(UserWarning):
    """The compiler or the runtime did what it was asked to, and doubts that it was meant."""


class Warner:
    """Tells each kind of message once, at the first place that shows it.

    What differs in its layer and its numbers alone is one kind. Warners of one group, such as
    sessions that differ in the chip alone, tell a kind once between them.
    """

    _groups: ClassVar[dict[str, set[str]]] = {}

    def __init__(self, group: str | None = None) -> None:
        self._told: set[str] = set() if group is None else self._groups.setdefault(group, set())

    def tell(self, messages: Iterable[str], level: int) -> None:
        """`level` frames up is the user's line."""
        kinds: dict[str, list[str]] = {}
        for message in messages:
            kinds.setdefault(_NUMBER.sub("#", _PLACE.sub("", message)), []).append(message)
        for kind, (first, *others) in kinds.items():
            if kind not in self._told:
                self._told.add(kind)
                more = f"; {len(others)} more like this" if others else ""
                warnings.warn(first + more, HardwareWarning, stacklevel=level + 1)


def level_outside() -> int:
    """The level, for a warning of the calling function, of the nearest line outside of aimc."""
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "aimc":
        frame = frame.f_back
        level += 1
    return level
