# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`aimc.compile()`: the compiler as a function."""

from __future__ import annotations

import os
import pathlib
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from aimc.errors import CompileError
from aimc.locate import find_program
from aimc.target import Target


def compile(
    model: str | os.PathLike[str],
    *,
    dims: Mapping[str, int] | None = None,
    target: str | os.PathLike[str] | Target = "pcm",
    output: str | os.PathLike[str] | None = None,
    mcpu: str | None = None,
    extra_args: Sequence[str] = (),
) -> pathlib.Path:
    """Compile an ONNX file into a package and return the package's path.

    Args:
        model: path of the ONNX file; external data is looked for beside it.
        dims: size of each symbolic dimension, for example ``{"batch": 8, "seq": 32}``.
        target: name of a preset, path of a .mlir file, or a :class:`Target`.
        output: the package's folder; by default the model's path with the suffix .aimc.
        mcpu: processor to compile for; by default the one at hand.
        extra_args: further flags of `aimc-compile`.

    Raises:
        CompileError: with the compiler's own line, which names file, node and cause.
    """
    package = pathlib.Path(output) if output else pathlib.Path(model).with_suffix(".aimc")
    command = [find_program("aimc-compile"), os.fspath(model), "-o", str(package)]
    for name, size in (dims or {}).items():
        command += ["--dim", f"{name}={size}"]
    if mcpu:
        command += ["--mcpu", mcpu]
    with tempfile.TemporaryDirectory(prefix="aimc-target-") as folder:
        if isinstance(target, Target):
            path = pathlib.Path(folder) / f"{target.name}.mlir"
            path.write_text(target.to_mlir(), encoding="utf-8")
            target = path
        command += ["--target", os.fspath(target), *extra_args]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
    if done.returncode != 0:
        raise CompileError(_cause(done))
    return package


def _cause(done: subprocess.CompletedProcess[str]) -> str:
    """The line that says what is wrong; the compiler writes one."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    if errors:
        return errors[0]
    return lines[-1] if lines else f"aimc-compile ended with exit code {done.returncode}"
