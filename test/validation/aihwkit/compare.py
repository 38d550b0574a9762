# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ours beside AIHWKIT 1.1.0: IR-drop reads in compat mode, and statistics of devices.

AIHWKIT runs as it is; nothing of it is copied. The reads use its tile's matrix product with noise,
output rounding and bound management off, since those have no counterpart in a tile's circuit.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from typing import Any

import numpy as np
import torch
from aihwkit.inference.converter.conductance import (
    NPairConductanceConverter,
    SinglePairConductanceConverter,
)
from aihwkit.inference.noise.custom import StateIndependentNoiseModel
from aihwkit.inference.noise.hermes import HermesNoiseModel
from aihwkit.inference.noise.pcm import CustomDriftPCMLikeNoiseModel, PCMLikeNoiseModel
from aihwkit.inference.noise.reram import ReRamCMONoiseModel, ReRamWan2022NoiseModel
from aihwkit.simulator.parameters.enums import (
    AnalogMVType,
    BoundManagementType,
    NoiseManagementType,
)
from aihwkit.simulator.parameters.io import IOParametersIRDropT
from aihwkit.simulator.tiles.analog_mvm_irdrop_t import AnalogMVMIRDropT

from aimc import Tile

MODES = {
    "one_pass": AnalogMVType.ONE_PASS,
    "split": AnalogMVType.SPLIT_MODE,
    "bit_serial": AnalogMVType.BIT_WISE,
}
Array = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Read:
    """One setting of a tile read."""

    mode: str
    rows: int = 512
    cols: int = 64
    array_rows: int = 512
    wire_ohm: float = 0.15
    g_min_us: float = 0.0
    g_max_us: float = 25.0
    pairs: tuple[float, ...] = (1.0,)
    adc: bool = False
    bits: int = 8
    lsb_bits: int = 3
    seed: int = 1
    vectors: int = 8

    def __str__(self) -> str:
        text = f"{self.mode} {self.rows}x{self.cols} in {self.array_rows}, {self.wire_ohm} ohm"
        text += f", {self.bits} bits, g_min {self.g_min_us}"
        if len(self.pairs) > 1:
            text += f", pairs {'+'.join(str(f) for f in self.pairs)}"
        return text + (", counting ADC" if self.adc else "")


def parameters(read: Read) -> IOParametersIRDropT:
    io = IOParametersIRDropT(
        inp_res=1 / (2**read.bits - 2),
        out_noise=0.0,
        out_res=-1,
        out_bound=-1,
        bound_management=BoundManagementType.NONE,
        noise_management=NoiseManagementType.ABS_MAX,
        mv_type=MODES[read.mode],
        ir_drop_rs=read.wire_ohm,
        adc_quantization=read.adc,
    )
    io.split_mode_bit_shift = read.lsb_bits
    return io


def operands(read: Read) -> tuple[Array, Array]:
    rng = np.random.default_rng(read.seed)
    weights = rng.normal(0, 0.1, (read.rows, read.cols)).astype(np.float32)
    return weights, rng.normal(0, 1, (read.vectors, read.rows)).astype(np.float32)


def theirs(read: Read) -> Array:
    weights, x = operands(read)
    window = {"g_min": read.g_min_us, "g_max": read.g_max_us}
    converter = (
        SinglePairConductanceConverter(**window)
        if len(read.pairs) == 1
        else NPairConductanceConverter(list(read.pairs), **window)
    )
    result: Array = AnalogMVMIRDropT.matmul(
        torch.tensor(weights.T.copy()),
        torch.tensor(x),
        parameters(read),
        trans=False,
        is_test=True,
        phys_input_size=read.array_rows,
        g_converter=converter,
    ).numpy()
    return result


def target(read: Read) -> dict[str, Any]:
    adc = {"kind": "cco", "bits": 24, "lsb_fc": 100 / 6.24} if read.adc else {"kind": "ideal"}
    dac: dict[str, Any] = {"bits": read.bits, "mode": read.mode}
    if read.mode == "split":
        dac["lsb_bits"] = read.lsb_bits
    return {
        "geometry": {
            "rows": read.array_rows,
            "cols": read.cols,
            "pairs": len(read.pairs),
            "significance": list(read.pairs),
            "readout": "alternating",
        },
        "device": {"kind": "ideal", "g_min_us": read.g_min_us, "g_max_us": read.g_max_us},
        "wire": {"column_ohm": read.wire_ohm},
        "dac": dac,
        "adc": adc,
    }


def ours(read: Read) -> Array:
    weights, x = operands(read)
    with Tile(weights, target(read), compat="aihwkit") as tile:
        return np.asarray(tile.read(x))


def error_of_full_scale(read: Read) -> float:
    """Largest difference of outputs, relative to the largest output."""
    wanted = theirs(read)
    return float(np.abs(ours(read) - wanted).max() / np.abs(wanted).max())


def sample_counts(read: Read, codes: Array) -> list[Array]:
    """How many samples of its time grid AIHWKIT switches each code on for, pass by pass."""
    levels = 2 ** (read.bits - 1) - 1
    io = parameters(read)
    scale = torch.tensor(float(levels))
    x = torch.tensor(codes.astype(np.float32))[None]
    parts = AnalogMVMIRDropT._prepare_inputs(x, 1.0 / scale, True, False, io)
    step = 2 * io.inp_res
    if read.mode == "one_pass":
        grids = [(levels + 1, 1.0)]
    elif read.mode == "split":
        low, high = 2**read.lsb_bits, 2 ** (read.bits - 1 - read.lsb_bits)
        grids = [(low, step * (low - 1)), (high, step * (high - 1))]
    else:
        grids = [(2, step)] * (read.bits - 1)
    counts = []
    for part, (points, end) in zip(parts, grids, strict=True):
        t = torch.linspace(0.0, end, points)
        v = part[0][:, None]
        counts.append(((v > t).sum(1) - (v < -t).sum(1)).numpy())
    return counts


def exact_counts(read: Read, codes: Array) -> list[Array]:
    """What the counts would be with pulses of whole ticks."""
    sign, k = np.sign(codes), np.abs(codes)
    if read.mode == "one_pass":
        return [codes]
    if read.mode == "split":
        return [sign * (k % 2**read.lsb_bits), sign * (k // 2**read.lsb_bits)]
    return [sign * (k >> bit & 1) for bit in range(read.bits - 1)]


def miscounts(read: Read) -> tuple[int, int]:
    """Codes for which some pass is a sample too long or too short, and the number of codes."""
    levels = 2 ** (read.bits - 1) - 1
    codes = np.arange(-levels, levels + 1)
    wrong = np.zeros(len(codes), bool)
    for got, wanted in zip(sample_counts(read, codes), exact_counts(read, codes), strict=True):
        wrong |= got != wanted
    return int(wrong.sum()), len(codes)


def error_with_their_counts(read: Read) -> float:
    """As error_of_full_scale for one pass, with the pulses that AIHWKIT's grid makes of the codes:
    what is left once its miscounts are known."""
    weights, x = operands(read)
    levels = 2 ** (read.bits - 1) - 1
    top = np.abs(x).max(axis=1, keepdims=True)
    step = np.float32(2 / (2**read.bits - 2))
    codes = np.rint(x * (np.float32(1) / top) / step).astype(int)
    pulses = np.stack([sample_counts(read, row)[0] for row in codes]).astype(float)
    full = np.zeros((len(pulses), read.array_rows))
    above = (read.array_rows - read.rows) // 2
    full[:, above : above + read.rows] = pulses
    scale = np.abs(weights).max()
    u = weights.astype(float) / scale
    span = read.g_max_us - read.g_min_us
    pair = []
    for sign in (1, -1):
        g = np.full((read.array_rows, read.cols), read.g_min_us)
        g[above : above + read.rows] += span * np.maximum(sign * u, 0)
        pair.append(g)
    with Tile.from_conductances(*pair, target(read), compat="aihwkit") as tile:
        charges = tile.charges(full)[:, 0]
    got = charges * scale / span / 0.2 / levels * top
    wanted = theirs(read)
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


# Devices -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Device:
    name: str
    target: dict[str, Any]
    model: Any
    times_s: tuple[float, ...]
    exponents: bool = True


def _table(**parts: Any) -> dict[str, Any]:
    return {"format": "aimc-device", "version": 1, **parts}


def devices() -> list[Device]:
    converter = SinglePairConductanceConverter
    curve = {"g_lst": [0.0, 5.0, 25.0], "nu_mean_lst": [0.1, 0.06, 0.03],
             "nu_std_lst": [0.03, 0.02, 0.01]}  # fmt: skip
    constant = StateIndependentNoiseModel(g_converter=converter(g_max=25.0))
    by_curve = CustomDriftPCMLikeNoiseModel(
        curve, prog_coeff=[0.5], g_converter=converter(g_max=25.0), read_noise_scale=0.0
    )
    window = {"kind": "table", "g_min_us": 0.0, "g_max_us": 25.0}
    return [
        Device("pcm", {"kind": "pcm", "g_min_us": 0.0, "g_max_us": 25.0},
               PCMLikeNoiseModel(g_max=25.0), (0.0, 3600.0, 2.6e6)),
        Device("pcm 15 uS", {"kind": "pcm", "g_min_us": 0.1, "g_max_us": 15.0},
               PCMLikeNoiseModel(g_max=15.0), (86400.0,)),
        Device("hermes1", {"kind": "hermes1", "g_min_us": 0.0, "g_max_us": 10.35},
               HermesNoiseModel(num_devices=1), (3600.0, 2.6e6)),
        Device("hermes2", {"kind": "hermes2", "g_min_us": 0.0, "g_max_us": 20.7},
               HermesNoiseModel(num_devices=2), (3600.0, 2.6e6)),
        Device("hermes2 12 uS", {"kind": "hermes2", "g_min_us": 0.0, "g_max_us": 12.0},
               HermesNoiseModel(num_devices=2, g_max=12.0), (3600.0,)),
        Device("reram_wan", {"kind": "reram_wan", "g_min_us": 0.0, "g_max_us": 40.0},
               ReRamWan2022NoiseModel(g_max=40.0), (86400.0, 172800.0), exponents=False),
        Device("reram_cmo 2%", {"kind": "reram_cmo", "g_min_us": 9.0, "g_max_us": 88.2},
               ReRamCMONoiseModel(g_min=9.0, g_max=88.2, acceptance_range=2), (1.0, 1e6),
               exponents=False),
        Device("reram_cmo 0.2%", {"kind": "reram_cmo", "g_min_us": 9.0, "g_max_us": 88.2,
                                  "acceptance_percent": 0.2},
               ReRamCMONoiseModel(g_min=9.0, g_max=88.2, acceptance_range=0.2), (3600.0,),
               exponents=False),
        Device("table, constants", {**window, "table": _table(
                   programming={"std": 0.2}, read_noise={"q": 1 / 25.0},
                   drift={"nu_mean": 0.1, "nu_std": 0.05, "t0_s": 20})},
               constant, (3600.0,)),
        Device("table, curves", {**window, "table": _table(
                   programming={"std": 0.5},
                   drift={"g_us": curve["g_lst"], "nu_mean": curve["nu_mean_lst"],
                          "nu_std": curve["nu_std_lst"], "t0_s": 20})},
               by_curve, (3600.0,)),
    ]  # fmt: skip


#: Fractions of the conductance window that are programmed; the last sets the scale.
LEVELS = (0.0, 0.02, 0.06, 0.12, 0.25, 0.45, 0.7, 1.0)
SIDE = 512
#: Two-sided, for one comparison. All of them together raise a false alarm once in 300 suites.
LIMIT_Z = 4.5


@dataclasses.dataclass(frozen=True)
class Comparison:
    device: str
    quantity: str
    level: float
    samples: int
    ours: tuple[float, float]
    theirs: tuple[float, float]
    z_mean: float
    z_variance: float


def moments(values: Array) -> tuple[float, float, float]:
    """Mean, variance, and the variance of the sample variance (from the fourth moment)."""
    values = values.astype(float)
    mean = float(values.mean())
    centred = values - mean
    variance = float((centred**2).mean())
    return mean, variance, float((centred**4).mean() - variance**2) / len(values)


def compare(device: str, quantity: str, level: float, a: Array, b: Array) -> Comparison:
    n = min(len(a), len(b))
    mean_a, var_a, noise_a = moments(a)
    mean_b, var_b, noise_b = moments(b)
    # Devices that all land on a bound have no variance: rounding then decides, not sampling.
    floor = 1e-6 * max(abs(mean_a), abs(mean_b), 1e-3)
    z_mean = (mean_a - mean_b) / math.hypot(math.sqrt((var_a + var_b) / n), floor)
    z_var = (var_a - var_b) / math.hypot(math.sqrt(max(noise_a + noise_b, 0)), floor**2)
    return Comparison(
        device, quantity, level, n, (mean_a, math.sqrt(var_a)), (mean_b, math.sqrt(var_b)),
        z_mean, z_var,
    )  # fmt: skip


def statistics(device: Device) -> list[Comparison]:
    """Mean and variance of programmed conductances, exponents and conductances at each time."""
    seed = zlib.crc32(device.name.encode())  # draws of its own for each
    weights = np.empty((SIDE, SIDE), np.float32)
    levels = np.arange(SIDE) % len(LEVELS)
    weights[:] = np.asarray(LEVELS, np.float32)[levels][:, None]
    torch.manual_seed(seed)
    result: list[Comparison] = []
    with Tile(weights, {"device": device.target}, seed=seed, time_s=device.times_s[0]) as tile:
        wanted = torch.tensor(tile.array("target_plus")[0], dtype=torch.float32)

        def add(quantity: str, a: Array, b: torch.Tensor) -> None:
            for k, level in enumerate(LEVELS):
                rows = levels == k
                result.append(
                    compare(device.name, quantity, level, a[rows].ravel(), b.numpy()[rows].ravel())
                )

        programmed = device.model.apply_programming_noise_to_conductance(wanted.clone())
        add("programmed", tile.array("programmed_plus")[0], programmed)
        # The exponent belongs to the conductance that a device has got.
        life = device.model.generate_drift_coefficients(
            programmed.clone() if device.exponents else wanted.clone()
        )
        if device.exponents:
            add("exponent", tile.array("life_plus")[0], life)
        for seconds in device.times_s:
            tile.age(seconds)
            later = device.model.apply_drift_noise_to_conductance(
                programmed.clone(), life.clone(), seconds
            )
            add(f"at {seconds:g} s", tile.array("plus")[0], later)
    return result
