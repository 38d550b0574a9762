# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Full scales of the converters of a weight's tiles: fixed, each vector's own or learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from aimc.errors import InvalidArgumentError
from aimc.torch.calls import Calls
from aimc.torch.tiled import TiledWeight

LEARNED = ("input_range", "adc_lsb")
LEAST = 1e-30  # full scale of inputs, as in a spec; one that is learned stays above 0


class RangedWeight(TiledWeight):
    """Adds what a code of each converter stands for."""

    calls: Calls
    ranged_by_call: bool

    def _start_ranges(
        self, given: float | Sequence[float | None] | None, options: dict[str, Any]
    ) -> None:
        """`given` by call where a pass makes several, each with inputs of its own."""
        by_call = list(given) if isinstance(given, Sequence) else [given]
        circuit = self.recipe.circuit
        wanted = circuit.input_range if circuit else None
        some = any(value is not None for value in by_call)
        mode = wanted or ("fixed" if some else "vector")
        self.range_mode = mode
        self.calls = Calls(len(by_call))
        self.ranged_by_call = len(by_call) > 1 and mode != "vector"
        missing = {call for call, value in enumerate(by_call) if value is None}
        # Without a word of the recipe a call that the spec has no range for goes without one.
        self._by_vector = missing if self.ranged_by_call and wanted is None else set()
        bands = len(self.layout.bands)
        shape = (len(by_call), bands) if self.ranged_by_call else (bands,)
        start = torch.ones(shape, **options)
        for call, value in enumerate(by_call if self.ranged_by_call else by_call[:1]):
            start[call if self.ranged_by_call else slice(None)] = value or 1.0
        lsb = [b.lsb_fc or self.target.adc.lsb_fc for b in self.layout.blocks]
        steps = torch.tensor(lsb, **options)
        self.calibrated = missing <= self._by_vector
        if mode == "learned":
            self.input_range = nn.Parameter(start)
        else:
            self.register_buffer("input_range", start, persistent=False)
        if circuit and circuit.adc_range == "learned" and self.target.adc.kind != "ideal":
            self.adc_lsb = nn.Parameter(steps)
        else:
            self.register_buffer("adc_lsb", steps, persistent=False)

    def _input_ranges(self, call: int | None) -> Tensor | None:
        """Full scales of row blocks in a call; None where each vector has its own."""
        if self.range_mode == "vector":
            return None
        if self.ranged_by_call and call is None:
            raise InvalidArgumentError(
                f"{self.name or self.place}: expected one of the {self.calls.expected} calls that "
                "a forward pass of the converted module makes, or one of the last pass computed "
                "again, but got a call outside a pass with other inputs"
            )
        if call in self._by_vector:
            return None
        if not self.calibrated:
            raise InvalidArgumentError(
                f"{self.name or self.place}: expected an input range, from a spec or from "
                "aimc.torch.calibrate, before the first forward pass"
            )
        assert call is not None  # as above
        ranges = self.input_range[call] if self.ranged_by_call else self.input_range
        return ranges.clamp_min(LEAST)

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
