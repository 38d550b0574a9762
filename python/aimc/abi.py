# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The C API of libaimc_runtime.so as ctypes sees it (runtime/exec/include/aimc/exec/runtime.h)."""

from __future__ import annotations

import ctypes
import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from aimc import errors
from aimc.files import MAX_JSON_DEPTH
from aimc.locate import find_library

OK = 0
_EXCEPTIONS: dict[int, type[errors.Error]] = {
    1: errors.InvalidArgumentError,
    2: errors.BadPackageError,
    3: errors.UnsupportedError,
}

# dtype of the manifest -> (number in the C API, numpy's dtype, onnxruntime's name for it).
DTYPES: dict[str, tuple[int, np.dtype[np.generic], str]] = {
    "f32": (0, np.dtype(np.float32), "tensor(float)"),
    "i64": (1, np.dtype(np.int64), "tensor(int64)"),
    "i32": (2, np.dtype(np.int32), "tensor(int32)"),
    "bool": (3, np.dtype(np.bool_), "tensor(bool)"),
}


def plain(value: object) -> Any:
    """Numbers and arrays of numpy as what JSON knows."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise errors.InvalidArgumentError(
        f"expected plain values as options, but got {type(value).__name__}"
    )


def encode(value: object, what: str) -> str:
    """Options as JSON. JSON has no nan or inf, and no setting means one.

    Raises:
        InvalidArgumentError: names the setting that is not finite or not plain.
    """

    def check(part: object, path: str, depth: int = 0) -> None:
        if depth > MAX_JSON_DEPTH:
            raise errors.InvalidArgumentError(
                f"{what}: expected at most {MAX_JSON_DEPTH} levels of lists and mappings, but got "
                "more"
            )
        if isinstance(part, Mapping):
            for key, inner in part.items():
                check(inner, f"{path}.{key}", depth + 1)
        elif isinstance(part, list | tuple | np.ndarray):
            for number, inner in enumerate(part):
                check(inner, f"{path}[{number}]", depth + 1)
        elif isinstance(part, float | np.floating) and not np.isfinite(part):
            raise errors.InvalidArgumentError(f"{path}: expected a finite number, but got {part}")

    check(value, what)
    return json.dumps(value, default=plain)


class Tensor(ctypes.Structure):
    """`aimc_tensor`: a dense row-major array that the caller owns."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("data", ctypes.c_void_p),
    )


@functools.cache
def library() -> ctypes.CDLL:
    """The runtime, loaded once, with the signatures of runtime.h."""
    path = find_library()
    try:
        lib = ctypes.CDLL(path)
    except OSError as error:
        raise errors.Error(
            f"{path}: expected the runtime library, which `make` builds, but got: {error}"
        ) from error
    handle, text, status = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    out, tensors, i32 = ctypes.POINTER(handle), ctypes.POINTER(Tensor), ctypes.c_int32
    made = out  # a `char **`: freed with the pointer itself, which c_char_p would not keep
    data, i64, f64 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "aimc_runtime_version": (text, []),
        "aimc_last_error": (text, []),
        "aimc_package_open_with": (status, [text, text, out]),
        "aimc_text_free": (None, [ctypes.c_void_p]),
        "aimc_package_manifest": (status, [handle, made]),
        "aimc_package_close": (None, [handle]),
        "aimc_session_create": (status, [handle, text, out]),
        "aimc_session_run": (status, [handle, i32, tensors, i32, tensors, i32]),
        "aimc_session_reset": (status, [handle]),
        "aimc_session_statistics": (status, [handle, made]),
        "aimc_session_warnings": (status, [handle, made]),
        "aimc_session_age": (status, [handle, f64]),
        "aimc_session_save_chip": (status, [handle, text]),
        "aimc_session_save_record": (status, [handle, text]),
        "aimc_session_destroy": (None, [handle]),
        "aimc_target_read": (status, [text, text, made]),
        "aimc_tile_create": (status, [text, text, data, i64, i64, out]),
        "aimc_tile_create_pairs": (status, [text, text, data, data, i64, i64, out]),
        "aimc_tile_charges": (status, [handle, text, data, i64, data]),
        "aimc_tile_read": (status, [handle, data, i64, data]),
        "aimc_tile_array": (status, [handle, text, data, i64]),
        "aimc_tile_age": (status, [handle, f64]),
        "aimc_tile_reset": (status, [handle]),
        "aimc_tile_statistics": (status, [handle, made]),
        "aimc_tile_warnings": (status, [handle, made]),
        "aimc_tile_destroy": (None, [handle]),
    }
    for name, (result, parameters) in signatures.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = parameters
    return lib


def check(status: int) -> None:
    """Raise what a status says, with the library's own line."""
    if status != OK:
        text: bytes = library().aimc_last_error()
        raise _EXCEPTIONS.get(status, errors.RunError)(text.decode(errors="replace"))


def text_of(function: str, *given: ctypes.c_void_p | bytes) -> str:
    """The text that a function of the C API makes of a handle or of texts, freed there."""
    made = ctypes.c_void_p()
    check(getattr(library(), function)(*given, ctypes.byref(made)))
    try:
        return ctypes.string_at(made.value or 0).decode()
    finally:
        library().aimc_text_free(made)


def read_target_text(
    text: str,
    label: str = "target",
    *,
    partial: bool = True,
    training: bool = False,
    folder: str | None = None,
) -> dict[str, Any]:
    """The whole of a target's JSON as the runtime reads it, which alone judges one.

    Args:
        text: parts as a manifest has them.
        label: opens the message.
        partial: whether its author may leave things out, which the default target then says.
        training: refuse what training has no model of.
        folder: where a device's `file` lies; None: a device holds its table.

    Raises:
        InvalidArgumentError: for what no tile can be.
        UnsupportedError: for what training has no model of.
    """
    given = {"label": label, "partial": partial, "training": training, "folder": folder}
    options = json.dumps(given).encode()
    parts: dict[str, Any] = json.loads(text_of("aimc_target_read", text.encode(), options))
    return parts


def read_target(
    target: object, label: str = "target", *, partial: bool = True, training: bool = False
) -> dict[str, Any]:
    """The same of values; :func:`read_target_text` has the rules."""
    try:
        text = encode(target, "")
    except errors.InvalidArgumentError as error:
        raise errors.InvalidArgumentError(f"{label}: {str(error).removeprefix('.')}") from None
    return read_target_text(text, label, partial=partial, training=training)


@functools.cache
def default_target() -> dict[str, Any]:
    """What a target is where nobody says otherwise; not to be changed."""
    return read_target({})
