# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Devices given by a table: both training paths see the devices that the runtime programs."""

import json
import statistics

import numpy as np
import pytest
import test_finetune
import torch
from onnx_case import program
from safetensors.numpy import load_file
from torch import nn

import aimc
from aimc.testing import models
from aimc.torch import Circuit, Device, convert, joint, on_chip
from aimc.torch.layout import pair_shares

OPS = torch.ops.aimc
HEAD = {"format": "aimc-device", "version": 1, "g_min_us": 1.0, "g_max_us": 20.0}
# Steep steps between levels, which points at equal distances would smooth.
MEASURED = HEAD | {
    "programming": {
        "g_us": [1.0, 7.0, 7.01, 13.0, 20.0],
        "mean_us": [1.3, 7.0, 6.5, 12.0, 18.7],
        "std": [0.1, 0.4, 0.9, 0.2, 0.5],
    },
    "drift": {"t0_s": 5.0, "g_us": [1, 6, 6.02, 30], "nu_mean": [0.09, 0.05, 0.02, 0.01],
              "nu_std": [0.03, 0.01, 0.02, 0.0]},
    "read_noise": {"g_us": [1, 20], "q": [0.03, 0.005], "t_read_s": 1e-6},
    "stuck_off": 0.03,
    "stuck_on": 0.02,
}  # fmt: skip
UNIFORM = HEAD | {"programming": {"distribution": "uniform", "error": "proportional",
                                  "g_us": [1, 20], "half_width": [0.3, 0.05]},
                  "drift": {"nu_mean": 0.03}}  # fmt: skip
RETENTION = HEAD | {
    "programming": {
        "between_times": "log_time",
        "times": [
            {"time_s": 1, "std": 0.2},
            {"time_s": 1e4, "g_us": [1, 20], "mean_us": [1.5, 17.0], "std": [0.5, 0.9]},
        ],
    }
}
TABLES = {"measured": MEASURED, "uniform": UNIFORM, "retention": RETENTION}
SPREADS = {"chip_spread": 0.05, "tile_spread": 0.04, "column_spread": 0.06, "device_spread": 0.03}


def hardware(table, *, pairs=1, **spreads):
    significance = (1.0, 4.0)[:pairs] if pairs > 1 else None
    return aimc.Target(
        geometry=aimc.Geometry(rows=128, cols=64, pairs=pairs, significance=significance),
        device=aimc.Device("table", 1.0, 20.0, table=table, **spreads),
        wire=aimc.Wire(1.0),
        adc=aimc.Adc("ideal"),
    )


def weight(rows=96, cols=40):
    torch.manual_seed(3)
    layer = nn.Linear(rows, cols, bias=False)
    nn.init.normal_(layer.weight, std=0.1)
    return layer


@pytest.mark.parametrize("time", [None, 3600.0])
@pytest.mark.parametrize("name", TABLES)
def test_a_chip_has_the_devices_of_the_runtime(name, time):
    """Every conductance of both pairs, with spreads and stuck devices."""
    target = hardware(TABLES[name], pairs=2, **SPREADS)
    layer = weight()
    made = convert(layer, target, recipe=Circuit() + Device(read=1.0))
    values = layer.weight.detach()
    scale = values.abs().amax(1, keepdim=True)
    with aimc.Tile(values.T.numpy().copy(), target, seed=9, time_s=time, at_row=32) as tile:
        plus, minus = tile.array("plus"), tile.array("minus")
        with on_chip(made, 9, time):
            for k, (start, share, _) in enumerate(pair_shares(target.geometry)):
                wanted = OPS.target_pairs(values, scale, 1.0, 20.0, start, share)
                for which, (g, runtime) in enumerate(zip(wanted, (plus[k], minus[k]), strict=True)):
                    got = made._devices(g, 2 * k + which, made._now.then).T.numpy()
                    np.testing.assert_allclose(got, runtime, rtol=2e-5, atol=2e-5)
                    assert np.abs(got - g.T.numpy()).mean() > 0.05


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("pairs", [1, 2])
def test_a_layer_reads_as_the_runtime_s_tile(name, pairs):
    target = hardware(TABLES[name], pairs=pairs, **SPREADS)
    layer, x = weight(), torch.randn(32, 96)
    tile = aimc.Tile(
        layer.weight.detach().numpy().T.copy(), target, seed=4, time_s=60.0,
        compensate="weights", at_row=32,
    )  # fmt: skip
    expected = tile.read(x.numpy())
    made = convert(layer, target, recipe=Circuit(compensate="weights") + Device()).eval()
    with on_chip(made, 4, 60.0), torch.no_grad():
        got = made(x).numpy()
    with on_chip(made, 5, 60.0), torch.no_grad():
        other = made(x).numpy()
    top = np.abs(expected).max()
    # An input that the DAC rounds otherwise changes a whole vector by a part of a step.
    close = np.abs(got - expected) < 2e-5 * top
    assert close.mean() > 0.9 and np.abs(got - expected).max() < 0.01 * top
    assert np.abs(other - expected).max() > 0.03 * top


def test_curves_are_the_table():
    """The laws of docs/Devices.md written out again, where the table bends too."""
    text = json.dumps(MEASURED)
    curves, law = OPS.device_curves("table", 1.0, 20.0, time_s=600.0, table=text)
    p, d, q = MEASURED["programming"], MEASURED["drift"], MEASURED["read_noise"]
    g = torch.cat([torch.linspace(1, 20, 400), torch.tensor([6.999, 7.0, 7.003, 7.01, 7.02])])
    g = g.double()
    xp, xl, xf = torch.randn(3, len(g), dtype=torch.float64)
    got = OPS.device_state(g, xp, xl, xf, curves, law).numpy()
    g, xp, xl, xf = (t.numpy() for t in (g, xp, xl, xf))
    held = np.maximum(
        np.interp(g, p["g_us"], p["mean_us"]) + np.interp(g, p["g_us"], p["std"]) * xp, 0
    )
    nu = np.abs(
        np.interp(held, d["g_us"], d["nu_mean"]) + np.interp(held, d["g_us"], d["nu_std"]) * xl
    )
    aged = held * (605.0 / 5.0) ** -nu
    growth = np.sqrt(np.log((605.0 + 1e-6) / 2e-6))
    expected = np.maximum(aged * (1 + np.interp(held, q["g_us"], q["q"]) * growth * xf), 0)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TABLES)
def test_gradients_and_other_devices(name):
    curves, law = OPS.device_curves("table", 1.0, 20.0, time_s=60.0, table=json.dumps(TABLES[name]))
    g = 1.5 + 5 * torch.rand(40, dtype=torch.float64)
    draws = [0.2 * torch.randn(40, dtype=torch.float64) for _ in range(3)]
    spread = 1 + 0.1 * torch.randn(40, dtype=torch.float64)
    f = lambda g: OPS.device_state(g, *draws, curves, law, spread)  # noqa: E731
    step = 1e-7
    slope = OPS.device_state_slope(g, *draws, curves, law, spread)
    rise = (f(g + step) - f(g - step)) / (2 * step)
    # Where a curve bends between both sides there is no slope to compare.
    assert statistics.fmean(((rise - slope).abs() < 1e-4 + 1e-4 * slope.abs()).tolist()) > 0.9
    grad = torch.autograd.grad(f(g.requires_grad_()).sum(), g)[0]
    torch.testing.assert_close(grad, slope)
    composite = lambda op, *a: op.redispatch(  # noqa: E731
        torch._C.DispatchKeySet(torch._C.DispatchKey.XPU), *a
    )
    with torch.no_grad():
        for op in (OPS.device_state.default, OPS.device_state_slope.default):
            here, there = (
                op(g, *draws, curves, law, spread),
                composite(op, g, *draws, curves, law, spread),
            )
            torch.testing.assert_close(there, here, rtol=1e-5, atol=1e-5)
    torch.library.opcheck(
        OPS.device_state.default, (g.detach().requires_grad_(), *draws, curves, law, spread)
    )


@pytest.mark.parametrize("name", TABLES)
def test_one_draw_per_weight_has_the_table_s_mean_and_deviation(name):
    text, time = json.dumps(TABLES[name]), 60.0
    mean, deviation = joint.fit(aimc.Device("table", 1.0, 20.0), 1.0, 1.0, 1.0, time, text)
    w = (
        torch.tensor([0.0, 0.03, 0.3, -0.33, 0.9], dtype=torch.float64)
        .expand(20_000, -1)
        .contiguous()
    )
    draw, one = torch.randn_like(w), torch.ones(1, 5, dtype=torch.float64)
    got = joint.perturbed(w, one, draw, mean, deviation)
    curves, law = OPS.device_curves("table", 1.0, 20.0, time_s=time, table=text)
    pair = OPS.target_pairs(w, one, 1.0, 20.0)
    plus, minus = (
        OPS.device_state(g, *torch.randn(3, *g.shape).double(), curves, law) for g in pair
    )
    true = (plus - minus) / 19.0
    np.testing.assert_allclose(got.mean(0), true.mean(0), atol=2e-3)
    np.testing.assert_allclose(got.std(0), true.std(0), rtol=0.05)


def test_training_through_a_table_learns():
    target = hardware(MEASURED, pairs=2)
    for recipe in (
        Circuit() + Device(times_s=(60.0,), variation=False),
        Circuit() + Device(joint=True),
    ):
        model = convert(weight(), target, recipe=recipe).train()
        x = torch.randn(64, 96)
        goal = x @ model.weight.detach().T * 0.5
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        losses = []
        for _ in range(40):
            loss = (model(x) - goal).square().mean()
            optimizer.zero_grad()
            loss.backward()
            # Where the table jumps, a deviation's slope is large for the few weights that lie there.
            nn.utils.clip_grad_norm_(model.parameters(), 0.2)
            optimizer.step()
            losses.append(loss.item())
        assert np.mean(losses[-3:]) < 0.25 * losses[0]


def compiled(folder, pairs, **options):
    """A model of two layers with its package and its spec; each block alone in its tile."""
    model = models.mlp(folder / "mlp.onnx")
    x = np.random.default_rng(1).standard_normal((16, 64)).astype(np.float32)
    target = hardware(MEASURED, pairs=pairs, **SPREADS).replace(adc=aimc.Adc("linear", 4.0, 16))
    package = aimc.compile(
        model, dims={"batch": 16}, target=target, output=folder / "m.aimc", calibrate={"x": x},
        input_range=0.999, compensate="weights", scale="optimal",
        emit_noise=folder / "spec.json", extra_args=["--no-pack"], **options,
    )  # fmt: skip
    return model, package, x, target


def test_optimal_scales_are_the_compiler_s(tmp_path):
    _, _, _, target = compiled(tmp_path, 1)
    spec = json.loads((tmp_path / "spec.json").read_text())
    tensors = load_file(tmp_path / "spec.safetensors")
    values = torch.from_numpy(models.weight(64, 128))
    block = spec["layers"][0]["blocks"][0]
    numbers = [block[k] for k in ("row", "rows", "col", "cols", "at_row", "at_col")]
    assert numbers[1] == 64
    part = values[:, numbers[2] : numbers[2] + numbers[3]]
    device = target.device
    text = json.dumps(device.table)
    numbers[2] = 0
    got = OPS.choose_scales(part, numbers, False, "optimal", "table", 1.0, 20.0, table=text)
    np.testing.assert_allclose(got[0], tensors[block["scales"]], rtol=1e-6)
    assert (got[0] < 0.99 * part.abs().amax(0)).any()


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without LibTorch")
@pytest.mark.parametrize("pairs", [1, 2])
def test_finetune_evaluates_on_the_runtime_s_chips(tmp_path, pairs):
    """Several pairs, a table, spreads and stuck devices, at once and an hour later."""
    model, package, x, _ = compiled(tmp_path, pairs)
    data = tmp_path / "data.npz"
    labels = np.zeros((16, 32), np.float32)
    np.savez(data, x=x, labels=labels)
    for time in (None, 3600.0):
        log = tmp_path / f"log-{time}"
        test_finetune.finetune(
            model, data, tmp_path / "same.onnx", "--loss", "mse", "--spec", tmp_path / "spec.json",
            "--eval-data", data, "--lr", 0, "--steps", 1, "--log", log, "--eval-chips", 3,
            *(["--drift-time", time] if time else []),
        )  # fmt: skip
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        measured = next(line["loss"] for line in lines if "evaluation" in line)
        expected = []
        for seed in range(3):
            with aimc.Session(package, seed=seed, time_s=time) as session:
                expected.append(np.square(session.run(None, {"x": x})[0].astype(np.float64)).mean())
        assert np.ptp(expected) > 0.02 * np.mean(expected)
        np.testing.assert_allclose(measured, expected, rtol=1e-3)


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without LibTorch")
def test_finetune_takes_a_device_file(tmp_path):
    """For a target's own device, as aimc-compile takes it, and named by a target."""
    model = models.mlp(tmp_path / "mlp.onnx")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((8, 64), np.float32),
             labels=rng.standard_normal((8, 32), np.float32))  # fmt: skip
    device = tmp_path / "device.json"
    device.write_text(json.dumps(MEASURED))
    named = tmp_path / "named.mlir"
    text = hardware(None).replace(wire=aimc.Wire(), adc=aimc.Adc(), device=aimc.Device()).to_mlir()
    plain = tmp_path / "plain.mlir"
    plain.write_text(text)
    start, end = text.index("#aimc.device<"), text.index(">", text.index("#aimc.device<"))
    body = '#aimc.device<table, g_min_us = 1.0, g_max_us = 20.0, file = "device.json"'
    named.write_text(text[:start] + body + text[end:])
    written = tmp_path / "written.mlir"  # as Python writes a table
    table = aimc.Target(device=aimc.Device("table", 1.0, 20.0, table=MEASURED)).to_mlir()
    inner = table[table.index("#aimc.device<") : table.index(">", table.index("#aimc.device<"))]
    written.write_text(text[:start] + inner + text[end:])
    results = []
    for target, more in [(plain, ["--device", device]), (named, []), (written, []), (plain, [])]:
        test_finetune.finetune(model, tmp_path / "d.npz", tmp_path / "o.onnx", "--loss", "mse",
                               "--target", target, "--steps", 2, *more)  # fmt: skip
        results.append(test_finetune.weights_of(tmp_path / "o.onnx")["w0"])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[3])
    device.write_text(json.dumps(MEASURED | {"stuck_on": 2}))
    done = test_finetune.finetune(model, tmp_path / "d.npz", tmp_path / "o.onnx", "--loss", "mse",
                                  "--target", named, status=1)  # fmt: skip
    assert "stuck_on: expected a number from 0 to 1" in done.stderr


def test_mistakes_of_a_table_are_named():
    wrong = MEASURED | {"programming": {"std": -1}}
    with pytest.raises(aimc.InvalidArgumentError, match=r"device\.table.*std: expected a number"):
        convert(weight(), hardware(wrong))
    narrow = hardware(MEASURED).replace(device=aimc.Device("table", 0.5, 20.0, table=MEASURED))
    with pytest.raises(aimc.InvalidArgumentError, match=r"device\.g_min_us: expected conductances"):
        convert(weight(), narrow)
    with pytest.raises(aimc.InvalidArgumentError, match="expected a device table"):
        convert(weight(), hardware(None))
