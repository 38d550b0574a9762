# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hardware as Python values that print as the `aimc.target` op.

The dialect's verifiers judge a target, not this file: a value that cannot be built is refused by
the compiler with the name of the attribute and its limits.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

from aimc import abi
from aimc.errors import InvalidArgumentError, called, check_settings
from aimc.files import read_json
from aimc.locate import find_program


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Size of a tile, pairs per weight with their factors, and where columns are read."""

    rows: int = 512
    cols: int = 512
    pairs: int = 1
    readout: str = "single"
    significance: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Device:
    """Memory device, its conductance window, and how far single devices stray from it.

    `table` is what a device file holds (docs/Devices.md), for the kind "table";
    :meth:`from_file` reads one.
    """

    kind: str = "pcm"
    g_min_us: float = 0.1
    g_max_us: float = 25.0
    programming_noise_scale: float = 1.0
    read_noise_scale: float = 1.0
    drift_scale: float = 1.0
    stuck_off: float = 0.0
    stuck_on: float = 0.0
    chip_spread: float = 0.0
    tile_spread: float = 0.0
    column_spread: float = 0.0
    device_spread: float = 0.0
    acceptance_percent: float = 2.0
    table: Mapping[str, Any] | None = None

    def __new__(cls, *args: Any, **settings: Any) -> Device:
        """Says which of the classes named Device has what this one has not."""
        check_settings(cls, settings, "what training sees of a device is an aimc.torch.Device")
        return super().__new__(cls)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **changes: Any) -> Device:
        """The device that a table file describes, with its own conductance window.

        Raises:
            InvalidArgumentError: names the file, and the key that docs/Devices.md has otherwise.
        """
        table = _json(path, "device file")
        window: dict[str, Any] = {k: table[k] for k in ("g_min_us", "g_max_us") if k in table}
        device = cls(kind="table", table=table, **(window | changes))
        try:
            abi.check_target(Target(device=device).parts())
        except InvalidArgumentError as error:
            said = re.sub(r"^target: device\.(table(\.|: ))?", "", str(error))
            raise InvalidArgumentError(f"{path}: {said}") from None
        return device


@dataclasses.dataclass(frozen=True)
class Wire:
    """Wire resistance per cell and at the ends, and the state of idle rows."""

    column_ohm: float = 0.15
    row_ohm: float = 0.0
    idle: str = "midrail"
    driver_ohm: float = 0.0
    adc_ohm: float = 0.0
    spread: float = 0.0
    fidelity: str = "one_product"


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
    gain_spread: float = 0.0
    offset_spread_lsb: float = 0.0
    calibrated: bool = True
    v_off_v: float = 0.0


@dataclasses.dataclass(frozen=True)
class Target:
    """One kind of tile. Change a part with :meth:`replace`."""

    name: str = "custom"
    geometry: Geometry = Geometry()
    device: Device = Device()
    wire: Wire = Wire()
    dac: Dac = Dac()
    adc: Adc = Adc()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if not isinstance(value, kind):
                raise InvalidArgumentError(
                    f"{field.name}: expected {called(kind)}, but got {called(type(value))}"
                )

    def replace(self, **changes: Any) -> Target:
        """A copy with parts changed: ``target.replace(wire=Wire(column_ohm=1.0))``."""
        return dataclasses.replace(self, **changes)

    @classmethod
    def load(cls, source: str | os.PathLike[str]) -> Target:
        """A target by its preset's name, or from a file.

        Args:
            source: a preset ("pcm"), the path of a .mlir file with one `aimc.target`, or of a .json
                file that has a target's parts as manifests have them.

        Raises:
            InvalidArgumentError: names the file and what is expected there, in one line.
        """
        if not os.fspath(source):
            raise InvalidArgumentError("expected a preset or a target file, but got ''")
        path = pathlib.Path(source)
        if path.suffix != ".json":
            return cls.from_manifest(*_compiled(os.fspath(source)))
        parts: dict[str, Any] = {key: {} for key in ("geometry", "device", "wire", "dac", "adc")}
        parts |= _json(path, "target file")
        try:
            device = parts.get("device")
            if isinstance(device, Mapping) and isinstance(device.get("file"), str):
                table = _json(path.parent / device["file"], "device file")
                rest = {key: value for key, value in device.items() if key != "file"}
                parts["device"] = {**rest, "table": table}
            abi.check_target(parts)
            return cls.from_manifest(path.stem, parts)
        except InvalidArgumentError as error:
            said = str(error).removeprefix("target: ")
            raise InvalidArgumentError(f"{path}: {said}") from None

    @classmethod
    def from_manifest(cls, name: str, parts: Mapping[str, Mapping[str, Any]]) -> Target:
        """The target that a package records under `name`."""

        def part(kind: type[Any], values: Mapping[str, Any]) -> Any:
            known = {field.name for field in dataclasses.fields(kind)}
            return kind(**{key: value for key, value in values.items() if key in known})

        geometry = part(Geometry, parts["geometry"])
        if geometry.significance is not None:
            geometry = dataclasses.replace(geometry, significance=tuple(geometry.significance))
        return cls(
            name=name,
            geometry=geometry,
            device=part(Device, parts["device"]),
            wire=part(Wire, parts["wire"]),
            dac=part(Dac, parts["dac"]),
            adc=part(Adc, parts["adc"]),
        )

    def parts(self) -> dict[str, Any]:
        """The target as a manifest has it; what is at its neutral value of None stays out."""
        parts = dataclasses.asdict(self)
        parts.pop("name")
        return {
            part: {key: value for key, value in values.items() if value is not None}
            for part, values in parts.items()
        }

    def to_mlir(self) -> str:
        """The target as MLIR text. Optional parameters at their neutral value are left out."""
        parts = {
            "geometry": _text(self.geometry),
            "device": _text(self.device),
            "wire": _text(self.wire),
            "dac": _text(self.dac, skip=() if self.dac.mode == "split" else ("lsb_bits",)),
            "adc": _text(self.adc, skip=("lsb_fc", "bits") if self.adc.kind == "ideal" else ()),
        }
        body = ",\n".join(f"  {name} = #aimc.{name}<{text}>" for name, text in parts.items())
        return f"aimc.target @{_symbol(self.name)} {{\n{body}\n}}\n"


def _json(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """The object that a file holds."""
    value = read_json(path, what)
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"{path}: expected a JSON object")
    return value


# The smallest model: what the compiler says about its tile is the target.
_MODEL = """
func.func @main(%x: tensor<1x1xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant dense<1.0> : tensor<1x1xf32>
  %r = linalg.matmul ins(%x, %w : tensor<1x1xf32>, tensor<1x1xf32>)
      outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %r : tensor<1x1xf32>
}
"""


def _compiled(source: str) -> tuple[str, dict[str, Any]]:
    """Name and parts of the target that the compiler reads from a preset or a .mlir file."""
    with tempfile.TemporaryDirectory(prefix="aimc-target-") as folder:
        model, spec = pathlib.Path(folder) / "model.mlir", pathlib.Path(folder) / "spec.json"
        model.write_text(_MODEL, encoding="utf-8")
        command = [find_program("aimc-compile"), str(model), f"--target={source}"]
        command += ["--emit-noise", str(spec)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
        if done.returncode != 0:
            said = [line.strip() for line in done.stderr.splitlines() if "error:" in line]
            cause = said[0] if said else f"aimc-compile ended with exit code {done.returncode}"
            # The model is ours: a place in it says nothing.
            cause = re.sub(rf"{re.escape(str(model))}:\d+:\d+: ", "", cause)
            raise InvalidArgumentError(cause.removeprefix("aimc-compile: error: "))
        ((name, parts),) = read_json(spec, "noise spec")["targets"].items()
    return name, parts


# Written in any case; all other fields are optional in the dialect, with these classes' defaults.
_ALWAYS = {
    "rows", "cols", "pairs", "readout", "g_min_us", "g_max_us", "column_ohm", "row_ohm", "idle",
    "bits", "mode", "v_read_v", "tick_ns", "lsb_fc",
}  # fmt: skip
# Fields whose value is a keyword.
_KEYWORDS = {"kind", "readout", "idle", "fidelity", "mode"}


def _text(part: Any, skip: tuple[str, ...] = ()) -> str:
    """The parameters of one attribute; a kind comes first and without its name."""
    items = []
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if field.name in skip or (field.name not in _ALWAYS | {"kind"} and value == field.default):
            continue
        text = value if field.name in _KEYWORDS else _literal(value, field.type)
        items.append(text if field.name == "kind" else f"{field.name} = {text}")
    return ", ".join(items)


def _literal(value: Any, kind: Any = None) -> str:
    """A value as MLIR reads it: parameters of type int stay integers, all else is real."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        members = (f"{_string(str(key))} = {_literal(item)}" for key, item in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, int | float):
        return str(value) if kind == "int" else _real(value)
    raise InvalidArgumentError(f"expected numbers, text, lists and objects, but got {value!r}")


def _string(text: str) -> str:
    """Text in quotes; what MLIR does not take as it is becomes two hexadecimal digits."""
    return '"' + "".join(f"\\{ord(c):02X}" if c in '"\\' or c < " " else c for c in text) + '"'


def _symbol(name: str) -> str:
    """A name as MLIR writes it after @: quoted where it is not an identifier."""
    return name if re.fullmatch(r"[A-Za-z_][\w$.]*", name) else _string(name)


def _real(value: float) -> str:
    """A float that MLIR's parser reads as one: with a point, and exact."""
    text = repr(float(value))
    mantissa, _, exponent = text.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{exponent}" if exponent else mantissa
