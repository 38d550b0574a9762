# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Full scales of the converters of a weight's tiles: fixed, each vector's own or learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from aimc.errors import InvalidArgumentError
from aimc.torch.tiled import TiledWeight

LEARNED = ("input_range", "adc_lsb")


class RangedWeight(TiledWeight):
    """Adds what a code of each converter stands for."""

    def _start_ranges(self, given: float | None, options: dict[str, Any]) -> None:
        circuit = self.recipe.circuit
        mode = circuit.input_range if circuit else None
        if mode is None:
            mode = "fixed" if given is not None else "vector"
        self.range_mode = mode
        start = torch.full((len(self.layout.bands),), given or 1.0, **options)
        lsb = [b.lsb_fc or self.target.adc.lsb_fc for b in self.layout.blocks]
        steps = torch.tensor(lsb, **options)
        self.calibrated = given is not None
        if mode == "learned":
            self.input_range = nn.Parameter(start)
        else:
            self.register_buffer("input_range", start, persistent=False)
        if circuit and circuit.adc_range == "learned" and self.target.adc.kind != "ideal":
            self.adc_lsb = nn.Parameter(steps)
        else:
            self.register_buffer("adc_lsb", steps, persistent=False)

    def _input_ranges(self) -> Tensor | None:
        """Full scales of row blocks; None where each vector has its own."""
        circuit = self.recipe.circuit
        assert circuit is not None  # the caller looked
        if self.range_mode == "vector" or not circuit.dac:
            return None
        if not self.calibrated:
            raise InvalidArgumentError(
                f"{self.name or 'layer'}: expected an input range, from a spec or from "
                "aimc.torch.calibrate, before the first forward pass"
            )
        return self.input_range.clamp_min(1e-12)

    def _load_from_state_dict(
        self, state: Mapping[str, Any], prefix: str, metadata: Any, strict: bool,
        missing: list[str], unexpected: list[str], errors: list[str],
    ) -> None:  # fmt: skip
        """Checkpoints of the plain module load too: it has no learned ranges."""
        super()._load_from_state_dict(state, prefix, metadata, strict, missing, unexpected, errors)
        for name in LEARNED:
            if prefix + name in missing:
                missing.remove(prefix + name)
            if prefix + name in state and name == "input_range":
                self.calibrated = True
