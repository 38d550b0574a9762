# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The noise spec of a compiled model (docs/Contracts.md 10), read for training."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from aimc.errors import InvalidArgumentError
from aimc.target import Target
from aimc.torch.layout import Block, Layout


@dataclasses.dataclass(frozen=True)
class SpecLayer:
    """One call site of a weight."""

    layer: str
    weight: str
    initializer: str
    target: Target
    layout: Layout
    input_range: float | None
    activity: Tensor | None = None


@dataclasses.dataclass(frozen=True)
class Spec:
    """The sites of a compiled model."""

    layers: tuple[SpecLayer, ...]

    def match(self, names: Sequence[str]) -> dict[str, SpecLayer]:
        """Sites by the module's own layer names.

        Names agree from their ends, so that a module may be part of the model that was compiled,
        or hold it; a weight that several sites share is one layer.
        """
        found: dict[str, SpecLayer] = {}
        for site in self.layers:
            full = "." + site.layer
            fits = [n for n in names if n and (full.endswith("." + n) or ("." + n).endswith(full))]
            if len(fits) > 1:
                longest = max(min(len(n), len(site.layer)) for n in fits)
                fits = [n for n in fits if min(len(n), len(site.layer)) == longest]
            if len(fits) != 1:
                raise InvalidArgumentError(
                    f"spec layer {site.layer!r}: expected one linear layer of that name in the "
                    f"module, but got {', '.join(map(repr, fits)) or 'none'}"
                )
            found.setdefault(fits[0], site)
        return found


def load_spec(path: str | os.PathLike[str]) -> Spec:
    """Read a spec that ``aimc-compile --emit-noise`` wrote, with the tensors beside it."""
    file = pathlib.Path(path)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidArgumentError(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidArgumentError(f"{file}: expected JSON, but got {error}") from None
    if not isinstance(data, dict) or data.get("format") != "aimc-noise":
        raise InvalidArgumentError(f"{file}: expected the format aimc-noise")
    if data.get("version") != 1:
        raise InvalidArgumentError(
            f"{file}: expected version 1 of a noise spec, but got {data.get('version')!r}"
        )
    tensors: dict[str, Any] = {}
    try:
        if data.get("tensors"):
            from safetensors.torch import load_file

            tensors = load_file(file.with_name(data["tensors"]))
        targets = {
            name: Target.from_manifest(name, parts) for name, parts in data["targets"].items()
        }
        return Spec(tuple(_layer(entry, targets, tensors) for entry in data["layers"]))
    except KeyError as error:
        raise InvalidArgumentError(
            f"{file}: expected {error.args[0]!r}, but it is missing"
        ) from None
    except (TypeError, OSError) as error:
        raise InvalidArgumentError(f"{file}: {error}") from None


def _layer(
    entry: Mapping[str, Any], targets: Mapping[str, Target], tensors: Mapping[str, Any]
) -> SpecLayer:
    blocks = [
        Block(
            b["row"], b["rows"], b["col"], b["cols"], b["at_row"], b["at_col"],
            lsb_fc=b.get("lsb_fc"),
            compensate=b.get("compensate"),
            scales=tuple(tensors[b["scales"]].tolist()) if b.get("scales") else None,
            # Targets are numbered by their sorted names, as the runtime does.
            stream=Block.stream_of(sorted(targets).index(b["target"]), b["chip"], b["tile"]),
        )
        for b in entry["blocks"]
    ]  # fmt: skip
    used = {b["target"] for b in entry["blocks"]}
    if len(used) != 1:
        raise InvalidArgumentError(
            f"spec layer {entry['layer']!r}: expected blocks on one target, but got {sorted(used)}"
        )
    blocks.sort(key=lambda b: (b.row, b.col))
    return SpecLayer(
        layer=entry["layer"],
        weight=entry["weight"],
        initializer=entry["initializer"],
        target=targets[used.pop()],
        layout=Layout(entry["rows"], entry["cols"], tuple(blocks)),
        input_range=entry.get("input_range"),
        activity=tensors[entry["activity"]] if entry.get("activity") else None,
    )
