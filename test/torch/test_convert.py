# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules on tiles: conversion and back, checkpoints, specs, recipes, agreement with aimc.Tile."""

import copy
import dataclasses
import io
import json
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import aimc
from aimc.torch import (
    AnalogLinear,
    Block,
    Circuit,
    Device,
    Gaussian,
    Layout,
    Ramp,
    Recipe,
    analog_layers,
    calibrate,
    convert,
    distillation_loss,
    learned_ranges,
    load_ranges,
    load_spec,
    on_chip,
    save_ranges,
    set_step,
    strip,
)

TARGET = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32), wire=aimc.Wire(column_ohm=20.0))


def parts(target):
    """A target as in a manifest."""
    made = dataclasses.asdict(target)
    del made["name"], made["device"]["table"]
    if target.geometry.significance is None:
        del made["geometry"]["significance"]
    if target.adc.kind == "ideal":
        made["adc"] = {"kind": "ideal"}
    return made


def mlp():
    return nn.Sequential(nn.Linear(40, 50), nn.GELU(), nn.Linear(50, 7, bias=False))


def test_convert_and_strip_keep_the_parameters():
    model = mlp()
    names, parameters = list(model.state_dict()), list(model.parameters())
    converted = convert(model, TARGET, recipe=Gaussian(0.05) + Device())
    assert list(converted.state_dict()) == names
    assert all(a is b for a, b in zip(converted.parameters(), parameters, strict=True))
    assert [layer.name for layer in analog_layers(converted)] == ["0", "2"]
    plain = strip(converted)
    assert [type(m) for m in plain] == [nn.Linear, nn.GELU, nn.Linear]
    assert plain[2].bias is None
    assert all(a is b for a, b in zip(plain.parameters(), parameters, strict=True))
    assert not plain._forward_pre_hooks


def test_a_bare_linear_and_a_transformers_conv1d():
    from transformers.pytorch_utils import Conv1D

    x = torch.randn(3, 40)
    exact = aimc.Target(device=aimc.Device(kind="ideal"), wire=aimc.Wire(column_ohm=0.0),
                        adc=aimc.Adc(kind="ideal"))  # fmt: skip
    for plain in (nn.Linear(40, 6), Conv1D(6, 40)):
        layer = convert(copy.deepcopy(plain), exact, recipe=Circuit(dac=False))
        assert isinstance(layer, AnalogLinear)
        torch.testing.assert_close(layer(x), plain(x))
        assert type(strip(layer)) is type(plain)


def test_shared_weights_stay_shared_and_skipped_layers_digital():
    model = nn.ModuleDict({"a": nn.Linear(8, 8), "b": nn.Linear(8, 8), "head": nn.Linear(8, 2)})
    model["b"].weight = model["a"].weight
    convert(model, TARGET, skip=["h*"])
    assert model["b"].weight is model["a"].weight
    assert isinstance(model["head"], nn.Linear)


@pytest.mark.parametrize(
    "recipe", [Gaussian(0.05), Device(times_s=(60.0,)), Circuit(input_range="learned")]
)
def test_copies_and_checkpoints(recipe, tmp_path):
    model = convert(mlp(), TARGET, recipe=recipe)
    x = torch.randn(3, 40)
    calibrate(model, [x])
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    twins.append(torch.load(file, weights_only=False))
    fresh = convert(mlp(), TARGET, recipe=recipe)
    fresh.load_state_dict(model.state_dict())
    save_ranges(model, tmp_path / "ranges.json")
    load_ranges(fresh, tmp_path / "ranges.json")
    twins.append(fresh)
    set_step(model, 0)
    expected = model(x)
    for twin in twins:
        set_step(twin, 0)
        torch.testing.assert_close(twin(x), expected)
    # A checkpoint of the plain module fits too, and the other way round.
    fresh.load_state_dict(mlp().state_dict())
    plain = mlp()
    missing, unexpected = plain.load_state_dict(model.state_dict(), strict=False)
    assert not missing
    assert all(name.endswith(("input_range", "adc_lsb")) for name in unexpected)


@pytest.mark.parametrize("readout", ["single", "alternating"])
@pytest.mark.parametrize("kind", ["ideal", "linear", "cco"])
def test_one_tile_reads_as_the_runtime_reads_it(kind, readout):
    """The same block, target and inputs through aimc.Tile: the runtime's own numbers."""
    adc = aimc.Adc(kind="ideal") if kind == "ideal" else aimc.Adc(kind=kind, lsb_fc=16.03, bits=9)
    target = aimc.Target(geometry=aimc.Geometry(rows=64, cols=32, readout=readout),
                         wire=aimc.Wire(column_ohm=2.0, adc_ohm=5.0), adc=adc)  # fmt: skip
    plain = nn.Linear(48, 24, bias=False)
    layer = convert(plain, target, recipe=Circuit())
    x = torch.randn(9, 48)
    tile = aimc.Tile(plain.weight.detach().t().contiguous().numpy(), parts(target),
                     effects={"programming": False, "read_noise": False})  # fmt: skip
    expected = tile.read(x.numpy())
    got = layer(x).detach().numpy()
    step = 0.0 if kind == "ideal" else float(np.abs(expected).max()) / 50
    # Where a charge lies on the edge of a code, single precision may fall either way.
    different = np.abs(got - expected) > 1e-5 * np.abs(expected).max()
    assert different.mean() <= (0.0 if kind == "ideal" else 0.02)
    assert np.abs(got - expected).max() <= max(step, 1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("mode", ["gain", "weights"])
def test_compensation_as_the_runtime_has_it(mode):
    target = aimc.Target(geometry=aimc.Geometry(rows=64, cols=32), adc=aimc.Adc(kind="ideal"),
                         wire=aimc.Wire(column_ohm=20.0))  # fmt: skip
    plain = nn.Linear(48, 24, bias=False)
    layer = convert(plain, target, recipe=Circuit(compensate=mode))
    x = torch.randn(9, 48)
    tile = aimc.Tile(plain.weight.detach().t().contiguous().numpy(), parts(target), at_row=16, compensate=mode,
                     effects={"programming": False, "read_noise": False})  # fmt: skip
    expected = tile.read(x.numpy())
    np.testing.assert_allclose(
        layer(x).detach().numpy(), expected, rtol=0, atol=1e-5 * np.abs(expected).max()
    )


def test_noise_follows_the_step_alone():
    model = convert(mlp(), TARGET, recipe=Gaussian(0.05))
    x = torch.randn(3, 40)
    first = [model(x) for _ in range(3)]
    assert not torch.equal(first[0], first[1])
    set_step(model, 1)
    torch.testing.assert_close(model(x), first[1])
    other = convert(mlp(), TARGET, recipe=Gaussian(0.05), seed=1)
    other.load_state_dict(model.state_dict())
    assert not torch.equal(other(x), first[0])
    model.eval()
    torch.testing.assert_close(model(x), model(x))


def test_gaussian_noise_has_the_width_it_says():
    layer = convert(nn.Linear(400, 30, bias=False), TARGET, recipe=Gaussian(0.1))
    weight = layer.weight.detach()
    x = torch.eye(400)
    noise = torch.stack([layer(x).detach().t() - weight for _ in range(20)])
    expected = 0.1 * weight.abs().amax(1)
    torch.testing.assert_close(noise.std((0, 2)), expected, rtol=0.05, atol=0.0)
    flat = convert(
        nn.Linear(400, 30, bias=False), TARGET, recipe=Gaussian(0.1, per="tensor", clip=1.0)
    )
    top = flat.weight.std().item()
    flat.eval()
    assert flat(x).abs().max().item() <= top * 1.001


def test_a_chip_stays_and_chips_differ():
    model = convert(mlp(), TARGET, recipe=Device(read=0.0)).eval()
    x = torch.randn(3, 40)
    clean = model(x)
    with on_chip(model, 1):
        one = model(x)
        torch.testing.assert_close(model(x), one)
    with on_chip(model, 2, time_s=3600.0):
        two = model(x)
    torch.testing.assert_close(model(x), clean)
    assert not torch.equal(one, two)
    assert not torch.equal(one, clean)


@pytest.mark.parametrize("time", [None, 86400.0])
def test_a_chip_is_the_runtime_s_chip(time):
    """The same seed means the same devices in training's evaluation and in the runtime."""
    target = aimc.Target(geometry=aimc.Geometry(rows=64, cols=40), adc=aimc.Adc(kind="ideal"),
                         wire=aimc.Wire(column_ohm=2.0),
                         device=aimc.Device(read_noise_scale=0.0))  # fmt: skip
    plain = nn.Linear(48, 24, bias=False)
    block = Block(0, 48, 0, 24, 16, 3, stream=Block.stream_of(0, 2, 5))
    layer = AnalogLinear(plain.weight, None, transposed=True, target=target,
                         recipe=Recipe.of(Device()), layout=Layout(48, 24, (block,))).eval()  # fmt: skip
    x = torch.randn(9, 48)
    with on_chip(layer, 11, time_s=time):
        got = layer(x).detach().numpy()
    tile = aimc.Tile(plain.weight.detach().t().contiguous().numpy(), parts(target), at_row=16, at_col=3,
                     chip=2, tile=5, seed=11, time_s=time)  # fmt: skip
    expected = tile.read(x.numpy())
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("dac", [aimc.Dac(), aimc.Dac(mode="split", lsb_bits=3),
                                 aimc.Dac(bits=5, mode="bit_serial")])  # fmt: skip
@pytest.mark.parametrize("compensate", ["none", "weights"])
def test_pairs_and_passes_are_the_runtime_s(dac, compensate):
    """Each pair is a crossbar of its own, each pass through it a conversion."""
    geometry = aimc.Geometry(rows=64, cols=40, pairs=3, significance=(1.0, 2.0, 4.0))
    for adc in (aimc.Adc(kind="ideal"), aimc.Adc(kind="linear", lsb_fc=30.0, bits=8)):
        target = aimc.Target(geometry=geometry, adc=adc, dac=dac, wire=aimc.Wire(column_ohm=2.0),
                             device=aimc.Device(read_noise_scale=0.0))  # fmt: skip
        plain = nn.Linear(48, 24, bias=False)
        block = Block(0, 48, 0, 24, 16, 3, stream=Block.stream_of(0, 2, 5))
        layer = AnalogLinear(plain.weight, None, transposed=True, target=target,
                             recipe=Recipe.of(Circuit(compensate=compensate) + Device()),
                             layout=Layout(48, 24, (block,))).eval()  # fmt: skip
        x = torch.randn(30, 48)
        with on_chip(layer, 11, time_s=3600.0):
            got = layer(x).detach().numpy()
        tile = aimc.Tile(plain.weight.detach().t().contiguous().numpy(), parts(target), at_row=16,
                         at_col=3, chip=2, tile=5, seed=11, time_s=3600.0,
                         compensate=compensate)  # fmt: skip
        expected = tile.read(x.numpy())
        # A charge at the edge of two codes may become either.
        differ = np.abs(got - expected) > 3e-5 * np.abs(expected).max()
        assert differ.mean() < (1e-9 if adc.kind == "ideal" else 5e-3)


def test_gradients_of_passes_add_up_to_the_code_s():
    target = aimc.Target(geometry=aimc.Geometry(rows=64, cols=40, pairs=2, significance=(1.0, 3.0)),
                         adc=aimc.Adc(kind="linear", lsb_fc=0.5, bits=16),
                         wire=aimc.Wire(column_ohm=0.0))  # fmt: skip
    layer = convert(nn.Linear(48, 24, bias=False), target)
    split = convert(nn.Linear(48, 24, bias=False),
                    target.replace(dac=aimc.Dac(mode="split", lsb_bits=3)))  # fmt: skip
    split.load_state_dict(layer.state_dict())
    x, bar = torch.randn(5, 48), torch.randn(5, 24)
    grads = []
    for module in (layer, split):
        own = x.clone().requires_grad_()
        module(own).backward(bar)
        grads.append((own.grad, module.weight.grad))
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-3, atol=1e-4)


def test_programming_noise_has_the_device_s_variance():
    """Means and variances of outputs over chips against those of the devices."""
    target = aimc.Target(geometry=aimc.Geometry(rows=64, cols=32), wire=aimc.Wire(column_ohm=0.0),
                         adc=aimc.Adc(kind="ideal"))  # fmt: skip
    layer = convert(
        nn.Linear(48, 5, bias=False), target, recipe=Device(read=0.0) + Circuit(dac=False)
    )
    layer.eval()
    x = torch.ones(1, 48)
    outs = []
    for chip in range(1500):
        with on_chip(layer, chip):
            outs.append(layer(x).detach())
    outs = torch.cat(outs)
    w = layer.weight.detach().numpy()
    s = np.abs(w).max(1)
    for j in range(5):
        r = (
            np.concatenate([np.maximum(w[j] / s[j], 0), np.maximum(-w[j] / s[j], 0)]) * (24.9 / 25)
            + 0.1 / 25
        )
        sigma = 0.26348 + 1.9650 * r - 1.1731 * r**2
        # Devices at rest are cut at zero: half a normal around g_min.
        keep = r * 25 > 2
        expected = (sigma[keep] ** 2).sum()
        z = (0.1 - np.abs(0)) / sigma[~keep]
        from scipy.stats import norm

        g = r[~keep] * 25
        z = g / sigma[~keep]
        mean = g * norm.cdf(z) + sigma[~keep] * norm.pdf(z)
        square = (g**2 + sigma[~keep] ** 2) * norm.cdf(z) + g * sigma[~keep] * norm.pdf(z)
        expected += (square - mean**2).sum()
        unit = s[j] / 24.9
        assert outs[:, j].var().item() / (expected * unit**2) == pytest.approx(1.0, abs=0.15)


def test_ramps_and_recipes():
    ramp = Ramp(end=0.1, steps=100, delay=10, levels=10)
    assert [ramp.at(s) for s in (0, 10, 59, 60, 110, 500)] == pytest.approx(
        [0, 0, 0.04, 0.05, 0.1, 0.1]
    )
    assert Recipe.of(Device()).circuit == Circuit()
    with pytest.raises(aimc.InvalidArgumentError, match="one gaussian"):
        Gaussian() + Circuit() + Gaussian()
    with pytest.raises(aimc.InvalidArgumentError, match="expected vector, fixed or learned"):
        Circuit(input_range="wide")
    model = convert(mlp(), TARGET, recipe=Circuit(wire=Ramp(steps=10)))
    set_step(model, 0)
    assert model[0].effective_ohm() == 0.0
    set_step(model, 10)
    assert model[0].effective_ohm() == 20.0


def test_learned_ranges_train_and_need_calibration():
    model = convert(mlp(), TARGET, recipe=Circuit(input_range="learned", adc_range="learned"))
    x = torch.randn(64, 40)
    with pytest.raises(aimc.InvalidArgumentError, match="calibrate"):
        model(x)
    calibrate(model, [x], quantile=0.99)
    expected = torch.stack([x.abs()[:, :32].quantile(0.99), x.abs()[:, 32:].quantile(0.99)])
    torch.testing.assert_close(model[0].input_range.detach(), expected)
    model(x).square().sum().backward()
    ranges = learned_ranges(model)
    assert len(ranges) == 4
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in ranges[:1])


def write_spec(path, names, **changes):
    parts = {
        "geometry": {"rows": 32, "cols": 32, "pairs": 1, "readout": "single"},
        "device": {"kind": "pcm", "g_min_us": 0.1, "g_max_us": 25.0},
        "wire": {"column_ohm": 3.0, "row_ohm": 0.0, "idle": "midrail"},
        "dac": {"bits": 8, "mode": "one_pass", "v_read_v": 0.2, "tick_ns": 1.0},
        "adc": {"kind": "cco", "bits": 12, "lsb_fc": 16.03},
    }
    from safetensors.torch import save_file

    save_file({"s": torch.full((18,), 0.05)}, str(path.with_suffix(".safetensors")))
    blocks = [
        {"name": "w.0", "target": "t", "row": 0, "rows": 32, "col": 0, "cols": 32, "chip": 0,
         "tile": 0, "at_row": 0, "at_col": 0, "lsb_fc": 9.0},
        {"name": "w.1", "target": "t", "row": 0, "rows": 32, "col": 32, "cols": 18, "chip": 0,
         "tile": 1, "at_row": 0, "at_col": 0, "scales": "s"},
        {"name": "w.2", "target": "t", "row": 32, "rows": 8, "col": 0, "cols": 32, "chip": 0,
         "tile": 2, "at_row": 20, "at_col": 0},
        {"name": "w.3", "target": "t", "row": 32, "rows": 8, "col": 32, "cols": 18, "chip": 0,
         "tile": 3, "at_row": 0, "at_col": 4},
    ]  # fmt: skip
    layers = [
        {"layer": n, "weight": "w", "initializer": "x", "transposed": True, "rows": 40, "cols": 50,
         "input_range": 3.2, "activity": None, "blocks": blocks}
        for n in names
    ]  # fmt: skip
    data = {"format": "aimc-noise", "version": 1, "tensors": path.with_suffix(".safetensors").name,
            "targets": {"t": parts}, "layers": layers} | changes  # fmt: skip
    path.write_text(json.dumps(data))
    return path


def test_a_spec_places_and_scales(tmp_path):
    spec = load_spec(write_spec(tmp_path / "spec.json", ["model.body.0"]))
    model = convert(nn.ModuleDict({"body": mlp()}), spec=spec, recipe=Circuit())
    layer = model["body"][0]
    assert isinstance(layer, AnalogLinear)
    assert isinstance(model["body"][2], nn.Linear)  # the spec does not name it
    assert layer.range_mode == "fixed"
    assert layer.input_range.tolist() == pytest.approx([3.2, 3.2])
    assert layer.adc_lsb.tolist() == pytest.approx([9.0, 16.03, 16.03, 16.03])
    assert layer.layout.blocks[2].at_row == 20
    assert torch.isfinite(layer(torch.randn(2, 40))).all()


@pytest.mark.parametrize("rule", ["max", "sigma:1.5", "optimal"])
def test_blocks_without_scales_follow_the_rule(tmp_path, rule):
    """As in the trainer in C++, where optimal scales of some blocks leave the others their largest
    weights; a rule goes on with the weights."""
    spec = load_spec(write_spec(tmp_path / "spec.json", ["0"]))
    layer = convert(mlp(), spec=spec, recipe=Circuit(scale=rule))[0]
    for factor in (1.0, 3.0):
        layer.weight.data *= factor
        if rule == "sigma:1.5":
            wanted = torch.ops.aimc.column_scales(layer.weight.detach(), layer.blocks, True, rule)
        else:
            w = layer.weight.detach().abs()
            wanted = torch.stack([w[:, :32].amax(1), w[:, 32:].amax(1)])
        wanted[0, 32:] = 0.05
        torch.testing.assert_close(layer._scale(layer.weight), wanted)
    x, compiled = torch.randn(2, 40), torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x))


def test_bad_specs_are_named(tmp_path):
    path = tmp_path / "spec.json"
    write_spec(path, ["other.layer"])
    with pytest.raises(
        aimc.InvalidArgumentError, match=r"'other\.layer': expected one linear layer"
    ):
        convert(mlp(), spec=path)
    write_spec(path, ["2"])
    with pytest.raises(
        aimc.InvalidArgumentError,
        match="'2': expected 50 inputs x 7 outputs as in the module's '2', but got 40",
    ):
        convert(mlp(), spec=path)
    write_spec(path, ["0"], version=2)
    with pytest.raises(aimc.InvalidArgumentError, match="expected version 1"):
        load_spec(path)
    path.write_text("{")
    with pytest.raises(aimc.InvalidArgumentError, match="expected JSON"):
        load_spec(path)
    with pytest.raises(aimc.InvalidArgumentError, match="No such file"):
        load_spec(tmp_path / "none.json")
    write_spec(path, ["0"], layers=[{"layer": "0"}])
    with pytest.raises(aimc.InvalidArgumentError, match="blocks"):
        load_spec(path)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"wire": aimc.Wire(spread=0.1)}, "wire.spread"),
        ({"adc": aimc.Adc(v_off_v=0.1)}, "adc.v_off_v"),
        ({"adc": aimc.Adc(gain_spread=0.1)}, "adc.gain_spread"),
    ],
)
def test_hardware_without_a_model_is_refused(change, words):
    with pytest.raises(aimc.UnsupportedError, match=words):
        convert(mlp(), aimc.Target().replace(**change))


def test_a_misspelt_target_is_refused():
    with pytest.raises(aimc.InvalidArgumentError, match="wire: unknown key 'colum_ohm'"):
        convert(mlp(), {"wire": {"colum_ohm": 1.0}})
    with pytest.raises(aimc.InvalidArgumentError, match="expected a target or a spec"):
        convert(mlp())


def test_distillation():
    logits, teacher = torch.randn(2, 6, 4).requires_grad_()
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    assert distillation_loss(teacher, teacher).item() == pytest.approx(0.0, abs=1e-6)
    p, q = (t.detach().double().div(2).softmax(-1) for t in (teacher, logits))
    soft = 4 * (p * (p / q).log()).sum(-1).mean().item()
    hard = nn.functional.cross_entropy(logits, labels).item()
    got = distillation_loss(logits, teacher, labels, temperature=2.0, weight=0.3).item()
    assert got == pytest.approx(0.3 * soft + 0.7 * hard, rel=1e-4)


@pytest.mark.parametrize("backend", [None, "eager"])
def test_a_chip_is_as_old_as_it_is_whatever_the_module_does(backend):
    torch.manual_seed(0)
    model = convert(nn.Linear(48, 24), "pcm", recipe=Circuit() + Device(times_s=(5.0, 60.0)))
    called = torch.compile(model, backend=backend) if backend else model
    x, read = torch.randn(3, 48), {}
    for training in (False, True):
        model.train(training)
        for time_s in (None, 86400.0):
            with on_chip(model, 7, time_s):
                read[training, time_s] = called(x).detach()
    assert torch.equal(read[False, None], read[True, None])
    assert torch.equal(read[False, 86400.0], read[True, 86400.0])
    assert not torch.equal(read[False, None], read[False, 86400.0])
    times = []  # and training goes on at the recipe's
    for _ in range(2):
        model(x)
        times.append(model.time_s)
    assert times == [5.0, 60.0]
