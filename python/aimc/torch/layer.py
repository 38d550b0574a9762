# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A linear layer whose product runs through its tiles."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aimc.errors import InvalidArgumentError
from aimc.target import Target
from aimc.torch import (
    joint,
    operators,  # noqa: F401, registers torch.ops.aimc
)
from aimc.torch.layout import Layout, check, dac_passes, pair_shares
from aimc.torch.recipes import Recipe, strength

_OPS = torch.ops.aimc
_ADC = {"ideal": 0, "linear": 1, "cco": 2}
_ROUND = 2
# Parts of a site's noise: the generator keys draws by them.
_PART = {"gaussian": 0, "program": 1, "life": 3, "low": 5, "spread": 7, "stuck": 9, "chip": 11,
         "tile": 12, "column": 13, "read": 14}  # fmt: skip
_PAIR = 1 << 16  # from one pair of a weight to the next
# StreamKind of runtime/model: Programming, Drift, OneOverF.
_STREAM = {"program": 1, "life": 3, "low": 5}
_LEARNED = ("input_range", "adc_lsb")


class AnalogLinear(nn.Module):  # type: ignore[misc]
    """Replaces nn.Linear and transformers' Conv1D; the parameters stay theirs.

    In training mode each step sees its own noise; in evaluation mode only the circuit stays,
    unless a chip instance is chosen (:func:`aimc.torch.on_chip`).
    """

    clock: Tensor
    scales: Tensor
    shape: Tensor
    gains: Tensor
    curves: Tensor
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
        layout: Layout | None = None,
        input_range: float | None = None,
        activity: Tensor | None = None,
        name: str = "",
        site: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check(target)
        outputs, inputs = weight.shape if transposed else weight.shape[::-1]
        self.in_features, self.out_features = int(inputs), int(outputs)
        self.weight = weight
        self.register_parameter("bias", bias)
        self.transposed, self.name = transposed, name
        self.target, self.recipe = target, recipe
        self.layout = layout or Layout.cut(self.in_features, self.out_features, target)
        if (self.layout.rows, self.layout.cols) != (self.in_features, self.out_features):
            raise InvalidArgumentError(
                f"{name or 'layer'}: expected a layout of {self.in_features} x "
                f"{self.out_features}, but got {self.layout.rows} x {self.layout.cols}"
            )
        self.blocks = self.layout.numbers
        self.chip: int | None = None
        self.time_s: float | None = None
        self._level: dict[str, float] = {}
        options = {"device": weight.device, "dtype": self._dtype()}
        key = torch.tensor([seed, site, 0], dtype=torch.int64, device=weight.device)
        self.register_buffer("clock", key, persistent=False)
        self.register_buffer("activity", activity, persistent=False)
        self._shares = pair_shares(target.geometry)
        self._start_rows()
        self._start_ranges(input_range, options)
        for empty in ("scales", "shape", "gains", "curves"):
            self.register_buffer(empty, None, persistent=False)
        self._laws: dict[str, list[float]] = {}
        self._factors: dict[tuple[float | None, ...], Tensor] = {}
        self.set_step(0)
        self.refresh()

    def _start_rows(self) -> None:
        """How rows conduct, which open columns load by: from the spec's histogram or by default."""
        self._passes = dac_passes(self.target.dac)
        for name in ("probability", "share"):
            self.register_buffer(name, None, persistent=False)
        if self.target.wire.idle == "open":
            self.probability, self.share = _OPS.row_activity(
                self.activity, self.in_features, self.target.dac.bits, self._passes
            )

    def _dtype(self) -> torch.dtype:
        return torch.float64 if self.weight.dtype == torch.float64 else torch.float32

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

    # Steps and what follows the weights

    def set_step(self, step: int) -> None:
        """Strengths of the recipe at a step; draws are those of this step."""
        recipe, level = self.recipe, self._level
        self.clock[2] = step
        if recipe.gaussian:
            level["gaussian"] = strength(recipe.gaussian.std, step)
        if recipe.circuit:
            level["wire"] = strength(recipe.circuit.wire, step)
        if recipe.device:
            times = recipe.device.times_s
            self.time_s = times[step % len(times)] if times else None
            for name in ("programming", "read", "drift"):
                level[name] = strength(getattr(recipe.device, name), step)
            self._sample_device()

    def _sample_device(self) -> None:
        device, level = self.target.device, self._level
        wanted = (self.time_s, level["programming"], level["read"], level["drift"])
        if getattr(self, "_sampled", None) == wanted:
            return
        self._sampled = wanted
        for name, time_s in (("curves", self.time_s), ("_fresh", None)):
            curves, law = _OPS.device_curves(
                device.kind, device.g_min_us, device.g_max_us,
                device.programming_noise_scale * level["programming"],
                device.read_noise_scale * level["read"], device.drift_scale * level["drift"],
                device.acceptance_percent, time_s,
            )  # fmt: skip
            setattr(self, name, curves.to(self.weight.device))
            self._laws[name] = list(law)

    def refresh(self) -> None:
        """Scales and compensation of the weights as they are now, as the compiler makes them."""
        circuit, device = self.recipe.circuit, self.target.device
        if circuit is None:
            return
        self._factors = {}
        weight = self.weight.detach().to(self._dtype())
        given = [b.scales for b in self.layout.blocks]
        if any(s is not None for s in given):
            self.scales = self._given_scales()
        elif circuit.scale == "optimal":
            self.scales = _OPS.choose_scales(
                weight, self.blocks, self.transposed, circuit.scale, device.kind,
                device.g_min_us, device.g_max_us, device.programming_noise_scale,
            )  # fmt: skip
        mode, wire = self._compensation(), self.target.wire
        wired = wire.column_ohm + wire.adc_ohm + wire.row_ohm + wire.driver_ohm > 0
        if mode != "none" and wired and self._level["wire"] > 0:
            self._compensate(weight, mode)

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
        if self.shape is None:
            return self._pair(weight, scale, k)
        device, wide = self.target.device, self._wide(scale)
        if len(self._shares) == 1:
            shaped = weight.clamp(-wide, wide) * self.shape[k]
        else:
            shaped = self._normalised(weight, scale, k) * self.shape[k]
            wide = torch.ones_like(wide)
        return _OPS.target_pairs(shaped, wide, device.g_min_us, device.g_max_us)

    def _given_scales(self) -> Tensor:
        rows = []
        for row, height in self.layout.bands:
            top = self._band_max(row, height)
            for b in self.layout.blocks:
                if b.row == row and b.scales is not None:
                    top[b.col : b.col + b.cols] = torch.tensor(b.scales, dtype=top.dtype)
            rows.append(top)
        return torch.stack(rows)

    def _band(self, weight: Tensor, row: int, rows: int) -> Tensor:
        return weight[:, row : row + rows].t() if self.transposed else weight[row : row + rows]

    def _band_max(self, row: int, rows: int) -> Tensor:
        return self._band(self.weight.detach(), row, rows).abs().amax(0).to(self._dtype())

    def _scale(self, weight: Tensor) -> Tensor:
        """s_j [bands, outputs]: fixed, or by a rule from the weight."""
        if self.scales is not None:
            return self.scales
        rule = self.recipe.circuit.scale if self.recipe.circuit else "max"
        own = weight.detach()
        parts = [self._band(own, row, rows) for row, rows in self.layout.bands]
        top = torch.stack([part.abs().amax(0) for part in parts])
        if rule.startswith("sigma:"):
            spread = torch.stack([part.std(0, correction=0) for part in parts])
            return torch.minimum(top, spread * float(rule[6:]))
        return top

    def _alternating(self) -> bool:
        return self.target.geometry.readout == "alternating"

    # Forward

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, as the recipe has it."""
        recipe = self.recipe
        noisy = self.training or self.chip is not None
        weight = self.weight
        if recipe.gaussian:
            weight = self._gaussian(weight, noisy)
        if recipe.circuit is None:
            return self._plain(x, weight)
        kind = x.device.type
        lowered = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        with torch.autocast(kind, enabled=False):
            y = self._analog(x.to(self._dtype()), weight.to(self._dtype()), noisy)
            if self.bias is not None:
                y = y + self.bias.to(y.dtype)
        return y.to(lowered)

    def _plain(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.linear(x, weight if self.transposed else weight.t(), self.bias)

    def _gaussian(self, weight: Tensor, noisy: bool) -> Tensor:
        part = self.recipe.gaussian
        assert part is not None  # the caller looked
        inputs = (1 if self.transposed else 0) if part.per == "column" else (0, 1)
        if part.clip is not None:
            bound = part.clip * weight.detach().std(inputs, correction=0, keepdim=True)
            weight = torch.maximum(torch.minimum(weight, bound), -bound)
        if not noisy:
            return weight
        top = weight.detach().abs().amax(inputs, keepdim=True)
        draw = self._draw("gaussian", weight.shape).to(weight.dtype)
        return torch.addcmul(weight, draw, top * self._level["gaussian"])

    def _draw(self, part: str, shape: Iterable[int], offset: int = 0) -> Tensor:
        key = self.clock
        if self.chip is not None:
            key = torch.stack([key.new_tensor(self.chip), key[1], key.new_tensor(2**31)])
        number = _PART[part] + offset % 2 + offset // 2 * _PAIR
        return _OPS.noise(list(shape), key, number)

    def _analog(self, x: Tensor, weight: Tensor, noisy: bool) -> Tensor:
        circuit, target = self.recipe.circuit, self.target
        assert circuit is not None  # the caller looked
        device, dac, adc = target.device, target.dac, target.adc
        scale = self._scale(weight)
        wired = self._level["wire"]
        ohm = target.wire.column_ohm * wired
        adc_ohm = target.wire.adc_ohm if wired > 0 else 0.0
        ranges = self.input_range if self.range_mode != "vector" and circuit.dac else None
        if ranges is not None and not self.calibrated:
            raise InvalidArgumentError(
                f"{self.name or 'layer'}: expected an input range, from a spec or from "
                "aimc.torch.calibrate, before the first forward pass"
            )
        ranges = ranges.clamp_min(1e-12) if ranges is not None else None
        mode = _ADC[adc.kind] if circuit.adc else 0
        lsb = self.adc_lsb.clamp_min(1e-9) if mode else None
        converters = (2 ** (dac.bits - 1) - 1, _ROUND if circuit.dac else 0, mode, adc.bits)
        wire = target.wire
        plane = wired > 0 and (wire.row_ohm > 0 or wire.driver_ohm > 0)
        wires = (ohm, adc_ohm, plane)
        devices = self.recipe.device is not None and noisy
        jointly = devices and self.chip is None and self._joint
        passes = self._passes if circuit.dac else []
        simple = wire.idle != "open" and not plane and (not passes or not mode)
        if (not devices or jointly) and simple and len(self._shares) == 1:
            gains = None
            if self.shape is not None:
                bound = self._wide(scale)
                weight, gains = weight.clamp(-bound, bound) * self.shape[0], self.gains[0]
            if jointly:
                weight, gains = self._joint_devices(weight, self._wide(scale), gains, wires)
            return _OPS.tile_linear(
                x, weight, scale, gains, ranges, lsb, self.blocks, self.transposed,
                target.geometry.rows, ohm, adc_ohm, self._alternating(), device.g_min_us,
                device.g_max_us, dac.v_read_v, dac.tick_ns, *converters,
            )[0]  # fmt: skip
        level = self._level.get("read", 0.0) if devices and not jointly else 0.0
        noise = device.read_noise_scale * level if device.kind == "pcm" else 0.0  # as the runtime
        if simple and not noise:
            passes = []  # linear: passes add up to one
        total = None
        for k, (_, _, factor) in enumerate(self._shares):
            plus, minus = self._targets(weight, scale, k)
            gains = None if self.gains is None else self.gains[k]
            if jointly:
                span = device.g_max_us - device.g_min_us
                held, gains = self._joint_devices(
                    (plus - minus) / span, torch.ones_like(plus[:1, :1]), gains, wires, k
                )
                plus, minus = _OPS.target_pairs(
                    held, torch.ones_like(held), device.g_min_us, device.g_max_us
                )
            elif devices:
                wanted = plus.detach(), minus.detach()
                plus, minus = self._devices(plus, 2 * k), self._devices(minus, 2 * k + 1)
                assert self.recipe.device is not None  # devices says so
                if self.recipe.device.compensate_drift and self.time_s is not None:
                    fresh = [self._devices(g, 2 * k + i, "_fresh") for i, g in enumerate(wanted)]
                    lost = self._drift_factor(fresh, (plus.detach(), minus.detach()), *wires)
                    gains = lost if gains is None else gains * lost
            if wire.idle == "open":
                y = _OPS.open_read(
                    x, plus, minus, self.probability, self.share, scale, gains, ranges, lsb,
                    self.blocks, self.transposed, target.geometry.rows, ohm, adc_ohm,
                    self._alternating(), device.g_min_us, device.g_max_us, dac.v_read_v,
                    dac.tick_ns, *converters,
                    self.shape is not None and self._compensation() == "weights+pulses", noise,
                    self.clock, _PART["read"] + _PAIR * k, passes,
                )  # fmt: skip
            else:
                weff, transfer = self._fold(plus, minus, ohm, adc_ohm, plane)
                read = noise > 0
                y = _OPS.read(
                    x, weff, scale, gains, ranges, lsb, plus if read else None,
                    minus if read else None, transfer if read else None, self.blocks,
                    self.transposed, device.g_min_us, device.g_max_us, dac.v_read_v, dac.tick_ns,
                    *converters, noise, self.clock, _PART["read"] + _PAIR * k, None, passes,
                )  # fmt: skip
            if len(self._shares) > 1:
                y = y * factor
            total = y if total is None else total + y
        return total

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

    def _wide(self, scale: Tensor) -> Tensor:
        """Scales per cell, in the weight's layout."""
        rows = torch.tensor([rows for _, rows in self.layout.bands], device=scale.device)
        if len(self.layout.bands) == 1:
            return scale.t() if self.transposed else scale
        cells = torch.repeat_interleave(scale, rows, 0, output_size=self.in_features)
        return cells.t() if self.transposed else cells

    def _devices(self, target: Tensor, which: int, when: str = "curves") -> Tensor:
        """Conductances of the plus (2 k) or minus (2 k + 1) devices of pair k at this step, at its
        time or just programmed (`_fresh`)."""
        kind, spread = self.target.device, self.recipe.device
        assert spread is not None  # the caller looked
        timed = self.time_s is not None and when == "curves"
        g = target
        if kind.kind != "ideal":
            names = ("program", "life", "low") if timed else ("program",)
            draws: list[Tensor | None] = [self._device_draw(n, target, which) for n in names]
            draws += [None] * (3 - len(draws))
            like = [None if d is None else d.to(target.dtype) for d in draws]
            g = _OPS.device_state(target, *like, getattr(self, when), self._laws[when])
        return self._vary(g, which) if spread.variation else g

    @property
    def _joint(self) -> bool:
        return self.recipe.device is not None and self.recipe.device.joint

    def _joint_devices(
        self, weight: Tensor, scale: Tensor, gains: Tensor | None,
        wires: tuple[float, float, bool], k: int = 0,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Weights as their pairs hold them at this step, and the digital factors of columns."""
        spread, level = self.recipe.device, self._level
        assert spread is not None  # the caller looked
        kind = dataclasses.replace(self.target.device, table=None)
        draw = self._draw("program", weight.shape, 2 * k).to(weight.dtype)

        def held_at(own: Tensor, time_s: float | None) -> Tensor:
            part = joint.fit(kind, level["programming"], level["read"], level["drift"], time_s)
            return joint.perturbed(own, scale, draw, *part)

        held = held_at(weight, self.time_s)
        if spread.compensate_drift and self.time_s is not None:
            # Folding twice per step costs more than the step's own product; what columns lose on
            # average hardly moves between refreshes.
            key = (k, self.time_s, *level.values())
            factor = None if torch.compiler.is_compiling() else self._factors.get(key)
            if factor is None:
                fresh, aged = (
                    _OPS.target_pairs(w, scale, kind.g_min_us, kind.g_max_us)
                    for w in (held_at(weight.detach(), None), held.detach())
                )
                factor = self._drift_factor(fresh, aged, *wires)
                if not torch.compiler.is_compiling():
                    self._factors[key] = factor
            gains = factor if gains is None else gains * factor
        return held, gains

    def _drift_factor(
        self, before: Sequence[Tensor], now: Sequence[Tensor], ohm: float, adc_ohm: float,
        plane: bool,
    ) -> Tensor:  # fmt: skip
        """What the runtime's drift compensation finds per column [bands, outputs]: the factor
        that brings outputs to inputs without correlation closest to what they were, both through
        the wires, which take less of smaller currents."""
        with torch.no_grad():
            fresh, late = (self._arriving(g, h, ohm, adc_ohm, plane) for g, h in (before, now))
        factors = []
        for row, rows in self.layout.bands:
            then, aged = self._band(fresh, row, rows), self._band(late, row, rows)
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

    def _device_draw(self, name: str, like: Tensor, which: int) -> Tensor:
        """Draws for devices; of a chip instance those that the runtime makes from the same seed."""
        if self.chip is None:
            return self._draw(name, like.shape, which)
        out = torch.empty(self.in_features, self.out_features)
        for index, b in enumerate(self.layout.blocks):
            own = int(self.clock[1]) << 12 | index
            out[b.row : b.row + b.rows, b.col : b.col + b.cols] = _OPS.normals(
                self.chip, _STREAM[name], own if b.stream is None else b.stream, which, b.at_row,
                b.at_col, b.rows, b.cols, self.time_s if name == "low" else None,
            )  # fmt: skip
        out = out.to(like.device)
        return out.t() if self.transposed else out

    def _vary(self, g: Tensor, which: int) -> Tensor:
        kind = self.target.device
        columns = (self.out_features, 1) if self.transposed else (1, self.out_features)
        for name, shape, deviation in (
            ("chip", (1, 1), kind.chip_spread),
            ("tile", (1, 1), kind.tile_spread),
            ("column", columns, kind.column_spread),
            ("spread", g.shape, kind.device_spread),
        ):
            if deviation > 0:
                own = which if name == "spread" else 0
                draw = self._draw(name, shape, own).to(g.dtype)
                g = g * (1.0 + deviation * draw).clamp_min(0.0)
        if kind.stuck_off + kind.stuck_on > 0:
            level = torch.special.ndtr(self._draw("stuck", g.shape, which).to(g.dtype))
            g = torch.where(level < kind.stuck_off, kind.g_min_us, g)
            g = torch.where(level >= 1.0 - kind.stuck_on, kind.g_max_us, g)
        return g

    # State

    def compiled_state(self) -> dict[str, Any]:
        """What :meth:`refresh` has made of earlier weights: a run that resumes goes on with it."""
        return {
            "scales": self.scales, "shape": self.shape, "gains": self.gains,
            "factors": dict(self._factors),
        }  # fmt: skip

    def load_compiled_state(self, state: Mapping[str, Any]) -> None:
        """The reverse of :meth:`compiled_state`."""
        for name in ("scales", "shape", "gains"):
            value = state[name]
            setattr(self, name, None if value is None else value.to(self.weight.device))
        self._factors = {k: v.to(self.weight.device) for k, v in state["factors"].items()}

    def _load_from_state_dict(
        self, state: Mapping[str, Any], prefix: str, metadata: Any, strict: bool,
        missing: list[str], unexpected: list[str], errors: list[str],
    ) -> None:  # fmt: skip
        """Checkpoints of the plain module load too: it has no learned ranges."""
        super()._load_from_state_dict(state, prefix, metadata, strict, missing, unexpected, errors)
        for name in _LEARNED:
            if prefix + name in missing:
                missing.remove(prefix + name)
            if prefix + name in state and name == "input_range":
                self.calibrated = True

    def effective_ohm(self) -> float:
        """Wire resistance per cell in force, ohm."""
        return self.target.wire.column_ohm * self._level.get("wire", math.nan)

    def extra_repr(self) -> str:
        """What print(model) shows."""
        parts = [n for n in ("gaussian", "circuit", "device") if getattr(self.recipe, n)]
        return (
            f"{self.in_features}, {self.out_features}, bias={self.bias is not None}, "
            f"tiles={len(self.layout.blocks)}, recipe={'+'.join(parts) or 'digital'}"
        )
