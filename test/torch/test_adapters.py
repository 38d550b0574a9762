# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `convert` says of what stays digital, and adapters of peft, which do."""

import copy
import logging
import warnings

import pytest
import torch
from torch import nn

import aimc
from aimc.torch import AnalogLinear, Circuit, Device, Layout, Spec, analog_layers, convert, strip
from aimc.torch.spec import SpecLayer

TARGET = aimc.Target(geometry=aimc.Geometry(rows=16, cols=16), wire=aimc.Wire(column_ohm=50.0))


class Own(nn.Module):
    """Multiplies by a matrix of its own."""

    def __init__(self):
        super().__init__()
        self.matrix, self.shift = nn.Parameter(torch.randn(4, 4)), nn.Parameter(torch.zeros(1, 4))

    def forward(self, x):
        return x @ self.matrix + self.shift


def mixed():
    return nn.ModuleDict({
        "conv": nn.Conv2d(3, 4, 3), "conv2": nn.Conv2d(3, 4, 3), "rnn": nn.LSTM(8, 8),
        "norm": nn.LayerNorm((4, 4)), "embed": nn.Embedding(9, 8), "own": Own(),
        "normed": nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 2, 3)),
        "body": nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4)),
    })  # fmt: skip


def test_one_line_says_what_stays_digital_and_what_does_not(caplog):
    with pytest.warns(aimc.HardwareWarning) as told, caplog.at_level(logging.INFO, "aimc.torch"):
        convert(mixed(), TARGET)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert str(told[0].message) == (
        "expected plain linear layers, but these stay digital: 2 Conv2d (first 'conv'); LSTM 'rnn'; "
        "Own 'own'; ParametrizedConv1d 'normed'; on tiles: 2 Linear (first 'body.0')"
    )
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("on tiles: 2 Linear (first 'body.0'); digital: 2 Conv2d (first 'conv')")


def test_what_is_skipped_is_not_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert(mixed(), TARGET, skip=["conv*", "rnn", "own", "normed"])
        convert(nn.Sequential(nn.Embedding(5, 8), nn.LayerNorm(8), nn.Linear(8, 2)), TARGET)


peft = pytest.importorskip("peft")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.value = nn.Linear(20, 12), nn.Linear(20, 12)
        self.classifier = nn.Linear(12, 3)

    def forward(self, x):
        return self.classifier(self.query(x) * self.value(x))


def adapted(**settings):
    torch.manual_seed(1)
    config = peft.LoraConfig(
        r=4, target_modules=["query", "value"], modules_to_save=["classifier"],
        init_lora_weights=False, **settings,
    )  # fmt: skip
    return peft.get_peft_model(Block(), config)


@pytest.mark.parametrize("settings", [{}, {"use_dora": True}], ids=["lora", "dora"])
def test_adapters_first_then_convert_then_strip_and_merge(settings):
    model = adapted(**settings)
    plain, x = copy.deepcopy(model), torch.randn(5, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert(model, TARGET, recipe=Circuit())
    names = [name for name, m in model.named_modules() if isinstance(m, AnalogLinear)]
    assert names == [
        "base_model.model.query.base_layer", "base_model.model.value.base_layer",
        "base_model.model.classifier.modules_to_save.default",
    ]  # fmt: skip
    # The sum of the two: what adapters add is digital.
    query = model.base_model.model.query
    low = query.lora_A["default"](x)
    assert isinstance(query.lora_A["default"], nn.Linear)
    if not settings:
        scaled = query.lora_B["default"](low) * query.scaling["default"]
        torch.testing.assert_close(query(x), query.base_layer(x) + scaled)
    assert list(model.state_dict()) == list(plain.state_dict())
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    frozen = query.base_layer.weight.clone()
    model(x).square().sum().backward()
    optimizer.step()
    assert torch.equal(query.base_layer.weight, frozen)
    moved = [n for n, p in plain.named_parameters() if not torch.equal(p, model.get_parameter(n))]
    assert all("lora_" in n or "modules_to_save" in n for n in moved)
    assert len(moved) >= 4
    strip(model)
    expected = model(x)
    merged = model.merge_and_unload()
    assert type(merged.query) is nn.Linear
    torch.testing.assert_close(merged(x), expected)
    assert (convert(merged, TARGET)(x) - expected).abs().max() > 0


def test_convert_first_is_refused_by_peft():
    """As docs/Torch.md says; strip, adapt, convert again."""
    model = convert(Block(), TARGET)
    config = peft.LoraConfig(r=4, target_modules=["query", "value"])
    with pytest.raises(ValueError, match="AnalogLinear"):
        peft.get_peft_model(model, config)
    plain = strip(convert(Block(), TARGET))
    assert len(list(analog_layers(convert(peft.get_peft_model(plain, config), TARGET)))) == 3


def spec_of(*names):
    sizes = {"query": (20, 12), "value": (20, 12), "classifier": (12, 3), "default": (20, 4)}
    return Spec(tuple(
        SpecLayer(name, name, None, True, TARGET, Layout.cut(*sizes[name.split(".")[key]], TARGET), 0.5)
        for name, key in names
    ))  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "encoder."])
@pytest.mark.parametrize("suffix", ["", ".base_layer"])
def test_specs_from_before_and_after_adapters_know_their_layers(prefix, suffix):
    at = 1 if prefix else 0
    layers = spec_of((f"{prefix}query{suffix}", at), (f"{prefix}classifier", at))
    model = convert(adapted(), spec=layers, recipe=Device())
    names = [name for name, m in model.named_modules() if isinstance(m, AnalogLinear)]
    assert names == ["base_model.model.query.base_layer",
                     "base_model.model.classifier.modules_to_save.default"]  # fmt: skip
    # One with adapters for a module that has none.
    assert [layer.name for layer in analog_layers(convert(Block(), spec=layers))] == [
        "query", "classifier"]  # fmt: skip


def test_a_spec_that_names_adapters_puts_them_on_tiles():
    layers = spec_of(("query.base_layer", 0), ("query.lora_A.default", 2))
    model = convert(adapted(), spec=layers)
    names = [name for name, m in model.named_modules() if isinstance(m, AnalogLinear)]
    assert names == ["base_model.model.query.base_layer", "base_model.model.query.lora_A.default"]
