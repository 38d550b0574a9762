# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which linear layers of a module can be put on tiles, and how layers change places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from aimc.torch.layer import AnalogLinear

_HOOKS = ("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks",
          "_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_backward_pre_hooks",
          "_backward_hooks", "_is_full_backward_hook", "_state_dict_pre_hooks",
          "_state_dict_hooks", "_load_state_dict_pre_hooks",
          "_load_state_dict_post_hooks")  # fmt: skip


def orientation(module: nn.Module) -> bool | None:
    """True for a weight [out, in], False for [in, out], None for other modules."""
    if isinstance(module, nn.Linear):
        return True
    kind = type(module)
    if kind.__name__ == "Conv1D" and kind.__module__.startswith("transformers."):
        return False
    return None


def shape(module: nn.Module) -> tuple[int, int]:
    """Inputs and outputs."""
    if orientation(module):
        return int(module.in_features), int(module.out_features)
    inputs, outputs = module.weight.shape
    return int(inputs), int(outputs)


def find(module: nn.Module) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """The linear layers by their names, and why some of them must stay digital."""
    layers: dict[str, nn.Module] = {}
    reasons: dict[str, str] = {}
    for name, part in module.named_modules():
        if isinstance(part, nn.MultiheadAttention):
            # Its forward reads all weights itself; no layer of it is ever called.
            reasons[f"{name}.out_proj" if name else "out_proj"] = (
                "nn.MultiheadAttention computes its projections itself, in_proj too"
            )
        if orientation(part) is None:
            continue
        layers[name] = part
        why = _own_way(part)
        if why:
            reasons.setdefault(name, why)
    return layers, reasons


def others(module: nn.Module) -> dict[str, str]:
    """What else multiplies by weights of its own, and why no spec can put it on tiles here."""
    found: dict[str, str] = {}
    for name, part in module.named_modules():
        if isinstance(part, AnalogLinear):
            found[name] = "which is on tiles already; aimc.torch.strip(model) first"
        elif orientation(part) is None and weighs(part):
            kind = type(part).__name__
            found[name] = (
                f"a {kind}, which aimc.torch keeps digital; aimc-finetune trains what the package "
                f"has on tiles, and skip=[{name!r}] leaves it digital here"
            )
    return found


def weighs(part: nn.Module) -> bool:
    """Whether a module has a matrix, or more than one, of its own."""
    matrices = (p for p in part._parameters.values() if p is not None)
    return any(sum(size > 1 for size in p.shape) > 1 for p in matrices)


def _own_way(linear: nn.Module) -> str | None:
    """What a linear layer does that another in its place would not."""
    exact = (nn.Linear, NonDynamicallyQuantizableLinear)
    if hasattr(linear, "parametrizations") or "weight" not in linear._parameters:
        return "its weight is computed from other parameters"
    if orientation(linear) and type(linear) not in exact:
        return f"{type(linear).__name__} is a subclass of nn.Linear"
    if "forward" in linear.__dict__:
        return "its forward was replaced"
    if 0 in shape(linear):
        return "it has no inputs or no outputs"
    if set(linear._parameters) - {"weight", "bias"} or linear._buffers or linear._modules:
        return "it holds more than a weight and a bias"
    return None


def replace(module: nn.Module, made: Mapping[int, nn.Module]) -> None:
    """Put what was made of a child in its place, wherever and however often it is one."""
    for parent in list(module.modules()):
        # named_children() names a child once.
        for name, child in list(parent._modules.items()):
            if id(child) in made:
                setattr(parent, name, made[id(child)])


def carry(old: nn.Module, new: nn.Module) -> nn.Module:
    """Hooks and mode of one layer for the other; handles go on removing them."""
    for name in _HOOKS:
        if name in old.__dict__:
            setattr(new, name, old.__dict__[name])
    return new.train(old.training)


def plain(layer: AnalogLinear) -> nn.Module:
    """The layer with the same parameters, of its own kind."""
    made: nn.Module
    if layer.transposed:
        made = nn.Linear(layer.in_features, layer.out_features, False, device="meta")
    else:
        from transformers.pytorch_utils import Conv1D

        made = Conv1D(layer.out_features, layer.in_features)
    made.weight = layer.weight
    made.register_parameter("bias", layer.bias)
    return carry(layer, made)


def leave_fast_paths(module: nn.Module) -> None:
    """Make encoders call their layers: without gradients they would multiply by weights alone."""
    for part in module.modules():
        if not any(isinstance(m, AnalogLinear) for m in part.modules()):
            continue
        if isinstance(part, nn.TransformerEncoderLayer):
            if _call_layers not in part._forward_pre_hooks.values():
                part.register_forward_pre_hook(_call_layers)
        elif isinstance(part, nn.TransformerEncoder) and getattr(part, "use_nested_tensor", False):
            part.use_nested_tensor, part._aimc_nested = False, True


def allow_fast_paths(module: nn.Module) -> None:
    """The reverse."""
    for part in module.modules():
        for key, hook in list(part._forward_pre_hooks.items()):
            if hook is _call_layers:
                del part._forward_pre_hooks[key]
        if part.__dict__.pop("_aimc_nested", False):
            part.use_nested_tensor = True


def _call_layers(module: nn.Module, _: Any) -> None:
    """Does nothing: that an encoder layer has a hook is what keeps it from its fast path."""
