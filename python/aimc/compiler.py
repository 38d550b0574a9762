# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`aimc.compile()`: the compiler as a function."""

from __future__ import annotations

import numbers
import os
import pathlib
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aimc import programs
from aimc.errors import CompileError, InvalidArgumentError, Warner
from aimc.files import scratch_folder
from aimc.locate import find_program
from aimc.target import Hardware, Target
from aimc.values import array_of, path_of
from aimc.wording import in_python


def compile(
    model: str | os.PathLike[str],
    *,
    dims: Mapping[str, int] | None = None,
    target: Hardware = "pcm",
    output: str | os.PathLike[str] | None = None,
    mcpu: str | None = None,
    calibrate: str | os.PathLike[str] | Mapping[str, npt.ArrayLike] | None = None,
    input_range: str | float | None = None,
    compensate: str | None = None,
    scale: str | None = None,
    device: str | os.PathLike[str] | None = None,
    fidelity: str | None = None,
    emit_noise: str | os.PathLike[str] | None = None,
    extra_args: Sequence[str] = (),
) -> pathlib.Path:
    """Compile an ONNX file into a package and return the package's path.

    Args:
        model: path of the ONNX file; external data is looked for beside it.
        dims: size of each symbolic dimension, for example ``{"batch": 8, "seq": 32}``.
        target: name of a preset, path of a .mlir or .json file, a :class:`Target`, or its parts as
            manifests have them.
        output: the package's folder; by default the model's path with the suffix .aimc.
        mcpu: processor to compile for; by default the one at hand.
        calibrate: inputs of the model to choose converter ranges from, as arrays by name or as
            the path of a .npz file; any number of samples along their first dimension.
        input_range: the DAC's full scale, with `calibrate`: "none", "auto", or a share of inputs.
        compensate: what to do about the wires: "none", "gain", "weights" or "weights+pulses".
        scale: weight that the largest conductance stands for: "max", "sigma:<q>", "optimal".
        device: path of a device table (JSON) that replaces the target's device.
        fidelity: of reads with open idle rows: "exact", "segments" or "one_product".
        emit_noise: path of a noise spec to write too, which aimc.torch.convert and aimc-finetune
            train through.
        extra_args: further flags of `aimc-compile`.

    Raises:
        CompileError: with the compiler's own line, which names file, node and cause.
        InvalidArgumentError: for arguments of another kind, before the compiler starts.

    Warns:
        aimc.HardwareWarning: for each warning of the compiler.
    """
    source = path_of(model, "model")
    package = path_of(output, "output") if output else source.with_suffix(".aimc")
    if isinstance(extra_args, str):
        raise InvalidArgumentError(
            f"extra_args: expected a list of flags, but got {extra_args!r}; [{extra_args!r}] is one"
        )
    command = [find_program("aimc-compile"), os.fspath(model), "-o", str(package)]
    for name, size in _sizes(dims).items():
        command += ["--dim", f"{name}={size}"]
    if mcpu:
        command += ["--mcpu", mcpu]
    flags = {
        "--input-range": input_range,
        "--compensate": compensate,
        "--scale": scale,
        "--device": device,
        "--fidelity": fidelity,
        "--emit-noise": emit_noise,
    }
    for flag, value in flags.items():
        if value is not None:
            command += [flag, os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
    with scratch_folder("aimc-compile") as folder:
        if isinstance(calibrate, Mapping):
            arrays = {
                name: array_of(values, f"calibrate: array {name!r}")
                for name, values in calibrate.items()
            }
            calibrate = folder / "calibrate.npz"
            np.savez(calibrate, **arrays)  # type: ignore[arg-type]
        if calibrate is not None:
            if not isinstance(calibrate, str | os.PathLike):
                raise InvalidArgumentError(
                    "calibrate: expected arrays by input names or the path of a .npz file, but got "
                    f"{type(calibrate).__name__}; a mapping {{'input': array}} names them"
                )
            command += ["--calibrate", os.fspath(calibrate)]
        if not isinstance(target, str | os.PathLike) or os.fspath(target).endswith(".json"):
            target = Target.of(target)  # which the compiler has no reader for
        if isinstance(target, Target):
            path = folder / f"{target.name}.mlir"
            path.write_text(target.to_mlir(), encoding="utf-8")
            target = path
        command += ["--target", os.fspath(target), *extra_args]
        done = programs.run(command)
    if done.returncode != 0:
        raise CompileError(_cause(done))
    marker = "aimc-compile: warning: "
    said = [line for line in done.stderr.splitlines() if line.startswith(marker)]
    Warner().tell((line.removeprefix(marker) for line in said), level=2)
    return package


def _sizes(dims: Any) -> Mapping[str, int]:
    """Sizes by name, as they were given where they are right."""
    if dims is None:
        return {}
    if not isinstance(dims, Mapping):
        raise InvalidArgumentError(
            "dims: expected a mapping of names to sizes, such as {'batch': 8}, but got "
            f"{type(dims).__name__}"
        )
    for name, size in dims.items():
        whole = isinstance(size, numbers.Integral) and not isinstance(size, bool)
        if not whole or size < 0:  # the cache of a first call is empty
            raise InvalidArgumentError(
                f"dims: expected a whole number of at least 0 for {name!r}, but got {size!r}"
            )
    made: Mapping[str, int] = dims
    return made


def _cause(done: subprocess.CompletedProcess[str]) -> str:
    """The line that says what is wrong; the compiler writes one."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    if errors:
        return in_python(errors[0])
    return lines[-1] if lines else f"aimc-compile ended with exit code {done.returncode}"
