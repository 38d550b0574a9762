# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Values of a noise spec, each taken by what it has to be: a spec may be written by hand."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from aimc import abi
from aimc.errors import InvalidArgumentError
from aimc.files import check_seal, has_seal_key
from aimc.target import Target

_LONGEST = 60  # what a message shows of a value


def shown(value: Any) -> str:
    """A value of JSON as messages show it, on one line."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


class Entry:
    """One object of a spec; null and what is missing are the same."""

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, Mapping):
            where = f"{path}: " if path else ""
            raise InvalidArgumentError(f"{where}expected an object, but got {shown(value)}")
        self._values, self._path = value, path + "." if path else ""

    def alone(self) -> Entry:
        """The same for messages that say by other means whose values these are."""
        return Entry(self._values)

    def allow(self, *known: str) -> None:
        """Raise for any other key."""
        for key in self._values:
            if key not in known:
                where = f"{self._path[:-1]}: " if self._path else ""
                raise InvalidArgumentError(
                    f"{where}unknown key {shown(key)}, expected one of: {', '.join(known)}"
                )

    def has(self, key: str) -> bool:
        """Whether there is a value."""
        return self._values.get(key) is not None

    def wrong(self, key: str, expected: str) -> InvalidArgumentError:
        """That the value is not what is expected."""
        got = f"got {shown(self._values[key])}" if key in self._values else "it is missing"
        return InvalidArgumentError(f"{self._path}{key}: expected {expected}, but {got}")

    def integer(self, key: str, low: int, high: int) -> int:
        """A whole number of a range."""
        value = self._values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, f"an integer from {low} to {high}")
        return value

    def real(self, key: str, low: float, high: float) -> float:
        """A number of a range, which NaN is not in."""
        value = self._values.get(key)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise self.wrong(key, f"a number from {low:g} to {high:g}")
        return float(value)

    def name(self, key: str) -> str:
        """Text that is not empty."""
        value = self._values.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a name")
        return value

    def word(self, key: str, known: Sequence[str]) -> str:
        """One of some names."""
        value = self._values.get(key)
        if not isinstance(value, str) or value not in known:
            raise self.wrong(key, f"one of: {', '.join(known)}")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._values.get(key)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def items(self, key: str) -> list[Any]:
        """A list of at least one value."""
        value = self._values.get(key)
        if not isinstance(value, list) or not value:
            raise self.wrong(key, f"a list of {key}")
        return value

    def entries(self, key: str) -> list[Entry]:
        """A list of at least one object."""
        return [
            Entry(value, f"{self._path}{key}[{number}]")
            for number, value in enumerate(self.items(key))
        ]

    def tensor(
        self, key: str, tensors: Mapping[str, Tensor], shape: tuple[int, ...]
    ) -> Tensor | None:
        """The tensor of a name, or none: finite numbers from 0."""
        if not self.has(key):
            return None
        name = self.name(key)
        if name not in tensors:
            raise InvalidArgumentError(
                f"{self._path}{key}: expected a tensor {name!r}, but the spec's file has none"
            )
        tensor, where = tensors[name], f"{self._path}{key}: tensor {name!r}: expected"
        if tuple(tensor.shape) != shape:
            raise InvalidArgumentError(f"{where} shape {list(shape)}, but got {list(tensor.shape)}")
        if tensor.dtype != torch.float32:
            raise InvalidArgumentError(f"{where} elements of float32, but got {tensor.dtype}")
        if not (tensor.isfinite() & (tensor >= 0)).all():
            raise InvalidArgumentError(f"{where} finite numbers of at least 0, but got others")
        return tensor


def read_target(name: str, value: Any) -> Target:
    """A target that a program has written: what is missing there is lost, and no default stands
    for it.

    Raises:
        InvalidArgumentError: for what no tile can be.
        UnsupportedError: for what training has no model of.
    """
    label = f"target {name!r}"
    abi.read_target(value, label, partial=False, training=True)
    return Target.from_manifest(name, value)


def read_tensors(spec: pathlib.Path, entry: Entry) -> Mapping[str, Tensor]:
    """What lies beside a spec, by name."""
    if not entry.has("tensors"):
        return {}
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    name = entry.name("tensors")
    if "/" in name:
        raise entry.wrong("tensors", "the name of a file beside the spec")
    file = spec.parent / name
    try:
        _check_whole(file)
        tensors: Mapping[str, Tensor] = load_file(file)
    except OSError as error:
        raise InvalidArgumentError(f"expected its tensors in {file}, but got {error}") from None
    except SafetensorError as error:
        raise InvalidArgumentError(f"{file}: expected safetensors, but got {error}") from None
    return tensors


def _check_whole(file: pathlib.Path) -> None:
    """The file's own hash, which what was written by hand does not have."""
    data = file.read_bytes()
    header = data[8 : 8 + int.from_bytes(data[:8], "little")]
    if has_seal_key(header):
        check_seal(data, str(file), "tensors of a noise spec", "write it again")
        return
    try:
        metadata = json.loads(header).get("__metadata__", {})
    except (ValueError, RecursionError, AttributeError):
        return  # no header: said by the library
    for key in metadata:
        if key != "format":  # a damaged key must not pass for no hash
            raise InvalidArgumentError(
                f"{file}: expected metadata of a noise spec, format and aimc_sha256, but got "
                f"{shown(key)}"
            )
