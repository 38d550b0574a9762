# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Accuracies and paired differences with intervals.

An accuracy is a mean over training seeds, chips and glosses, which are crossed: every seed meets
every chip, both meet every gloss. The bootstrap draws seeds, chips and glosses anew, each with
replacement, and a difference draws them once for both methods: the same chips, the same glosses.
Resampling crossed factors this way overstates the variance rather than understating it.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

Right = npt.NDArray[np.bool_]
"""Which glosses are right: [seeds, chips, glosses]."""

_DRAWS = 2000


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean with its 95% interval, in percent or percentage points."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]"

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def _counts(rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """How often each of `size` things is drawn, as shares, for every draw of the bootstrap."""
    drawn = rng.multinomial(size, np.full(size, 1 / size), size=_DRAWS)
    return np.asarray(drawn, np.float64) / size


def _resampled(
    right: Right,
    seeds: npt.NDArray[np.float64],
    chips: npt.NDArray[np.float64],
    glosses: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """The mean in every draw. One seed or chip stands for all where there is but one."""
    means = np.einsum("sci,di->dsc", right.astype(np.float64), glosses, optimize=True)
    several = right.shape[1] > 1
    means = np.einsum("dsc,dc->ds", means, chips) if several else means[:, :, 0]
    if right.shape[0] > 1:
        return np.asarray(np.einsum("ds,ds->d", means, seeds))
    return np.asarray(means[:, 0])


def _draws(shapes: list[tuple[int, ...]]) -> tuple[npt.NDArray[np.float64], ...]:
    rng = np.random.default_rng(0)
    seeds, chips, glosses = (max(sizes) for sizes in zip(*shapes, strict=True))
    return _counts(rng, seeds), _counts(rng, chips), _counts(rng, glosses)


def _estimate(mean: float, draws: npt.NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(100 * mean, 100 * float(low), 100 * float(high))


def accuracy(right: Right) -> Estimate:
    """Share of glosses that are right."""
    return _estimate(float(right.mean()), _resampled(right, *_draws([right.shape])))


def difference(right: Right, base: Right) -> Estimate:
    """How much more is right than with `base`, on the same chips and glosses; of seeds those that
    both sides have, unless one side has a single one for all.

    Raises:
        ValueError: the two are not about the same chips and glosses.
    """
    for a, b, name in zip(right.shape[1:], base.shape[1:], ("chips", "glosses"), strict=True):
        if a != b and 1 not in (a, b):
            raise ValueError(f"expected the same {name} on both sides, but got {a} and {b}")
    if right.shape[0] > 1 and base.shape[0] > 1:
        both = min(right.shape[0], base.shape[0])
        right, base = right[:both], base[:both]
    drawn = _draws([right.shape, base.shape])
    return _estimate(
        float(right.mean() - base.mean()), _resampled(right, *drawn) - _resampled(base, *drawn)
    )


def spread(right: Right) -> float:
    """Between the best and the worst chip, percentage points."""
    chips = 100 * right.mean((0, 2))
    return float(chips.max() - chips.min())
