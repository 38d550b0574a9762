# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`aimc.Chip`: a saved chip instance to look at (docs/Contracts.md 8).

A chip is written by :meth:`aimc.Session.save_chip` or ``aimc-chip program`` and taken up again by
``aimc.Session(package, chip=path)``. This class reads what is in the file; nothing is simulated.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aimc.errors import InvalidArgumentError
from aimc.files import check_seal, parse_json
from aimc.values import path_of

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class ChipBlock:
    """A rectangle of a weight and where it lies."""

    weight: str
    name: str
    key: str
    row: int
    rows: int
    col: int
    cols: int
    at_row: int
    at_col: int


class Chip:
    """Conductances of a chip file, mapped and not read into memory.

    >>> chip = aimc.Chip("chip.safetensors")
    >>> plus, minus = chip.conductances("encoder.layer.0.query")  # uS, as programmed

    Raises :class:`aimc.InvalidArgumentError` where the file is no chip.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path_of(path, "path")
        try:
            self._bytes = np.memmap(self.path, np.uint8, "r")
            length = int(self._bytes[:8].view("<u8")[0])
            text = self._bytes[8 : 8 + length].tobytes().decode()
            header: dict[str, Any] = parse_json(text, "its header")
            described = header.pop("__metadata__")["aimc_chip"]
            self.description: dict[str, Any] = parse_json(described, "its description")
        except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
            raise InvalidArgumentError(f"{path}: expected a chip file, but got: {error}") from error
        remedy = "make the chip again with aimc-chip program"
        check_seal(self._bytes, str(path), "a chip file", remedy)
        self._tensors: Mapping[str, Any] = header
        self._data = 8 + length

    @property
    def seed(self) -> int:
        """Which chip instance."""
        return int(self.description["options"]["seed"])

    @property
    def time_s(self) -> float | None:
        """Seconds since programming; None where time does not exist."""
        time: float | None = self.description["options"]["time_s"]
        return time

    @property
    def targets(self) -> dict[str, Any]:
        """Targets in force, as a manifest has them."""
        targets: dict[str, Any] = self.description["options"]["targets"]
        return targets

    def blocks(self, weight: str | None = None) -> list[ChipBlock]:
        """Blocks of a weight, or all."""
        found = [
            ChipBlock(
                key=f"{tile['target']}/{tile['chip']}/{tile['tile']}",
                **{name: block[name] for name in _FIELDS},
            )
            for tile in self.description["tiles"]
            for block in tile["blocks"]
            if weight in (None, block["weight"])
        ]
        if not found and weight is not None:
            raise InvalidArgumentError(f"{self.path}: no weight named '{weight}'")
        return found

    def tensor(self, name: str) -> Floats:
        """A tensor of the file by name, such as ``pcm/0/4.plus``."""
        if name not in self._tensors:
            raise InvalidArgumentError(f"{self.path}: no tensor named '{name}'")
        entry = self._tensors[name]
        begin, end = (self._data + offset for offset in entry["data_offsets"])
        return np.frombuffer(self._bytes[begin:end].data, np.float32).reshape(entry["shape"])

    def conductances(self, weight: str) -> tuple[Floats, Floats]:
        """Programmed conductances of a weight's devices: plus and minus, uS, [pairs x inputs x
        outputs]."""
        blocks = self.blocks(weight)
        rows = max(block.row + block.rows for block in blocks)
        cols = max(block.col + block.cols for block in blocks)
        pairs = self.tensor(f"{blocks[0].key}.plus").shape[0]
        plus, minus = (np.zeros((pairs, rows, cols), np.float32) for _ in range(2))
        for b in blocks:
            here = np.s_[:, b.row : b.row + b.rows, b.col : b.col + b.cols]
            there = np.s_[:, b.at_row : b.at_row + b.rows, b.at_col : b.at_col + b.cols]
            plus[here] = self.tensor(f"{b.key}.plus")[there]
            minus[here] = self.tensor(f"{b.key}.minus")[there]
        return plus, minus


_FIELDS = ("weight", "name", "row", "rows", "col", "cols", "at_row", "at_col")
