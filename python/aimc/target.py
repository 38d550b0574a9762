# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hardware as Python values that print as the `aimc.target` op.

The dialect's verifiers judge a target, not this file: a value that cannot be built is refused by
the compiler with the name of the attribute and its limits.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Size of a tile and where its columns are read."""

    rows: int = 512
    cols: int = 512
    pairs: int = 1
    readout: str = "single"


@dataclasses.dataclass(frozen=True)
class Device:
    """Memory device and its conductance window."""

    kind: str = "pcm"
    g_min_us: float = 0.1
    g_max_us: float = 25.0
    programming_noise_scale: float = 1.0
    read_noise_scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Wire:
    """Wire resistance per cell, and the state of idle rows."""

    column_ohm: float = 0.15
    row_ohm: float = 0.0
    idle: str = "midrail"


@dataclasses.dataclass(frozen=True)
class Dac:
    """How an input becomes pulses."""

    bits: int = 8
    mode: str = "one_pass"
    v_read_v: float = 0.2
    tick_ns: float = 1.0
    lsb_bits: int = 0


@dataclasses.dataclass(frozen=True)
class Adc:
    """How a column's charge becomes a number; an ideal one has neither lsb_fc nor bits."""

    kind: str = "cco"
    lsb_fc: float = 16.03
    bits: int = 12


@dataclasses.dataclass(frozen=True)
class Target:
    """One kind of tile. Change a part with :meth:`replace`."""

    name: str = "custom"
    geometry: Geometry = Geometry()
    device: Device = Device()
    wire: Wire = Wire()
    dac: Dac = Dac()
    adc: Adc = Adc()

    def replace(self, **changes: Any) -> Target:
        """A copy with parts changed: ``target.replace(wire=Wire(column_ohm=1.0))``."""
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_manifest(cls, name: str, parts: Mapping[str, Mapping[str, Any]]) -> Target:
        """The target that a package records under `name`."""

        def part(kind: type[Any], values: Mapping[str, Any]) -> Any:
            known = {field.name for field in dataclasses.fields(kind)}
            return kind(**{key: value for key, value in values.items() if key in known})

        return cls(
            name=name,
            geometry=part(Geometry, parts["geometry"]),
            device=part(Device, parts["device"]),
            wire=part(Wire, parts["wire"]),
            dac=part(Dac, parts["dac"]),
            adc=part(Adc, parts["adc"]),
        )

    def to_mlir(self) -> str:
        """The target as MLIR text."""
        g, d, w, p, a = self.geometry, self.device, self.wire, self.dac, self.adc
        device = f"{d.kind}, g_min_us = {_real(d.g_min_us)}, g_max_us = {_real(d.g_max_us)}"
        if d.programming_noise_scale != 1.0:
            device += f", programming_noise_scale = {_real(d.programming_noise_scale)}"
        if d.read_noise_scale != 1.0:
            device += f", read_noise_scale = {_real(d.read_noise_scale)}"
        dac = f"bits = {p.bits}, mode = {p.mode}, v_read_v = {_real(p.v_read_v)}"
        dac += f", tick_ns = {_real(p.tick_ns)}"
        if p.mode == "split":
            dac += f", lsb_bits = {p.lsb_bits}"
        adc = a.kind
        if a.kind != "ideal":
            adc += f", lsb_fc = {_real(a.lsb_fc)}, bits = {a.bits}"
        wire = f"column_ohm = {_real(w.column_ohm)}, row_ohm = {_real(w.row_ohm)}, idle = {w.idle}"
        geometry = f"rows = {g.rows}, cols = {g.cols}, pairs = {g.pairs}, readout = {g.readout}"
        return (
            f"aimc.target @{_symbol(self.name)} {{\n"
            f"  geometry = #aimc.geometry<{geometry}>,\n"
            f"  device = #aimc.device<{device}>,\n"
            f"  wire = #aimc.wire<{wire}>,\n"
            f"  dac = #aimc.dac<{dac}>,\n"
            f"  adc = #aimc.adc<{adc}>\n"
            "}\n"
        )


def _symbol(name: str) -> str:
    """A name as MLIR writes it after @: quoted where it is not an identifier."""
    return name if re.fullmatch(r"[A-Za-z_][\w$.]*", name) else json.dumps(name)


def _real(value: float) -> str:
    """A float that MLIR's parser reads as one: with a point, and exact."""
    text = repr(float(value))
    mantissa, _, exponent = text.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{exponent}" if exponent else mantissa
