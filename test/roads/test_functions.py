# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every argument of a public function that may be left out counts: given, something else comes
back, is written, raised or warned of.

Functions and arguments are what the packages export, so that a new one without a row here fails.
"""

import collections
import inspect
import json
import pathlib
import pickle
import re
import shutil
import warnings

import numpy as np
import pytest
import torch
from cases import TABLES
from torch import nn

import aimc
import aimc.torch as at
from aimc.testing import models

ROWS, COLS = 96, 80  # of models.linear
OPEN = aimc.Target(wire=aimc.Wire(column_ohm=2.0, idle="open"))
# What `convert` makes, and values, of which every field is a row elsewhere or what they are.
VALUES = {"AnalogLinear", "Block", "Layout", "Spec", "Recipe", "NodeArg"}
VALUES |= {"Adc", "Dac", "Device", "Geometry", "Target", "Wire"}  # test_options.py: keys
VALUES |= {"Circuit", "Gaussian", "Ramp"}  # test_options.py: fields of a recipe


def arguments():
    """(what, argument) of all that is public."""
    found = set()
    for module in (aimc, at):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing):
                calls = {name: thing}
            elif inspect.isclass(thing) and not issubclass(thing, Exception):
                calls = {} if name in VALUES else {name: thing}
                for method, own in vars(thing).items():
                    own = getattr(own, "__func__", own)
                    public = inspect.isfunction(own) and not method.startswith("_")
                    if public and name not in ("AnalogLinear", "Spec"):
                        calls[f"{name}.{method}"] = own
            else:
                continue
            for call, own in calls.items():
                for argument in inspect.signature(own).parameters.values():
                    named = argument.kind is not argument.VAR_KEYWORD
                    if named and argument.default is not argument.empty:
                        found.add((call, argument.name))
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    models.linear(folder / "m.onnx")
    (folder / "dev.json").write_text(json.dumps(TABLES[0]))
    package = aimc.compile(folder / "m.onnx", dims={"batch": 2}, output=folder / "p.aimc",
                           target=OPEN, emit_noise=folder / "spec.json")  # fmt: skip
    broken = folder / "broken.aimc"
    shutil.copytree(package, broken)
    tensors = broken / "weights.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-100] ^= 1
    tensors.write_bytes(data)
    models.mlp(folder / "mlp.onnx")
    mlp = aimc.compile(folder / "mlp.onnx", dims={"batch": 2}, output=folder / "mlp.aimc")
    with aimc.Session(mlp) as session:
        session.save_chip(folder / "chip.safetensors")
    return folder


def inputs(scale=1.0):
    return (scale * np.random.default_rng(1).standard_normal((4, ROWS))).astype(np.float32)


def compiled(files, tmp_path, **given):
    options = {"dims": {"batch": 2}, "output": tmp_path / "o.aimc", "target": "pcm"} | given
    made = aimc.compile(files / "mlp.onnx", **options)
    there = {path.name for path in tmp_path.iterdir()}
    return (made / "manifest.json").read_text(), sorted(there - {"o.aimc"})


def net(**given):
    torch.manual_seed(0)
    layers = {"layer": nn.Linear(ROWS, COLS), "last": nn.Linear(COLS, 8)}
    if "target" not in given and "spec" not in given:
        given["target"] = "pcm"
    model = nn.Sequential(collections.OrderedDict(layers))
    return at.convert(model, **({"recipe": at.Circuit() + at.Device()} | given))


def trained(**given):
    model = net(**given)
    return model(torch.from_numpy(inputs())).detach().numpy().tobytes(), str(model)


def calibrated(**given):
    model = net(target="pcm", recipe=at.Circuit(input_range="fixed"))
    batches = [torch.from_numpy(inputs(size)) for size in (1.0, 5.0)]
    at.calibrate(model, batches, **given)
    return [{n: b.tolist() for n, b in layer.named_buffers() if n in ("input_range", "adc_lsb")}
            for layer in at.analog_layers(model)]  # fmt: skip


def checked(**given):
    model = net()
    bad = torch.full((2, ROWS), torch.nan)
    if "again" in given:
        given = {"again": lambda: model(bad)}
    at.check_loss(model, model(bad).sum(), **given)


def distilled(**given):
    labels = torch.tensor([0, 1])
    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0]])
    given = {"labels": labels} | given
    return at.distillation_loss(logits, logits.flip(0), **given).item()


def on_chip(**given):
    model = net()
    with at.on_chip(model, 3, **given) as chip:
        return chip(torch.from_numpy(inputs())).detach().numpy().tobytes()


def saturated(**given):
    weight, recipe = nn.Parameter(torch.from_numpy(inputs())), at.Recipe.of(at.Circuit())
    layer = at.AnalogLinear(weight, None, transposed=True, target=OPEN, recipe=recipe,
                            input_range=[0.5, 1.5], grids=[0, 1])  # fmt: skip
    return at.saturation(layer, torch.from_numpy(inputs()), **given)


def ran(path, x=None, **given):
    with aimc.Session(path, **given) as session:
        return session.run(None, {"x": inputs()[:2] if x is None else x})[0].tobytes()


def tile(**given):
    with aimc.Tile(inputs().T, **given) as made:
        return made.read(np.ones((2, 96), np.float32)).tobytes()


def charges(**given):
    with aimc.Tile(inputs().T, OPEN.parts()) as made:
        return made.charges(np.full((1, 96), 60), **given).tobytes()


def paired(**given):
    g = np.full((512, 512), 5.0)
    with aimc.Tile.from_conductances(g, g / 2, **given) as made:
        return made.read(np.ones((1, 512), np.float32)).tobytes()


def resumed(files, **given):
    pytest.importorskip("transformers")
    return at.trainer_callback(**given).resume_from


UNTRAINED = aimc.Target(wire=aimc.Wire(column_ohm=2.0, spread=0.1))
# By (function, argument): the call, the argument off its default, and what has to go with it.
CALLS = {
    ("compile", "dims"): (compiled, {"batch": 3}),
    ("compile", "target"): (compiled, OPEN),
    ("compile", "output"): (compiled, lambda f, t: t / "z.aimc"),
    ("compile", "mcpu"): (compiled, "x86-64"),
    ("compile", "calibrate"): (compiled, {"x": inputs()[:2, :64]}),
    ("compile", "input_range"): (compiled, "auto", {"calibrate": {"x": inputs()[:2, :64]}}),
    ("compile", "compensate"): (compiled, "weights"),
    ("compile", "scale"): (compiled, "sigma:2"),
    ("compile", "device"): (compiled, lambda f, t: f / "dev.json"),
    ("compile", "fidelity"): (compiled, "exact"),
    ("compile", "emit_noise"): (compiled, lambda f, t: t / "s.json"),
    ("compile", "extra_args"): (compiled, ["--no-pack"]),
    ("Session", "verify_hashes"): (lambda f, t, **a: ran(f / "broken.aimc", **a), False),
    ("Tile", "target"): (lambda f, t, **a: tile(**a), OPEN),
    ("Tile.from_conductances", "target"): (lambda f, t, **a: paired(**a), OPEN),
    ("Tile.charges", "fidelity"): (lambda f, t, **a: charges(**a), "exact"),
    ("Target.check", "training"): (lambda f, t, **a: UNTRAINED.check(**a), True),
    ("Chip.blocks", "weight"): (lambda f, t, **a: aimc.Chip(f / "chip.safetensors").blocks(**a), "layer.1"),
    ("calibrate", "quantile"): (lambda f, t, **a: calibrated(**a), 0.9),
    ("calibrate", "limit"): (lambda f, t, **a: calibrated(**a), 64),
    ("calibrate", "adc"): (lambda f, t, **a: calibrated(**a), False),
    ("check_loss", "again"): (lambda f, t, **a: checked(**a), True),
    ("check_loss", "step"): (lambda f, t, **a: checked(**a), 7),
    ("check_loss", "checkpoint"): (lambda f, t, **a: checked(**a), "kept"),
    ("convert", "target"): (lambda f, t, **a: trained(**a), OPEN),
    ("convert", "recipe"): (lambda f, t, **a: trained(**a), at.Circuit()),
    ("convert", "spec"): (lambda f, t, **a: trained(**a), lambda f, t: f / "spec.json"),
    ("convert", "skip"): (lambda f, t, **a: trained(**a), ["last"]),
    ("convert", "seed"): (lambda f, t, **a: trained(**a), 5),
    ("distillation_loss", "labels"): (lambda f, t, **a: distilled(**a), None),
    ("distillation_loss", "temperature"): (lambda f, t, **a: distilled(**a), 4.0),
    ("distillation_loss", "weight"): (lambda f, t, **a: distilled(**a), 0.9),
    ("on_chip", "time_s"): (lambda f, t, **a: on_chip(**a), 86400.0),
    ("saturation", "call"): (lambda f, t, **a: saturated(**a), 1),
    ("trainer_callback", "resume_from"): (lambda f, t, **a: resumed(f, **a), "kept"),
}  # fmt: skip


# That are there to raise, or refuse what the other value takes.
RAISING = {"check_loss", "Session", "Target.check", "saturation"}


def outcome(name, call, folder):
    """What a call gives, raises and warns of, as one value that is compared."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            given = pickle.dumps(call())
        except (aimc.Error, IndexError) as error:
            if name not in RAISING:
                raise
            given = re.sub(re.escape(str(folder)), "", str(error))
    return given, sorted(str(w.message) for w in caught)


def test_every_argument_has_a_row():
    assert arguments() == set(CALLS)


@pytest.mark.parametrize(("name", "argument"), CALLS)
def test_arguments_count(name, argument, files, tmp_path):
    call, value, *base = CALLS[name, argument]
    base = base[0] if base else {}
    folders = [pathlib.Path(tmp_path, one) for one in ("a", "b")]
    value = value(files, folders[1]) if callable(value) else value
    for folder in folders:
        folder.mkdir()
    left, given = (
        outcome(name, lambda options=options, folder=folder: call(files, folder, **options), folder)
        for folder, options in zip(folders, (base, base | {argument: value}), strict=True)
    )
    assert left != given
