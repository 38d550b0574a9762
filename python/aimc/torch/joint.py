# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programming, drift and low-frequency noise of a pair as one draw per weight.

What a pair has become is a normal variable whose mean and deviation depend on the weight alone.
Both are sampled from the device's own model and fitted by polynomials, or interpolated between
samples where the device is a table, which may bend anywhere, so that a step costs one draw and two
curves per weight instead of six draws and two device models. Mean and variance are the device's;
what is lost is the shape of the tails, and that noise loads the column.
"""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

import torch
from torch import Tensor

from aimc.target import Device
from aimc.torch import operators  # noqa: F401, registers torch.ops.aimc

_OPS = torch.ops.aimc
_POINTS, _SAMPLES, _DEGREE = 97, 4000, 5
_TABLE_POINTS = 1025
_AT_SCALE = 1.0 + 1e-6  # of |w| / s, as kAtScale of runtime/torch: rounding may take it there
# Coefficients, lowest first, or values at equal distances.
Curve: TypeAlias = tuple[float, ...] | Tensor


def clipped(weight: Tensor, scale: Tensor) -> Tensor:
    """The weight within its scale; one at the scale but for rounding keeps its gradient."""
    limit = scale * _AT_SCALE
    return weight.clamp(-limit, limit)


@functools.lru_cache(maxsize=64)
def fit(
    device: Device, programming: float, read: float, drift: float, time_s: float | None,
    table: str | None = None,
) -> tuple[Curve, Curve]:  # fmt: skip
    """Mean and deviation of (G+ - G-) / (g_max - g_min) over r = |w| / s in [0, 1], with factors on
    what the device does. `table`: the device's as JSON, which `device` cannot hold here."""
    curves, law = _OPS.device_curves(
        device.kind, device.g_min_us, device.g_max_us, device.programming_noise_scale * programming,
        device.read_noise_scale * read, device.drift_scale * drift, device.acceptance_percent,
        time_s, *(() if table is None else (table,)),
    )  # fmt: skip
    span = device.g_max_us - device.g_min_us
    count = 1 if time_s is None else 3
    generator = torch.Generator().manual_seed(0)

    def states(g: Tensor, *sizes: int) -> Tensor:
        draws = [torch.randn(sizes, dtype=torch.float64, generator=generator) for _ in range(count)]
        if table is not None:
            draws = [_even(d) for d in draws]
        xi = [*draws, None, None][:3]
        target = g.unsqueeze(0).expand(_SAMPLES, -1).contiguous()
        state: Tensor = _OPS.device_state(target, *xi, curves, list(law))
        return state

    if table is not None:
        # The same draws at all points: what samples are off by does not bend between them.
        r = torch.linspace(0, 1, _TABLE_POINTS, dtype=torch.float64)
        held = states(device.g_min_us + span * r, _SAMPLES, 1)
        mean = held.mean(0) - held[:, 0].mean()
        return mean / span, (held.var(0) + held[:, 0].var()).sqrt() / span
    # Most weights are small: points lie closer there.
    r = torch.linspace(0, 1, _POINTS, dtype=torch.float64).square()
    idle = states(torch.full((1,), device.g_min_us, dtype=torch.float64), _SAMPLES, 1)
    held = states(device.g_min_us + span * r, _SAMPLES, _POINTS)
    mean = (held.mean(0) - idle.mean()) / span
    deviation = (held.var(0) + idle.var()).sqrt() / span
    # A weight of zero is a pair of equal devices: its mean is nothing.
    powers = r.unsqueeze(1) ** torch.arange(_DEGREE + 1, dtype=torch.float64)
    rise = torch.linalg.lstsq(powers[:, 1:], mean.unsqueeze(1)).solution.flatten()
    spread = torch.linalg.lstsq(powers, deviation.unsqueeze(1)).solution.flatten()
    return (0.0, *rise.tolist()), tuple(spread.tolist())


def _even(draws: Tensor) -> Tensor:
    """As many draws whose mean is 0 and whose deviation is 1."""
    half = draws[: len(draws) // 2]
    both = torch.cat([half, -half])
    return both / both.std()


def _values(curve: Curve, r: Tensor) -> Tensor:
    """Of a curve at r in [0, 1]."""
    if not isinstance(curve, Tensor):
        return _polynomial(curve, r)
    y = curve.to(r)
    position = r * (len(y) - 1)
    index = position.long().clamp_max_(len(y) - 2)
    return torch.lerp(y[index], y[index + 1], position - index)


def _slopes(curve: Curve, r: Tensor) -> Tensor:
    if not isinstance(curve, Tensor):
        return _polynomial(_slope(curve), r)
    rise = curve.diff().to(r) * (len(curve) - 1)
    return rise[(r * len(rise)).long().clamp_max_(len(rise) - 1)]


def _polynomial(coefficients: tuple[float, ...], r: Tensor) -> Tensor:
    value = torch.full_like(r, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        value.mul_(r).add_(c)
    return value


def _slope(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(k * c for k, c in enumerate(coefficients))[1:]


class _Jointly(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, scale: Tensor, draw: Tensor, mean: Curve, deviation: Curve
    ) -> Tensor:
        held = scale.clamp_min(1e-30)
        signed = weight / held
        sign, r = signed.sign(), signed.abs_()
        inside = r <= _AT_SCALE
        r.clamp_max_(1.0)
        slope = _slopes(deviation, r).mul_(draw).mul_(sign)
        slope.add_(_slopes(mean, r)).mul_(inside)
        ctx.save_for_backward(slope)
        value = _values(mean, r).mul_(sign)
        return value.addcmul_(_values(deviation, r), draw).mul_(held)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None, None, None, None


_ROOM = 2.0


def room(scale: Tensor, device: Device) -> tuple[Tensor, float]:
    """Scale and g_max of ideal pairs with as many uS for a weight, and space for what devices have
    become: pairs of the device's own range would clip the half of the largest weights that noise
    takes beyond it."""
    return _ROOM * scale, device.g_min_us + _ROOM * (device.g_max_us - device.g_min_us)


def perturbed(weight: Tensor, scale: Tensor, draw: Tensor, mean: Curve, deviation: Curve) -> Tensor:
    """Weights that an ideal pair of conductances would need for what the devices have become."""
    result: Tensor = _Jointly.apply(weight, scale, draw, mean, deviation)
    return result
