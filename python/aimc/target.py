# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hardware as Python values that print as the `aimc.target` op.

The runtime says what a target is where nothing is said, and judges one where it is used: a tile, a
session, the compiler and training refuse the same ones, with the name of the key and its limits.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from aimc import abi, programs
from aimc.errors import InvalidArgumentError, called, check_settings
from aimc.files import read_json, scratch_folder
from aimc.locate import find_program
from aimc.values import path_of
from aimc.wording import in_python


def _default(part: str, key: str) -> Any:
    """A field whose value is the default target's."""
    return dataclasses.field(default_factory=lambda: abi.default_target()[part].get(key))


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Size of a tile, pairs per weight with their factors, and where columns are read."""

    rows: int = _default("geometry", "rows")
    cols: int = _default("geometry", "cols")
    pairs: int = _default("geometry", "pairs")
    readout: str = _default("geometry", "readout")
    significance: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Device:
    """Memory device, its conductance window, and how far single devices stray from it.

    `table` is what a device file holds (docs/Devices.md), for the kind "table";
    :meth:`from_file` reads one.
    """

    kind: str = _default("device", "kind")
    g_min_us: float = _default("device", "g_min_us")
    g_max_us: float = _default("device", "g_max_us")
    programming_noise_scale: float = _default("device", "programming_noise_scale")
    read_noise_scale: float = _default("device", "read_noise_scale")
    drift_scale: float = _default("device", "drift_scale")
    stuck_off: float = _default("device", "stuck_off")
    stuck_on: float = _default("device", "stuck_on")
    chip_spread: float = _default("device", "chip_spread")
    tile_spread: float = _default("device", "tile_spread")
    column_spread: float = _default("device", "column_spread")
    device_spread: float = _default("device", "device_spread")
    acceptance_percent: float = _default("device", "acceptance_percent")
    table: Mapping[str, Any] | None = None

    def __new__(cls, *args: Any, **settings: Any) -> Device:
        """Says which of the classes named Device has what this one has not."""
        check_settings(cls, settings, "what training sees of a device is an aimc.torch.Device")
        return super().__new__(cls)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **changes: Any) -> Device:
        """The device that a table file describes. Its conductance window is what `changes` say,
        else the file's own, else that of the default target.

        Raises:
            InvalidArgumentError: names the file, and the key that docs/Devices.md has otherwise.
        """
        table = _json(path, "device file")
        try:
            parts = abi.read_target({"device": {"kind": "table", "table": table} | changes})
        except InvalidArgumentError as error:
            said = re.sub(r"^target: device\.(table(\.|: ))?", "", str(error))
            raise InvalidArgumentError(f"{path}: {said}") from None
        return cls(**parts["device"])


@dataclasses.dataclass(frozen=True)
class Wire:
    """Wire resistance per cell and at the ends, and the state of idle rows."""

    column_ohm: float = _default("wire", "column_ohm")
    row_ohm: float = _default("wire", "row_ohm")
    idle: str = _default("wire", "idle")
    driver_ohm: float = _default("wire", "driver_ohm")
    adc_ohm: float = _default("wire", "adc_ohm")
    spread: float = _default("wire", "spread")
    fidelity: str = _default("wire", "fidelity")


@dataclasses.dataclass(frozen=True)
class Dac:
    """How an input becomes pulses."""

    bits: int = _default("dac", "bits")
    mode: str = _default("dac", "mode")
    v_read_v: float = _default("dac", "v_read_v")
    tick_ns: float = _default("dac", "tick_ns")
    lsb_bits: int = _default("dac", "lsb_bits")


@dataclasses.dataclass(frozen=True)
class Adc:
    """How a column's charge becomes a number; an ideal one has neither lsb_fc nor bits."""

    kind: str = _default("adc", "kind")
    lsb_fc: float = _default("adc", "lsb_fc")
    bits: int = _default("adc", "bits")
    gain_spread: float = _default("adc", "gain_spread")
    offset_spread_lsb: float = _default("adc", "offset_spread_lsb")
    calibrated: bool = _default("adc", "calibrated")
    v_off_v: float = _default("adc", "v_off_v")


Hardware: TypeAlias = "Target | Mapping[str, Any] | str | os.PathLike[str]"
"""What :meth:`Target.of` takes."""


@dataclasses.dataclass(frozen=True)
class Target:
    """One kind of tile. Change a part with :meth:`replace`."""

    name: str = "custom"
    geometry: Geometry = dataclasses.field(default_factory=Geometry)
    device: Device = dataclasses.field(default_factory=Device)
    wire: Wire = dataclasses.field(default_factory=Wire)
    dac: Dac = dataclasses.field(default_factory=Dac)
    adc: Adc = dataclasses.field(default_factory=Adc)

    def __post_init__(self) -> None:
        kinds: dict[str, type[Any]] = {"name": str} | _PARTS
        for name, kind in kinds.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise InvalidArgumentError(
                    f"{name}: expected {called(kind)}, but got {called(type(value))}"
                )

    def replace(self, **changes: Any) -> Target:
        """A copy with parts changed: ``target.replace(wire=Wire(column_ohm=1.0))``."""
        return dataclasses.replace(self, **changes)

    @classmethod
    def of(cls, given: Hardware) -> Target:
        """What every function of this package takes for a target: a target, its parts as in a
        manifest, or what :meth:`load` takes.

        Raises:
            InvalidArgumentError: for anything else, and as these do.
        """
        if isinstance(given, Target):
            return given
        if isinstance(given, str | os.PathLike):
            return cls.load(given)
        return cls.from_manifest("target", parts_of(given))

    @classmethod
    def load(cls, source: str | os.PathLike[str]) -> Target:
        """A target by its preset's name, or from a file.

        Args:
            source: a preset ("pcm"), the path of a .mlir file with one `aimc.target`, or of a .json
                file that has a target's parts as manifests have them.

        Raises:
            InvalidArgumentError: names the file and what is expected there, in one line.
        """
        path = path_of(source, "target")
        if not os.fspath(source):
            raise InvalidArgumentError("expected a preset or a target file, but got ''")
        if path.suffix != ".json":
            return cls.from_manifest(*_compiled(os.fspath(source)))
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgumentError(f"{path}: cannot read the target file: {error}") from None
        return cls._of(path.stem, abi.read_target_text(text, str(path), folder=str(path.parent)))

    @classmethod
    def from_manifest(cls, name: str, parts: Mapping[str, Any]) -> Target:
        """The target that a package records under `name`, or that somebody wrote in its terms:
        what is left out is the default target's.

        Raises:
            InvalidArgumentError: for what no tile can be, or a key that targets do not have.
        """
        return cls._of(name, abi.read_target(parts, f"target {name!r}"))

    @classmethod
    def _of(cls, name: str, whole: Mapping[str, Any]) -> Target:
        geometry = dict(whole["geometry"])
        if "significance" in geometry:
            geometry["significance"] = tuple(geometry["significance"])
        rest = {part: kind(**whole[part]) for part, kind in _PARTS.items() if part != "geometry"}
        return cls(name=name, geometry=Geometry(**geometry), **rest)

    def check(self, *, training: bool = False) -> None:
        """Raise what the runtime says against this target.

        Args:
            training: refuse what training has no model of, too.

        Raises:
            InvalidArgumentError: for what no tile can be; names the key and its limits.
            UnsupportedError: for what training has no model of.
        """
        abi.read_target(self.parts(), f"target {self.name!r}", training=training)

    def parts(self) -> dict[str, Any]:
        """The target as a manifest has it; `table` and `significance` stay out where they are
        None."""
        parts = dataclasses.asdict(self)
        parts.pop("name")
        for part, key in (("geometry", "significance"), ("device", "table")):
            if parts[part][key] is None:
                parts[part].pop(key)
        return parts

    def to_mlir(self) -> str:
        """The target as MLIR text. Optional parameters at their neutral value are left out."""
        parts = {
            "geometry": _text(self.geometry),
            "device": _text(self.device),
            "wire": _text(self.wire),
            "dac": _text(self.dac),
            "adc": _text(self.adc, skip=("lsb_fc", "bits") if self.adc.kind == "ideal" else ()),
        }
        body = ",\n".join(f"  {name} = #aimc.{name}<{text}>" for name, text in parts.items())
        return f"aimc.target @{_symbol(self.name)} {{\n{body}\n}}\n"


def parts_of(given: object, what: str = "target") -> Mapping[str, Any]:
    """Parts of a target as a manifest has them, of what :meth:`Target.of` takes: a mapping stays
    as partial as it is.

    Raises:
        InvalidArgumentError: for what is no target; `what` opens the message.
    """
    if isinstance(given, Target):
        return given.parts()
    if isinstance(given, str | os.PathLike):
        return Target.load(given).parts()
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(
            f"{what}: expected a preset, a file, a mapping or an aimc.Target, "
            f"but got {type(given).__name__}"
        )
    for part, values in given.items():
        if dataclasses.is_dataclass(values):
            kind = type(values).__name__
            raise InvalidArgumentError(
                f"{what}: expected {part} as a mapping, but got aimc.{kind}; "
                f"aimc.Target({part}=aimc.{kind}(...)) takes one"
            )
    return given


_PARTS: dict[str, type[Any]] = {
    "geometry": Geometry,
    "device": Device,
    "wire": Wire,
    "dac": Dac,
    "adc": Adc,
}


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
    with scratch_folder("aimc-target") as folder:
        model, spec = folder / "model.mlir", folder / "spec.json"
        model.write_text(_MODEL, encoding="utf-8")
        command = [find_program("aimc-compile"), str(model), f"--target={source}"]
        command += ["--emit-noise", str(spec)]
        done = programs.run(command)
        if done.returncode != 0:
            said = [line.strip() for line in done.stderr.splitlines() if "error:" in line]
            cause = said[0] if said else f"aimc-compile ended with exit code {done.returncode}"
            # The model is ours: a place in it says nothing.
            cause = re.sub(rf"{re.escape(str(model))}:\d+:\d+: ", "", cause)
            raise InvalidArgumentError(in_python(cause.removeprefix("aimc-compile: error: ")))
        ((name, parts),) = read_json(spec, "noise spec")["targets"].items()
    return name, parts


# Written in any case; all other fields are optional in the dialect, which takes them for what the
# default target has.
_ALWAYS = {
    "rows", "cols", "pairs", "readout", "g_min_us", "g_max_us", "column_ohm", "row_ohm", "idle",
    "bits", "mode", "v_read_v", "tick_ns", "lsb_fc",
}  # fmt: skip
# Fields whose value is a keyword.
_KEYWORDS = {"kind", "readout", "idle", "fidelity", "mode"}


def _text(part: Any, skip: tuple[str, ...] = ()) -> str:
    """The parameters of one attribute; a kind comes first and without its name."""
    items = []
    neutral = abi.default_target()[type(part).__name__.lower()]
    for field in dataclasses.fields(part):
        name, value = field.name, getattr(part, field.name)
        if name in skip:
            continue
        if name not in _ALWAYS | {"kind"}:  # True is no 1.0
            other = neutral.get(name)
            if value == other and isinstance(value, bool) == isinstance(other, bool):
                continue
        if name in _KEYWORDS and not isinstance(value, str):
            raise InvalidArgumentError(f"{name}: expected a word, but got {value!r}")
        text = value if name in _KEYWORDS else _literal(value, field.type)
        items.append(text if name == "kind" else f"{name} = {text}")
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
