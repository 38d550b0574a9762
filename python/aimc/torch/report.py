# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `convert` put on tiles and what multiplies digitally still, in one line."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping

from torch import nn

from aimc.errors import HardwareWarning, level_outside
from aimc.torch import adapters
from aimc.torch.layer import AnalogLinear
from aimc.torch.linears import weighs
from aimc.torch.places import placed

_LOG = logging.getLogger("aimc.torch")
# Weights of these are looked up, or scale single numbers.
_NO_PRODUCTS = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm)


def tell(
    module: nn.Module,
    made: Iterable[AnalogLinear],
    reasons: Mapping[str, str],
    skipped: set[str],
    by_spec: bool,
) -> None:
    """Warns where something that nobody asked to stays digital; the log has the line in any case.

    Args:
        module: converted.
        made: its new layers.
        reasons: why linear layers of it stay digital, by name.
        skipped: names of what was asked to stay so.
        by_spec: whether a spec says what is on tiles; what it does not name is digital in what was
            compiled, too.
    """
    own = adapters.parts(module)
    kinds: dict[str, list[str]] = {}
    for name, part in module.named_modules() if not by_spec else ():
        kind = _kind(part)
        if kind and not (name in own or name in reasons or within(name, skipped)):
            kinds.setdefault(kind, []).append(name)
    told = [_count(kind, names) for kind, names in kinds.items()]
    for why in dict.fromkeys(reasons.values()):
        names = [name for name, given in reasons.items() if given == why]
        names = [name for name in names if not within(name, skipped)]
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            first = names[0] or placed("", type(module))
            told.append(f"{first}: {why}{more}")
    tiles: dict[str, list[str]] = {}
    for layer in made:
        tiles.setdefault("Linear" if layer.transposed else "Conv1D", []).append(layer.name)
    parts = [_count(kind, names) for kind, names in tiles.items()]
    parts = [f"on tiles: {', '.join(parts) or 'nothing'}"]
    spares = [name for name in own if isinstance(module.get_submodule(name), nn.Linear)]
    if spares:
        parts.append(f"digital as adapters of peft: {_count('Linear', sorted(spares))}")
    if told:
        line = f"expected plain linear layers, but these stay digital: {'; '.join([*told, *parts])}"
        warnings.warn(line, HardwareWarning, stacklevel=level_outside())
    if told:
        parts.append(f"digital: {'; '.join(told)}")
    _LOG.info("%s", "; ".join(parts))


def tell_skipped(names: Iterable[str]) -> None:
    """Warns of what a spec has on tiles and training leaves digital: chips will add to it what
    nothing here has seen."""
    first, *more = [repr(name) for name in names] or [""]
    if first:
        them = f"{first} and {len(more)} more stay" if more else f"{first} stays"
        warnings.warn(
            f"skip: {them} digital here, though the package has tiles for it; "
            "training does not see what they do",
            HardwareWarning,
            stacklevel=level_outside(),
        )


def within(name: str, names: set[str]) -> bool:
    """Whether a name or what it is inside of is among these."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name in names


def _kind(part: nn.Module) -> str | None:
    """What a digital module that multiplies by weights of its own is called."""
    if isinstance(part, (AnalogLinear, nn.MultiheadAttention, nn.ParameterList, nn.ParameterDict)):
        return None  # attention has its reason; lists are their module's
    if isinstance(part, _NO_PRODUCTS):
        return None
    name = type(part).__name__
    if hasattr(part, "parametrizations"):
        return name
    if type(part).__module__.startswith("torch.nn.utils.parametrize"):
        return None
    return name if weighs(part) else None


def _count(kind: str, names: list[str]) -> str:
    """How many, and the first by its name."""
    first = repr(names[0] or "the module itself")
    return f"{kind} {first}" if len(names) == 1 else f"{len(names)} {kind} (first {first})"
