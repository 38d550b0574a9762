# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`aimc.Session`: one programmed chip instance, shaped like onnxruntime's InferenceSession."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aimc import abi
from aimc.errors import InvalidArgumentError, Warner
from aimc.owner import Owner
from aimc.target import Target, parts_of
from aimc.values import array_of, path_of, seconds_of

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class NodeArg:
    """Name, type and shape of one input or output."""

    name: str
    type: str
    shape: list[int]


class Session(Owner):
    """A package with one chip instance programmed from it.

    Options are those of the runtime's JSON object (docs/RuntimeABI.md): ``seed``, ``threads``,
    ``ideal``, ``time_s``, ``effects``, ``target``, ``targets``, ``compare_ideal``, ``compensate``,
    ``scale``, ``drift_compensation``, ``chip``, ``record``, ``compare_exact``. A ``target`` is an
    :class:`aimc.Target`, a preset, a file or the parts that change. Unknown options are
    refused by the runtime. What the runtime doubts (an ADC that throws the signal away, inputs that
    are not finite, an option without effect) is an :class:`aimc.HardwareWarning`, once per kind,
    for all sessions that differ in their chip or its age alone.
    """

    _destroy = "aimc_session_destroy"
    _again = "aimc.Session(package, chip=...), with the chip that save_chip has written,"

    def __init__(
        self, path: str | os.PathLike[str], *, verify_hashes: bool = True, **options: Any
    ) -> None:
        self._handle = ctypes.c_void_p()
        file = _file(path)
        lib = abi.library()
        package = ctypes.c_void_p()
        flags = json.dumps({"verify_hashes": verify_hashes}).encode()
        abi.check(lib.aimc_package_open_with(file, flags, ctypes.byref(package)))
        try:
            text = abi.text_of("aimc_package_manifest", package)
            self.manifest: dict[str, Any] = json.loads(text)
            self.options = options
            options = _plain(options)
            given = abi.encode(options, "session options").encode()
            abi.check(lib.aimc_session_create(package, given, ctypes.byref(self._handle)))
        finally:
            # A session keeps what it needs of its package.
            lib.aimc_package_close(package)
        self._entries: list[dict[str, Any]] = self.manifest["entries"]
        chip = {"seed", "time_s", "threads", "chip"}
        rest = {key: value for key, value in options.items() if key not in chip}
        settings = abi.encode(rest, "options")
        self._warner = Warner(f"{os.path.realpath(path)!r} {hash(text)} {settings}")
        self._warner.tell(self._warnings(), level=2)

    def get_inputs(self) -> list[NodeArg]:
        """Inputs of the first entry, in the model's order."""
        return [_node_arg(spec) for spec in self._entries[0]["inputs"]]

    def get_outputs(self) -> list[NodeArg]:
        """Outputs of the first entry, in the model's order."""
        return [_node_arg(spec) for spec in self._entries[0]["outputs"]]

    def targets(self) -> dict[str, Target]:
        """The hardware that the package was compiled for."""
        return {k: Target.from_manifest(k, v) for k, v in self.manifest["targets"].items()}

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, npt.ArrayLike]
    ) -> list[Array]:
        """Run once and return the outputs asked for, all of them for None.

        Where the package holds several shape bindings, the one that fits the inputs runs.
        """
        feeds = self._feeds(input_feed)
        number = self._entry_for(feeds)
        entry = self._entries[number]
        outputs = {
            spec["name"]: np.empty(spec["shape"], abi.DTYPES[spec["dtype"]][1])
            for spec in entry["outputs"]
        }
        if isinstance(output_names, str) or not isinstance(output_names, Iterable | None):
            word = output_names if isinstance(output_names, str) else next(iter(outputs))
            raise InvalidArgumentError(
                f"output_names: expected a list of names or None, but got {output_names!r}; "
                f"run([{word!r}], feeds)"
            )
        output_names = list(output_names or ())
        for name in output_names:
            if name not in outputs:
                raise InvalidArgumentError(
                    f"expected an output among {', '.join(outputs)}, but got '{name}'"
                )
        dtypes = {spec["name"]: abi.DTYPES[spec["dtype"]][1] for spec in entry["inputs"]}
        given = _Tensors(
            {name: _as_input(name, value, dtypes.get(name)) for name, value in feeds.items()}
        )
        made = _Tensors(outputs)
        status = abi.library().aimc_session_run(
            self._handle, number, given.array, len(feeds), made.array, len(outputs)
        )
        try:
            abi.check(status)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{error}{_other_sizes(entry, feeds)}") from None
        self._warner.tell(self._warnings(), level=2)
        return [outputs[name] for name in output_names or outputs]

    def reset(self) -> None:
        """Restart the read-noise streams and clear the statistics of runs."""
        abi.check(abi.library().aimc_session_reset(self._handle))

    def age(self, time_s: float) -> None:
        """The same chip ``time_s`` seconds after its programming, whatever time it was before."""
        abi.check(abi.library().aimc_session_age(self._handle, seconds_of(time_s, "time_s")))
        self._warner.tell(self._warnings(), level=2)

    def save_chip(self, path: str | os.PathLike[str]) -> None:
        """Write the chip instance; ``Session(package, chip=path)`` goes on from here."""
        abi.check(abi.library().aimc_session_save_chip(self._handle, _file(path)))

    def save_record(self, path: str | os.PathLike[str]) -> None:
        """Write what a session with ``record=True`` has collected, for ``aimc-calibrate``."""
        abi.check(abi.library().aimc_session_save_record(self._handle, _file(path)))

    def statistics(self) -> dict[str, Any]:
        """Programming, tiles and figures per grid so far (docs/RuntimeABI.md)."""
        parsed: dict[str, Any] = json.loads(abi.text_of("aimc_session_statistics", self._handle))
        return parsed

    def _warnings(self) -> list[str]:
        messages: list[str] = json.loads(abi.text_of("aimc_session_warnings", self._handle))
        return messages

    def _feeds(self, given: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """Arrays by input names; one array alone does not say which input it is."""
        first = self._entries[0]["inputs"][0]["name"] if self._entries[0]["inputs"] else "x"
        if not isinstance(given, Mapping):
            raise InvalidArgumentError(
                f"input_feed: expected a mapping of input names to arrays, but got "
                f"{type(given).__name__}; run(None, {{{first!r}: array}})"
            )
        for name in given:
            if not isinstance(name, str):
                raise InvalidArgumentError(
                    f"input_feed: expected names of inputs, such as {first!r}, but got {name!r}"
                )
        return {name: array_of(value, f"input '{name}'") for name, value in given.items()}

    def _entry_for(self, feeds: Mapping[str, Array]) -> int:
        """The entry whose input shapes are those of the feeds; the only one where there is one,
        so that the runtime can name what does not fit."""
        if len(self._entries) == 1:
            return 0
        for number, entry in enumerate(self._entries):
            shapes = {spec["name"]: tuple(spec["shape"]) for spec in entry["inputs"]}
            if shapes == {name: value.shape for name, value in feeds.items()}:
                return number
        bindings = "; ".join(json.dumps(entry["dims"]) for entry in self._entries)
        got = ", ".join(f"{name} {list(value.shape)}" for name, value in feeds.items())
        raise InvalidArgumentError(f"expected shapes of one of {bindings}, but got {got}{_REMEDY}")


def _file(path: str | os.PathLike[str]) -> bytes:
    path_of(path, "path")
    return os.fsencode(path)  # as it is: an empty one is no file, which pathlib would forget


def _node_arg(spec: Mapping[str, Any]) -> NodeArg:
    return NodeArg(spec["name"], abi.DTYPES[spec["dtype"]][2], list(spec["shape"]))


_REMEDY = "; aimc.compile(model, dims=...) makes a package of other sizes, or pad"


def _other_sizes(entry: Mapping[str, Any], feeds: Mapping[str, Array]) -> str:
    """The remedy where feeds have other sizes than the package, which was compiled for its own."""
    for spec in entry["inputs"]:
        value = feeds.get(spec["name"])
        if value is None or list(value.shape) == list(spec["shape"]):
            continue
        if value.ndim == len(spec["shape"]):
            return _REMEDY
    return ""


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options as the runtime reads them: paths as text, targets as their parts."""
    made = dict(options)
    if isinstance(options.get("chip"), os.PathLike):
        made["chip"] = os.fspath(options["chip"])
    if options.get("target") is not None:
        made["target"] = parts_of(options["target"])
    if isinstance(options.get("targets"), Mapping):
        made["targets"] = {
            name: parts_of(given, f"targets: {name}") for name, given in options["targets"].items()
        }
    return made


def _as_input(name: str, value: Array, dtype: np.dtype[Any] | None) -> Array:
    """A row-major copy where needed. The dtype is never changed: a silent cast hides mistakes. The
    runtime says what there is to say of a name that it does not know."""
    known = [kind for _, kind, _ in abi.DTYPES.values()]
    if value.dtype != dtype and (dtype is not None or value.dtype not in known):
        expected = f"{dtype}" if dtype else f"one of {', '.join(map(str, known))}"
        number = dtype and value.dtype.kind in "fiub"
        cast = f"; array.astype(np.{dtype}) converts it" if number else ""
        raise InvalidArgumentError(
            f"input '{name}': expected dtype {expected}, but got {value.dtype}{cast}"
        )
    return np.require(value, requirements=["C", "A"])


class _Tensors:
    """A C array of aimc_tensor over numpy arrays, which it keeps alive."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        numbers = {dtype: number for number, dtype, _ in abi.DTYPES.values()}
        self.array = (abi.Tensor * len(arrays))()
        self._kept: list[Any] = list(arrays.values())
        for slot, (name, value) in zip(self.array, arrays.items(), strict=True):
            shape = (ctypes.c_int64 * value.ndim)(*value.shape)
            self._kept.append(shape)
            slot.name = name.encode()
            slot.dtype = numbers[value.dtype]
            slot.rank = value.ndim
            slot.shape = ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64))
            slot.data = value.ctypes.data
