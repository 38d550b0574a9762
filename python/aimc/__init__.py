# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile ONNX transformers to analog in-memory-computing tiles, and run them."""

from aimc.chip import Chip
from aimc.compiler import compile
from aimc.errors import (
    BadPackageError,
    CompileError,
    Error,
    HardwareWarning,
    InvalidArgumentError,
    NotFiniteError,
    RunError,
    UnsupportedError,
)
from aimc.session import NodeArg, Session
from aimc.target import Adc, Dac, Device, Geometry, Target, Wire
from aimc.tile import Tile

__version__ = "0.1.0"
__all__ = [
    "Adc",
    "BadPackageError",
    "Chip",
    "CompileError",
    "Dac",
    "Device",
    "Error",
    "Geometry",
    "HardwareWarning",
    "InvalidArgumentError",
    "NodeArg",
    "NotFiniteError",
    "RunError",
    "Session",
    "Target",
    "Tile",
    "UnsupportedError",
    "Wire",
    "compile",
]
