# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loads libaimc_torch, whose operators are torch.ops.aimc, and says how they batch under vmap."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from aimc.errors import Error, UnsupportedError
from aimc.locate import find_torch_library

_PREFIX = "aimc::"


# What BuiltFor.cpp leaves in the library's own bytes, which can be read where it does not load.
_MARK = re.compile(rb"aimc operators for torch (\d+\.\d+\.\d+)\0")


def _load() -> None:
    """Loads the library, which fits the torch that it was built with and no other.

    Raises:
        UnsupportedError: names both versions and what to do.
    """
    path = find_torch_library()
    release = re.match(r"\d+\.\d+\.\d+", torch.__version__)
    here = release.group() if release else torch.__version__
    try:
        mark = _MARK.search(pathlib.Path(path).read_bytes())
        built = mark.group(1).decode() if mark else None
        if built not in (None, here):
            raise UnsupportedError(
                f"{path}: expected operators for torch {here}, which is installed, but got those "
                f"for torch {built}; build them anew with `make`, or install torch {built}"
            )
        torch.ops.load_library(path)
    except OSError as error:
        raise Error(
            f"{path}: expected operators for torch {here}, but got: {error.__cause__ or error}; "
            "`make` builds them anew"
        ) from None


def _batched(value: Any, dim: int | None) -> bool:
    return isinstance(value, Tensor) and dim is not None


def _elementwise(name: str) -> Callable[..., Any]:
    """A rule for operators that broadcast: batch dimensions go first, ranks become equal."""
    op = getattr(torch.ops.aimc, name)

    def rule(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        logical = [
            value.dim() - (1 if _batched(value, dim) else 0) if isinstance(value, Tensor) else 0
            for value, dim in zip(args, in_dims, strict=True)
        ]
        numbers = (4, 5) if name.startswith("device") else ()  # curves and law
        broadcast = [index not in numbers for index in range(len(args))]
        rank = max(r for r, take in zip(logical, broadcast, strict=True) if take)
        moved = []
        for value, dim, own, take in zip(args, in_dims, logical, broadcast, strict=True):
            if not (isinstance(value, Tensor) and take):
                moved.append(value)
                continue
            if dim is not None:
                value = value.movedim(dim, 0)
                value = value.reshape(value.shape[0], *[1] * (rank - own), *value.shape[1:])
            moved.append(value)
        out = op(*moved)
        return out, (0,) * len(out) if isinstance(out, tuple) else 0

    return rule


def _looped(name: str, outputs: int) -> Callable[..., Any]:
    """A rule that runs the operator once per element of the batch."""
    op = getattr(torch.ops.aimc, name)

    def rule(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        runs = []
        for index in range(info.batch_size):
            runs.append(
                op(
                    *(
                        value.select(dim, index) if _batched(value, dim) else value
                        for value, dim in zip(args, in_dims, strict=True)
                    )
                )
            )
        if outputs == 1:
            return torch.stack(runs), 0
        return tuple(torch.stack(parts) for parts in zip(*runs, strict=True)), (0,) * outputs

    return rule


def _fold(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
    """Conductances carry leading dimensions of any number; loads around a block are common."""
    if _batched(args[2], in_dims[2]):
        return _looped("fold", 2)(info, in_dims, *args)
    pair = []
    for value, dim in zip(args[:2], in_dims[:2], strict=True):
        moved = value.movedim(dim, 0) if dim is not None else value.unsqueeze(0)
        pair.append(moved.expand(info.batch_size, *moved.shape[1:]))
    return torch.ops.aimc.fold(*pair, *args[2:]), (0, 0)


def _tile_linear(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
    """Vectors of a batch are vectors; everything else is another tile."""
    weights = zip(args[1:6], in_dims[1:6], strict=True)
    if any(_batched(value, dim) for value, dim in weights):
        return _looped("tile_linear", 3)(info, in_dims, *args)
    x = args[0].movedim(in_dims[0], 0)
    y, saturated, folded = torch.ops.aimc.tile_linear(x, *args[1:])
    if saturated.numel():
        bands, vectors, size = saturated.shape
        saturated = saturated.reshape(bands, info.batch_size, vectors // info.batch_size, size)
        return (y, saturated, folded), (0, 1, None)
    return (y, saturated, folded), (0, None, None)


_load()
for _name in ("target_pairs", "dac", "adc", "read_power", "read_power_slope"):
    torch.library.register_vmap(_PREFIX + _name, _elementwise(_name))
for _name in ("device_state", "device_state_slope"):
    torch.library.register_vmap(_PREFIX + _name, _elementwise(_name))
torch.library.register_vmap(_PREFIX + "fold", _fold)
torch.library.register_vmap(_PREFIX + "fold_backward", _looped("fold_backward", 2))
torch.library.register_vmap(_PREFIX + "tile_linear", _tile_linear)
torch.library.register_vmap(_PREFIX + "tile_linear_backward", _looped("tile_linear_backward", 6))
for _name in ("normals", "uniforms"):  # no argument is a tensor that would say the device
    torch.library.register_fake(
        _PREFIX + _name, lambda *args: torch.empty(*args[6:8], device="cpu")
    )
torch.library.register_vmap(_PREFIX + "noise", _looped("noise", 1))
for _name, _outputs in (("open_fold", 3), ("open_product", 1), ("open_pulses", 3)):
    torch.library.register_vmap(_PREFIX + _name, _looped(_name, _outputs))
for _name in ("open_fold_backward", "open_product_backward"):
    torch.library.register_vmap(_PREFIX + _name, _looped(_name, 2))
torch.library.register_vmap(_PREFIX + "fold_crossbar", _looped("fold_crossbar", 2))
