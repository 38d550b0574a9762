# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A linear layer whose product runs through its tiles."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aimc.errors import InvalidArgumentError, UnsupportedError
from aimc.target import Target
from aimc.torch import joint
from aimc.torch.calls import Recall, checkpointed, mark, taking_gradients
from aimc.torch.devices import CALL, PAIR, PART, DeviceWeight
from aimc.torch.layout import Layout
from aimc.torch.moment import Moment
from aimc.torch.places import placed
from aimc.torch.ranges import LEARNED
from aimc.torch.recipes import Recipe

_OPS = torch.ops.aimc
_ADC = {"ideal": 0, "linear": 1, "cco": 2}
_ROUND = 2
_CIRCUIT = (*LEARNED, "scales", "shape", "gains")  # in single precision, or the weight's double
COMPILED = ("scales", "shape", "gains")  # what refresh makes of the weights


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _for_onnx() -> bool:
    """Tracing by itself takes this for never."""
    return bool(torch.onnx.is_in_onnx_export())


@dataclasses.dataclass(frozen=True)
class _Pass:
    """What noise and circuit of a pass are made of."""

    moment: Moment
    factors: dict[tuple[float | None, ...], Tensor]
    held: dict[str, Tensor]


class AnalogLinear(DeviceWeight):
    """Replaces nn.Linear and transformers' Conv1D; the parameters stay theirs.

    In training mode each step sees its own noise; in evaluation mode only the circuit stays,
    unless a chip instance is chosen (:func:`aimc.torch.on_chip`).
    """

    def __init__(
        self,
        weight: nn.Parameter,
        bias: nn.Parameter | None,
        *,
        transposed: bool,
        target: Target,
        recipe: Recipe,
        layout: Layout | None = None,
        input_range: float | Sequence[float | None] | None = None,
        activity: Tensor | None = None,
        name: str = "",
        site: int = 0,
        seed: int = 0,
        grids: Sequence[int | None] = (None,),
    ) -> None:
        super().__init__(
            weight,
            bias,
            transposed=transposed,
            target=target,
            recipe=recipe,
            layout=layout,
            activity=activity,
            name=name,
        )
        self._start_ranges(input_range, {"device": weight.device, "dtype": self._dtype()})
        self._start_devices(seed, site, grids)
        self.recall = Recall()
        self.set_step(0)
        self.refresh()

    # Steps

    def set_step(self, step: int, ahead: bool = True) -> None:
        """Strengths of the recipe at a step; draws are those of this step. `ahead` looks at the
        next one too, which compiled passes read; without it that is this step."""
        self.clock[2], self.held = step, None
        self._moment = self._ahead = self._at(step)
        self.counted = False
        if ahead:
            self.prepare(step + 1)

    def prepare(self, step: int) -> None:
        """What a compiled pass will read at `step`."""
        self._ahead = self._at(step)

    def _at(self, step: int) -> Moment:
        made = Moment.at(step, self.target, self.recipe, self.weight.device)
        if self.chip is None:
            return made
        # A chip is as old as it is, whatever the step.
        return self._aged(dataclasses.replace(made, time_s=self._moment.time_s))

    def age(self, time_s: float | None) -> None:
        """Devices that long after programming, until the next step."""
        self._moment = self._aged(dataclasses.replace(self._moment, time_s=time_s))

    def _aged(self, was: Moment) -> Moment:
        return Moment.of(was.level, was.time_s, self.target, self.recipe, self.weight.device)

    # Forward

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, as the recipe has it."""
        exporting = torch.compiler.is_exporting() or torch.jit.is_tracing()
        if exporting and _for_onnx():
            raise UnsupportedError(
                f"{self.name or self.place}: expected a plain layer for ONNX, but got one on "
                "tiles; aimc.torch.strip(model) makes it plain again"
            )
        noisy = self.training or self.chip is not None
        if not noisy or torch.compiler.is_compiling():
            return self._through(x, noisy)
        if taking_gradients():  # once more, with the noise that it had
            with self._as_in(self.recall.find(x)):
                return self._through(x, noisy)
        if checkpointed(self.training):
            self.recall.keep(x, self._this_pass())
        return self._through(x, noisy)

    def _this_pass(self) -> _Pass:
        kept = {name: getattr(self, name) for name in COMPILED}
        held = {"key": self.clock.clone(), "reads": self.reads.clone(), **kept}
        return _Pass(self._moment, self._factors, held)

    @contextlib.contextmanager
    def _as_in(self, made: _Pass | None) -> Iterator[None]:
        """As in an earlier pass, where it is known."""
        before = self._moment, self._factors, self.held
        try:
            if made is not None:
                self._moment, self._factors = made.moment, made.factors
                self.held = {**made.held, "reads": made.held["reads"].clone()}
            yield
        finally:
            self._moment, self._factors, self.held = before

    def _through(self, x: Tensor, noisy: bool) -> Tensor:
        recipe, weight = self.recipe, self.weight
        if recipe.gaussian:
            weight = self._gaussian(weight, noisy)
        if recipe.circuit is None:
            return self._plain(x, weight)
        kind = x.device.type
        lowered = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        call = self.calls.enter(x)
        with torch.autocast(kind, enabled=False):
            y = self._analog(x.to(self._dtype()), weight.to(self._dtype()), noisy, call)
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
            weight = weight.clamp(-bound, bound)  # a weight at the bound keeps its gradient
        if not noisy:
            return weight
        top = weight.detach().abs().amax(inputs, keepdim=True)
        draw = self._draw("gaussian", weight.shape).to(weight.dtype)
        return torch.addcmul(weight, draw, top * self._level["gaussian"])

    def _analog(
        self, x: Tensor, weight: Tensor, noisy: bool, call: int | None, adc_mode: int | None = None
    ) -> Tensor:
        circuit, target = self.recipe.circuit, self.target
        assert circuit is not None  # the caller looked
        device, dac, adc = target.device, target.dac, target.adc
        scale, shape = self._trained_scale(weight), self._made("shape")
        made = self._made("gains")
        wired = self._level["wire"]
        ohm = target.wire.column_ohm * wired
        adc_ohm = target.wire.adc_ohm if wired > 0 else 0.0
        ranges = self._input_ranges(call)
        mode = (_ADC[adc.kind] if circuit.adc else 0) if adc_mode is None else adc_mode
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
            if shape is not None:
                weight = joint.clipped(weight, self._wide(scale)) * shape[0]
                gains = made[0]
            g_max = device.g_max_us
            if jointly:
                (weight,), (gains,) = self._joint_devices(
                    [weight], self._wide(scale), [gains], wires
                )
                scale, g_max = joint.room(scale, device)
            return _OPS.tile_linear(
                x, weight, scale, gains, ranges, lsb, self.blocks, self.transposed,
                target.geometry.rows, ohm, adc_ohm, self._alternating(), device.g_min_us,
                g_max, dac.v_read_v, dac.tick_ns, *converters,
            )[0]  # fmt: skip
        level = self._level.get("read", 0.0) if devices and not jointly else 0.0
        noise = device.read_noise_scale * level if self._facts[0] else 0.0
        if simple and not noise:
            passes = []  # linear: passes add up to one
        drawn = PART["read"] + CALL * (call or 0)
        key = self._read_key(x, call) if noise else self._key
        total = None
        count = len(self._shares)
        pairs = [self._targets(weight, scale, k) for k in range(count)]
        digital = [None if made is None else made[k] for k in range(count)]
        if jointly:
            span = device.g_max_us - device.g_min_us
            own = [(plus - minus) / span for plus, minus in pairs]
            ones = torch.ones_like(pairs[0][0][:1, :1])
            held, digital = self._joint_devices(own, ones, digital, wires)
            one, g_max = joint.room(torch.ones_like(held[0]), device)
            pairs = [_OPS.target_pairs(w, one, device.g_min_us, g_max) for w in held]
        elif devices:
            pairs, digital = self._aged_devices(pairs, digital, wires)
        for k, (_, _, factor) in enumerate(self._shares):
            (plus, minus), gains = pairs[k], digital[k]
            of_pair = key if self.chip is None else torch.cat([key, key.new_tensor([k])])
            if wire.idle == "open":
                y = _OPS.open_read(
                    x, plus, minus, self.probability, self.share, scale, gains, ranges, lsb,
                    self.blocks, self.transposed, target.geometry.rows, ohm, adc_ohm,
                    self._alternating(), device.g_min_us, device.g_max_us, dac.v_read_v,
                    dac.tick_ns, *converters,
                    shape is not None and self._compensation() == "weights+pulses", noise,
                    of_pair, drawn + PAIR * k, passes, *pairs[0],
                )  # fmt: skip
            else:
                weff, transfer = self._fold(plus, minus, ohm, adc_ohm, plane)
                read = noise > 0
                y = _OPS.read(
                    x, weff, scale, gains, ranges, lsb, plus if read else None,
                    minus if read else None, transfer if read else None, self.blocks,
                    self.transposed, device.g_min_us, device.g_max_us, dac.v_read_v, dac.tick_ns,
                    *converters, noise, of_pair, drawn + PAIR * k, None, passes,
                )  # fmt: skip
            if len(self._shares) > 1:
                y = y * factor
            total = y if total is None else total + y
        return total

    # State

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """The circuit stays in single precision when weights become less."""
        tensors = {**self._buffers, **{n: p for n, p in self._parameters.items() if n in LEARNED}}
        before = {
            n: t.detach() for n, t in tensors.items() if t is not None and t.is_floating_point()
        }
        super()._apply(fn, recurse)
        for name, old in before.items():
            new = getattr(self, name)
            dtype = self._dtype() if name in _CIRCUIT else old.dtype
            value = (new if old.is_meta else old).detach().to(new.device, dtype)
            if isinstance(new, nn.Parameter):
                grad, new.grad = new.grad, None
                new.data = value
                new.grad = None if grad is None else grad.to(dtype)
            else:
                setattr(self, name, value)
        self._moment, self._ahead = self._aged(self._moment), self._aged(self._ahead)
        return self

    def compiled_state(self) -> dict[str, Any]:
        """This layer's part of :func:`aimc.torch.compiled_state`."""
        fixed = self.range_mode == "fixed" and self.calibrated
        learned = isinstance(self.adc_lsb, nn.Parameter)
        return {
            **{name: getattr(self, name) for name in COMPILED},
            "factors": dict(self._factors),
            "input_range": self.input_range.clone() if fixed else None,
            "adc_lsb": None if learned else self.adc_lsb.clone(),
            "weight": int(mark(self.weight)),
        }

    def check_compiled_state(self, state: Mapping[str, Any], name: str = "") -> None:
        """Refuses a state that is none of this layer and these weights."""
        label = placed(name or self.name, type(self), quoted=True)
        bands, outputs = len(self.layout.bands), self.out_features
        pairs = len(self._shares)
        shapes = {
            "scales": (bands, outputs),
            "shape": (pairs, *self.weight.shape),
            "gains": (pairs, bands, outputs),
            "input_range": tuple(self.input_range.shape),
            "adc_lsb": tuple(self.adc_lsb.shape),
        }
        held = [("factors", factor, (bands, outputs)) for factor in state["factors"].values()]
        for key, got, shape in [(k, state[k], shape) for k, shape in shapes.items()] + held:
            if got is not None and not _fits(got.shape, shape):
                raise InvalidArgumentError(
                    f"{label}: expected {key} of shape {list(shape)}, but got {list(got.shape)}"
                )
        if state["weight"] != int(mark(self.weight)):
            raise InvalidArgumentError(
                f"{label}: expected the weights that the state was taken with; load the parameters "
                "of its checkpoint first"
            )

    def load_compiled_state(self, state: Mapping[str, Any]) -> None:
        """The reverse of :meth:`compiled_state`."""
        for name in COMPILED:
            value = state[name]
            setattr(self, name, None if value is None else value.to(self.weight.device))
        self._factors = {k: v.to(self.weight.device) for k, v in state["factors"].items()}
        if state["input_range"] is not None:
            self.input_range.data.copy_(state["input_range"])
            self.calibrated = True
        if state["adc_lsb"] is not None:
            self.adc_lsb.data.copy_(state["adc_lsb"])

    def extra_repr(self) -> str:
        """What print(model) shows."""
        parts = [n for n in ("gaussian", "circuit", "device") if getattr(self.recipe, n)]
        return (
            f"{self.in_features}, {self.out_features}, bias={self.bias is not None}, "
            f"tiles={len(self.layout.blocks)}, recipe={'+'.join(parts) or 'digital'}"
        )


def _fits(shape: Sequence[int], whole: Sequence[int]) -> bool:
    """Whether something broadcasts to a shape."""
    return len(shape) == len(whole) and all(a in (1, b) for a, b in zip(shape, whole, strict=True))
