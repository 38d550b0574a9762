# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Converter ranges that start from data, as the compiler chooses them, and ranges as files."""

import copy
import json
import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import aimc
from aimc.torch import (
    Circuit,
    Gaussian,
    analog_layers,
    calibrate,
    charges,
    convert,
    load_ranges,
    load_spec,
    save_ranges,
)

BATCH = 16
GEOMETRY = aimc.Geometry(rows=32, cols=24)
WIRE = aimc.Wire(column_ohm=8.0)
SIX = aimc.Adc("linear", bits=6)
CASES = {
    "linear": (aimc.Target(geometry=GEOMETRY, wire=WIRE, adc=SIX), "none"),
    "cco": (aimc.Target(geometry=GEOMETRY, wire=WIRE, adc=aimc.Adc("cco", bits=9)), "weights"),
    "split": (
        aimc.Target(geometry=GEOMETRY, adc=SIX, dac=aimc.Dac(mode="split", lsb_bits=3)), "none",
    ),
    "bit serial": (aimc.Target(geometry=GEOMETRY, adc=SIX, dac=aimc.Dac(mode="bit_serial")), "gain"),
    "pairs": (
        aimc.Target(geometry=aimc.Geometry(rows=32, cols=24, pairs=2, significance=(1.0, 4.0)),
                    adc=SIX), "none",
    ),
    "alternating": (
        aimc.Target(geometry=aimc.Geometry(rows=32, cols=24, readout="alternating"),
                    wire=aimc.Wire(column_ohm=8.0, row_ohm=2.0, driver_ohm=20.0), adc=SIX), "none",
    ),
    "open": (
        aimc.Target(geometry=GEOMETRY, wire=aimc.Wire(column_ohm=2.0, idle="open"), adc=SIX), "none",
    ),
}  # fmt: skip


def mlp():
    return nn.Sequential(nn.Linear(40, 50), nn.ReLU(), nn.Linear(50, 7)).eval()


def samples(count=256):
    return torch.randn(count, 40, generator=torch.Generator().manual_seed(1))


def export(module, path):
    """The same as an ONNX file, whose weights are called a and b."""
    tensors, nodes, at = [], [], "x"
    for name, linear in zip("ab", (module[0], module[2]), strict=True):
        weight = linear.weight.detach().t().contiguous().numpy()
        tensors += [numpy_helper.from_array(weight, name),
                    numpy_helper.from_array(linear.bias.detach().numpy(), name + "_bias")]  # fmt: skip
        nodes.append(helper.make_node("MatMul", [at, name], [name + "_product"]))
        nodes.append(helper.make_node("Add", [name + "_product", name + "_bias"], [name + "_sum"]))
        nodes.append(helper.make_node("Relu" if name == "a" else "Identity", [name + "_sum"],
                                      [name + "_out"]))  # fmt: skip
        at = name + "_out"
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, size])
             for name, size in (("x", 40), ("b_out", 7))]  # fmt: skip
    graph = helper.make_graph(nodes, "mlp", ports[:1], ports[1:], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def compiled(module, folder, target, compensate="none", **options):
    """Package and spec; each block alone in its tile, as a layer sees it."""
    spec = folder / "spec.json"
    package = aimc.compile(
        export(module, folder / "model.onnx"), target=target, compensate=compensate, scale="max",
        emit_noise=spec, output=folder / "model.aimc", extra_args=["--no-pack"], **options,
    )  # fmt: skip
    return package, json.loads(spec.read_text())


@pytest.mark.parametrize(("target", "compensate"), CASES.values(), ids=list(CASES))
def test_calibrate_finds_the_lsbs_that_the_compiler_finds(target, compensate, tmp_path):
    # The compiler's run is on a chip whose devices are programmed, which changes charges by chance.
    target = target.replace(device=aimc.Device(programming_noise_scale=0.0))
    model, x = mlp(), samples()
    data = {"x": x.numpy()}
    _, spec = compiled(model, tmp_path, target, compensate, calibrate=data)
    converted = convert(copy.deepcopy(model), target, recipe=Circuit(compensate=compensate))
    calibrate(converted, (part for part in x.split(100)))
    for layer, entry in zip(analog_layers(converted), spec["layers"], strict=True):
        blocks = sorted(entry["blocks"], key=lambda b: (b["row"], b["col"]))
        expected = [b["lsb_fc"] for b in blocks]
        # What rounds otherwise may fall into the next bin, up to 1/32 away.
        np.testing.assert_allclose(layer.adc_lsb.detach(), expected, rtol=0.035)


@pytest.mark.parametrize("mode", ["vector", "fixed", "learned"])
@pytest.mark.parametrize("adc_range", ["fixed", "learned"])
def test_calibrate_keeps_the_signal_of_a_coarse_adc(mode, adc_range):
    model, x = mlp(), samples()
    exact = model(x).detach()

    def error(module):
        return float((module(x).detach() - exact).norm() / exact.norm())

    target = aimc.Target(geometry=GEOMETRY, adc=SIX)
    recipe = Gaussian(0.1) + Circuit(input_range=mode, adc_range=adc_range)
    converted = convert(copy.deepcopy(model), target, recipe=recipe)
    with pytest.warns(aimc.HardwareWarning, match="effective bits"):
        calibrate(converted, [x], adc=False)
    assert converted[0].adc_lsb.tolist() == pytest.approx([16.03] * 6)
    before = error(converted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibrate(converted, [x])
    assert before > 0.4
    assert error(converted) < 0.2
    assert isinstance(converted[0].adc_lsb, nn.Parameter) == (adc_range == "learned")
    if mode != "vector":  # charges are those of the range that is set, not of each vector's own
        vector = convert(copy.deepcopy(model), target, recipe=Circuit(input_range="vector"))
        calibrate(vector, [x])
        assert (converted[0].adc_lsb < 0.95 * vector[0].adc_lsb).all()


@pytest.mark.parametrize("significance", [(1.0, 1.0), (1.0, 9.0)])
def test_charges_are_those_of_a_read_with_the_first_pair_s_pulses(significance):
    geometry = aimc.Geometry(rows=40, cols=50, pairs=2, significance=significance)
    target = aimc.Target(geometry=geometry, wire=aimc.Wire(column_ohm=60.0, idle="open"),
                         adc=aimc.Adc("ideal"))  # fmt: skip
    layer = convert(
        nn.Linear(40, 50, bias=False), target, recipe=Circuit(compensate="weights+pulses")
    )
    x = samples(20)
    y = layer(x).detach() / x.abs().amax(1, keepdim=True)
    (made,) = charges._charges(layer, x, 0)
    total = sum(
        w * charge * gain for (w, _, charge), gain in zip(made, layer.gains[:, 0], strict=True)
    )
    total = total.detach()
    unit = (y * total).sum(0) / total.square().sum(0)  # of a column's charges
    torch.testing.assert_close(total * unit, y, rtol=0, atol=1e-5 * y.abs().max().item())


def test_exact_inputs_are_measured_and_the_module_stays_as_it_was():
    """An ADC that throws the signal away does not spoil what later layers are calibrated by."""
    model, x = mlp(), samples()
    target = aimc.Target(geometry=GEOMETRY, adc=aimc.Adc("linear", bits=6, lsb_fc=2e4))
    converted = convert(copy.deepcopy(model), target, recipe=Circuit(input_range="fixed"))
    converted.train()
    converted[1].eval()
    calibrate(converted, [x], quantile=1.0)
    seen = model[:2](x).detach()
    expected = torch.stack([seen[:, :32].amax(), seen[:, 32:].amax()])
    torch.testing.assert_close(converted[2].input_range, expected)
    assert converted.training
    assert not converted[1].training
    assert "forward" not in converted[0].__dict__
    with pytest.raises(RuntimeError):
        calibrate(converted, [torch.zeros(2, 3)])
    assert "forward" not in converted[0].__dict__
    assert converted.training


def test_a_spec_s_lsbs_stay(tmp_path):
    model, x = mlp(), samples()
    target = CASES["linear"][0].replace(device=aimc.Device(programming_noise_scale=0.0))
    _, spec = compiled(model, tmp_path, target, calibrate={"x": x.numpy()})
    chosen = [b.pop("lsb_fc") for b in spec["layers"][0]["blocks"]]
    spec["layers"][0]["blocks"][1]["lsb_fc"] = 123.0
    for block in spec["layers"][1]["blocks"]:
        block["lsb_fc"] = 7.0
    for layer, name in zip(spec["layers"], "02", strict=True):
        layer["layer"] = name
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    converted = convert(copy.deepcopy(model), spec=load_spec(tmp_path / "spec.json"))
    with pytest.warns(aimc.HardwareWarning, match="layer 2: .* adc lsb 7 fC"):
        calibrate(converted, [x])
    order = [(b["row"], b["col"]) for b in spec["layers"][0]["blocks"]]
    at = sorted(range(len(order)), key=order.__getitem__)
    expected = [123.0 if i == 1 else chosen[i] for i in at]
    np.testing.assert_allclose(converted[0].adc_lsb, expected, rtol=0.035)
    assert (converted[2].adc_lsb == 7.0).all()


@pytest.mark.parametrize(("mode", "lsb"), [("one_pass", 300.0), ("bit_serial", 8.0)])
def test_the_warning_says_what_the_runtime_says(mode, lsb, tmp_path):
    model, x = mlp(), samples(4 * BATCH)
    target = aimc.Target(name="t", geometry=GEOMETRY, wire=WIRE, dac=aimc.Dac(mode=mode),
                         adc=aimc.Adc("linear", bits=5, lsb_fc=lsb))  # fmt: skip
    package, _ = compiled(model, tmp_path, target)
    quiet = {"programming": False, "read_noise": False}
    with aimc.Session(package, effects=quiet) as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in x.split(BATCH):
            session.run(None, {"x": part.numpy()})
        grids = session.statistics()["grids"]
    bits = {name: g["weights"][0]["effective_bits"] for name, g in zip("02", grids, strict=True)}
    converted = convert(copy.deepcopy(model), target)
    with pytest.warns(aimc.HardwareWarning) as told:
        calibrate(converted, x.split(BATCH), adc=False)
    (warning,) = [str(w.message) for w in told if "effective bits" in str(w.message)]
    assert f"(target t, dac mode {mode}, adc lsb {lsb:.3g} fC, 5 bits)" in warning
    assert told[0].filename == __file__
    worst, other = sorted(bits, key=bits.get)
    said = float(warning.removeprefix(f"layer {worst}: the ADC keeps ").partition(" ")[0])
    # The second layer's inputs went through the first one's ADC there, and not here.
    assert said == pytest.approx(bits[worst], abs=0.1 if worst == "0" else 0.5)
    assert (f"so do {other} (" in warning) == (bits[other] < 3)


def test_ranges_go_to_a_file_and_back(tmp_path):
    model, x, path = mlp(), samples(), tmp_path / "ranges.json"
    target = CASES["linear"][0]
    recipe = Circuit(input_range="learned", adc_range="learned")
    first = convert(copy.deepcopy(model), target, recipe=recipe).eval()
    calibrate(first, [x])
    with torch.no_grad():
        first[0].adc_lsb.mul_(1.5)
    save_ranges(first, path)
    for other in (recipe, Circuit(input_range="fixed")):
        second = convert(copy.deepcopy(model), target, recipe=other).eval()
        assert load_ranges(second, path) is second
        torch.testing.assert_close(second(x), first(x))
    vector = convert(copy.deepcopy(model), target).eval()
    calibrate(vector, [x])
    save_ranges(vector, path)
    other = load_ranges(convert(copy.deepcopy(model), target).eval(), path)
    torch.testing.assert_close(other(x), vector(x))


GOOD = {
    "0": {"input_range": None, "lsb_fc": [1.0] * 6},
    "2": {"input_range": None, "lsb_fc": [2.0] * 2},
}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda v: [], "layers on tiles, but got 0 layers"),
        (lambda v: {"0": v["0"]}, "'2' is in one alone"),
        (lambda v: v | {"9": v["0"]}, "'9' is in one alone"),
        (lambda v: v | {"2": {}}, "layer '2': expected input_range and lsb_fc"),
        (lambda v: v | {"2": {**v["2"], "input_range": [1, 1]}}, "layer '2': expected no input_range"),
        (lambda v: v | {"2": {**v["2"], "lsb_fc": [1.0]}}, "layer '2': lsb_fc: expected 2 numbers"),
        (lambda v: v | {"2": {**v["2"], "lsb_fc": 1.0}}, "expected 2 numbers, but got 1.0"),
        (lambda v: v | {"2": {**v["2"], "lsb_fc": [1.0, -1]}}, "expected numbers above 0, but got -1"),
        (lambda v: v | {"2": {**v["2"], "lsb_fc": [1.0, "a"]}}, "expected numbers above 0"),
        (lambda v: v | {"2": {**v["2"], "lsb_fc": [1.0, float("nan")]}}, "expected numbers above 0"),
    ],
)  # fmt: skip
def test_mistakes_in_a_ranges_file_are_named(change, cause, tmp_path):
    path = tmp_path / "ranges.json"
    model = convert(mlp(), CASES["linear"][0])
    path.write_text(json.dumps(GOOD))
    load_ranges(model, path)
    path.write_text(json.dumps(change(GOOD)))
    with pytest.raises(aimc.InvalidArgumentError, match=r"ranges\.json") as error:
        load_ranges(model, path)
    assert cause in str(error.value)
    assert "\n" not in str(error.value)
    assert model[0].adc_lsb.tolist() == [1.0] * 6
    path.write_text("{")
    with pytest.raises(aimc.InvalidArgumentError, match="expected JSON"):
        load_ranges(model, path)
    with pytest.raises(aimc.InvalidArgumentError, match="No such file"):
        load_ranges(model, tmp_path / "none.json")


def test_convert_takes_presets_and_files(tmp_path):
    (tmp_path / "chip.mlir").write_text(CASES["linear"][0].to_mlir())
    by_file = convert(mlp(), tmp_path / "chip.mlir")
    assert by_file[0].target == CASES["linear"][0]
    assert convert(mlp(), "pcm")[0].target == aimc.Target.load("pcm")
    assert convert(mlp(), "ideal")(samples()).shape == (256, 7)
    with pytest.raises(aimc.InvalidArgumentError, match="but got 'pmc'; presets are pcm, "):
        convert(mlp(), "pmc")
    with pytest.raises(aimc.InvalidArgumentError, match=r"or an aimc\.Target, but got int"):
        convert(mlp(), 3)


def test_an_input_range_that_takes_the_power_is_a_warning():
    """One channel of 96 holds nearly all of it; by count 1% of the inputs clip."""
    x = torch.randn(256, 96)
    target = aimc.Target(name="t", adc=aimc.Adc(kind="ideal"))
    for outlier, told in ((40.0, True), (1.0, False)):
        part = x.clone()
        part[:, 7] *= outlier
        model = convert(nn.Sequential(nn.Linear(96, 8)), target,
                        recipe=Circuit(input_range="fixed"))  # fmt: skip
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            calibrate(model, part.split(64), quantile=0.99)
        lines = [str(w.message) for w in caught if "the input range takes" in str(w.message)]
        assert len(lines) == told
        assert all(
            "layer 0: " in line and "a quantile above 0.99 keeps it" in line for line in lines
        )
