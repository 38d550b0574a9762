# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sizes of the experiment: how many glosses, steps, chips and seeds, and which hardware."""

from __future__ import annotations

import dataclasses

DAY_S = 86_400.0
FULL_SCALE_FC = 2047 * 16.03
"""Full scale of ADCs that nothing calibrates: that of the preset `pcm`, at any resolution."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that sizes a run. Results of other sizes have other keys."""

    model: str = "minilm"
    tokens: int = 24
    train: int = 24_000
    validation: int = 300
    test: int = 700
    batch: int = 32
    evaluation_batch: int = 50
    calibration: int = 100
    digital_steps: int = 1_500
    digital_rate: float = 1e-4
    tuned_steps: int = 200
    rates: tuple[float, ...] = (1e-4, 3e-4)
    gaussian_stds: tuple[float, ...] = (0.05, 0.1)
    seeds: int = 3
    chips: int = 3
    headline_chips: int = 5
    tuning_chips: int = 1
    adc_bits: tuple[int, ...] = (8, 7, 6, 5)
    times_s: tuple[float, ...] = (DAY_S, 30 * DAY_S)
    midrail_ohm: tuple[float, ...] = (0.35, 1.0, 4.0)
    open_ohm: tuple[float, ...] = (0.35, 1.0)
    headline_ohm: float = 1.0
    headline_bits: tuple[int, ...] = (5, 4)
    trained_bits: int = 5
    checkpoint_s: float = 60.0


FULL = Settings()
SMOKE = Settings(
    model="tiny-bert",
    tokens=16,
    train=4_000,
    validation=200,
    test=400,
    digital_steps=300,
    digital_rate=3e-3,
    tuned_steps=20,
    rates=(3e-4,),
    gaussian_stds=(0.05,),
    seeds=2,
    chips=2,
    headline_chips=2,
    tuning_chips=1,
    adc_bits=(6,),
    times_s=(DAY_S,),
    # Layers of 48 rows lose to wires what layers of 512 lose at a small part of the resistance.
    midrail_ohm=(20.0,),
    open_ohm=(20.0,),
    headline_ohm=20.0,
    headline_bits=(8, 6),
    trained_bits=6,
    checkpoint_s=5.0,
)
