# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The two training paths on weights that are hard, without noise: aimc-finetune and aimc.torch have
the same gradients, and those are finite differences."""

import copy
import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx_case import program
from test_finetune import finetune
from torch import nn

import aimc
from aimc.torch import Circuit, Device, convert, on_chip

BATCH, ROWS, RATE = 12, 17, 1024.0
TILE = 16  # one row of each weight is a band of its own
QUIET = ["--programming-noise", 0, "--read-noise", 0]
TARGET = {
    "geometry": {"rows": TILE, "cols": TILE, "pairs": 1, "readout": "single"},
    "device": {"kind": "pcm", "g_min_us": 0.1, "g_max_us": 25.0},
    "wire": {"column_ohm": 40.0, "adc_ohm": 20.0, "row_ohm": 0.0, "driver_ohm": 0.0, "idle": "midrail"},
    "dac": {"bits": 8, "mode": "one_pass", "v_read_v": 0.2, "tick_ns": 1.0},
    "adc": {"kind": "linear", "bits": 10, "lsb_fc": 8.0},
}  # fmt: skip


def hard(rng, tiny=1e-30):
    """Columns that scales, ties and bands meet at their edges."""
    ordinary = rng.normal(0, 0.2, (ROWS, 3))
    outlier = rng.normal(0, 0.01, ROWS)
    outlier[3] = 1.0
    one_row = np.zeros(ROWS)
    one_row[5] = 0.3
    columns = [
        np.full(ROWS, 0.1),
        np.full(ROWS, -0.1) + 1e-7 * rng.normal(size=ROWS),
        outlier,
        np.zeros(ROWS),
        one_row,
        np.where(rng.integers(0, 2, ROWS), 0.2, -0.2),
        tiny * rng.normal(size=ROWS),
    ]
    return np.column_stack([ordinary, *columns]).astype(np.float32)


class Sites(nn.Module):
    """Products with [in, out], with [out, in] as ONNX stores them, and one of a single row."""

    def __init__(self, tiny=1e-30):
        super().__init__()
        rng = np.random.default_rng(0)
        weights = {
            "upright": hard(rng, tiny),
            "turned": hard(rng, tiny),
            "single": rng.normal(size=(1, 4)),
        }
        for name, w in weights.items():
            layer = nn.Linear(*w.shape, bias=False)
            layer.weight.data = torch.tensor(w.T, dtype=torch.float32).contiguous()
            self.add_module(name, layer)

    def forward(self, x):
        return torch.cat([self.upright(x), self.turned(x), self.single(x[:, :1])], 1)


def export(path, module):
    """Written by hand, so that both layouts occur."""
    w = {n: p.detach().numpy() for n, p in module.named_parameters()}
    constants = {
        "upright.weight": w["upright.weight"].T.copy(),
        "turned.weight": w["turned.weight"],
        "single.weight": w["single.weight"].T.copy(),
        **{n: np.array([v]) for n, v in (("start", 0), ("end", 1), ("axis", 1))},
    }
    nodes = [
        helper.make_node("MatMul", ["x", "upright.weight"], ["a"], name="/upright/MatMul"),
        helper.make_node("Gemm", ["x", "turned.weight"], ["b"], name="/turned/Gemm", transB=1),
        helper.make_node("Slice", ["x", "start", "end", "axis"], ["first"], name="/Slice"),
        helper.make_node("MatMul", ["first", "single.weight"], ["c"], name="/single/MatMul"),
        helper.make_node("Concat", ["a", "b", "c"], ["y"], name="/Concat", axis=1),
    ]
    columns = sum(p.shape[0] for p in w.values())
    graph = helper.make_graph(
        nodes, "sites",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [BATCH, ROWS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [BATCH, columns])],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return columns


def weights_in(path):
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    return {
        n: (w if n == "turned.weight" else w.T) for n, w in stored.items() if n.endswith(".weight")
    }


def target_of(**parts):
    target = copy.deepcopy(TARGET)
    for part, values in parts.items():
        target[part] |= values
    return target


SGD = ["--loss", "mse", "--batch", BATCH, "--optimizer", "sgd", "--momentum", 0,
       "--weight-decay", 0, "--clip-norm", 0, "--schedule", "constant"]  # fmt: skip
PAIRS = {"geometry": {"pairs": 3, "significance": [1.0, 4.0, 16.0]}}
OPEN = {"wire": {"idle": "open", "column_ohm": 5.0}}
SPLIT = {"dac": {"mode": "split", "lsb_bits": 3}}
PLANE = {"wire": {"row_ohm": 3.0, "driver_ohm": 2.0}}
CASES = {
    "none": ({}, "none", "max"),
    "gain": ({}, "gain", "max"),
    "weights": ({}, "weights", "max"),
    "sigma": ({"adc": {"kind": "cco"}}, "weights", "sigma:2.0"),
    "optimal": ({"adc": {"kind": "ideal"}}, "none", "optimal"),
    "pairs": (PAIRS, "none", "max"),
    "pairs-weights": (PAIRS, "weights", "max"),
    "open": (OPEN, "weights", "max"),
    "open-pulses": (OPEN, "weights+pulses", "max"),
    "open-split-pairs": (OPEN | PAIRS | SPLIT, "gain", "sigma:2.0"),
    "plane": (PLANE, "weights", "max"),
    "bit-serial": ({"dac": {"mode": "bit_serial"}}, "gain", "max"),
}


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_the_same(tmp_path, case):
    changes, compensate, scale = CASES[case]
    path, target = tmp_path / "model.onnx", tmp_path / "target.json"
    # Where rows have wires, a column of tiny weights takes from others what its conductances take,
    # not its weights: the gradient of these is as large as they are small.
    module = Sites(0.01 if case == "plane" else 1e-30)
    columns = export(path, module)
    target.write_text(json.dumps(target_of(**changes)))
    x, goal = torch.randn(BATCH, ROWS), 0.3 * torch.randn(BATCH, columns)
    x[2] = 0  # a vector without a scale
    x[3, TILE:] = 0
    np.savez(tmp_path / "data.npz", x=x.numpy(), labels=goal.numpy())
    finetune(path, tmp_path / "data.npz", tmp_path / "tuned.onnx", *SGD, *QUIET, "--steps", 1,
             "--lr", RATE, "--target", target, "--compensate", compensate, "--scale", scale)  # fmt: skip
    before, after = weights_in(path), weights_in(tmp_path / "tuned.onnx")

    recipe = Circuit(scale=scale, compensate=compensate)
    model = convert(copy.deepcopy(module), str(target), recipe=recipe)
    (model(x) - goal).square().mean().backward()
    for name, parameter in model.named_parameters():
        here = parameter.grad.numpy()
        there = (before[name] - after[name]) / RATE
        # The best scale of one weight alone is below it: it is clipped, without a gradient.
        assert np.abs(here).max() > 1e-3 or (case, name) == ("optimal", "single.weight")
        np.testing.assert_allclose(there, here, rtol=1e-3, atol=2e-6, err_msg=f"{case} {name}")


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
def test_compensation_follows_at_the_same_steps(tmp_path):
    path, target, steps, rate = tmp_path / "model.onnx", tmp_path / "target.json", 5, 0.5
    module = Sites()
    columns = export(path, module)
    target.write_text(json.dumps(target_of(adc={"kind": "ideal"})))
    x, goal = torch.randn(BATCH, ROWS), torch.randn(BATCH, columns)
    np.savez(tmp_path / "data.npz", x=x.numpy(), labels=goal.numpy())
    options = [*SGD, *QUIET, "--target", target, "--compensate", "weights", "--lr", rate]

    def tuned(refresh):
        model = convert(copy.deepcopy(module), str(target),
                        recipe=Circuit(compensate="weights", refresh=refresh))  # fmt: skip
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        for _ in range(steps):
            optimizer.zero_grad()
            (model(x) - goal).square().mean().backward()
            optimizer.step()
        return {n: p.detach().numpy() for n, p in model.named_parameters()}

    here, every = tuned(3), tuned(1)
    finetune(path, tmp_path / "data.npz", tmp_path / "x.onnx", *options, "--steps", steps,
             "--epochs", steps, "--refresh", 3)  # fmt: skip
    there = weights_in(tmp_path / "x.onnx")
    for name, w in here.items():
        np.testing.assert_allclose(there[name], w, rtol=1e-4, atol=1e-6, err_msg=name)
    assert max(np.abs(every[n] - w).max() for n, w in here.items()) > 1e-4  # it matters when


def spec_for(module, **parts):
    """Each block alone in its tile, next to the ADC."""
    layers, tile = [], 0
    for name, layer in module.named_children():
        cols, rows = layer.weight.shape
        blocks = []
        for row in range(0, rows, TILE):
            height = min(TILE, rows - row)
            blocks.append(
                {"name": f"b{tile}", "target": "t", "row": row, "rows": height, "col": 0,
                 "cols": cols, "chip": 0, "tile": tile, "at_row": TILE - height, "at_col": 0}
            )  # fmt: skip
            tile += 1
        weight = f"{name}.weight"
        layers.append({"layer": name, "weight": weight, "initializer": weight, "rows": rows,
                       "transposed": name == "turned", "cols": cols, "input_range": None,
                       "activity": None, "blocks": blocks})  # fmt: skip
    return {"format": "aimc-noise", "version": 1, "tensors": None,
            "targets": {"t": target_of(**parts)}, "layers": layers}  # fmt: skip


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
@pytest.mark.parametrize("noise", [False, True])
def test_chips_are_the_same(tmp_path, noise):
    """Spreads and stuck devices too, which are the target's whatever strength its noise has."""
    path, spec, log = tmp_path / "model.onnx", tmp_path / "spec.json", tmp_path / "log"
    module = Sites()
    columns = export(path, module)
    spec.write_text(json.dumps(spec_for(module, device={
        "chip_spread": 0.05, "tile_spread": 0.05, "column_spread": 0.05, "device_spread": 0.1,
        "stuck_off": 0.05, "stuck_on": 0.02})))  # fmt: skip
    x, goal = torch.randn(BATCH, ROWS), torch.randn(BATCH, columns)
    np.savez(tmp_path / "data.npz", x=x.numpy(), labels=goal.numpy())
    strength = ["--read-noise", 0, "--drift-time", "1h"] if noise else QUIET
    finetune(path, tmp_path / "data.npz", tmp_path / "x.onnx", "--loss", "mse", "--batch", BATCH,
             "--steps", 0, "--eval-data", tmp_path / "data.npz", "--eval-chips", 3, "--spec", spec,
             "--log", log, *strength)  # fmt: skip
    there = json.loads(log.read_text().splitlines()[-1])["loss"]
    recipe = Circuit() + Device(read=0.0, programming=float(noise))
    model = convert(module, spec=str(spec), recipe=recipe).eval()
    quiet = float((model(x) - goal).square().mean())
    here = []
    for chip in range(3):
        with on_chip(model, chip, 3600.0 if noise else None), torch.no_grad():
            here.append(float((model(x) - goal).square().mean()))
    np.testing.assert_allclose(there, here, rtol=1e-5)
    assert np.ptp(here) > 1e-3 * quiet and abs(np.mean(here) / quiet - 1) > 1e-3


def test_a_small_range_is_its_own(tmp_path):
    """What a spec may have; nothing here is measured against 1."""
    spec = spec_for(Sites(), adc={"kind": "ideal"})
    outputs = []
    for size in (1.0, 1e-20):
        for layer in spec["layers"]:
            layer["input_range"] = 2.0 * size
        (tmp_path / "spec.json").write_text(json.dumps(spec))
        model = convert(Sites(), spec=str(tmp_path / "spec.json"), recipe=Circuit()).eval()
        x = torch.linspace(-3, 3, ROWS).reshape(1, -1) * size
        outputs.append(model(x).detach() / size)
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)


def differences(layer, x, toward):
    """dL/dw by finite differences where L = sum(y toward). Beyond the scale weights are clipped, so
    a step from there goes outwards, and one from the scale, but for rounding, inwards; a zero is
    the plus device's."""
    w = layer.weight.data
    wide = layer._wide(layer.scales).expand_as(w)
    slopes = torch.zeros_like(w)

    with torch.no_grad():
        for i, j in np.ndindex(*w.shape):
            old, step = w[i, j].item(), 1e-4 * wide[i, j].item()
            if step == 0:  # a column of zeros where rows have wires
                continue
            ends = [old + step, old - step]
            edge = wide[i, j].item()
            if abs(old) > 1.000001 * edge:
                ends = [old + np.copysign(step, old), old]
            elif abs(old) > 0.9 * edge:
                top = min(abs(old), edge)
                ends = [np.copysign(top, old), np.copysign(top - step, old)]
            elif old == 0:
                ends = [old + step, old]
            values = []
            for end in ends:
                w[i, j] = end
                values.append(layer(x))
            w[i, j] = old  # what other columns give goes before anything is added up
            slopes[i, j] = ((values[0] - values[1]) * toward).sum() / (ends[0] - ends[1])
    return slopes


@pytest.mark.parametrize(
    "case", ["none", "weights", "pairs", "pairs-weights", "open", "plane", "split"]
)
def test_gradients_are_finite_differences(case):
    """Scales and compensation held, converters off: in double precision nothing else bends."""
    parts = {"none": {}, "weights": {}, "pairs": PAIRS, "pairs-weights": PAIRS, "open": OPEN,
             "plane": PLANE, "split": PAIRS | SPLIT}[case]  # fmt: skip
    mode = {"none": "none", "split": "gain", "pairs": "none"}.get(case, "weights")
    plain = nn.Linear(ROWS, 10, bias=False)
    plain.weight.data = torch.tensor(hard(np.random.default_rng(0)).T, dtype=torch.float64)
    recipe = Circuit(compensate=mode, dac=False, adc=False)
    layer = convert(plain, target_of(**parts), recipe=recipe)
    layer.scales = layer._trained_scale(layer.weight.detach())
    x = torch.randn(3, ROWS, dtype=torch.float64)
    toward = torch.randn(3, 10, dtype=torch.float64)
    (layer(x) * toward).sum().backward()
    wanted = differences(layer, x, toward)
    # What a band of zeros adds is lost beside what other bands of its column give.
    seen = (layer._wide(layer.scales) > 1e-15) | (layer.weight == 0).all(1, keepdim=True)
    torch.testing.assert_close(layer.weight.grad[seen], wanted[seen], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("case", ["none", "pairs", "open"])
def test_weights_that_start_at_zero_learn(case):
    """As heads and adapters often do."""
    layer = nn.Linear(20, 6, bias=False)
    nn.init.zeros_(layer.weight)
    parts = {"none": {}, "pairs": PAIRS, "open": OPEN}[case]
    layer = convert(layer, target_of(**parts, adc={"kind": "ideal"}), recipe=Circuit())
    x, goal = torch.randn(40, 20), 0.1 * torch.randn(40, 6)
    assert torch.equal(layer(x), torch.zeros(40, 6))
    plain = torch.linalg.lstsq(x, goal).residuals.sum().item() / goal.numel()
    optimizer = torch.optim.Adam(layer.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = (layer(x) - goal).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.8 * goal.square().mean() and loss.item() > 0.9 * plain


@pytest.mark.parametrize("pairs", [1, 3])
def test_one_draw_per_weight_does_not_clip_the_largest(pairs):
    """Noise takes half of the devices at g_max beyond it; mean and gradient are those of all."""
    target = aimc.Target(
        geometry=aimc.Geometry(rows=64, cols=256, pairs=pairs), wire=aimc.Wire(column_ohm=0.0),
        adc=aimc.Adc(kind="ideal"),
    )  # fmt: skip
    x, found = torch.ones(1, 64), []
    for joint in (False, True):
        plain = nn.Linear(64, 256, bias=False)
        plain.weight.data = torch.full((256, 64), 0.1)
        recipe = Circuit() + Device(joint=joint, read=0.0)
        layer = convert(plain, target, recipe=recipe).train()
        y = layer(x)
        y.sum().backward()
        found.append((float(y.detach().mean()), float(layer.weight.grad.mean())))
    (mean, slope), (joint_mean, joint_slope) = found
    assert joint_mean == pytest.approx(mean, rel=2e-3)
    assert joint_slope == pytest.approx(slope, rel=0.06) and slope > 0.9
