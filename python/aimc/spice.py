# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads of an `aimc.Tile` as ngspice netlists, and what ngspice says about them.

Writing needs nothing but this package; :func:`simulate` runs the program ``ngspice``.
"""

from __future__ import annotations

import ctypes
import functools
import os
import pathlib
import re
import subprocess
from typing import Any

import numpy as np
import numpy.typing as npt

from aimc import abi
from aimc.errors import Error, InvalidArgumentError
from aimc.files import replacing, scratch_folder
from aimc.locate import in_path
from aimc.tile import Tile

Doubles = npt.NDArray[np.float64]


class _Circuit(ctypes.Structure):
    """`aimc_spice_circuit` (runtime/spice/include/aimc/spice/spice.h)."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "cols")),
        *((name, ctypes.c_void_p) for name in ("plus", "minus", "column_factor", "row_factor")),
        *(
            (name, ctypes.c_double)
            for name in (
                "column_ohm", "row_ohm", "driver_ohm", "adc_ohm",
                "read_v", "rest_v", "off_v", "tick_ns",
            )
        ),
        *((name, ctypes.c_int32) for name in ("alternating", "open_rows")),
    )  # fmt: skip


@functools.cache
def _writer() -> Any:
    function = abi.library().aimc_spice_write
    text, double = ctypes.c_char_p, ctypes.c_double
    function.restype = ctypes.c_int
    function.argtypes = [
        ctypes.POINTER(_Circuit), ctypes.POINTER(double), double, text, text, text, ctypes.c_size_t,
    ]  # fmt: skip
    return function


def window_ticks(target: dict[str, Any], pass_number: int | None = None) -> int:
    """Ticks that the ADCs integrate: the longest pulse of a pass of the DAC, None of any pass."""
    dac = target["dac"]
    bits = int(dac["bits"]) - 1
    if dac["mode"] == "bit_serial":
        return 1
    if dac["mode"] == "split":
        low = int(dac["lsb_bits"])
        parts = [low, bits - low]
        bits = max(parts) if pass_number is None else parts[min(pass_number, 1)]
    return int(2**bits - 1)


def write(
    tile: Tile,
    ticks: npt.ArrayLike,
    path: str | os.PathLike[str],
    *,
    pair: int = 0,
    window: float | None = None,
    at_row: int = 0,
) -> pathlib.Path:
    """Write one pass of a read, row i driven for ``|ticks[i]|`` ticks (signed), to ``path``.

    The netlist holds every device of the whole array, as it is at the tile's time, and every piece
    of wire. ``ticks`` are of the array's rows, or of a block that begins at ``at_row``; other rows
    idle. ``window``: ticks that the ADCs integrate, by default the longest pulse of the DAC, as in
    :meth:`aimc.Tile.charges`.

    >>> tile = Tile(numpy.eye(4), seed=1)
    >>> spice.simulate(spice.write(tile, [1, 2, -3, 4], "tile.cir"))
    """
    target = tile.target
    rows, cols = (int(target["geometry"][key]) for key in ("rows", "cols"))
    given = np.asarray(ticks, np.float64).ravel()
    pulses = np.zeros(rows)
    if not 0 <= at_row <= rows - given.size:
        raise InvalidArgumentError(
            f"ticks: expected at most {rows} rows from row {at_row} on, but got {given.size}"
        )
    pulses[at_row : at_row + given.size] = given
    wire = target["wire"]
    arrays = {
        name: np.ascontiguousarray(tile.array(name)[pair], np.float32)
        for name in ("tile_plus", "tile_minus", "column_factor", "row_factor")
    }
    circuit = _Circuit(
        rows=rows,
        cols=cols,
        plus=arrays["tile_plus"].ctypes.data,
        minus=arrays["tile_minus"].ctypes.data,
        column_factor=arrays["column_factor"].ctypes.data,
        row_factor=arrays["row_factor"].ctypes.data,
        read_v=float(target["dac"]["v_read_v"]),
        rest_v=0.4,
        off_v=float(target["adc"].get("v_off_v", 0)),
        tick_ns=float(target["dac"]["tick_ns"]),
        alternating=int(target["geometry"]["readout"] == "alternating"),
        open_rows=int(wire["idle"] == "open"),
        **{k: float(wire.get(k, 0)) for k in ("column_ohm", "row_ohm", "driver_ohm", "adc_ohm")},
    )
    message = ctypes.create_string_buffer(512)
    note = f"Seed and target: {tile.statistics()['seed']}, {target['device']['kind']}"
    try:
        with replacing(path) as scratch:
            failed = _writer()(
                ctypes.byref(circuit),
                pulses.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
                float(window_ticks(target) if window is None else window),
                note.encode(),
                os.fsencode(scratch),
                message,
                len(message),
            )
            if failed:
                said = message.value.decode(errors="replace")
                raise InvalidArgumentError(said.replace(str(scratch), os.fspath(path)))
    except OSError as error:
        raise InvalidArgumentError(
            f"{path}: expected a file to write, but got {error.strerror}"
        ) from None
    return pathlib.Path(path)


def simulate(path: str | os.PathLike[str], timeout_s: float = 3600.0) -> Doubles:
    """Run ``ngspice -b`` on a netlist of :func:`write`: the charge of each column in fC."""
    program = in_path("ngspice")
    if program is None:
        raise Error("expected the program ngspice in PATH, but it is not there")
    done = subprocess.run(
        [program, "-b", os.fspath(path)], capture_output=True, text=True, check=False,
        timeout=timeout_s, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    found = dict(re.findall(r"^q(\d+) = (\S+)$", done.stdout, re.MULTILINE))
    text = pathlib.Path(path).read_text(encoding="utf-8")
    count = len(re.findall(r"^Vadc\d+ ", text, re.MULTILINE))
    if len(found) != count:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise Error(f"{path}: expected {count} charges of ngspice, but got {len(found)} ({said})")
    return np.array([float(found[str(j)]) for j in range(count)])


def charges(tile: Tile, ticks: npt.ArrayLike, **options: Any) -> Doubles:
    """:func:`write` to a temporary file and :func:`simulate`."""
    with scratch_folder("aimc-spice") as folder:
        return simulate(write(tile, ticks, folder / "tile.cir", **options))
