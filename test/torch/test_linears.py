# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which layers are put on tiles, which stay digital and are named, and what is refused."""

import copy
import dataclasses
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import aimc
from aimc.torch import (
    AnalogLinear,
    Circuit,
    Device,
    Gaussian,
    Ramp,
    analog_layers,
    calibrate,
    convert,
    on_chip,
    strip,
)

TARGET = aimc.Target(geometry=aimc.Geometry(rows=16, cols=16), wire=aimc.Wire(column_ohm=50.0))


def test_a_layer_used_twice_is_replaced_twice():
    layer = nn.Linear(16, 16)
    model = convert(nn.Sequential(layer, nn.ReLU(), layer), TARGET)
    assert isinstance(model[0], AnalogLinear)
    assert model[0] is model[2]
    strip(model)
    assert type(model[0]) is nn.Linear
    assert model[0] is model[2]


@pytest.mark.filterwarnings("ignore::aimc.HardwareWarning")
@pytest.mark.parametrize("padded", [False, True])
def test_transformer_encoders_call_their_layers(padded):
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dropout=0.0)
    plain = nn.TransformerEncoder(layer, 2).eval()
    model, x = convert(copy.deepcopy(plain), TARGET), torch.randn(2, 5, 32)
    mask = torch.tensor([[False] * 5, [False] * 3 + [True] * 2]) if padded else None
    with torch.no_grad():
        expected, digital = plain(x, src_key_padding_mask=mask), model(x, src_key_padding_mask=mask)
    through = model(x, src_key_padding_mask=mask)  # with gradients, which has no fast path
    keep = slice(None) if mask is None else ~mask
    torch.testing.assert_close(digital[keep], through[keep])
    assert (digital[keep] - expected[keep]).abs().max() > 1e-3
    stripped = strip(model)
    assert stripped.use_nested_tensor == plain.use_nested_tensor
    assert not stripped.layers[0]._forward_pre_hooks


def test_attention_that_reads_its_own_weights_is_named():
    attention = nn.MultiheadAttention(32, 4, batch_first=True)
    model = nn.ModuleDict({"attention": attention, "head": nn.Linear(32, 4)})
    with pytest.warns(aimc.HardwareWarning, match=r"attention\.out_proj: nn\.MultiheadAttention"):
        convert(model, TARGET)
    assert [layer.name for layer in analog_layers(model)] == ["head"]
    assert isinstance(attention.out_proj, nn.Linear)


def test_layers_that_are_more_are_named_and_kept():
    class Scaled(nn.Linear):
        def forward(self, x):
            return 3 * super().forward(x)

    masked = nn.Linear(8, 8)
    masked.register_buffer("mask", torch.ones(8))
    model = nn.Sequential(Scaled(8, 8), nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
                          masked, nn.Linear(8, 8))  # fmt: skip
    keys, x = list(model.state_dict()), torch.randn(3, 8)
    expected = model[:3](x)
    with pytest.warns(aimc.HardwareWarning, match="Scaled is a subclass") as told:
        convert(model, TARGET)
    assert len(told) == 1
    assert "1: its weight is computed" in str(told[0].message)
    assert "2: it holds more" in str(told[0].message)
    assert list(model.state_dict()) == keys
    torch.testing.assert_close(model[:3](x), expected)
    assert [layer.name for layer in analog_layers(model)] == ["3"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert(nn.Sequential(Scaled(8, 8), nn.Linear(8, 8)), TARGET, skip=["0"])


def test_hooks_move_with_their_layer():
    layer, seen = nn.Linear(8, 4), []
    handle = layer.register_forward_hook(lambda *_: seen.append(1))
    model, x = convert(nn.Sequential(layer), TARGET), torch.randn(2, 8)
    model(x)
    strip(model)(x)
    assert len(seen) == 2
    handle.remove()
    model(x)
    assert len(seen) == 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("name", ["optimal", "device", "joint", "learned", "open"])
def test_the_circuit_stays_in_single_precision(name, dtype):
    recipe = {
        "optimal": Circuit(compensate="weights", scale="optimal"), "device": Device(),
        "joint": Device(joint=True, times_s=(100.0,), compensate_drift=True),
        "learned": Circuit(input_range="learned", adc_range="learned"), "open": Device(),
    }[name]  # fmt: skip
    wire = aimc.Wire(column_ohm=5.0, idle="open") if name == "open" else TARGET.wire
    model = convert(nn.Sequential(nn.Linear(20, 12)), TARGET.replace(wire=wire), recipe=recipe)
    calibrate(model, [torch.randn(4, 20)])
    layer = model[0]
    layer.adc_lsb.data.fill_(16.0301)
    model.to(dtype)
    kept = torch.float64 if dtype == torch.float64 else torch.float32
    assert layer.weight.dtype == dtype
    assert layer.adc_lsb.dtype == layer.input_range.dtype == kept
    assert layer.adc_lsb[0].item() == pytest.approx(16.0301, rel=1e-6)  # not by way of less
    y = model(torch.randn(4, 20, dtype=dtype))
    y.sum().backward()
    assert y.dtype == dtype
    assert y.isfinite().all()


def test_times_and_chips_without_devices_are_told():
    model = convert(nn.Sequential(nn.Linear(8, 4)), TARGET)
    late = on_chip(model, 3, time_s=60.0)
    with pytest.raises(aimc.InvalidArgumentError, match="time_s: expected a recipe with Device"):
        late.__enter__()
    with pytest.warns(aimc.HardwareWarning, match="all chips are alike"), on_chip(model, 3):
        pass
    with pytest.raises(aimc.InvalidArgumentError, match="chip: expected an integer from 0"):
        on_chip(model, -1).__enter__()


def test_names_and_modules_without_layers_are_refused():
    with pytest.raises(aimc.InvalidArgumentError, match=r"skip: expected a name.*'haed'.*head"):
        convert(nn.ModuleDict({"head": nn.Linear(8, 2)}), TARGET, skip=["haed"])
    with pytest.raises(aimc.InvalidArgumentError, match=r"with nn\.Linear or Conv1D, but got none"):
        convert(nn.Sequential(nn.ReLU()), TARGET)
    with pytest.raises(aimc.InvalidArgumentError, match="not on tiles yet"):
        convert(convert(nn.Sequential(nn.Linear(8, 2)), TARGET), TARGET)


@pytest.mark.parametrize("dynamo", [True, False])
def test_onnx_wants_plain_layers(dynamo, tmp_path):
    model, x = convert(nn.Sequential(nn.Linear(8, 4)), TARGET).eval(), torch.randn(2, 8)
    with pytest.raises(Exception) as caught:  # noqa: PT011, each exporter wraps it differently
        torch.onnx.export(model, (x,), str(tmp_path / "m.onnx"), dynamo=dynamo, verbose=False)
    told, error = "", caught.value
    while error is not None:
        told, error = told + str(error), error.__cause__ or error.__context__
    assert "aimc.torch.strip(model) makes it plain again" in told


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Circuit(scale="optimum"), "scale: expected max, optimal or sigma:"),
        (lambda: Circuit(scale="sigma:abc"), "scale: .*but got 'sigma:abc'"),
        (lambda: Circuit(scale="sigma:-2"), "scale: .*but got 'sigma:-2'"),
        (lambda: Circuit(refresh=0), "refresh: expected an integer, at least 1, but got 0"),
        (lambda: Circuit(wire=-1.0), "wire: expected a finite number, at least 0, but got -1.0"),
        (lambda: Gaussian(-0.5), "std: .*but got -0.5"),
        (lambda: Gaussian(float("nan")), "std: .*but got nan"),
        (lambda: Gaussian("x"), "std: .*but got 'x'"),
        (lambda: Gaussian(Ramp(-0.1)), "std: .*but got -0.1"),
        (lambda: Ramp(levels=0), "levels: expected an integer, at least 1"),
        (lambda: Ramp(steps=-1), "steps: expected an integer, at least 0"),
        (lambda: Device(programming=-1.0), "programming: .*but got -1.0"),
        (lambda: Device(times_s=3600.0), "times_s: expected a tuple of seconds, but got 3600.0"),
        (lambda: Device(times_s=(-5.0,)), "times_s: .*but got -5.0"),
    ],
)
def test_values_of_recipes_are_checked(make, words):
    with pytest.raises(aimc.InvalidArgumentError, match=words):
        make()


@pytest.mark.parametrize("number", ["2", "+2", " 2", "2 ", "2_0", "0x1p1", "1e-320", "1e400", "inf",
                                    "nan", "infinity", "0", "-0.0", ""])  # fmt: skip
def test_rules_of_scales_are_the_runtime_s(number):
    """Where Python reads other numbers than C, too."""
    rule = f"sigma:{number}"

    def refused(make):
        try:
            make()
        except aimc.InvalidArgumentError as error:
            return repr(rule) in str(error)
        return False

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", aimc.HardwareWarning)
        wanted = refused(lambda: aimc.Tile(np.eye(4, dtype=np.float32), scale=rule).close())
    assert refused(lambda: Circuit(scale=rule)) == wanted


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Circuit() + aimc.Device(), "recipe: .*but got aimc.Device, which is for a target"),
        (lambda: aimc.Device() + Circuit(), "recipe: .*but got aimc.Device, which is for a target"),
        (lambda: aimc.Device() + (Circuit() + Device()), "recipe: .*but got aimc.Device"),
        (lambda: convert(nn.Linear(4, 4), TARGET, recipe=aimc.Device()), "recipe: .*aimc.Device"),
        (lambda: convert(nn.Linear(4, 4), TARGET, recipe=Device), "recipe: .*aimc.torch.Device"),
        (
            lambda: aimc.Target(device=Device()),
            "device: expected aimc.Device, which is for a target, but got aimc.torch.Device, which",
        ),
        (lambda: TARGET.replace(wire=aimc.Dac()), "wire: expected aimc.Wire, .*but got aimc.Dac"),
        (lambda: Device(kind="pcm"), "kind: expected one of programming, .*is an aimc.Device"),
        (lambda: aimc.Device(times_s=(1.0,)), "times_s: expected one of kind, .*aimc.torch.Device"),
    ],
)
def test_two_classes_of_one_name_say_which_was_meant(make, words):
    with pytest.raises(aimc.InvalidArgumentError, match=words):
        make()
    for device in (Device(read=0.5, times_s=(2.0,)), aimc.Device("pcm", 0.2, table={"a": 1})):
        assert copy.deepcopy(device) == pickle.loads(pickle.dumps(device)) == device
        assert dataclasses.replace(device) == device
