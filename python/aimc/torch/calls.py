# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which of its calls a layer is in, where a forward pass of the converted module makes several.

Calls are counted within a pass. What is computed again while gradients are taken (gradient
checkpointing) comes outside a pass and in another order: it is known by its inputs, which are those
of the call that it repeats, bit for bit. So is the pass whose noise it has to see, where others
have been made since.
"""

from __future__ import annotations

import collections
from typing import Any

import torch
from torch import Tensor, nn

from aimc.errors import InvalidArgumentError

_WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Calls:
    """Counts the calls of one layer, of which a pass makes `expected`."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.made: int | None = None  # None: outside a pass
        self.marks: list[Tensor] = []

    def begin(self) -> None:
        """A pass begins."""
        self.made, self.marks = 0, []

    def end(self) -> int:
        """A pass is over; how many calls it made."""
        made, self.made = self.made or 0, None
        return made

    @property
    def at(self) -> int:
        """The call that comes next in this pass; more than are expected are the last."""
        return min(self.made or 0, self.expected - 1)

    def enter(self, x: Tensor) -> int | None:
        """Number of the call with inputs `x`; None where it is none of the last pass."""
        if self.expected == 1:
            return 0
        if self.made is None:
            return self._again(x)
        call = self.at
        self.made += 1
        if not torch.compiler.is_compiling() and not _wrapped(x):
            self.marks.append(mark(x))
        return call

    def _again(self, x: Tensor) -> int | None:
        wanted = mark(x)
        for call, known in enumerate(self.marks[: self.expected]):
            if torch.equal(known, wanted):
                return call
        return None


class Recall:
    """What the last calls of a layer under gradient checkpointing were made with.

    Of several with the same inputs the latest that was not asked for is meant: gradients are taken
    in the reverse order of passes.
    """

    _CALLS = 32

    def __init__(self) -> None:
        self._made: collections.deque[list[Any]] = collections.deque(maxlen=self._CALLS)

    def keep(self, x: Tensor, what: Any) -> None:
        """A call with inputs `x`."""
        if not _wrapped(x):
            self._made.append([mark(x), what, False])

    def find(self, x: Tensor) -> Any:
        """What the call that this one repeats was made with; None where it is not known."""
        if not self._made or _wrapped(x):
            return None
        wanted = mark(x)
        fits = [made for made in reversed(self._made) if torch.equal(made[0], wanted)]
        for made in sorted(fits, key=lambda made: made[2]):
            made[2] = True
            return made[1]
        return None


def taking_gradients() -> bool:
    """Whether gradients are being taken: what runs then for the second time is no new pass."""
    return bool(torch._C._current_graph_task_id() != -1)


def checkpointed(training: bool) -> bool:
    """Whether what runs may be computed again: trains without gradients (reentrant), or has hooks
    on what is saved for them."""
    if not torch.is_grad_enabled():
        return training
    return torch._C._autograd._top_saved_tensors_default_hooks(True) is not None


def _wrapped(x: Tensor) -> bool:
    """Within a transform of torch.func, whose tensors do not outlive it."""
    wrapped: bool = torch._C._functorch.is_functorch_wrapped_tensor(x)
    return wrapped


def mark(x: Tensor) -> Tensor:
    """A number that a tensor is known by again, found without waiting for its device."""
    bits = x.detach().view(_WORDS[x.element_size()])
    return bits.sum(dtype=torch.int64)


def _counted(module: nn.Module) -> list[Any]:
    return [m for m in module.modules() if isinstance(getattr(m, "calls", None), Calls)]


def count_calls(module: nn.Module) -> None:
    """Count them in the passes of `module`, which was converted."""
    forget_calls(module)
    module.register_forward_pre_hook(_begin)
    module.register_forward_hook(_end)


def forget_calls(module: nn.Module) -> None:
    """The reverse."""
    for hooks in (module._forward_pre_hooks, module._forward_hooks):
        for key, hook in list(hooks.items()):
            if hook in (_begin, _end):
                del hooks[key]


def _begin(module: nn.Module, _: Any) -> None:
    """Before a forward pass of the converted module."""
    for layer in _counted(module):
        layer.calls.begin()


def _end(module: nn.Module, _: Any, __: Any) -> None:
    """After one: where each call has its own range, the pass has to make those that have."""
    for layer in _counted(module):
        expected, made = layer.calls.expected, layer.calls.end()
        if layer.ranged_by_call and made not in (0, expected):
            raise InvalidArgumentError(
                f"{layer.name or layer.place}: expected {expected} calls in a forward pass, as the "
                f"spec has, but got {made}"
            )
