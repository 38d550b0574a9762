# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`aimc.Tile`: one physical tile without a model, to look at what the hardware does.

The numbers come from the code that runs whole models: programming, folding and kernels are those
of a session. Units are in the names: uS, V, ns, fC, seconds.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aimc import abi
from aimc.errors import InvalidArgumentError, Warner
from aimc.owner import Owner
from aimc.target import Hardware, parts_of
from aimc.values import array_of, seconds_of, text_of

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Arrays by name (runtime.h): how the flat numbers are shaped.
_OF_BLOCK = (
    "target_plus", "target_minus", "programmed_plus", "programmed_minus", "plus", "minus",
    "life_plus", "life_minus", "transfer", "effective",
)  # fmt: skip
_OF_TILE = ("tile_plus", "tile_minus", "column_factor", "row_factor")
_OF_COLUMNS = ("digital", "adc_gain", "adc_offset_lsb")


class Tile(Owner):
    """Weights on one tile.

    ``weights`` [inputs x outputs] are programmed as a session programs them. ``target`` is a target
    as in a manifest (docs/Contracts.md 4) with every part and key optional, an
    :class:`aimc.Target`, a preset or a file. Options: ``seed``, ``time_s``, ``effects``,
    ``compensate``, ``scale``,
    ``drift_compensation``, ``compare_exact``, ``threads`` as for :class:`aimc.Session`, and
    ``at_row``, ``at_col`` (place of the block in the tile; by default next to the ADC, where the
    compiler puts a block that has a tile to itself), ``chip``, ``tile`` (which devices, and
    which noise of reads, the seed means), ``activity`` [inputs x 32], ``input_range``,
    ``compat="aihwkit"``.

    >>> tile = Tile(numpy.eye(4), {"adc": {"kind": "ideal"}}, seed=1)
    >>> tile.read([[1.0, 0.0, 0.0, 0.0]]).shape
    (1, 4)

    Raises :class:`aimc.InvalidArgumentError` for what the runtime refuses, with its message, and
    warns with :class:`aimc.HardwareWarning`, once per message, of what it doubts.
    """

    _destroy = "aimc_tile_destroy"
    _again = "aimc.Tile(...) of the same weights and options"

    def __init__(
        self,
        weights: npt.ArrayLike,
        target: Hardware | None = None,
        **options: Any,
    ) -> None:
        values = _matrix("weights", weights)
        self._start(target, options)
        self.shape: tuple[int, int] = (values.shape[0], values.shape[1])
        self._create("aimc_tile_create", [values], *self.shape)

    @classmethod
    def from_conductances(
        cls,
        plus: npt.ArrayLike,
        minus: npt.ArrayLike,
        target: Hardware | None = None,
        **options: Any,
    ) -> Tile:
        """A tile with exactly these conductances in uS, [rows x cols] or [pairs x rows x cols].

        Nothing is programmed, scaled or varied; the block is the whole array.
        """
        self = cls.__new__(cls)
        pair = [_planes("plus", plus), _planes("minus", minus)]
        if pair[0].shape != pair[1].shape:
            raise InvalidArgumentError(
                f"minus: expected the shape of plus, {list(pair[0].shape)}, "
                f"but got {list(pair[1].shape)}"
            )
        self._start(target, options)
        geometry = self._target.setdefault("geometry", {})
        if geometry.setdefault("pairs", pair[0].shape[0]) != pair[0].shape[0]:
            raise InvalidArgumentError(
                f"plus: expected {geometry['pairs']} pairs, but got {pair[0].shape[0]}"
            )
        self.shape = (pair[0].shape[1], pair[0].shape[2])
        self._create("aimc_tile_create_pairs", pair, *self.shape)
        return self

    def read(self, x: npt.ArrayLike) -> Floats:
        """What the tile gives for inputs ``x`` [n x inputs]: [n x outputs], in weight units times
        input units, with DAC, read noise and ADC. Each call goes on in the read-noise stream."""
        inputs = _matrix("x", x, self.shape[0])
        outputs = np.empty((inputs.shape[0], self.shape[1]), np.float32)
        self._call("read", _pointer(inputs), inputs.shape[0], _pointer(outputs))
        self._warner.tell(self._warnings(), level=2)
        return outputs

    def charges(self, ticks: npt.ArrayLike, fidelity: str | None = None) -> Doubles:
        """Charge in fC [n x pairs x outputs] of one pass whose pulses are ``ticks`` [n x inputs]
        long (signed): the circuit alone, without DAC, noise or ADC. Ticks are whole numbers up to
        the longest pulse of the DAC (127 for 8 bits in one pass); where it has several passes, up
        to that of the longest one, and an ADC off the rest level (``v_off_v``) integrates that
        long.

        ``fidelity`` is ``exact``, ``segments`` or ``one_product`` where idle rows are open; None is
        the target's.
        """
        pulses = _matrix("ticks", ticks, self.shape[0], np.float64)
        out = np.empty((pulses.shape[0], self.pairs, self.shape[1]))
        text = text_of(fidelity, "fidelity") if fidelity is not None else None
        self._call("charges", text, _pointer(pulses), pulses.shape[0], _pointer(out))
        return out

    def array(self, name: str) -> Doubles:
        """A part of the tile's state by name, as runtime.h lists them: ``target_plus``, ``plus``,
        ``transfer``, ``effective``, ``scale``, ``drift_factor``, ``adc_gain``, ... Conductances are
        in uS."""
        rows, cols = self.shape
        tile = self.target["geometry"]
        shapes: dict[str, tuple[int, ...]] = {"weights": (rows, cols)}
        shapes |= dict.fromkeys(("scale", "drift_factor"), (cols,))
        shapes |= dict.fromkeys(_OF_BLOCK, (self.pairs, rows, cols))
        shapes |= dict.fromkeys(_OF_TILE, (self.pairs, tile["rows"], tile["cols"]))
        shapes |= dict.fromkeys(_OF_COLUMNS, (self.pairs, cols))
        word = text_of(name, "name")
        out = np.empty(shapes.get(name, (0,)))
        # The runtime refuses unknown names and lists those that it knows.
        self._call("array", word, _pointer(out, one=True), out.size)
        return out

    def age(self, time_s: float) -> None:
        """The same devices ``time_s`` seconds after their programming."""
        self._call("age", seconds_of(time_s, "time_s"))
        self._warner.tell(self._warnings(), level=2)

    def reset(self) -> None:
        """Restart the read-noise stream and clear the statistics."""
        self._call("reset")

    def statistics(self) -> dict[str, Any]:
        """Target in force and figures of the reads so far."""
        parsed: dict[str, Any] = json.loads(abi.text_of("aimc_tile_statistics", self._handle))
        return parsed

    @property
    def target(self) -> dict[str, Any]:
        """The target in force, with everything that was left out."""
        parts: dict[str, Any] = self._whole
        return parts

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the tile where the block begins."""
        place = self.statistics()["place"]
        return int(place["row"]), int(place["col"])

    @property
    def pairs(self) -> int:
        """Pairs of devices per weight."""
        return int(self._whole["geometry"]["pairs"])

    def _warnings(self) -> list[str]:
        messages: list[str] = json.loads(abi.text_of("aimc_tile_warnings", self._handle))
        return messages

    def _start(self, target: Hardware | None, options: Mapping[str, Any]) -> None:
        self._handle = ctypes.c_void_p()
        given = parts_of(target) if target is not None else {}
        self._target: dict[str, Any] = json.loads(abi.encode(given, "target"))
        self._options = abi.encode(options, "options")

    def _create(self, function: str, arrays: list[Floats], rows: int, cols: int) -> None:
        create = getattr(abi.library(), function)
        texts = (json.dumps(self._target).encode(), self._options.encode())
        pointers = [_pointer(array) for array in arrays]
        abi.check(create(*texts, *pointers, rows, cols, ctypes.byref(self._handle)))
        self._whole = self.statistics()["target"]
        self._warner = Warner()
        self._warner.tell(self._warnings(), level=3)

    def _call(self, function: str, *arguments: Any) -> None:
        abi.check(getattr(abi.library(), f"aimc_tile_{function}")(self._handle, *arguments))


def _matrix(
    name: str,
    values: npt.ArrayLike,
    columns: int | None = None,
    dtype: type[np.floating[Any]] = np.float32,
) -> npt.NDArray[Any]:
    """Numbers as a row-major matrix; a mistake of shape is named here, one of value there."""
    array = np.ascontiguousarray(_numbers(name, values), dtype)
    if array.ndim != 2 or (columns is not None and array.shape[1] != columns):
        expected = "[inputs x outputs]" if columns is None else f"[n x {columns}]"
        raise InvalidArgumentError(
            f"{name}: expected a matrix {expected}, but got shape {list(array.shape)}"
        )
    return array


def _planes(name: str, values: npt.ArrayLike) -> Floats:
    """Conductances as [pairs x rows x cols]."""
    array = _numbers(name, values)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        raise InvalidArgumentError(
            f"{name}: expected [rows x cols] or [pairs x rows x cols], "
            f"but got shape {list(array.shape)}"
        )
    return np.ascontiguousarray(array, np.float32)


def _numbers(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    array = array_of(values, name)
    if array.dtype.kind not in "fiub":
        raise InvalidArgumentError(f"{name}: expected real numbers, but got {array.dtype}")
    return array


def _pointer(array: npt.NDArray[Any], *, one: bool = False) -> ctypes.c_void_p:
    """Where the data is; an empty array has a place too, where the runtime wants one."""
    if array.size == 0 and one:
        return ctypes.cast(ctypes.create_string_buffer(8), ctypes.c_void_p)
    return ctypes.c_void_p(array.ctypes.data)
