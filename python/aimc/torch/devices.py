# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Devices of a weight's tiles: programmed, aged and varied, of a step or of a chip instance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from aimc.torch import joint
from aimc.torch.layout import Block, device_facts, reads_of
from aimc.torch.ranges import RangedWeight

_OPS = torch.ops.aimc
# Parts of a site's noise: the generator keys draws by them.
PART = {"gaussian": 0, "program": 1, "life": 3, "low": 5, "spread": 7, "stuck": 9, "chip": 11,
        "tile": 12, "column": 13, "read": 14}  # fmt: skip
CALL = 1 << 8  # from one call of a layer to the next
PAIR = 1 << 16  # from one pair of a weight to the next
# StreamKind of runtime/model.
_STREAM = {"program": 1, "life": 3, "low": 5, "stuck": 6, "chip": 7, "tile": 8, "column": 9,
           "spread": 10}  # fmt: skip


class DeviceWeight(RangedWeight):
    """Adds what devices make of targets, and the digital factors that undo drift."""

    clock: Tensor
    reads: Tensor

    def _start_devices(self, seed: int, site: int, grids: Sequence[int | None]) -> None:
        self.chip: int | None = None
        self.seed, self.site = seed, site
        self.steps_key: int | None = None  # of the count that this layer follows
        device = self.weight.device
        key = torch.tensor([seed, site, 0], dtype=torch.int64, device=device)
        self.register_buffer("clock", key, persistent=False)
        # What a session's reads are named by: the call site with the weight's first block in it,
        # and how many vectors it has read.
        self.grids = [reads_of(site) if grid is None else grid for grid in grids]
        self.register_buffer("reads", key.new_zeros(len(grids)), persistent=False)
        self._factors: dict[tuple[float | None, ...], Tensor] = {}
        self._facts = device_facts(self.target.device)

    def refresh(self) -> None:
        """The same, and drift factors anew."""
        self._factors = {}
        super().refresh()

    @property
    def _key(self) -> Tensor:
        """Seed, site and step, by which draws are known."""
        return self.clock if self.held is None else self.held["key"]

    def _draw(self, part: str, shape: Iterable[int], offset: int = 0) -> Tensor:
        key = self._key
        if self.chip is not None:
            key = torch.stack([key.new_tensor(self.chip), key[1], key.new_tensor(2**31)])
        number = PART[part] + offset % 2 + offset // 2 * PAIR
        return _OPS.noise(list(shape), key, number)

    def _read_key(self, x: Tensor, call: int | None) -> Tensor:
        """What the noise of this call's reads is drawn by: the step's key, or of a chip instance
        those of a session, which numbers vectors from its start."""
        if self.chip is None:
            return self._key
        at, reads = min(call or 0, len(self.grids) - 1), self._made("reads")
        first = reads[at].clone()
        reads[at] += x.numel() // self.in_features
        return torch.stack([first.new_tensor(self.chip), first.new_tensor(self.grids[at]), first])

    def _device_draw(self, name: str, like: Tensor, which: int) -> Tensor:
        """Draws for devices; of a chip instance those that the runtime makes from the same seed."""
        if self.chip is None:
            return self._draw(name, like.shape, which)
        chip, time_s = self.chip, self.time_s if name == "low" else None
        return self._of_blocks(
            like,
            lambda b, stream: _OPS.normals(
                chip, _STREAM[name], stream, which, b.at_row, b.at_col, b.rows, b.cols, time_s
            ),
        )

    def _of_blocks(self, like: Tensor, draw: Callable[[Block, int], Tensor]) -> Tensor:
        """What `draw` makes of each block and of what the runtime's draws name its tile by."""
        out = torch.empty(self.in_features, self.out_features)
        for index, b in enumerate(self.layout.blocks):
            own = self.site << 12 | index if b.stream is None else b.stream
            out[b.row : b.row + b.rows, b.col : b.col + b.cols] = draw(b, own)
        out = out.to(like.device)
        return out.t() if self.transposed else out

    def _devices(self, target: Tensor, which: int, when: str) -> Tensor:
        """Conductances of the plus (2 k) or minus (2 k + 1) devices of pair k at this step, at its
        time or just programmed (`_fresh`)."""
        kind, recipe = self.target.device, self.recipe.device
        assert recipe is not None  # the caller looked
        timed = self.time_s is not None and when != "_fresh"
        factors = self._spread(target, which) if recipe.variation else []
        g = target
        if kind.kind == "ideal":
            for factor in factors:
                g = g * factor
        else:
            names = ("program", "life", "low") if timed else ("program",)
            draws: list[Tensor | None] = [self._device_draw(n, target, which) for n in names]
            draws += [None] * (3 - len(draws))
            like = [None if d is None else d.to(target.dtype) for d in draws]
            now = self._now
            g = _OPS.device_state(target, *like, now.curves[when], now.laws[when], *factors)
        return self._stuck(g, which) if recipe.variation else g

    def _spread(self, like: Tensor, which: int) -> list[Tensor]:
        """The factor of chip, tile, column and device on what is programmed; none where it is 1."""
        kind, chip, total = self.target.device, self.chip, None
        columns = (self.out_features, 1) if self.transposed else (1, self.out_features)

        def same(name: str, whole_chip: bool) -> Tensor:
            if chip is None:
                return self._draw(name, (1, 1))
            return self._of_blocks(
                like,
                lambda b, stream: _OPS.normals(
                    chip, _STREAM[name], stream >> 30 << 30 if whole_chip else stream, 0, 0, 0, 1, 1
                ),
            )

        def column() -> Tensor:  # common to both devices of a pair
            if chip is None:
                return self._draw("column", columns, which // 2 * 2)
            return self._of_blocks(
                like,
                lambda b, stream: _OPS.normals(
                    chip, _STREAM["column"], stream, which // 2, 0, b.at_col, 1, b.cols
                ),
            )

        levels: tuple[tuple[float, Callable[[], Tensor]], ...] = (
            (kind.chip_spread, lambda: same("chip", True)),
            (kind.tile_spread, lambda: same("tile", False)),
            (kind.column_spread, column),
            (kind.device_spread, lambda: self._device_draw("spread", like, which)),
        )
        for deviation, draw in levels:
            if deviation > 0:
                factor = (1.0 + deviation * draw().to(like.dtype)).clamp_min(0.0)
                total = factor if total is None else total * factor
        return [] if total is None else [total]

    def _stuck(self, g: Tensor, which: int) -> Tensor:
        """Devices at g_min or g_max, whatever is programmed and whenever they are read."""
        kind, chip, (_, off, on) = self.target.device, self.chip, self._facts
        if off + on <= 0:
            return g
        if chip is None:
            level = torch.special.ndtr(self._draw("stuck", g.shape, which).to(g.dtype))
        else:
            level = self._of_blocks(
                g,
                lambda b, stream: _OPS.uniforms(
                    chip, _STREAM["stuck"], stream, which, b.at_row, b.at_col, b.rows, b.cols
                ),
            )
        g = torch.where(level >= 1.0 - on, kind.g_max_us, g)
        return torch.where(level < off, kind.g_min_us, g)

    @property
    def _joint(self) -> bool:
        return self.recipe.device is not None and self.recipe.device.joint

    def _joint_devices(
        self, weights: Sequence[Tensor], scale: Tensor, gains: Sequence[Tensor | None],
        wires: tuple[float, float, bool],
    ) -> tuple[list[Tensor], list[Tensor | None]]:  # fmt: skip
        """Weights of each pair as it holds them at this step, and digital factors of columns."""
        spread = self.recipe.device
        assert spread is not None  # the caller looked

        def held_at(own: Sequence[Tensor], when: str) -> list[Tensor]:
            return [
                joint.perturbed(w, scale, draw, *self._now.joint[when])
                for w, draw in zip(own, draws, strict=True)
            ]

        draws = [self._draw("program", w.shape, 2 * k).to(w.dtype) for k, w in enumerate(weights)]
        held = held_at(weights, self._now.then)
        if spread.compensate_drift and self.time_s is not None:
            # Folding twice per step costs more than the step's own product; what columns lose on
            # average hardly moves between refreshes.
            key = (0, self.time_s, *self._level.values())
            factor = None if torch.compiler.is_compiling() else self._factors.get(key)
            if factor is None:
                kind = self.target.device
                wide, g_max = joint.room(scale, kind)
                fresh, aged = (
                    [_OPS.target_pairs(w, wide, kind.g_min_us, g_max) for w in own]
                    for own in (
                        held_at([w.detach() for w in weights], "_fresh"),
                        [w.detach() for w in held],
                    )
                )
                factor = self._drift_factor(fresh, aged, gains, *wires)
                if not torch.compiler.is_compiling():
                    self._factors[key] = factor
            gains = [factor if g is None else g * factor for g in gains]
        return held, list(gains)

    def _aged_devices(
        self, targets: Sequence[tuple[Tensor, Tensor]], gains: Sequence[Tensor | None],
        wires: tuple[float, float, bool],
    ) -> tuple[list[tuple[Tensor, Tensor]], list[Tensor | None]]:  # fmt: skip
        """Pairs programmed to these targets at this step's time, and digital factors of columns."""
        assert self.recipe.device is not None  # the caller looked

        def state(which: int, when: str, detached: bool = False) -> tuple[Tensor, Tensor]:
            plus, minus = (g.detach() if detached else g for g in targets[which])
            return (
                self._devices(plus, 2 * which, when),
                self._devices(minus, 2 * which + 1, when),
            )

        pairs = [state(k, self._now.then) for k in range(len(targets))]
        if self.recipe.device.compensate_drift and self.time_s is not None:
            fresh = [state(k, "_fresh", detached=True) for k in range(len(targets))]
            aged = [(plus.detach(), minus.detach()) for plus, minus in pairs]
            factor = self._drift_factor(fresh, aged, gains, *wires)
            gains = [factor if g is None else g * factor for g in gains]
        return pairs, list(gains)

    def _drift_factor(
        self, before: Sequence[tuple[Tensor, Tensor]], now: Sequence[tuple[Tensor, Tensor]],
        gains: Sequence[Tensor | None], ohm: float, adc_ohm: float, plane: bool,
    ) -> Tensor:  # fmt: skip
        """What the runtime's drift compensation finds per column [bands, outputs]: the factor
        that brings outputs to inputs without correlation closest to what they were, all pairs of a
        weight together and through the wires, which take less of smaller currents
        (runtime/model's DriftFactor.h)."""

        def outputs(pairs: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
            """Of each band."""
            arriving = [self._arriving(*pair, ohm, adc_ohm, plane) for pair in pairs]
            return [output(arriving, *place, b) for b, place in enumerate(self.layout.bands)]

        def output(arriving: Sequence[Tensor], row: int, rows: int, band: int) -> Tensor:
            total: Tensor | None = None
            for whole, gain, (_, _, share) in zip(arriving, gains, self._shares, strict=True):
                own = self._band(whole, row, rows)
                own = own * share if gain is None else own * (gain[band].detach() * share)
                total = own if total is None else total + own
            assert total is not None  # a weight has a pair
            return total

        factors = []
        with torch.no_grad():
            for then, aged in zip(outputs(before), outputs(now), strict=True):
                power = (aged * aged).sum(0)
                cross = (then * aged).sum(0)
                factors.append(torch.where(power > 0, (cross / power).clamp_min(0.0), 1.0))
        return torch.stack(factors)

    def _arriving(
        self, plus: Tensor, minus: Tensor, ohm: float, adc_ohm: float, plane: bool
    ) -> Tensor:
        """Pairs as outputs see them, up to a factor; open rows under their mean load."""
        if self.target.wire.idle == "open" and ohm > 0:
            mean = (self.share * self.probability).sum(0) / self.share.sum(0).clamp_min(1e-30)
            load = mean.to(plus.dtype).unsqueeze(0 if self.transposed else 1)
            transfer: Tensor = self._fold(plus * load, minus * load, ohm, adc_ohm, False)[1]
            return transfer * (plus - minus)
        if ohm > 0 or adc_ohm > 0 or plane:
            folded: Tensor = self._fold(plus, minus, ohm, adc_ohm, plane)[0]
            return folded
        return plus - minus
