# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A linear layer whose product runs through its tiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aimc.errors import InvalidArgumentError, UnsupportedError
from aimc.target import Target
from aimc.torch import operators  # noqa: F401, registers torch.ops.aimc
from aimc.torch.layout import Layout, check
from aimc.torch.open_rows import open_read
from aimc.torch.recipes import Recipe, strength

_OPS = torch.ops.aimc
_ADC = {"ideal": 0, "linear": 1, "cco": 2}
_ROUND = 2
# Parts of a site's noise: the generator keys draws by them.
_PART = {"gaussian": 0, "program": 1, "life": 3, "low": 5, "spread": 7, "stuck": 9, "chip": 11,
         "tile": 12, "column": 13, "read": 14}  # fmt: skip
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
        self._check_open()
        self._start_ranges(input_range, options)
        for empty in ("scales", "shape", "gains", "curves"):
            self.register_buffer(empty, None, persistent=False)
        self._law: list[float] = []
        self.set_step(0)
        self.refresh()

    def _check_open(self) -> None:
        circuit, device = self.recipe.circuit, self.recipe.device
        wire = self.target.wire
        if circuit is None or (wire.idle != "open" and wire.row_ohm + wire.driver_ohm == 0):
            return
        modes = {
            circuit.compensate or "none",
            *(b.compensate or "none" for b in self.layout.blocks),
        }
        if modes != {"none"}:
            raise UnsupportedError(
                "compensate: training has no model of it with idle = open or row wires"
            )
        if (
            wire.idle == "open"
            and device
            and device.read != 0
            and self.target.device.kind != "ideal"
        ):
            raise UnsupportedError(
                "device.read: training has no model of read noise for idle = open; Device(read=0) "
                "leaves it out"
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
        curves, law = _OPS.device_curves(
            device.kind, device.g_min_us, device.g_max_us,
            device.programming_noise_scale * level["programming"],
            device.read_noise_scale * level["read"], device.drift_scale * level["drift"],
            device.acceptance_percent, self.time_s,
        )  # fmt: skip
        self.curves, self._law = curves.to(self.weight.device), list(law)

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
            )  # fmt: skip
        mode = circuit.compensate
        if mode is None:
            mode = next((b.compensate for b in self.layout.blocks if b.compensate), "none")
        ohm = self.target.wire.column_ohm * self._level["wire"]
        if mode != "none" and (ohm > 0 or self.target.wire.adc_ohm > 0):
            if mode not in ("gain", "weights"):
                raise InvalidArgumentError(
                    f"compensate: with idle = midrail expected gain or weights, but got {mode!r}"
                )
            self.shape, self.gains = _OPS.compensate(
                weight, self._scale(weight), self.blocks, self.transposed,
                self.target.geometry.rows, ohm, self.target.wire.adc_ohm, self._alternating(),
                device.g_min_us, device.g_max_us, mode,
            )  # fmt: skip

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
        return _OPS.noise(list(shape), key, _PART[part] + offset)

    def _analog(self, x: Tensor, weight: Tensor, noisy: bool) -> Tensor:
        circuit, target = self.recipe.circuit, self.target
        assert circuit is not None  # the caller looked
        device, dac, adc = target.device, target.dac, target.adc
        scale = self._scale(weight)
        gains = self.gains
        if self.shape is not None:
            weight = weight.clamp(-self._wide(scale), self._wide(scale)) * self.shape
        ohm = target.wire.column_ohm * self._level["wire"]
        adc_ohm = target.wire.adc_ohm if self._level["wire"] > 0 else 0.0
        ranges = self.input_range if self.range_mode != "vector" and circuit.dac else None
        if ranges is not None and not self.calibrated:
            raise InvalidArgumentError(
                f"{self.name or 'layer'}: expected an input range, from a spec or from "
                "aimc.torch.calibrate, before the first forward pass"
            )
        ranges = ranges.clamp_min(1e-12) if ranges is not None else None
        mode = _ADC[adc.kind] if circuit.adc else 0
        lsb = self.adc_lsb.clamp_min(1e-9) if mode else None
        levels = 2 ** (dac.bits - 1) - 1
        converters = (levels, _ROUND if circuit.dac else 0, mode, adc.bits)
        is_open = target.wire.idle == "open"
        share = self._level["wire"]
        row_ohm, driver_ohm = target.wire.row_ohm * share, target.wire.driver_ohm * (share > 0)
        plane = row_ohm > 0 or driver_ohm > 0
        if not (self.recipe.device and noisy) and not is_open and not plane:
            return _OPS.tile_linear(
                x, weight, scale, gains, ranges, lsb, self.blocks, self.transposed,
                target.geometry.rows, ohm, adc_ohm, self._alternating(), device.g_min_us,
                device.g_max_us, dac.v_read_v, dac.tick_ns, *converters,
            )[0]  # fmt: skip
        plus, minus = _OPS.target_pairs(weight, self._wide(scale), device.g_min_us, device.g_max_us)
        if self.recipe.device and noisy:
            plus, minus = self._devices(plus, 0), self._devices(minus, 1)
        if is_open:
            if self.transposed:
                plus, minus = plus.t(), minus.t()
            return open_read(
                x, plus, minus, scale, gains, ranges, lsb, self.layout, target, ohm, adc_ohm,
                converters, self.activity,
            )  # fmt: skip
        if plane:
            weff, transfer = _OPS.fold_crossbar(
                plus, minus, self.blocks, self.transposed, target.geometry.rows,
                target.geometry.cols, ohm, adc_ohm, row_ohm, driver_ohm, self._alternating(),
                dac.v_read_v, 2 * device.g_min_us,
            )  # fmt: skip
        else:
            weff, transfer = self._fold(plus, minus, ohm, adc_ohm)
        level = self._level.get("read", 0.0) if noisy else 0.0
        noise = device.read_noise_scale * level
        read = noise > 0 and device.kind == "pcm"  # as DeviceModel::noisyReads
        return _OPS.read(
            x, weff, scale, gains, ranges, lsb, plus if read else None, minus if read else None,
            transfer if read else None, self.blocks, self.transposed, device.g_min_us,
            device.g_max_us, dac.v_read_v, dac.tick_ns, *converters, noise, self.clock,
            _PART["read"],
        )  # fmt: skip

    def _fold(self, plus: Tensor, minus: Tensor, ohm: float, adc_ohm: float) -> Any:
        target = self.target
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

    def _devices(self, target: Tensor, which: int) -> Tensor:
        """Conductances of the plus (0) or minus (1) devices at this step."""
        kind, spread = self.target.device, self.recipe.device
        assert spread is not None  # the caller looked
        timed = self.time_s is not None
        g = target
        if kind.kind != "ideal":
            names = ("program", "life", "low") if timed else ("program",)
            draws: list[Tensor | None] = [self._device_draw(n, target, which) for n in names]
            draws += [None] * (3 - len(draws))
            like = [None if d is None else d.to(target.dtype) for d in draws]
            g = _OPS.device_state(target, *like, self.curves, self._law)
        return self._vary(g, which) if spread.variation else g

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
