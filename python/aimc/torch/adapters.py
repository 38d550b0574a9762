# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules of peft, known by their types without importing it: what are adapters, what do they wrap.

A layer that is adapted has its own weight in `base_layer` and the adapter's parts beside it; a
layer that is trained whole has a copy for each adapter in `modules_to_save`, and the one that it
was in `original_module`.
"""

from __future__ import annotations

from torch import nn

_BASE = "base_layer"
# What wraps, and where it holds what it wraps.
_WRAPPERS = {"PeftModel": "base_model", "BaseTuner": "model", "BaseTunerLayer": _BASE}


def _is(module: nn.Module, name: str) -> bool:
    kinds = type(module).__mro__
    return any(k.__name__ == name and k.__module__.partition(".")[0] == "peft" for k in kinds)


def parts(module: nn.Module) -> set[str]:
    """Names of the modules inside of `module` that are adapters' own, or spares of a wrapper."""
    found: set[str] = set()
    for name, part in module.named_modules():
        tuner, wrapper = _is(part, "BaseTunerLayer"), _is(part, "ModulesToSaveWrapper")
        for child, inside in part.named_children():
            if (tuner and child != _BASE) or (wrapper and child != "modules_to_save"):
                found.update(_join(name, child, below) for below, _ in inside.named_modules())
    return found


def unwrapped(module: nn.Module) -> dict[str, str]:
    """For each module inside of `module`, the name that it had before peft's wrappers came."""
    names: dict[str, str] = {}

    def visit(part: nn.Module, name: str, before: str) -> None:
        names[name] = before
        for child, inside in part.named_children():
            if _is(part, "ModulesToSaveWrapper") and child == "modules_to_save":
                for key, copy in inside.named_children():
                    visit(copy, _join(name, child, key), before)
                continue
            wrapped = any(_is(part, kind) and child == held for kind, held in _WRAPPERS.items())
            visit(inside, _join(name, child), before if wrapped else _join(before, child))

    visit(module, "", "")
    return names


def without_wrappers(name: str) -> str:
    """A layer's name in a spec of a model that was exported with its adapters."""
    return ".".join(part for part in name.split(".") if part != _BASE)


def _join(*names: str) -> str:
    return ".".join(name for name in names if name)
