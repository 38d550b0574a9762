# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rows of the experiment (hardware) and its methods (what is done about it)."""

from __future__ import annotations

import dataclasses
from typing import Any

from aimc.experiment.settings import DAY_S, FULL_SCALE_FC, Settings
from aimc.target import Adc, Device, Target, Wire


@dataclasses.dataclass(frozen=True)
class Adaptation:
    """What the compiler does: flags of `aimc-compile`."""

    name: str
    scale: str = "max"
    compensate: str = "none"
    calibrated: bool = False

    @property
    def plain(self) -> bool:
        """Whether weights are programmed as they are."""
        return self.compensate == "none"

    def describe(self) -> dict[str, Any]:
        """What results depend on."""
        return {
            "scale": self.scale, "compensate": self.compensate, "calibrated": self.calibrated,
        }  # fmt: skip


NONE = Adaptation("none")
GAIN = Adaptation("gain", compensate="gain")
WEIGHTS = Adaptation("weights", "optimal", "weights", True)
PULSES = Adaptation("weights+pulses", "optimal", "weights+pulses", True)


@dataclasses.dataclass(frozen=True)
class Row:
    """One hardware with the times at which it is used."""

    name: str
    group: str
    target: Target
    times_s: tuple[float | None, ...] = (None,)
    chips: int = 1
    headline: bool = False

    @property
    def is_open(self) -> bool:
        """Whether idle rows are disconnected."""
        return self.target.wire.idle == "open"

    @property
    def noisy(self) -> bool:
        """Whether chips differ."""
        return self.target.device.kind != "ideal"

    @property
    def adapted(self) -> Adaptation:
        """The full compile-time adaptation for this circuit."""
        return PULSES if self.is_open else WEIGHTS

    @property
    def plain(self) -> Adaptation:
        """Nothing but a full scale of each tile's ADC, where there is one."""
        return dataclasses.replace(NONE, calibrated=self.target.adc.kind != "ideal")

    def adaptations(self) -> tuple[Adaptation, ...]:
        """What is compared without training, from nothing to everything."""
        found = [self.plain, dataclasses.replace(GAIN, calibrated=self.plain.calibrated)]
        if self.plain.calibrated:
            found.insert(0, dataclasses.replace(NONE, name="common ADC"))
        return (*found, WEIGHTS, PULSES) if self.is_open else (*found, WEIGHTS)


def linear_adc(bits: int) -> Adc:
    """A linear ADC of the common full scale."""
    return Adc(kind="linear", bits=bits, lsb_fc=FULL_SCALE_FC / (2 ** (bits - 1) - 1))


def time_name(time_s: float | None) -> str:
    """A time as people say it."""
    if time_s is None:
        return "fresh"
    days = time_s / DAY_S
    return f"{days:g} day" + ("s" if days != 1 else "")


def rows(settings: Settings) -> list[Row]:
    """All rows of the experiment."""
    still = Target(
        name="tile", device=Device(kind="ideal"), wire=Wire(column_ohm=0.0), adc=Adc("ideal")
    )
    made = [
        Row(f"ADC {bits} bits", "adc", still.replace(adc=linear_adc(bits)))
        for bits in settings.adc_bits
    ]
    made.append(
        Row("PCM", "devices", still.replace(device=Device()), settings.times_s, settings.chips)
    )
    for idle, resistances in (("midrail", settings.midrail_ohm), ("open", settings.open_ohm)):
        made += [
            Row(f"{idle} {ohm:g} ohm", "wires", still.replace(wire=Wire(ohm, idle=idle)))
            for ohm in resistances
        ]
    ohm, late = settings.headline_ohm, settings.times_s[-1:]
    together = [("midrail", bits) for bits in settings.headline_bits]
    for idle, bits in (*together, ("open", settings.headline_bits[0])):
        target = still.replace(device=Device(), wire=Wire(ohm, idle=idle), adc=linear_adc(bits))
        name = f"PCM, {idle} {ohm:g} ohm, ADC {bits} bits"
        headline = idle == "midrail"
        chips = settings.headline_chips if headline else settings.chips
        made.append(Row(name, "all", target, late, chips, headline))
    return made


@dataclasses.dataclass(frozen=True)
class Training:
    """How weights come about: digitally, or from the digital model on with noise or circuit.

    `row` is the hardware in the loop; `adaptation` the compiler's state that it starts from and
    sees. Gaussian noise knows no hardware.
    """

    kind: str  # digital, gaussian, circuit
    steps: int
    rate: float
    seed: int = 0
    std: float | None = None
    row: Row | None = None
    adaptation: Adaptation | None = None

    def describe(self, settings: Settings) -> dict[str, Any]:
        """Everything that the weights follow from."""
        text: dict[str, Any] = {
            "kind": "training", "of": self.kind, "model": settings.model, "tokens": settings.tokens,
            "train": settings.train, "batch": settings.batch, "steps": self.steps,
            "rate": self.rate, "seed": self.seed,
        }  # fmt: skip
        if self.kind != "digital":
            text["start"] = digital(settings).describe(settings)
        if self.std is not None:
            text["std"] = self.std
        if self.row is not None and self.adaptation is not None:
            text["target"] = dataclasses.asdict(self.row.target)
            text["times_s"] = list(self.row.times_s)
            text["adaptation"] = self.adaptation.describe()
            if self.adaptation.calibrated:
                text["calibration"] = settings.calibration
        return text


def digital(settings: Settings) -> Training:
    """The model that every method starts from."""
    return Training("digital", settings.digital_steps, settings.digital_rate)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Accuracy of trained weights, compiled for a row's hardware, on its chips at its times."""

    training: Training
    row: Row
    adaptation: Adaptation
    chips: int
    side: str = "test"
    by: str = "runtime"  # or trainer

    def describe(self, settings: Settings) -> dict[str, Any]:
        """Everything that the result follows from."""
        return {
            "kind": "evaluation", "of": self.training.describe(settings),
            "target": dataclasses.asdict(self.row.target), "times_s": list(self.row.times_s),
            "drift_compensation": "column", "adaptation": self.adaptation.describe(),
            "chips": self.chips, "side": self.side,
            "glosses": getattr(settings, self.side),
            "calibration": settings.calibration if self.adaptation.calibrated else None,
            "by": self.by,
        }  # fmt: skip
