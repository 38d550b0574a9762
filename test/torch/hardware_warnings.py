# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What tests of warnings share: what was told, and a net to tell of."""

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

import aimc


def told(act: Callable[[], Any]) -> list[str]:
    """The texts that `act` warns of hardware with, in their order."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return [str(w.message) for w in caught if issubclass(w.category, aimc.HardwareWarning)]


def net(sizes: Sequence[int] = (64, 8)) -> nn.Module:
    """Linear layers behind each other, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(sizes)))
