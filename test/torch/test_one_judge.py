# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A target means one chip, and is refused by all who read it or by none.

The dialect's verifiers share limits with the runtime's reader and no code, so each judges the other.
"""

import dataclasses
import itertools
import json
import math
import random
import re
import warnings

import numpy as np
import pytest
import test_finetune
import torch
from onnx_case import program
from torch import nn

import aimc
from aimc.testing import models
from aimc.testing.programs import run_program
from aimc.torch import Block, Circuit, Device, convert, load_spec

ROWS, COLS = 24, 16
BASE = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32))
TUNED = pytest.mark.skipif(not program("aimc-finetune"), reason="built without LibTorch")
INTS = [-1, 0, 1, 2, 3, 8, 9, 10, 24, 25, 99, 2.5, 8.0, True, "8", None, [8]]
REALS = [-1.0, -1e-12, 0.0, 1e-10, 0.2, 0.7, 1, 2.0, 30.0, 150.0, 1e4, 1e7, 1e12, math.nan,
         math.inf, True, "1", None, [1.0]]  # fmt: skip
WORDS = {
    "readout": ["single", "alternating", "both", "", 3, None],
    "kind": ["ideal", "pcm", "hermes1", "reram_cmo", "reram_wan", "table", "cco", "linear", "pcm2", 3],
    "idle": ["midrail", "open", "float", None, True],
    "fidelity": ["exact", "segments", "best", 1],
    "mode": ["split", "bit_serial", "two_pass", 2],
}  # fmt: skip


def values_of(part, key):
    if key in WORDS:
        return WORDS[key]
    if key == "calibrated":
        return [False, 0, "yes", None]
    if key == "significance":
        return [(1.0,), (2.0,), (1.0, 4.0), (-1.0,), (math.nan,), ("1",), 1.0]
    return INTS if key in ("rows", "cols", "pairs", "bits", "lsb_bits") else REALS


KEYS = [
    (part, field.name)
    for part in ("geometry", "device", "wire", "dac", "adc")
    for field in dataclasses.fields(getattr(BASE, part))
    if field.name != "table"  # which is one thing for the dialect, judged where a file is read
]


def changed(*changes):
    parts = {}
    for part, key, value in changes:
        parts[part] = dataclasses.replace(parts.get(part, getattr(BASE, part)), **{key: value})
    return BASE.replace(**parts)


def cases():
    """Every key at some values, and several changes at once."""
    draw = random.Random(4)
    one = [[(part, key, value)] for part, key in KEYS
           for value in draw.sample(values_of(part, key), min(5, len(values_of(part, key))))]  # fmt: skip
    several = []
    for _ in range(60):
        keys = draw.sample(KEYS, draw.randint(2, 4))
        several.append([(*key, draw.choice(values_of(*key))) for key in keys])
    return one + several


def verdict(road):
    """Whether a road takes a target: True, False, or "unsupported"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            road()
        except aimc.InvalidArgumentError:
            return False
        except aimc.UnsupportedError:
            return "unsupported"
    return True


def spec_file(folder, target):
    block = {"name": "w.0", "target": "t", "row": 0, "rows": ROWS, "col": 0, "cols": COLS, "chip": 0,
             "tile": 0, "at_row": 0, "at_col": 0}  # fmt: skip
    spec = {"format": "aimc-noise", "version": 1, "tensors": None, "targets": {"t": target}, "layers": [
        {"layer": "layer", "weight": "w", "initializer": "w", "transposed": False, "rows": ROWS,
         "cols": COLS, "input_range": None, "activity": None, "blocks": [block]}]}  # fmt: skip
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    return path


def dialect_refuses(folder, texts):
    """Numbers of the targets that aimc-opt has an error about, read in one go."""
    path, lines, starts = folder / "all.mlir", [], []
    for text in texts:
        starts.append(len(lines) + 1)
        lines += [*text.splitlines(), "", "// -----", ""]
    path.write_text("\n".join(lines))
    done = run_program("aimc-opt", "--split-input-file", path)
    wrong = [int(n) for n in re.findall(r"all\.mlir:(\d+):\d+: error", done.stderr)]
    ends = [*starts[1:], len(lines) + 1]
    return {i for i, (a, b) in enumerate(zip(starts, ends, strict=True)) if any(a <= n < b for n in wrong)}  # fmt: skip


def text_of(target):
    try:
        return target.to_mlir()
    except aimc.InvalidArgumentError:  # not a value of MLIR at all
        return "wrong"


def test_all_roads_refuse_or_all_take(tmp_path, linear_package):
    weights = np.random.default_rng(0).standard_normal((ROWS, COLS), np.float32)
    given = cases()
    targets = [changed(*changes) for changes in given]
    refused = dialect_refuses(tmp_path, map(text_of, targets))
    taken = 0
    for number, (changes, target) in enumerate(zip(given, targets, strict=True)):
        # What mapping fixed cannot be overridden, and the override names only what it changes.
        shape = any(part == "geometry" for part, _, _ in changes)
        override = {}
        for part, key, value in changes:
            override.setdefault(part, {})[key] = value
        parts = target.parts()
        file = tmp_path / "target.json"
        file.write_text(json.dumps(parts))  # with NaN, which is no JSON
        said = {
            "dialect": number not in refused,
            "tile": verdict(lambda t=target: aimc.Tile(weights[:1, :1], t)),
            "file": verdict(lambda f=file: aimc.Target.load(f)),
            "manifest": verdict(lambda p=parts: aimc.Target.from_manifest("t", p)),
        }
        if not shape:
            said["override"] = verdict(
                lambda o=override: aimc.Session(linear_package, target=o, threads=1).close()
            )
        trained = {
            "convert": verdict(lambda t=target: convert(nn.Linear(ROWS, COLS), t)),
            "parts": verdict(lambda p=parts: convert(nn.Linear(ROWS, COLS), p)),
        }
        if parts["geometry"]["rows"] == parts["geometry"]["cols"] == 32:
            path = spec_file(tmp_path, parts)
            trained["spec"] = verdict(lambda p=path: load_spec(p))
        assert len(set(said.values())) == 1, (changes, said)
        assert len(set(trained.values())) == 1, (changes, trained)
        # Training refuses more, and says that it is no mistake.
        judged = [trained["convert"], bool(trained["convert"])]
        assert said["tile"] in judged, (changes, said, trained)
        taken += said["tile"]
    assert len(given) / 5 < taken < len(given) * 4 / 5  # neither verdict is the only one


def test_a_taken_target_computes():
    """What convert takes gives numbers, forward and backward."""
    draw = random.Random(7)
    for _ in range(12):
        keys = draw.sample([key for key in KEYS if key[0] != "geometry"], 3)
        target = changed(*((*key, draw.choice(values_of(*key))) for key in keys))
        recipe = Circuit() + Device(times_s=(60.0,))
        try:
            layer = convert(nn.Linear(ROWS, COLS), target, recipe=recipe).train()
        except (aimc.InvalidArgumentError, aimc.UnsupportedError):
            continue
        y = layer(torch.randn(3, ROWS))
        y.sum().backward()
        assert torch.isfinite(y).all() and torch.isfinite(layer.weight.grad).all(), target


KINDS = {"geometry": aimc.Geometry, "device": aimc.Device, "wire": aimc.Wire, "dac": aimc.Dac,
         "adc": aimc.Adc}  # fmt: skip
PARTIAL = [
    {},
    {"geometry": {}, "device": {}, "wire": {}, "dac": {}, "adc": {}},
    {"geometry": {"rows": 512, "cols": 512}},
    {"adc": {"kind": "linear"}, "wire": {"row_ohm": 0.0}},
    {"adc": {"bits": 9}, "dac": {"bits": 6}},
    {"adc": {"kind": "ideal"}, "device": {"g_max_us": 20.0}},
    {"wire": {"column_ohm": 3.0}},
]


def test_what_is_left_out_is_the_default_target_s(tmp_path):
    """Against the dataclasses' own completion, which takes one key at a time."""
    draw, whole = random.Random(3), aimc.Target().parts()
    some = [
        {part: {key: value for key, value in values.items() if draw.random() < 0.5}
         for part, values in whole.items() if draw.random() < 0.7}
        for _ in range(30)
    ]  # fmt: skip
    for given in [*PARTIAL, *some]:
        (tmp_path / "t.json").write_text(json.dumps(given))
        expected = aimc.Target(name="t", **{p: KINDS[p](**v) for p, v in given.items()})
        assert aimc.Target.load(tmp_path / "t.json") == expected
        assert aimc.Target.from_manifest("t", given) == expected
        layer = convert(nn.Linear(8, 4), given)
        assert layer.target == expected.replace(name="target")
        with aimc.Tile(np.eye(4), given) as tile:
            assert aimc.Target.from_manifest("t", tile.target) == expected


@TUNED
@pytest.mark.parametrize("parts", [PARTIAL[0], PARTIAL[4]])
def test_both_trainers_see_the_same_chip_in_a_partial_file(tmp_path, parts):
    """The loss of the untrained weights, through wires, DAC and ADC."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((16, 200), np.float32)
    model = models.mlp(tmp_path / "m.onnx", (200, 8))
    weight, bias = (torch.from_numpy(w.copy()) for w in test_finetune.weights_of(model).values())
    exact = (torch.from_numpy(x) @ weight + bias).numpy()
    np.savez(tmp_path / "d.npz", x=x, labels=exact)
    (tmp_path / "t.json").write_text(json.dumps(parts))
    log = tmp_path / "log"
    done = test_finetune.finetune(
        model, tmp_path / "d.npz", tmp_path / "o.onnx", "--loss", "mse", "--steps", 0, "--eval-data",
        tmp_path / "d.npz", "--target", tmp_path / "t.json", "--programming-noise", 0, "--read-noise",
        0, "--log", log)  # fmt: skip
    assert "16.03 fC a code" in done.stdout  # the default that is taken is shown
    (loss,) = [json.loads(line) for line in log.read_text().splitlines()][-1]["loss"]
    layer = nn.Linear(200, 8)
    with torch.no_grad():
        layer.weight.copy_(weight.t())
        layer.bias.copy_(bias)
    seen = convert(layer, tmp_path / "t.json").eval()(torch.from_numpy(x)).detach().numpy()
    assert loss > 1e-6
    assert loss == pytest.approx(((seen - exact) ** 2).mean(), rel=1e-3)


WRONG = [
    ({"wire": {"column_ohm": -5}}, "wire.column_ohm: expected a number from 0 to 1000, but got -5"),
    ({"device": {"stuck_off": 0.7, "stuck_on": 0.7}}, "device.stuck_on: expected stuck_off + stuck_on"),
    ({"device": {"kind": "hermes1"}}, "device.g_max_us: expected conductances"),
    ({"adc": {"lsb_fc": 1e-6}}, "adc.lsb_fc: expected a full scale of at least"),
    ({"wires": {}}, "unknown key 'wires', expected one of: geometry, device, wire, dac, adc"),
]  # fmt: skip


@TUNED
@pytest.mark.parametrize(("parts", "said"), WRONG)
def test_the_trainer_asks_the_same_judge(tmp_path, parts, said):
    """In the same words as Python."""
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 8), "f"), labels=np.zeros((2, 4), "f"))
    model = models.mlp(tmp_path / "m.onnx", (8, 4))
    file = tmp_path / "t.json"
    file.write_text(json.dumps(parts))
    done = test_finetune.finetune(model, tmp_path / "d.npz", tmp_path / "o.onnx", "--loss", "mse",
                                  "--steps", 1, "--target", file, status=1)  # fmt: skip
    assert f"error: {file}: {said}" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    with pytest.raises(aimc.InvalidArgumentError, match=re.escape(f"{file}: {said}")):
        aimc.Target.load(file)


@TUNED
def test_a_device_s_window_is_the_target_s_else_the_file_s_else_the_default(tmp_path, linear_model):
    table = {"format": "aimc-device", "version": 1, "programming": {"std": 0.5}}
    other = aimc.Target(name="other", device=aimc.Device(kind="reram_cmo", g_min_us=9, g_max_us=88))
    (tmp_path / "other.mlir").write_text(other.to_mlir())
    default = aimc.Target().device
    for own in ({}, {"g_max_us": 40.0}, {"g_min_us": 2.0, "g_max_us": 50.0}):
        file = tmp_path / "dev.json"
        file.write_text(json.dumps(table | own))
        window = (own.get("g_min_us", default.g_min_us), own.get("g_max_us", default.g_max_us))
        (tmp_path / "t.json").write_text('{"device": {"kind": "table", "file": "dev.json"}}')
        spec = tmp_path / "spec.json"
        done = run_program("aimc-compile", linear_model, "--dim", "batch=2", "--target",
                           tmp_path / "other.mlir", "--device", file, "--emit-noise", spec)  # fmt: skip
        assert done.status == 0, done.stderr
        compiled = json.loads(spec.read_text())["targets"]["other"]["device"]
        devices = {
            "file": aimc.Device.from_file(file),
            "target": aimc.Target.load(tmp_path / "t.json").device,
            "compiled": aimc.Target.from_manifest("t", {"device": compiled}).device,
            "tile": aimc.Target.from_manifest(
                "t",
                aimc.Tile(np.eye(2), {"device": {"kind": "table", "table": table | own}}).target,
            ).device,
        }
        for road, device in devices.items():
            assert (device.g_min_us, device.g_max_us) == window, road
    assert aimc.Device.from_file(file, g_max_us=30.0).g_max_us == 30.0


def test_numbers_of_tiles_have_one_limit(tmp_path):
    """Streams of 64 bits: beyond them tile 2^30 of chip 0 would be tile 0 of chip 1."""
    last = 2**30 - 1
    named = list(itertools.product((0, 7, 8, 15), (0, 1, last), (0, 1, last)))
    streams = [Block.stream_of(*numbers) for numbers in named]
    assert [s % 2**64 for s in streams] == [t << 60 | c << 30 | n for t, c, n in named]
    for numbers in ((16, 0, 0), (0, 2**30, 0), (0, 0, 2**30), (0, -1, 0)):
        with pytest.raises(aimc.InvalidArgumentError, match="expected an integer from 0 to "):
            Block.stream_of(*numbers)
    for key in ("chip", "tile"):
        aimc.Tile(np.eye(2), **{key: last}).close()
        with pytest.raises(
            aimc.InvalidArgumentError, match=f"{key}: expected an integer from 0 to "
        ):
            aimc.Tile(np.eye(2), **{key: last + 1})
