# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A weight on tiles: blocks, scales, targets, what compensates wires, how cells are folded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from aimc.errors import InvalidArgumentError
from aimc.target import Target
from aimc.torch import joint
from aimc.torch.layout import Layout, dac_passes, pair_shares, table_text
from aimc.torch.moment import Moment
from aimc.torch.places import placed
from aimc.torch.recipes import Recipe

_OPS = torch.ops.aimc
# Scale of a column of zeros: its output is nothing beside any other's, but its weights have their
# gradient, without which they would stay zero for good. Not where rows have wires: conductances,
# which know no scale, change what other columns see there.
_NOTHING = 1e-20


class TiledWeight(nn.Module):  # type: ignore[misc]
    """A weight, its bias and where they lie; the parameters stay their module's own."""

    scales: Tensor
    shape: Tensor
    gains: Tensor
    activity: Tensor | None
    probability: Tensor
    share: Tensor

    def __init__(
        self,
        weight: nn.Parameter,
        bias: nn.Parameter | None,
        *,
        transposed: bool,
        target: Target,
        recipe: Recipe,
        layout: Layout | None,
        activity: Tensor | None,
        name: str,
    ) -> None:
        super().__init__()
        target.check(training=True)
        outputs, inputs = weight.shape if transposed else weight.shape[::-1]
        self.in_features, self.out_features = int(inputs), int(outputs)
        self.weight = weight
        self.register_parameter("bias", bias)
        self.transposed, self.name = transposed, name
        self.target, self.recipe = target, recipe
        self.layout = layout or Layout.cut(self.in_features, self.out_features, target)
        if (self.layout.rows, self.layout.cols) != (self.in_features, self.out_features):
            raise InvalidArgumentError(
                f"{self.name or self.place}: expected a layout of {self.in_features} x "
                f"{self.out_features}, but got {self.layout.rows} x {self.layout.cols}"
            )
        self.blocks = self.layout.numbers
        self._moment = self._ahead = Moment()
        self.counted = False  # whether a compiled pass is counted in itself
        self.register_buffer("activity", activity, persistent=False)
        self._shares = pair_shares(target.geometry)
        self._start_rows()
        for empty in ("scales", "shape", "gains"):
            self.register_buffer(empty, None, persistent=False)
        # A compiled pass's, or one's that is computed again: its key, and these as they were then.
        self.held: dict[str, Tensor] | None = None

    @property
    def place(self) -> str:
        """What warnings call this layer."""
        return placed(self.name, type(self))

    def _start_rows(self) -> None:
        """How rows conduct, which open columns load by: from the spec's histogram or by default."""
        self._passes = dac_passes(self.target.dac)
        for name in ("probability", "share"):
            self.register_buffer(name, None, persistent=False)
        if self.target.wire.idle == "open":
            self.probability, self.share = _OPS.row_activity(
                self.activity, self.in_features, self.target.dac.bits, self._passes
            )

    @property
    def _now(self) -> Moment:
        return self._ahead if self.counted else self._moment

    def _made(self, name: str) -> Any:
        """A buffer as this pass has it."""
        held = self.held
        return held[name] if held is not None and name in held else getattr(self, name)

    @property
    def _level(self) -> Mapping[str, float]:
        now = self._now
        return now.levels[now.then]

    @property
    def time_s(self) -> float | None:
        """Seconds since programming."""
        return self._now.time_s

    def _dtype(self) -> torch.dtype:
        return torch.float64 if self.weight.dtype == torch.float64 else torch.float32

    def refresh(self) -> None:
        """Scales and compensation of the weights as they are now, as the compiler makes them."""
        circuit, device = self.recipe.circuit, self.target.device
        if circuit is None:
            return
        weight = self.weight.detach().to(self._dtype())
        given = [b.scales for b in self.layout.blocks]
        if any(s is not None for s in given):
            self.scales = self._given_scales()
        elif circuit.scale == "optimal":
            self.scales = _OPS.choose_scales(
                weight, self.blocks, self.transposed, circuit.scale, device.kind,
                device.g_min_us, device.g_max_us, device.programming_noise_scale,
                device.acceptance_percent, [factor for _, _, factor in self._shares],
                *table_text(device),
            )  # fmt: skip
        mode, wire = self._compensation(), self.target.wire
        wired = wire.column_ohm + wire.adc_ohm + wire.row_ohm + wire.driver_ohm > 0
        if mode != "none" and wired:
            if self._level["wire"] > 0:
                self._compensate(weight, mode)
            else:  # nothing to make up for yet
                pairs, bands = len(self._shares), len(self.layout.bands)
                self.shape = weight.new_ones(pairs, *weight.shape)
                self.gains = weight.new_ones(pairs, bands, self.out_features)

    def _compensation(self) -> str:
        """How targets and pulses make up for wires: by the recipe, else by the spec."""
        circuit = self.recipe.circuit
        mode = circuit.compensate if circuit else "none"
        if mode is None:
            mode = next((b.compensate for b in self.layout.blocks if b.compensate), "none")
        if mode == "weights+pulses" and self.target.wire.idle != "open":
            raise InvalidArgumentError(
                f"compensate: with idle = midrail expected gain or weights, but got {mode!r}"
            )
        return mode

    def _compensate(self, weight: Tensor, mode: str) -> None:
        device, target, wire = self.target.device, self.target, self.target.wire
        share = self._level["wire"]
        plane = wire.row_ohm + wire.driver_ohm > 0
        scale = self._scale(weight)
        shapes, gains = [], []
        for k in range(len(self._shares)):
            wanted, full = weight, scale
            if len(self._shares) > 1:  # each pair is a crossbar of its own
                wanted, full = self._normalised(weight, scale, k), torch.ones_like(scale)
            shape, gain = _OPS.compensate(
                wanted, full, self.blocks, self.transposed, target.geometry.rows,
                wire.column_ohm * share, wire.adc_ohm, self._alternating(), device.g_min_us,
                device.g_max_us, mode, wire.idle == "open", self.activity, target.dac.bits,
                self._passes, target.geometry.cols if plane else 0, wire.row_ohm * share,
                wire.driver_ohm,
            )  # fmt: skip
            shapes.append(shape)
            gains.append(gain)
        self.shape, self.gains = torch.stack(shapes), torch.stack(gains)

    def _pair(self, weight: Tensor, scale: Tensor, k: int) -> Any:
        """Target conductances of pair k."""
        device, (start, share, _) = self.target.device, self._shares[k]
        return _OPS.target_pairs(
            weight, self._wide(scale), device.g_min_us, device.g_max_us, start, share
        )

    def _normalised(self, weight: Tensor, scale: Tensor, k: int) -> Tensor:
        """What pair k holds of the weight, in its own range from -1 to 1."""
        plus, minus = self._pair(weight, scale, k)
        return (plus - minus) / (self.target.device.g_max_us - self.target.device.g_min_us)

    def _targets(self, weight: Tensor, scale: Tensor, k: int) -> Any:
        """The same with what compensation makes of them."""
        shape = self._made("shape")
        if shape is None:
            return self._pair(weight, scale, k)
        device, wide = self.target.device, self._wide(scale)
        if len(self._shares) == 1:
            shaped = joint.clipped(weight, wide) * shape[k]
        else:
            shaped = self._normalised(weight, scale, k) * shape[k]
            wide = torch.ones_like(wide)
        return _OPS.target_pairs(shaped, wide, device.g_min_us, device.g_max_us)

    def _given_scales(self) -> Tensor:
        """The spec's, and nan for blocks that it has none for: those follow the rule."""
        rows = [row for row, _ in self.layout.bands]
        given = self.weight.new_full((len(rows), self.out_features), math.nan, dtype=self._dtype())
        for b in self.layout.blocks:
            if b.scales is not None:
                own = given[rows.index(b.row), b.col : b.col + b.cols]
                own.copy_(torch.tensor(b.scales))
        return given

    def _band(self, weight: Tensor, row: int, rows: int) -> Tensor:
        return weight[:, row : row + rows].t() if self.transposed else weight[row : row + rows]

    def _scale(self, weight: Tensor) -> Tensor:
        """s_j [bands, outputs]: fixed, or by a rule from the weight."""
        scales: Tensor | None = self._made("scales")
        given = {b.scales is None for b in self.layout.blocks}
        if scales is not None and len(given) == 1:
            return scales
        rule = self.recipe.circuit.scale if self.recipe.circuit else "max"
        rule = rule if rule.startswith("sigma:") else "max"
        scale: Tensor = _OPS.column_scales(weight.detach(), self.blocks, self.transposed, rule)
        return scale if scales is None else torch.where(scales.isnan(), scale, scales)

    def _trained_scale(self, weight: Tensor) -> Tensor:
        """The same for a pass that has a gradient."""
        scale, wire = self._scale(weight), self.target.wire
        plane = wire.row_ohm + wire.driver_ohm > 0
        return scale if plane else scale.masked_fill(scale == 0, _NOTHING)

    def _wide(self, scale: Tensor) -> Tensor:
        """Scales per cell, in the weight's layout."""
        rows = torch.tensor([rows for _, rows in self.layout.bands], device=scale.device)
        if len(self.layout.bands) == 1:
            return scale.t() if self.transposed else scale
        cells = torch.repeat_interleave(scale, rows, 0, output_size=self.in_features)
        return cells.t() if self.transposed else cells

    def _alternating(self) -> bool:
        return self.target.geometry.readout == "alternating"

    def _fold(self, plus: Tensor, minus: Tensor, ohm: float, adc_ohm: float, plane: bool) -> Any:
        target, wired = self.target, self._level["wire"]
        if plane:
            return _OPS.fold_crossbar(
                plus, minus, self.blocks, self.transposed, target.geometry.rows,
                target.geometry.cols, ohm, adc_ohm, target.wire.row_ohm * wired,
                target.wire.driver_ohm, self._alternating(), target.dac.v_read_v,
                2 * target.device.g_min_us,
            )  # fmt: skip
        return _OPS.fold(
            plus, minus, None, self.blocks, self.transposed, target.geometry.rows, ohm, adc_ohm,
            self._alternating(), target.dac.v_read_v, 2 * target.device.g_min_us,
        )  # fmt: skip

    def effective_ohm(self) -> float:
        """Wire resistance per cell in force, ohm."""
        return self.target.wire.column_ohm * self._level.get("wire", math.nan)
