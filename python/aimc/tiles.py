# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Facts about a package's tiles, read from its manifest: how many, and how full they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class WeightTiles:
    """One weight and the blocks that hold it."""

    name: str
    rows: int
    cols: int
    blocks: int
    tiles: frozenset[tuple[str, int, int]]


@dataclasses.dataclass(frozen=True)
class TileTable:
    """All weights on tiles, and the share of the tiles' cells that hold a weight."""

    weights: tuple[WeightTiles, ...]
    tiles: int
    utilisation: float

    @property
    def analog_parameters(self) -> int:
        """Weights that sit in conductances."""
        return sum(weight.rows * weight.cols for weight in self.weights)


def tile_table(manifest: Mapping[str, Any]) -> TileTable:
    """Count distinct (target, chip, tile) places and the cells used in them."""
    weights, used = [], 0
    everywhere: set[tuple[str, int, int]] = set()
    for weight in manifest["weights"]:
        places = {(b["target"], b["chip"], b["tile"]) for b in weight["blocks"]}
        everywhere |= places
        used += sum(b["rows"] * b["cols"] for b in weight["blocks"])
        weights.append(
            WeightTiles(
                weight["name"],
                weight["rows"],
                weight["cols"],
                len(weight["blocks"]),
                frozenset(places),
            )
        )
    cells = 0
    for target, _, _ in everywhere:
        geometry = manifest["targets"][target]["geometry"]
        cells += geometry["rows"] * geometry["cols"]
    return TileTable(tuple(weights), len(everywhere), used / cells if cells else 0.0)
