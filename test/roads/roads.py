# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The roads that a product can take through tiles: each gives outputs [vectors, columns] of a case.

All of them place blocks as the compiler does, each block alone in its tile, so that one seed means
one chip on every road.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import warnings
from typing import Any

import numpy as np
import torch
from cases import Case
from onnx import helper
from onnx_case import program
from torch import nn

import aimc
from aimc.testing import models
from aimc.testing.programs import run_program
from aimc.torch import Circuit, Device, Layout, convert, load_spec, on_chip


@dataclasses.dataclass(frozen=True)
class Noise:
    """What is random: nothing, devices that the seed programs, or their reads too."""

    devices: bool = False
    reads: bool = False

    @property
    def effects(self) -> dict[str, bool]:
        # Names what is off: an effect that is asked for where it can do nothing is warned of.
        off = {"programming": self.devices, "variation": self.devices, "read_noise": self.reads}
        return {name: False for name, on in off.items() if not on}


QUIET = Noise()


def options(case: Case, noise: Noise) -> dict[str, Any]:
    """Of a session and of a tile."""
    made: dict[str, Any] = {
        "seed": case.seed,
        "scale": case.scale,
        "effects": noise.effects | dict.fromkeys(case.off, False),
    }
    if case.compensate != "none":
        made["compensate"] = case.compensate
    if case.time_s is not None and noise.devices:  # drift is no effect that is switched off
        made["time_s"] = case.time_s
    if case.drift_compensation:
        made["drift_compensation"] = "column"
    return made


def silent(call: Any) -> Any:
    """Roads warn of what a case makes of a tile; what they say is another test's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", aimc.HardwareWarning)
        return call()


# aimc.Tile: a tile for each block


def layout_of(case: Case) -> Layout:
    target = aimc.Target.from_manifest("t", case.target)
    return Layout.cut(*case.weight.shape, target)


@dataclasses.dataclass(frozen=True)
class Read:
    """What tiles give, and what one code of each converter is worth there, all readings together."""

    y: np.ndarray
    step: np.ndarray


def through_tiles(case: Case, noise: Noise = QUIET) -> Read:
    """What blocks give, added in the order of their rows."""
    outputs: dict[int, np.ndarray] = {}
    steps = np.zeros((len(case.x), case.weight.shape[1]))
    dac, adc = case.whole["dac"], case.whole["adc"]
    bits = dac["bits"] - 1
    # Digital weights of the passes of a converter, docs/Physics.md 3.
    mode = "one_pass" if "dac" in case.off else dac["mode"]
    passes = {"one_pass": 1, "split": 1 + 2 ** dac["lsb_bits"], "bit_serial": 2**bits - 1}[mode]
    for number, b in enumerate(layout_of(case).blocks):
        own = case.weight[b.row : b.row + b.rows, b.col : b.col + b.cols]
        x = case.x[:, b.row : b.row + b.rows]
        given = options(case, noise) | {"at_row": b.at_row, "at_col": b.at_col, "tile": number}
        if case.input_range is not None:
            given["input_range"] = case.input_range
        with silent(lambda own=own, given=given: aimc.Tile(own, case.whole, **given)) as tile:
            part = silent(lambda tile=tile, x=x: tile.read(x))
            fc = tile.array("digital").sum(0)
        outputs[b.col] = outputs[b.col] + part if b.col in outputs else part
        full = np.abs(x).max(1) if case.input_range is None else np.full(len(x), case.input_range)
        lsb = 0.0 if adc["kind"] == "ideal" or "adc" in case.off else adc["lsb_fc"]
        steps[:, b.col : b.col + b.cols] += np.outer(full / (2**bits - 1), fc) * lsb * passes
    return Read(np.concatenate([outputs[col] for col in sorted(outputs)], 1), steps)


# aimc.torch


def spec_of(case: Case, name: str = "layer") -> dict[str, Any]:
    """What the compiler would say of the case, had it placed each block alone."""
    rows, cols = case.weight.shape
    mode = {} if case.compensate == "none" else {"compensate": case.compensate}
    blocks = [
        {"name": f"b{i}", "target": "t", "row": b.row, "rows": b.rows, "col": b.col, "cols": b.cols,
         "chip": 0, "tile": i, "at_row": b.at_row, "at_col": b.at_col, **mode}
        for i, b in enumerate(layout_of(case).blocks)
    ]  # fmt: skip
    layer = {"layer": name, "weight": "w", "initializer": "w", "transposed": False, "rows": rows,
             "cols": cols, "grid": 0, "input_range": case.input_range, "activity": None,
             "blocks": blocks}  # fmt: skip
    return {"format": "aimc-noise", "version": 1, "tensors": None, "targets": {"t": case.whole},
            "layers": [layer]}  # fmt: skip


class Product(nn.Module):
    """The case's weight in a linear layer of a module."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.layer = nn.Linear(*case.weight.shape, bias=False)
        self.layer.weight.data = torch.from_numpy(case.weight.T.copy())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def converted(case: Case, noise: Noise, spec: pathlib.Path) -> nn.Module:
    device = Device(read=float(noise.reads)) if noise.devices else None
    off = {name: 0.0 if name == "wire" else False for name in case.off}
    circuit = Circuit(scale=case.scale, **off)
    recipe = circuit if device is None else circuit + device
    return silent(lambda: convert(Product(case), spec=load_spec(spec), recipe=recipe).eval())


def through_torch(case: Case, folder: pathlib.Path, noise: Noise = QUIET, spec: pathlib.Path | None = None) -> np.ndarray:  # fmt: skip
    if spec is None:
        spec = folder / "made.json"
        spec.write_text(json.dumps(spec_of(case)))
    model = converted(case, noise, spec)
    x = torch.from_numpy(case.x)
    with torch.no_grad():
        if not noise.devices:
            return model(x).numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", aimc.HardwareWarning)
            with on_chip(model, case.seed, case.time_s) as chip:
                return chip(x).numpy()


# Compiler and session, programs


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What the compiler made of a case: an ONNX model with columns of like size, from the product
    through powers of two, so that a loss hears all of them."""

    model: pathlib.Path
    package: pathlib.Path
    spec: pathlib.Path
    factors: np.ndarray


def compiled(case: Case, folder: pathlib.Path) -> Compiled:
    batch, (rows, cols) = len(case.x), case.weight.shape
    size = np.abs(case.weight).max(0) * max(float(np.abs(case.x).max()), 1e-30)
    # Each power lies within single precision, and so does what it multiplies.
    factors = np.exp2(-np.round(np.log2(np.clip(size, 1e-35, 1e35)))).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], name="layer"),
        helper.make_node("Mul", ["p", "factors"], ["y"], name="factors"),
    ]
    model = models.save(
        folder / "m.onnx", nodes, {"x": ["batch", rows]}, {"y": ["batch", cols]},
        {"w": case.weight, "factors": factors},
    )  # fmt: skip
    name = folder / "t.mlir"
    name.write_text(aimc.Target.from_manifest("t", case.target).to_mlir())
    extra = ["--no-pack"]
    package = silent(lambda: aimc.compile(
        model, dims={"batch": batch}, target=name, output=folder / "m.aimc", scale=case.scale,
        compensate=case.compensate, emit_noise=folder / "spec.json", extra_args=extra,
    ))  # fmt: skip
    return Compiled(model, package, folder / "spec.json", factors)


def through_session(case: Case, made: Compiled, noise: Noise = QUIET) -> np.ndarray:
    given = options(case, noise)
    given.pop("scale")  # the package's
    given.pop("compensate", None)
    with silent(lambda: aimc.Session(made.package, **given)) as session:
        return silent(lambda: session.run(None, {"x": case.x}))[0]


def c_program(folder: pathlib.Path) -> pathlib.Path | None:
    """test/roads/road.c, built as a user of the installed library builds."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    here = pathlib.Path(__file__).parent
    header = here.parents[1] / "runtime/exec/include"
    library = pathlib.Path(os.environ.get("AIMC_LIB_DIR", here.parents[1] / "build/release/lib"))
    made = folder / "road"
    command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{header}",
               here / "road.c", "-o", made, f"-L{library}", f"-Wl,-rpath,{library}", "-laimc_runtime"]  # fmt: skip
    subprocess.run([*map(os.fspath, command)], check=True)
    return made


def through_c(case: Case, made: Compiled, built: pathlib.Path, folder: pathlib.Path, noise: Noise = QUIET) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Outputs of a session and, of a weight in one block, of a tile."""
    given = options(case, noise)
    session = {k: v for k, v in given.items() if k not in ("scale", "compensate")}
    block, *more = layout_of(case).blocks
    tile = "" if more else json.dumps(given | {"at_row": block.at_row, "at_col": block.at_col})
    case.weight.tofile(folder / "w.bin")
    case.x.tofile(folder / "x.bin")
    rows, cols = case.weight.shape
    command = [built, made.package, json.dumps(session), json.dumps(case.whole), tile,
               len(case.x), rows, cols, folder / "w.bin", folder / "x.bin", folder / "y.bin"]  # fmt: skip
    done = subprocess.run([*map(str, command)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    y = np.fromfile(folder / "y.bin", np.float32).reshape(2, len(case.x), cols)
    return y[0], y[1]


def finetune(
    case: Case, made: Compiled, folder: pathlib.Path, labels: np.ndarray, *flags: Any
) -> Any:
    np.savez(folder / "d.npz", x=case.x, labels=labels)
    data = folder / "d.npz"
    command = [
        made.model,
        "--data",
        data,
        "--loss",
        "mse",
        "--batch",
        len(case.x),
        "--threads",
        1,
        *flags,
    ]
    done = run_program("aimc-finetune", *map(str, command))
    assert done.status == 0, done.stderr
    return done


def distance_of_finetune(case: Case, made: Compiled, folder: pathlib.Path, labels: np.ndarray, noise: Noise = QUIET) -> float:  # fmt: skip
    """How far aimc-finetune's outputs are from `labels`, root of the mean square; nothing of what
    it computes but a loss comes out."""
    log = folder / "log"
    log.unlink(missing_ok=True)
    flags = ["--spec", made.spec, "--scale", case.scale, "--steps", 0, "--eval-data",
             folder / "d.npz", "--log", log, "--read-noise", 0]  # fmt: skip
    flags += [] if noise.devices else ["--programming-noise", 0]
    if case.time_s is not None and noise.devices:
        flags += ["--drift-time", f"{case.time_s}s"]
    finetune(case, made, folder, labels, *flags)
    (loss,) = json.loads(log.read_text().splitlines()[-1])["loss"]
    return float(np.sqrt(loss))


def tuned() -> bool:
    """Whether there is a trainer."""
    return bool(program("aimc-finetune"))
