# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A folder of results: one JSON file per finished cell, named by what the cell depends on.

A cell's description holds everything that its result follows from, so that a run can stop at any
point, and a later one, perhaps of other sizes, takes up whatever still applies.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from aimc.files import parse_json, replacing

VERSION = 2
"""Raised when the same description would give another result."""


def key_of(description: Mapping[str, Any]) -> str:
    """A short hash of a description."""
    text = json.dumps([VERSION, description], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Store:
    """Results by description."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        for part in (self.cells, self.weights, self.checkpoints):
            part.mkdir(parents=True, exist_ok=True)

    @property
    def cells(self) -> pathlib.Path:
        """Folder of finished cells."""
        return self.folder / "cells"

    @property
    def weights(self) -> pathlib.Path:
        """Folder of trained weights, by the key of their training."""
        return self.folder / "weights"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of trainings under way."""
        return self.folder / "checkpoints"

    def _path(self, description: Mapping[str, Any]) -> pathlib.Path:
        return self.cells / f"{description['kind']}-{key_of(description)}.json"

    def get(self, description: Mapping[str, Any]) -> dict[str, Any] | None:
        """The result of a cell, or None while it is missing."""
        try:
            text = self._path(description).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        result: dict[str, Any] = parse_json(text, str(self._path(description)))["result"]
        return result

    def put(self, description: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Keep a result; the file appears complete or not at all."""
        path = self._path(description)
        cell = {"version": VERSION, "description": description, "result": result}
        with replacing(path) as scratch:
            scratch.write_text(json.dumps(cell, indent=1) + "\n", encoding="utf-8")
