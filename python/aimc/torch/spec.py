# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The noise spec of a compiled model (docs/Contracts.md 10), read for training."""

from __future__ import annotations

import dataclasses
import difflib
import os
import pathlib
import warnings
from collections.abc import Collection, Mapping, Sequence

from torch import Tensor

from aimc.errors import HardwareWarning, InvalidArgumentError, UnsupportedError, level_outside
from aimc.files import read_json
from aimc.target import Target
from aimc.torch.adapters import without_wrappers
from aimc.torch.fields import Entry, read_target, read_tensors
from aimc.torch.layout import Block, Layout, numbers_of_tiles, reads_of

_BINS = 32  # of an activity
_COMPENSATE = ("none", "gain", "weights", "weights+pulses")
_LAYER_KEYS = (
    "layer", "weight", "initializer", "transposed", "rows", "cols", "grid", "input_range",
    "activity", "blocks",
)  # fmt: skip
_BLOCK_KEYS = (
    "name", "target", "row", "rows", "col", "cols", "chip", "tile", "at_row", "at_col", "scales",
    "lsb_fc", "compensate",
)  # fmt: skip
_EXTENT = 2**31 - 1
_TARGETS, _TILES = numbers_of_tiles()


@dataclasses.dataclass(frozen=True)
class SpecLayer:
    """One call site of a weight.

    `initializer` is the weight's name in the model's file, stored [inputs, outputs] or, where
    `transposed`, [outputs, inputs]; None where it is a part of one or computed. `reads` is what a
    session's draws name its first block's reads by; None in specs that do not number call sites.
    """

    layer: str
    weight: str
    initializer: str | None
    transposed: bool
    target: Target
    layout: Layout
    input_range: float | None
    activity: Tensor | None = None
    reads: int | None = None


@dataclasses.dataclass(frozen=True)
class Spec:
    """The sites of a compiled model."""

    layers: tuple[SpecLayer, ...]
    path: str = "spec"

    def match(
        self,
        shapes: Mapping[str, tuple[int, int]],
        unwrapped: Mapping[str, str] | None = None,
        others: Mapping[str, str] | None = None,
        skipped: Collection[str] = (),
    ) -> dict[str, tuple[SpecLayer, ...]]:
        """Sites by the module's own layer names, given with numbers of inputs and outputs.

        Names agree from their ends, so that a module may be part of the model that was compiled,
        or hold it. A layer that is called several times has a site for each call, in their order:
        one weight at one place, each call with its own input range. `unwrapped` has the names of
        layers before adapters wrapped them, by which a spec from before knows them, and one from
        after knows a module without adapters.

        `others` says of modules that are no linear layers, or are on tiles already, what they are,
        for the message; those among them that are `skipped` have their sites in the result, too.
        """
        others = others or {}
        before = {name: (unwrapped or {}).get(name, name) for name in shapes}
        found: dict[str, tuple[SpecLayer, ...]] = {}
        for site in self.layers:
            fits = _fits(site.layer, {name: name for name in shapes})
            if not fits:
                fits = _fits(without_wrappers(site.layer), before)
            there = [] if fits else _fits(site.layer, {name: name for name in others})
            if len(there) == 1 and there[0] in skipped:
                found[there[0]] = (*found.get(there[0], ()), site)
                continue
            if len(there) == 1:
                raise InvalidArgumentError(
                    f"{self.path}: layer {site.layer!r}: expected a linear layer of that name in "
                    f"the module, but got {there[0]!r}, {others[there[0]]}"
                )
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
            first = found.get(name, (site,))[0]
            if first.weight != site.weight:
                raise UnsupportedError(
                    f"{self.path}: layer {site.layer!r}: expected one weight for all calls of the "
                    f"module's {name!r}, but got {first.weight!r} and {site.weight!r}"
                )
            if (first.target, first.layout) != (site.target, site.layout):
                raise InvalidArgumentError(
                    f"{self.path}: layer {site.layer!r}: expected the same blocks for all calls of "
                    f"{site.weight!r}, but call {len(found[name])} has others"
                )
            found[name] = (*found.get(name, ()), site)
        return found


def _fits(layer: str, names: Mapping[str, str]) -> list[str]:
    """The keys whose names end as a layer's does, or the layer's as theirs, in most of it."""
    common = {
        key: min(len(name), len(layer))
        for key, name in names.items()
        if name and (f".{layer}".endswith(f".{name}") or f".{name}".endswith(f".{layer}"))
    }
    longest = max(common.values(), default=0)
    return [key for key, length in common.items() if length == longest]


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
    data = read_json(file, "noise spec")
    try:
        spec = Entry(data)
        if data.get("format") != "aimc-noise":
            raise spec.wrong("format", "'aimc-noise'")
        if type(data.get("version")) is not int or data["version"] != 1:
            raise spec.wrong("version", "version 1 of a noise spec")
        spec.allow("format", "version", "tensors", "layers", "targets")
        tensors = read_tensors(file, spec)
        named = data.get("targets")
        if not isinstance(named, dict) or not 1 <= len(named) <= _TARGETS:
            raise spec.wrong("targets", f"an object of 1 to {_TARGETS} targets")
        targets = {name: read_target(name, parts) for name, parts in named.items()}
        layers = _numbered(
            [(_layer(entry, targets, tensors), _grid(entry)) for entry in spec.entries("layers")]
        )
    except (InvalidArgumentError, UnsupportedError) as error:
        raise type(error)(f"{file}: {error}") from None
    neighbours, count = _neighbours(layers)
    if neighbours:
        warnings.warn(
            f"{file}: {neighbours} of {count} blocks share columns of a tile with others, which "
            "load their wires; training sees each block alone, as aimc-compile --no-pack places it",
            HardwareWarning,
            stacklevel=level_outside(),
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


def _block(entry: Entry, targets: Mapping[str, Target], tensors: Mapping[str, Tensor]) -> Block:
    entry.allow(*_BLOCK_KEYS)
    index = {key: entry.integer(key, 0, _EXTENT) for key in ("row", "col", "at_row", "at_col")}
    rows, cols = (entry.integer(key, 1, _EXTENT) for key in ("rows", "cols"))
    target = entry.word("target", sorted(targets))
    compensate = entry.word("compensate", _COMPENSATE) if entry.has("compensate") else None
    if compensate == "weights+pulses" and targets[target].wire.idle != "open":
        raise entry.wrong("compensate", "none, gain or weights with idle = midrail")
    scales = entry.tensor("scales", tensors, (cols,))
    return Block(
        index["row"], rows, index["col"], cols, index["at_row"], index["at_col"],
        lsb_fc=entry.real("lsb_fc", 1e-9, 1e9) if entry.has("lsb_fc") else None,
        compensate=compensate,
        scales=tuple(scales.tolist()) if scales is not None else None,
        # Targets are numbered by their sorted names, as the runtime does.
        stream=Block.stream_of(
            sorted(targets).index(target),
            entry.integer("chip", 0, _TILES),
            entry.integer("tile", 0, _TILES),
        ),
    )  # fmt: skip


def _layer(entry: Entry, targets: Mapping[str, Target], tensors: Mapping[str, Tensor]) -> SpecLayer:
    layer = entry.name("layer")
    try:
        return _site(layer, entry.alone(), targets, tensors)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"layer {layer!r}: {error}") from None


def _site(
    layer: str, entry: Entry, targets: Mapping[str, Target], tensors: Mapping[str, Tensor]
) -> SpecLayer:
    entry.allow(*_LAYER_KEYS)
    placed = entry.entries("blocks")
    used = sorted({block.word("target", sorted(targets)) for block in placed})
    if len(used) != 1:
        raise InvalidArgumentError(f"expected blocks on one target, but got {', '.join(used)}")
    blocks = [_block(block, targets, tensors) for block in placed]
    blocks.sort(key=lambda b: (b.row, b.col))
    rows, cols = (entry.integer(key, 1, _EXTENT) for key in ("rows", "cols"))
    layout, target = Layout(rows, cols, tuple(blocks)), targets[used[0]]
    _check(layout, target)
    return SpecLayer(
        layer=layer,
        weight=entry.name("weight"),
        initializer=entry.name("initializer") if entry.has("initializer") else None,
        transposed=entry.flag("transposed"),
        target=target,
        layout=layout,
        input_range=entry.real("input_range", 1e-30, 1e30) if entry.has("input_range") else None,
        activity=entry.tensor("activity", tensors, (rows, _BINS)),
    )


def _grid(entry: Entry) -> int | None:
    return entry.integer("grid", 0, _EXTENT) if entry.has("grid") else None


def _numbered(sites: Sequence[tuple[SpecLayer, int | None]]) -> tuple[SpecLayer, ...]:
    """Sites with the numbers of their first blocks: those of one grid are counted together."""
    blocks: dict[int, int] = {}
    numbered = []
    for site, grid in sites:
        if grid is not None:
            first = blocks.get(grid, 0)
            blocks[grid] = first + len(site.layout.blocks)
            site = dataclasses.replace(site, reads=reads_of(grid, first))
        numbered.append(site)
    return tuple(numbered)


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
