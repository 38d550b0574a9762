# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is interrupted: commands that write files, what was there before and what must be there at
the end."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np

import aimc
from aimc.files import check_seal
from aimc.locate import find_program
from aimc.testing import models

# Fine-tuning as a loop in Python: a checkpoint each step, and the state of its layers.
LOOP = """
import os, sys, torch
from torch import nn
import aimc
from aimc.files import replacing
from aimc.torch import Circuit, compiled_state, convert, load_compiled_state
torch.set_num_threads(1)
steps, path = int(sys.argv[1]), sys.argv[2]
torch.manual_seed(0)
plain = nn.Sequential(nn.Linear(40, 24), nn.GELU(), nn.Linear(24, 7))
target = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32), wire=aimc.Wire(column_ohm=20.0))
model = convert(plain, target, recipe=Circuit(scale="optimal", compensate="weights", refresh=4),
                seed=5)
optimizer, begin = torch.optim.AdamW(model.parameters(), lr=1e-2), 0
if os.path.exists(path):
    begin, weights, moments, state = torch.load(path, weights_only=True)
    model.load_state_dict(weights)
    optimizer.load_state_dict(moments)
    load_compiled_state(model, state)
for step in range(begin, steps):
    optimizer.zero_grad()
    x = torch.randn(16, 40, generator=torch.Generator().manual_seed(step))
    model(x).square().mean().backward()
    optimizer.step()
    with replacing(path) as scratch:
        torch.save((step + 1, model.state_dict(), optimizer.state_dict(), compiled_state(model)),
                   scratch)
weights = {name: value.numpy().tobytes().hex() for name, value in model.state_dict().items()
           if isinstance(value, torch.Tensor)}
with replacing(sys.argv[3]) as scratch:
    scratch.write_text(repr(sorted(weights.items())))
"""
COMPILE = """
import sys, numpy, aimc
feed = numpy.load(sys.argv[2])
aimc.compile(sys.argv[1], dims={"batch": 2}, target=aimc.Target.load(sys.argv[3]),
             calibrate=dict(feed), output=sys.argv[4], emit_noise=sys.argv[5])
"""
NETLIST = """
import sys, numpy, aimc
from aimc import spice
target = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32))
tile = aimc.Tile(numpy.linspace(-1, 1, 96).reshape(8, 12), target, seed=int(sys.argv[2]))
spice.write(tile, numpy.arange(8.0), sys.argv[1])
"""
SESSION = """
import sys, numpy, aimc
feed = dict(numpy.load(sys.argv[2]))
with aimc.Session(sys.argv[1], seed=int(sys.argv[4]), threads=1) as session:
    for time_s in (60.0, 3600.0, 86400.0):
        session.age(time_s)
        session.run(None, feed)
    session.save_chip(sys.argv[3])
"""


@dataclasses.dataclass
class Trade:
    """A command that writes `outputs`, given `{out}` as the folder; `before` writes other ones there,
    as an earlier run has. Files that belong together are a tuple: the first names the others."""

    name: str
    command: list
    outputs: tuple
    before: list | None = None
    # What the new bytes go on from: files of which any whole state may be there after a blow.
    resumes: tuple = ()
    grows: tuple = ()  # text of whole lines, of which any number may be there
    weight: int = 4
    new: dict = dataclasses.field(default_factory=dict)
    old: dict = dataclasses.field(default_factory=dict)

    @property
    def is_python(self):
        """Whether an interpreter runs it, which ends by exceptions."""
        return self.command[0] == sys.executable

    def command_in(self, out, before=False):
        """The command, or that of before, for a folder."""
        parts = self.before if before else self.command
        return [str(part).replace("{out}", str(out)) for part in parts]

    def prepare(self, folder):
        """Runs both once, undisturbed, and keeps what they made."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.before:
            run(self.command_in(folder, before=True))
            self.old = contents(folder)
        run(self.command_in(folder))
        self.new = contents(folder)
        return self

    def names(self):
        """Everything that may be in the folder between runs."""
        return set(self.new)


def run(command, **kwargs):
    """To its end, which is a good one."""
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, (command, done.stderr)
    return done


def contents(folder):
    """Every file below a folder by its path: its bytes; None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def part(files, output):
    """Of contents, those of one output: a file, or a folder with what is in it."""
    return {
        name: data
        for name, data in files.items()
        if name == output or name.startswith(output + "/")
    }


def digest(files):
    """Short words for what differs."""
    return {
        name: "folder"
        if data is None
        else f"{len(data)} bytes {hashlib.sha256(data).hexdigest()[:8]}"
        for name, data in files.items()
    }


def whole_state(path):
    """A file that carries its own proof: whether it is whole."""
    data = path.read_bytes()
    if path.suffix == ".safetensors":
        check_seal(np.frombuffer(data, np.uint8), path.name, "a checkpoint", "")
    else:
        from aimc.files import check_zip

        check_zip(path, "a checkpoint")


def trades(folder, torch=True):
    """All of them, with their inputs in a folder; `torch`: those that need it too."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    small = {"geometry": {"rows": 32, "cols": 32}}
    (folder / "small.json").write_text(json.dumps(small))
    (folder / "small.mlir").write_text(aimc.Target.load(folder / "small.json").to_mlir())
    rng = np.random.default_rng(4)
    np.savez(folder / "x.npz", x=rng.standard_normal((2, 40)).astype(np.float32))
    np.savez(folder / "d.npz", x=rng.standard_normal((8, 40)).astype(np.float32),
             labels=rng.standard_normal((8, 16)).astype(np.float32))  # fmt: skip
    one = models.mlp(folder / "one.onnx", (40, 48, 16), seed=1)
    two = models.mlp(folder / "two.onnx", (40, 24, 24, 16), seed=2)
    outside = models.linear(folder / "outside.onnx", 40, 16, seed=3, external=True)
    nodes = [models.node("MatMul", ["x", "v"], "h"), models.node("MatMul", ["h", "w"], "y")]
    deeper = models.save(
        folder / "deeper.onnx", nodes, {"x": ["batch", 40]}, {"y": ["batch", 16]},
        {"v": models.weight(40, 24), "w": models.weight(24, 16)}, external=True,
    )  # fmt: skip
    target = aimc.Target.load(folder / "small.json")
    first, second = (aimc.compile(model, dims={"batch": 2}, target=target) for model in (one, two))
    x = folder / "x.npz"
    chip = folder / "chip"
    run([program("aimc-chip"), "program", first, "--seed", "7", "-o", chip])

    def compiled(model, *flags):
        return [program("aimc-compile"), model, "--dim", "batch=2", "--target",
                folder / "small.mlir", *flags]  # fmt: skip

    def of_package(name, *flags):
        return [
            [program(name), *(part if part is not None else which for part in flags)]
            for which in (first, second)
        ]

    made = [
        Trade("compile", compiled(one, "-o", "{out}/m.aimc"), ("m.aimc",),
              compiled(two, "-o", "{out}/m.aimc"), weight=6),
        Trade("compile, calibrated",
              compiled(one, "-o", "{out}/m.aimc", "--calibrate", x, "--emit-noise", "{out}/s.json"),
              ("m.aimc", ("s.json", "s.safetensors")),
              compiled(two, "-o", "{out}/m.aimc", "--emit-noise", "{out}/s.json")),
        Trade("emit tiled", compiled(one, "--emit", "tiled", "-o", "{out}/t.mlirbc"), ("t.mlirbc",),
              compiled(two, "--emit", "tiled", "-o", "{out}/t.mlirbc")),
        Trade("emit linalg", compiled(one, "--emit", "linalg", "-o", "{out}/t.mlir"), ("t.mlir",)),
    ]  # fmt: skip
    for name, args, outputs in (
        ("program", ("program", None, "--seed", "1", "-o", "{out}/c"), ("c",)),
        ("map", ("dump-map", None, "-o", "{out}/map.npz"), ("map.npz",)),
        ("map as text", ("dump-map", None, "-o", "{out}/map.csv"), ("map.csv",)),
    ):
        new, old = of_package("aimc-chip", *args)
        made.append(Trade(name, new, outputs, old))
    made.append(
        Trade("age", [program("aimc-chip"), "age", chip, "--time", "1d", "-o", "{out}/c"], ("c",),
              [program("aimc-chip"), "age", chip, "--time", "1h", "-o", "{out}/c"])
    )  # fmt: skip
    for model in (one, two):
        run(compiled(model, "--emit", "linalg", "-o", model.with_suffix(".mlir")))
    made.append(
        Trade("opt", [program("aimc-opt"), folder / "one.mlir", "--canonicalize", "-o", "{out}/o.mlir"],
              ("o.mlir",),
              [program("aimc-opt"), folder / "two.mlir", "--canonicalize", "-o", "{out}/o.mlir"])
    )  # fmt: skip
    new, old = of_package("aimc-run", None, "--input", x, "--output", "{out}/y.npz", "--save-chip",
                          "{out}/c", "--threads", "1")  # fmt: skip
    made.append(Trade("run", new, ("y.npz", "c"), old, weight=6))
    new, old = of_package("aimc-run", None, "--input", x, "--record", "{out}/r", "--threads", "1")
    made.append(Trade("record", new, ("r",), old))
    python = [sys.executable, "-W", "ignore", "-c"]
    made.append(
        Trade("aimc.compile",
              [*python, COMPILE, one, x, folder / "small.json", "{out}/m.aimc", "{out}/s.json"],
              ("m.aimc", ("s.json", "s.safetensors")),
              [*python, COMPILE, two, x, folder / "small.json", "{out}/m.aimc", "{out}/s.json"])
    )  # fmt: skip
    made.append(
        Trade("aimc.Session", [*python, SESSION, first, x, "{out}/c", "1"], ("c",),
              [*python, SESSION, second, x, "{out}/c", "2"])
    )  # fmt: skip
    made.append(
        Trade("aimc.spice", [*python, NETLIST, "{out}/t.cir", "1"], ("t.cir",),
              [*python, NETLIST, "{out}/t.cir", "2"], weight=2)
    )  # fmt: skip
    if torch:
        made += trained(folder, one, outside, deeper)
    return made


def trained(folder, one, outside, deeper):
    """Fine-tuning: by the program, of a file and of one with external data, and as a loop."""

    def tuned(model, data, *flags, name="t.onnx"):
        return [program("aimc-finetune"), model, "--data", data, "--loss", "mse", "--batch", "4",
                "-o", "{out}/" + name, "--threads", "1", *flags]  # fmt: skip

    data = folder / "d.npz"
    onwards = ["--steps", "9", "--target", folder / "small.mlir", "--scale", "optimal",
               "--refresh", "4", "--checkpoint", "{out}/state", "--checkpoint-every", "2",
               "--resume", "--log", "{out}/log"]  # fmt: skip
    python = [sys.executable, "-W", "ignore", "-c", LOOP]
    return [
        Trade("fine-tune", tuned(one, data, *onwards), ("t.onnx",),
              tuned(one, data, "--steps", "1", "--seed", "9"),
              ("state/checkpoint.safetensors",), ("log",), weight=6),
        Trade("fine-tune, external data", tuned(outside, data, "--steps", "3"),
              (("t.onnx", "t.onnx.data"),), tuned(deeper, data, "--steps", "1")),
        Trade("fine-tune in Python", [*python, "6", "{out}/state.pt", "{out}/weights"],
              ("weights",), resumes=("state.pt",), weight=1),
    ]  # fmt: skip


def program(name):
    """Path of a program as text."""
    return os.fspath(find_program(name))
