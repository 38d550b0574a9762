# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every option of aimc-compile, aimc-run, aimc-chip and aimc-finetune counts: with it the program
says or writes something else than without it.

Options are those that --help names, so that a new one without a row here fails.
"""

import json
import pathlib
import re
import shutil

import numpy as np
import pytest
from cases import TABLES
from onnx import helper
from onnx_case import program

import aimc
from aimc.testing import models
from aimc.testing.programs import run_program

PROGRAMS = ["aimc-compile", "aimc-run", "aimc-chip program", "aimc-chip age", "aimc-chip info",
            "aimc-chip compare", "aimc-chip dump-map", "aimc-finetune"]  # fmt: skip
# Said by the program itself, and of every program.
COMMON = {"--help", "--help-all", "--version"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What the rows name."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    model = models.linear(folder / "m.onnx")
    models.mlp(folder / "mlp.onnx")
    several = rng.standard_normal((2, 5, 3)).astype(np.float32)  # matrices at once stay digital
    models.save(folder / "digital.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])],
                {"x": [2, 4, 5]}, {"y": [2, 4, 3]}, {"w": several})  # fmt: skip
    matrix = models.weight(96, 80)
    models.save(folder / "tied.onnx", [helper.make_node("MatMul", ["x", "v"], ["a"]),
                                       helper.make_node("MatMul", ["x", "w"], ["b"]),
                                       helper.make_node("Mul", ["a", "b"], ["y"])],
                {"x": ["batch", 96]}, {"y": ["batch", 80]}, {"v": matrix, "w": matrix})  # fmt: skip
    x = rng.standard_normal((8, 96)).astype(np.float32)
    np.savez(folder / "x.npz", x=x[:4])
    np.savez(folder / "many.npz", x=np.concatenate([x, 20 * x[:1]]))
    labels = rng.standard_normal((8, 80)).astype(np.float32)
    np.savez(folder / "d.npz", x=x, labels=labels, others=2 * labels)
    np.savez(folder / "c.npz", x=x, labels=np.arange(8) % 3)
    np.savez(folder / "e.npz", x=-x, labels=labels)
    (folder / "dev.json").write_text(json.dumps(TABLES[0]))
    wire = aimc.Wire(column_ohm=2.0, idle="open")
    (folder / "open.mlir").write_text(aimc.Target(name="t", wire=wire).to_mlir())
    aimc.compile(model, dims={"batch": 4}, target=folder / "open.mlir", output=folder / "p.aimc",
                 emit_noise=folder / "spec.json")  # fmt: skip
    broken = folder / "broken.aimc"
    shutil.copytree(folder / "p.aimc", broken)
    tensors = broken / "weights.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-100] ^= 1
    tensors.write_bytes(data)
    for seed in (0, 1):
        run_program("aimc-chip", "program", folder / "p.aimc", "--seed", str(seed), "-o",
                    folder / f"chip{seed}.safetensors")  # fmt: skip
    if program("aimc-finetune"):
        run_program("aimc-finetune", model, "--data", folder / "d.npz", "--loss", "mse", "--steps",
                    "1", "--checkpoint", folder / "kept", "--epochs", "2", "-o", folder / "t.onnx")  # fmt: skip
    return folder


RUN = ["{f}/p.aimc", "--input", "{f}/x.npz", "--output", "y.npz"]
COMPILE = ["{f}/m.onnx", "--dim", "batch=4", "-o", "o.aimc"]
OPEN = [*COMPILE, "--target", "{f}/open.mlir"]
TUNE = ["{f}/m.onnx", "--data", "{f}/d.npz", "--loss", "mse", "--steps", "3", "--batch", "4",
        "--lr", "0.01", "--threads", "1", "-o", "t.onnx"]  # fmt: skip
EVALUATED = [*TUNE, "--eval-data", "{f}/e.npz"]
ANALOG = [*TUNE, "--target", "pcm"]
WIRED = [*TUNE, "--target", "{f}/open.mlir"]
DIVERGING = [{"3": "99", "0.01": "300"}.get(word, word) for word in TUNE]
DIVERGING += ["--optimizer", "sgd", "--schedule", "constant", "--clip-norm", "1e6",
              "--checkpoint", "kept"]  # fmt: skip
CLASSES = ["{f}/m.onnx", "--data", "{f}/c.npz", "--steps", "3", "--threads", "1", "-o", "t.onnx",
           "--lr", "0.01"]  # fmt: skip

DISTILLED = [*CLASSES, "--target", "pcm", "--loss", "distill"]

# Arguments without and with the option.
ROWS = {
    "aimc-compile": {
        "--output": ([*COMPILE[:3]], [*COMPILE[:3], "-o", "z.aimc"]),
        "--dim": (COMPILE, ["{f}/m.onnx", "--dim", "batch=3", "-o", "o.aimc"]),
        "--target": (COMPILE, OPEN),
        "--device": (COMPILE, [*COMPILE, "--device", "{f}/dev.json"]),
        "--fidelity": (OPEN, [*OPEN, "--fidelity", "exact"]),
        "--scale": (COMPILE, [*COMPILE, "--scale", "optimal"]),
        "--calibrate": (COMPILE, [*COMPILE, "--calibrate", "{f}/many.npz"]),
        "--input-range": (
            [*COMPILE, "--calibrate", "{f}/many.npz"],
            [*COMPILE, "--calibrate", "{f}/many.npz", "--input-range", "auto"],
        ),
        "--compensate": (COMPILE, [*COMPILE, "--compensate", "weights"]),
        "--mcpu": (COMPILE, [*COMPILE, "--mcpu", "x86-64"]),
        "--emit": (COMPILE, [*COMPILE, "--emit", "tiled"]),
        "--emit-noise": (COMPILE, [*COMPILE, "--emit-noise", "s.json"]),
        "--tiles-per-chip": (
            ["{f}/mlp.onnx", "--dim", "batch=4", "--no-pack", "-o", "o.aimc"],
            ["{f}/mlp.onnx", "--dim", "batch=4", "--no-pack", "-o", "o.aimc", "--tiles-per-chip", "1"],
        ),
        "--no-pack": (
            ["{f}/mlp.onnx", "--dim", "batch=4", "-o", "o.aimc"],
            ["{f}/mlp.onnx", "--dim", "batch=4", "-o", "o.aimc", "--no-pack"],
        ),
        "--require-analog": (
            ["{f}/digital.onnx", "-o", "o.aimc"], ["{f}/digital.onnx", "-o", "o.aimc", "--require-analog"],
        ),
        "--remarks": (COMPILE, [*COMPILE, "--remarks"]),
        "--time": (COMPILE, [*COMPILE, "--time"]),
    },
    "aimc-run": {
        "--input": (RUN[:1], RUN[:3]),
        "--output": (RUN[:3], RUN),
        "--seed": (RUN, [*RUN, "--seed", "3"]),
        "--threads": ([*RUN, "--threads", "1", "--stats", "s.json"], [*RUN, "--threads", "2", "--stats", "s.json"]),
        "--ideal": (RUN, [*RUN, "--ideal"]),
        "--compare-ideal": (RUN, [*RUN, "--compare-ideal"]),
        "--no-read-noise": (RUN, [*RUN, "--no-read-noise"]),
        "--disable": (RUN, [*RUN, "--disable", "programming"]),
        "--time": (RUN, [*RUN, "--time", "1d"]),
        "--target-override": (RUN, [*RUN, "--target-override", '{{"adc": {{"bits": 5}}}}']),
        "--chip": (RUN, [*RUN, "--chip", "{f}/chip1.safetensors"]),
        "--save-chip": (RUN, [*RUN, "--save-chip", "c.safetensors"]),
        "--compensate": (RUN, [*RUN, "--compensate", "weights"]),
        "--scale": (RUN, [*RUN, "--scale", "sigma:1"]),
        "--drift-compensation": ([*RUN, "--time", "1d"], [*RUN, "--time", "1d", "--drift-compensation", "column"]),
        "--fidelity": (RUN, [*RUN, "--fidelity", "exact"]),
        "--compare-exact": ([*RUN, "--stats", "s.json"], [*RUN, "--stats", "s.json", "--compare-exact", "2"]),
        "--record": (RUN, [*RUN, "--record", "r.safetensors"]),
        "--entry": (RUN, [*RUN, "--entry", "batch=5"]),
        "--stats": (RUN, [*RUN, "--stats", "s.json"]),
        "--repeat": (RUN, [*RUN, "--repeat", "2"]),
        "--no-verify": (["{f}/broken.aimc", *RUN[1:]], ["{f}/broken.aimc", *RUN[1:], "--no-verify"]),
    },
}  # fmt: skip
PROGRAM = ["{f}/p.aimc", "-o", "c.safetensors"]
AGE = ["{f}/chip0.safetensors", "--time", "1d", "-o", "c.safetensors"]
BOTH = ["{f}/chip0.safetensors", "{f}/chip1.safetensors"]
ROWS |= {
    "aimc-chip program": {
        "--seed": (PROGRAM, [*PROGRAM, "--seed", "3"]),
        "--time": (PROGRAM, [*PROGRAM, "--time", "1d"]),
        "--scale": (PROGRAM, [*PROGRAM, "--scale", "sigma:1"]),
        "--compensate": (PROGRAM, [*PROGRAM, "--compensate", "weights"]),
        "--output": (PROGRAM, [*PROGRAM[:1], "-o", "z.safetensors"]),
    },
    "aimc-chip age": {
        "--time": (AGE, [AGE[0], "--time", "2d", *AGE[3:]]),
        "--output": (AGE, [*AGE[:3], "-o", "z.safetensors"]),
    },
    "aimc-chip info": {"--json": (BOTH[:1], [*BOTH[:1], "--json"])},
    "aimc-chip compare": {
        "--time": (BOTH, [*BOTH, "--time", "1d"]),
        "--other-time": (BOTH, [*BOTH, "--other-time", "1d"]),
        "--json": (BOTH, [*BOTH, "--json"]),
    },
    "aimc-chip dump-map": {
        "--seed": (["{f}/p.aimc"], ["{f}/p.aimc", "--seed", "3"]),
        "--chip": (["{f}/p.aimc"], ["{f}/p.aimc", "--chip", "{f}/chip1.safetensors"]),
        "--weight": (["{f}/p.aimc"], ["{f}/p.aimc", "--weight", "no_such"]),
        "--output": (["{f}/p.aimc"], ["{f}/p.aimc", "-o", "map.csv"]),
    },
    "aimc-finetune": {
        "--output": (TUNE, [*TUNE[:-2], "-o", "z.onnx"]),
        "--data": (TUNE, [*TUNE[:2], "{f}/e.npz", *TUNE[3:]]),
        "--labels": (TUNE, [*TUNE, "--labels", "others"]),
        "--train-output": (TUNE, [*TUNE, "--train-output", "no_such"]),
        "--head": (CLASSES, [*CLASSES, "--head", "classes=3 pool=none"]),
        "--trainable": (TUNE, [*TUNE, "--trainable", "no_such*"]),
        "--freeze": (TUNE, [*TUNE, "--freeze", "*"]),
        "--untie": (
            ["{f}/tied.onnx", *TUNE[1:]], ["{f}/tied.onnx", *TUNE[1:], "--untie"],
        ),
        "--eval-data": (TUNE, EVALUATED),
        "--eval-chips": ([*EVALUATED, "--target", "pcm"], [*EVALUATED, "--target", "pcm", "--eval-chips", "2"]),
        "--eval-every": (EVALUATED, [*EVALUATED, "--eval-every", "1"]),
        "--early-stop": (EVALUATED, [*EVALUATED, "--early-stop", "1"]),
        "--target": (TUNE, ANALOG),
        "--device": (ANALOG, [*ANALOG, "--device", "{f}/dev.json"]),
        "--spec": (TUNE, [*TUNE, "--spec", "{f}/spec.json"]),
        "--programming-noise": (ANALOG, [*ANALOG, "--programming-noise", "0.5"]),
        "--read-noise": (ANALOG, [*ANALOG, "--read-noise", "0"]),
        "--drift-time": (ANALOG, [*ANALOG, "--drift-time", "1d"]),
        "--drift-compensation": (
            [*ANALOG, "--drift-time", "1d"], [*ANALOG, "--drift-time", "1d", "--drift-compensation", "column"],
        ),
        "--gaussian": (ANALOG, [*ANALOG, "--gaussian", "0.1"]),
        "--scale": (ANALOG, [*ANALOG, "--scale", "sigma:1"]),
        "--compensate": (WIRED, [*WIRED, "--compensate", "weights"]),
        "--refresh": ([*WIRED, "--compensate", "weights"], [*WIRED, "--compensate", "weights", "--refresh", "1"]),
        "--epochs": (TUNE, [*TUNE, "--epochs", "1"]),
        "--steps": (TUNE, [*TUNE, "--steps", "2"]),
        "--batch": (TUNE, [*TUNE, "--batch", "2"]),
        "--optimizer": (TUNE, [*TUNE, "--optimizer", "sgd"]),
        "--lr": (TUNE, [*TUNE, "--lr", "0.1"]),
        "--weight-decay": (TUNE, [*TUNE, "--weight-decay", "0.5"]),
        "--momentum": ([*TUNE, "--optimizer", "sgd"], [*TUNE, "--optimizer", "sgd", "--momentum", "0"]),
        "--schedule": (TUNE, [*TUNE, "--schedule", "constant"]),
        "--warmup": (TUNE, [*TUNE, "--warmup", "2"]),
        "--clip-norm": ([*TUNE, "--optimizer", "sgd"], [*TUNE, "--optimizer", "sgd", "--clip-norm", "0.001"]),
        "--loss": (TUNE, [*TUNE, "--loss", "distill-mse"]),
        "--temperature": (DISTILLED, [*DISTILLED, "--temperature", "4"]),
        "--distill-weight": (CLASSES, [*CLASSES, "--loss", "distill", "--distill-weight", "0.5"]),
        "--seed": (TUNE, [*TUNE, "--seed", "3"]),
        "--checkpoint": (TUNE, [*TUNE, "--checkpoint", "kept"]),
        "--checkpoint-every": (
            DIVERGING, [*DIVERGING, "--checkpoint-every", "1"],
        ),
        "--resume": ([*TUNE, "--checkpoint", "kept"], [*TUNE, "--checkpoint", "kept", "--resume"]),
        "--log": (TUNE, [*TUNE, "--log", "log"]),
    },
}  # fmt: skip


def names(command: str) -> set[str]:
    words = command.split()
    text = run_program(words[0], *words[1:], "--help").stdout
    return set(re.findall(r"^\s+(?:-\w,)?(--[\w-]+)", text, re.MULTILINE)) - COMMON


def left(command: str, arguments: list[str], files: pathlib.Path, folder: pathlib.Path):
    """Exit code, text and files of a run, without what a clock says."""
    folder.mkdir()
    here = [argument.format(f=files) for argument in arguments]
    here = [str(folder / a) if before in ("-o", "--output", "--emit-noise", "--save-chip", "--record",
                                          "--stats", "--log", "--checkpoint") else a
            for before, a in zip(["", *here], here, strict=False)]  # fmt: skip
    words = command.split()
    done = run_program(words[0], *words[1:], *here)
    said = [
        re.sub(r"[\d.]+ (ms|s)\b", "", t.replace(str(folder), ""))
        for t in (done.stdout, done.stderr)
    ]
    made = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".npz":
            made[path.name] = {k: v.tobytes() for k, v in np.load(path).items()}
        elif path.suffix == ".json" and path.name == "s.json":
            made[path.name] = re.sub(r'"\w*(_s|seconds)": [\d.e-]+', "", path.read_text())
        elif path.is_file():
            made[str(path.relative_to(folder))] = path.read_bytes()
    return done.status, said, made


@pytest.mark.parametrize("command", PROGRAMS)
def test_every_option_has_a_row(command):
    if command == "aimc-finetune" and not program(command):
        pytest.skip("built without torch")
    # By contract the number of threads changes nothing that aimc-finetune says.
    spared = {"--threads"} if command == "aimc-finetune" else set()
    assert names(command) - spared == set(ROWS[command])


CASES = [(command, option) for command, rows in ROWS.items() for option in rows]


@pytest.mark.parametrize(("command", "option"), CASES)
def test_options_count(command, option, files, tmp_path):
    if command == "aimc-finetune" and not program(command):
        pytest.skip("built without torch")
    without, given = ROWS[command][option]
    base, other = (left(command, a, files, tmp_path / n) for a, n in ((without, "a"), (given, "b")))
    assert base != other


def test_every_option_of_a_pass_has_a_row():
    """Passes' own are walked by lit, which says more of IR."""
    root = pathlib.Path(__file__).parents[2]
    runs = "".join(
        path.read_text() for kind in ("mlir", "test") for path in root.glob(f"test/**/*.{kind}")
    )
    untested = [
        f"{name} {option}"
        for file in root.glob("passes/include/aimc/*/Passes.td")
        for name, body in re.findall(
            r'Pass<"([\w-]+)"(.*?)(?=\ndef |\Z)', file.read_text(), re.DOTALL
        )
        for option in re.findall(r'Option<"\w+", "([\w-]+)"', body)
        if not re.search(rf"{name}\W[^\n]*\b{option}=", runs)
    ]
    assert untested == []
