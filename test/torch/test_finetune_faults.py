# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What aimc-finetune says of numbers that are none, of a checkpoint that is none, and of options
that do nothing: the place where it went wrong, not where it shows."""

import json
import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_case import program
from test_finetune import finetune
from torch import nn

import aimc
from aimc.torch import Circuit, Device, convert

pytestmark = pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
BATCH, KEYS, SIZE = 4, 5, 3


def attention(path, grows=False):
    """Scores of keys, masked by -inf or by the logarithm of zero, and what they attend to."""
    rng = np.random.default_rng(0)
    weights = {
        "score.weight": rng.normal(size=(SIZE, KEYS)),
        "value.weight": rng.normal(size=(KEYS, SIZE)),
        "hidden": -np.inf,
        "large": 1000.0,
    }
    nodes = [
        helper.make_node("MatMul", ["x", "score.weight"], ["s"], name="/score/MatMul"),
        helper.make_node("Where", ["seen", "s", "hidden"], ["w"], name="/mask/Where"),
        helper.make_node("Log", ["share"], ["l"], name="/bias/Log"),
        helper.make_node("Add", ["w", "l"], ["m"], name="/bias/Add"),
        helper.make_node("Softmax", ["m"], ["p"], name="/attention/Softmax"),
        helper.make_node("MatMul", ["p", "value.weight"], ["v"], name="/value/MatMul"),
        helper.make_node("Mul", ["v", "large"], ["g"], name="/growth/Mul"),
        helper.make_node("Exp", ["g"], ["e"], name="/growth/Exp"),
        helper.make_node("Sub", ["e", "e"], ["y"], name="/difference/Sub"),
    ]
    nodes = nodes if grows else nodes[:6]
    result = "y" if grows else "v"
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [BATCH, SIZE]),
        helper.make_tensor_value_info("seen", TensorProto.BOOL, [BATCH, KEYS]),
        helper.make_tensor_value_info("share", TensorProto.FLOAT, [BATCH, KEYS]),
    ]
    outputs = [helper.make_tensor_value_info(result, TensorProto.FLOAT, [BATCH, SIZE])]
    parts = [numpy_helper.from_array(np.asarray(w, np.float32), n) for n, w in weights.items()]
    graph = helper.make_graph(nodes, "attention", inputs, outputs, parts)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def examples(path, **changes):
    rng = np.random.default_rng(1)
    arrays = {
        "x": rng.normal(size=(BATCH, SIZE)).astype(np.float32),
        "seen": np.ones((BATCH, KEYS), bool),
        "share": np.ones((BATCH, KEYS), np.float32),
        "labels": rng.normal(size=(BATCH, SIZE)).astype(np.float32),
    }
    arrays["seen"][:, 3:] = False  # of every example some, as masks do
    arrays["share"][:, 0] = 0
    for name, row in changes.items():
        arrays[name][2] = row
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "grows,changes,where",
    [
        (False, {}, None),
        (False, {"seen": False}, "layer 'attention' (Softmax)"),
        (False, {"share": 0}, "layer 'attention' (Softmax)"),
        (True, {}, "layer 'growth' (Exp)"),
        (True, {"seen": False}, "layer 'attention' (Softmax)"),
    ],
)
def test_the_place_where_numbers_end(tmp_path, grows, changes, where):
    attention(tmp_path / "m.onnx", grows)
    examples(tmp_path / "d.npz", **changes)
    done = finetune(tmp_path / "m.onnx", tmp_path / "d.npz", tmp_path / "x.onnx", "--loss", "mse",
                    "--steps", 1, "--batch", BATCH, status=1 if where else 0)  # fmt: skip
    if where:
        assert f"the loss is nan; numbers stop being finite in {where};" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_cut_checkpoint_says_so(tmp_path):
    model, data, state = tmp_path / "m.onnx", tmp_path / "d.npz", tmp_path / "state"
    attention(model)
    examples(data)
    options = ["--loss", "mse", "--steps", 1, "--batch", BATCH, "--checkpoint", state]
    finetune(model, data, tmp_path / "x.onnx", *options)
    path = state / "checkpoint.safetensors"
    whole = path.read_bytes()
    for size in (4, 1000, len(whole) - 1):
        path.write_bytes(whole[:size])
        done = finetune(model, data, tmp_path / "x.onnx", *options, "--resume", status=1)
        assert f"{path}: expected" in done.stderr and "cut short" in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [["--drift-time", "1d"],
                                     ["--drift-time", "1d", "--drift-compensation", "column"]])  # fmt: skip
@pytest.mark.parametrize("kind", ["ideal", "scales", "pcm"])
def test_time_that_does_nothing_is_told_once(tmp_path, kind, options):
    """In the words of aimc.torch, which are the runtime's."""
    device = aimc.Device("ideal") if kind == "ideal" else aimc.Device("pcm")
    if kind == "scales":
        device = aimc.Device("pcm", drift_scale=0.0, read_noise_scale=0.0)
    target = aimc.Target(device=device)
    recipe = Circuit() + Device(times_s=(86_400.0,), compensate_drift=len(options) > 2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        convert(nn.Linear(3, 5), target, recipe=recipe)
    model, data = tmp_path / "m.onnx", tmp_path / "d.npz"
    (tmp_path / "t.json").write_text(json.dumps(target.parts()))
    attention(model)
    examples(data)
    done = finetune(model, data, tmp_path / "x.onnx", "--loss", "mse", "--steps", 1, "--batch",
                    BATCH, "--target", tmp_path / "t.json", *options)  # fmt: skip
    lines = [str(w.message) for w in told if "no effect" in str(w.message)]
    assert [f"aimc-finetune: warning: {line}" for line in lines] == done.stderr.splitlines()
    assert len(lines) == (kind != "pcm")
