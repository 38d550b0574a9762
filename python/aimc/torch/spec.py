# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The noise spec of a compiled model (docs/Contracts.md 10), read for training."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from aimc.errors import HardwareWarning, InvalidArgumentError, UnsupportedError
from aimc.target import Target
from aimc.torch.layout import Block, Layout

_BINS = 32  # of an activity


@dataclasses.dataclass(frozen=True)
class SpecLayer:
    """One call site of a weight.

    `initializer` is the weight's name in the model's file, stored [inputs, outputs] or, where
    `transposed`, [outputs, inputs]; None where it is a part of one or computed.
    """

    layer: str
    weight: str
    initializer: str | None
    transposed: bool
    target: Target
    layout: Layout
    input_range: float | None
    activity: Tensor | None = None


@dataclasses.dataclass(frozen=True)
class Spec:
    """The sites of a compiled model."""

    layers: tuple[SpecLayer, ...]
    path: str = "spec"

    def match(self, shapes: Mapping[str, tuple[int, int]]) -> dict[str, SpecLayer]:
        """Sites by the module's own layer names, given with numbers of inputs and outputs.

        Names agree from their ends, so that a module may be part of the model that was compiled,
        or hold it; a weight that several sites share is one layer.
        """
        found: dict[str, SpecLayer] = {}
        for site in self.layers:
            full = "." + site.layer
            fits = [n for n in shapes if n and (full.endswith("." + n) or ("." + n).endswith(full))]
            if len(fits) > 1:
                longest = max(min(len(n), len(site.layer)) for n in fits)
                fits = [n for n in fits if min(len(n), len(site.layer)) == longest]
            if len(fits) != 1:
                near = difflib.get_close_matches(site.layer, shapes, 1, 0.0)
                hint = f"; closest is {near[0]!r}" if near and not fits else ""
                raise InvalidArgumentError(
                    f"{self.path}: layer {site.layer!r}: expected one linear layer of that name in "
                    f"the module, but got {', '.join(map(repr, fits)) or 'none'}{hint}"
                )
            name = fits[0]
            rows, cols = shapes[name]
            if (site.layout.rows, site.layout.cols) != (rows, cols):
                raise InvalidArgumentError(
                    f"{self.path}: layer {site.layer!r}: expected {rows} inputs x {cols} outputs "
                    f"as in the module's {name!r}, but got {site.layout.rows} x {site.layout.cols}"
                )
            first = found.setdefault(name, site)
            if (first.weight, first.input_range) != (site.weight, site.input_range):
                what = "weight" if first.weight != site.weight else "input range"
                raise UnsupportedError(
                    f"{self.path}: layer {site.layer!r}: expected one {what} for all calls of the "
                    f"module's {name!r}, but got {getattr(first, what.replace(' ', '_'))!r} and "
                    f"{getattr(site, what.replace(' ', '_'))!r}"
                )
        return found


def load_spec(path: str | os.PathLike[str]) -> Spec:
    """Read a spec that ``aimc-compile --emit-noise`` wrote, with the tensors beside it.

    Warns:
        HardwareWarning: where blocks share columns of a tile, and so load each other's wires, which
            training leaves out: it sees each block alone (``aimc-compile --no-pack``).

    Raises:
        InvalidArgumentError: for a file that is no noise spec, or one with mistakes; names the
            file, the layer and what is expected.
    """
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
    try:
        tensors = _tensors(file, data.get("tensors"))
        targets = {name: _target(name, parts) for name, parts in data["targets"].items()}
        layers = tuple(_layer(entry, targets, tensors) for entry in data["layers"])
    except KeyError as error:
        raise InvalidArgumentError(
            f"{file}: expected {error.args[0]!r}, but it is missing"
        ) from None
    except (TypeError, AttributeError, ValueError, OSError, InvalidArgumentError) as error:
        if str(error).startswith(str(file)):
            raise
        raise InvalidArgumentError(f"{file}: {error}") from None
    neighbours, count = _neighbours(layers)
    if neighbours:
        warnings.warn(
            f"{file}: {neighbours} of {count} blocks share columns of a tile with others, which "
            "load their wires; training sees each block alone, as aimc-compile --no-pack places it",
            HardwareWarning,
            stacklevel=2,
        )
    return Spec(layers, str(file))


def _neighbours(layers: Sequence[SpecLayer]) -> tuple[int, int]:
    """How many blocks share columns that have wires, of how many; a weight's sites count once."""
    tiles: dict[int | None, dict[tuple[int, int], Block]] = {}
    wired = set()
    for site in layers:
        for block in site.layout.blocks:
            tiles.setdefault(block.stream, {})[block.at_row, block.at_col] = block
            if site.target.wire.column_ohm + site.target.wire.adc_ohm > 0:
                wired.add(block.stream)
    shared = 0
    for stream, blocks in tiles.items():
        for b in blocks.values():
            others = (o for o in blocks.values() if o is not b)
            meets = any(
                o.at_col < b.at_col + b.cols and b.at_col < o.at_col + o.cols for o in others
            )
            shared += stream in wired and meets
    return shared, sum(map(len, tiles.values()))


def _target(name: str, parts: Mapping[str, Mapping[str, Any]]) -> Target:
    """A key that is not known would change results without a word."""
    target = Target.from_manifest(name, parts)
    for part, values in parts.items():
        known = {f.name for f in dataclasses.fields(getattr(target, part))}
        for key in values:
            if key not in known:
                raise InvalidArgumentError(
                    f"target {name!r}: expected a key of {part}, but got {key!r}"
                )
    return target


def _tensors(spec: pathlib.Path, name: Any) -> Mapping[str, Tensor]:
    if not name:
        return {}
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = spec.with_name(name)
    try:
        tensors: Mapping[str, Tensor] = load_file(file)
    except OSError as error:
        raise InvalidArgumentError(
            f"{spec}: expected its tensors in {file}, but got {error}"
        ) from None
    except SafetensorError as error:
        raise InvalidArgumentError(f"{file}: expected safetensors, but got {error}") from None
    return tensors


def _tensor(
    tensors: Mapping[str, Tensor], name: str | None, shape: tuple[int, ...]
) -> Tensor | None:
    if name is None:
        return None
    if name not in tensors:
        raise InvalidArgumentError(f"expected a tensor {name!r}, but the spec's file has none")
    if tuple(tensors[name].shape) != shape:
        raise InvalidArgumentError(
            f"tensor {name!r}: expected shape {list(shape)}, but got {list(tensors[name].shape)}"
        )
    return tensors[name]


def _block(
    entry: Mapping[str, Any], targets: Sequence[str], tensors: Mapping[str, Tensor]
) -> Block:
    scales = _tensor(tensors, entry.get("scales"), (entry["cols"],))
    return Block(
        entry["row"], entry["rows"], entry["col"], entry["cols"], entry["at_row"], entry["at_col"],
        lsb_fc=entry.get("lsb_fc"),
        compensate=entry.get("compensate"),
        scales=tuple(scales.tolist()) if scales is not None else None,
        # Targets are numbered by their sorted names, as the runtime does.
        stream=Block.stream_of(targets.index(entry["target"]), entry["chip"], entry["tile"]),
    )  # fmt: skip


def _layer(
    entry: Mapping[str, Any], targets: Mapping[str, Target], tensors: Mapping[str, Tensor]
) -> SpecLayer:
    try:
        used = {b["target"] for b in entry["blocks"]}
        if len(used) != 1 or not used <= targets.keys():
            raise InvalidArgumentError(
                f"expected blocks on one target among {sorted(targets)}, but got {sorted(used)}"
            )
        blocks = [_block(b, sorted(targets), tensors) for b in entry["blocks"]]
        blocks.sort(key=lambda b: (b.row, b.col))
        target = targets[used.pop()]
        layout = Layout(entry["rows"], entry["cols"], tuple(blocks))
        _check(layout, target)
        return SpecLayer(
            layer=entry["layer"],
            weight=entry["weight"],
            initializer=entry["initializer"],
            transposed=entry["transposed"],
            target=target,
            layout=layout,
            input_range=entry.get("input_range"),
            activity=_tensor(tensors, entry.get("activity"), (entry["rows"], _BINS)),
        )
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"layer {entry.get('layer')!r}: {error}") from None


def _check(layout: Layout, target: Target) -> None:
    """Blocks form bands that cover the weight, and each lies inside its tile."""
    row = col = height = 0
    tile = target.geometry
    for b in layout.blocks:
        if col in (0, layout.cols):
            row, col, height = row + height, 0, b.rows
        inside = b.at_row + b.rows <= tile.rows and b.at_col + b.cols <= tile.cols
        if (b.row, b.rows, b.col) != (row, height, col) or min(b.rows, b.cols) < 1 or not inside:
            raise InvalidArgumentError("expected blocks that form bands and lie inside their tiles")
        col += b.cols
    if (row + height, col) != (layout.rows, layout.cols):
        raise InvalidArgumentError(
            f"expected blocks that cover the weight, {layout.rows} x {layout.cols}"
        )
