# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls of aimc.torch that cannot be meant: one line that says what was expected and what helps."""

import numpy as np
import pytest

import aimc
from aimc.locate import has_torch_library

torch = pytest.importorskip("torch")
if not has_torch_library():
    pytest.skip("built without torch", allow_module_level=True)
from torch import nn  # noqa: E402

from aimc.torch import (  # noqa: E402
    Circuit,
    Device,
    Layout,
    Spec,
    analog_layers,
    calibrate,
    compiled_state,
    convert,
    learned_ranges,
    load_compiled_state,
    load_ranges,
    on_chip,
    saturation,
    save_ranges,
    set_step,
    strip,
)
from aimc.torch.spec import SpecLayer  # noqa: E402

TARGET = aimc.Target()


def mlp():
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))


# What works on converted modules alone, with a path that it may read or write.
CONVERTED = {
    "calibrate": lambda model, _: calibrate(model, [torch.ones(2, 6)]),
    "compiled_state": lambda model, _: compiled_state(model),
    "learned_ranges": lambda model, _: learned_ranges(model),
    "load_compiled_state": lambda model, _: load_compiled_state(model, {}),
    "load_ranges": load_ranges,
    "on_chip": lambda model, _: on_chip(model, 7).__enter__(),
    "saturation": lambda model, _: saturation(model, torch.ones(2, 6)),
    "save_ranges": save_ranges,
    "set_step": lambda model, _: set_step(model, 4),
}


def said(call, *arguments):
    with pytest.raises(aimc.InvalidArgumentError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CONVERTED)
def test_a_module_that_nobody_converted_is_refused(name, tmp_path):
    """Without layers on tiles each would do nothing, and what is evaluated then looks perfect."""
    file = tmp_path / "ranges.json"
    assert said(CONVERTED[name], mlp(), file) == (
        "expected a module with layers on tiles, but got Sequential with none; "
        "aimc.torch.convert(model, target) puts them there"
    )
    assert not file.exists()
    assert "but got the class Linear; Linear(...) makes a module" in said(
        CONVERTED[name], nn.Linear, file
    )


@pytest.mark.parametrize("call", [lambda m: convert(m, TARGET), analog_layers, strip])
def test_what_is_no_module_is_refused(call):
    assert said(call, nn.Linear).endswith("but got the class Linear; Linear(...) makes a module")
    assert "expected an nn.Module, but got 'tiny.onnx'; aimc.compile" in said(call, "tiny.onnx")
    assert said(call, None) == "expected an nn.Module, but got NoneType"


def test_a_part_is_no_layer_on_tiles():
    model = convert(mlp(), TARGET)
    assert "but got Sequential" in said(saturation, model, torch.ones(2, 6))


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "batches: expected at least one batch, but got none"),
        (iter(()), "batches: expected at least one batch, but got none"),
        (torch.ones(3, 6), "batches: expected a list of batches, but got Tensor"),
        (np.ones((3, 6), np.float32), "batches: expected a list of batches, but got ndarray"),
        ({"input": torch.ones(3, 6)}, "batches: expected a list of batches, but got dict"),
        (None, "batches: expected a list of batches, but got NoneType"),
    ],
)
def test_calibration_needs_batches(batches, words):
    model = convert(mlp(), TARGET, recipe=Circuit(input_range="fixed"))
    assert said(calibrate, model, batches).startswith(words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantile": 1.5}, "quantile: expected a number from 0 to 1, but got 1.5"),
        ({"quantile": "most"}, "quantile: expected a finite number"),
        ({"limit": 0}, "limit: expected an integer, at least 1, but got 0"),
    ],
)
def test_calibration_options(options, words):
    model = convert(mlp(), TARGET)
    assert said(lambda: calibrate(model, [torch.ones(2, 6)], **options)).startswith(words)


@pytest.mark.parametrize("step", [-1, 1.5, "4", True])
def test_a_step_is_a_number(step):
    model = convert(mlp(), TARGET, recipe=Device())
    assert said(set_step, model, step) == f"step: expected an integer, at least 0, but got {step!r}"


def test_what_is_converted_is_stripped_first():
    """Said of the module at hand, not of the layers that it has not."""
    told = said(convert, convert(mlp(), TARGET), TARGET)
    assert "converted already; aimc.torch.strip(model) first" in told
    assert len(list(analog_layers(convert(strip(convert(mlp(), TARGET)), TARGET)))) == 2


class Pictures(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(2, 4, 3)
        self.inside = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))

    def forward(self, x):
        return self.inside(self.c(x).flatten(1))


def compiled(**sizes):
    """The spec of a model whose layers are all on tiles, convolutions too."""
    return Spec(tuple(
        SpecLayer(name, name, None, True, TARGET, Layout.cut(*size, TARGET), None)
        for name, size in sizes.items()
    ))  # fmt: skip


PACKAGE = compiled(c=(18, 4), **{"inside.0": (4, 8), "inside.1": (8, 3)})


def test_what_a_spec_has_on_tiles_and_training_has_not():
    """It is there, but no linear layer: the message named a layer that it was not."""
    assert said(lambda: convert(Pictures(), spec=PACKAGE)) == (
        "spec: layer 'c': expected a linear layer of that name in the module, but got 'c', a "
        "Conv2d, which aimc.torch keeps digital; aimc-finetune trains what the package has on "
        "tiles, and skip=['c'] leaves it digital here"
    )
    assert "but got none; closest is 'inside.0'" in said(
        lambda: convert(Pictures(), spec=compiled(inside_0=(4, 8)))
    )


def test_a_convolution_of_a_spec_can_be_skipped():
    with pytest.warns(aimc.HardwareWarning, match=r"skip: 'c' stays digital here, though the"):
        model = convert(Pictures(), spec=PACKAGE, skip=["c"])
    assert [layer.name for layer in analog_layers(model)] == ["inside.0", "inside.1"]
    assert type(model.c) is nn.Conv2d
    assert model(torch.ones(2, 2, 3, 3)).shape == (2, 3)


def test_skipped_linear_layers_of_a_spec_are_told():
    with pytest.warns(aimc.HardwareWarning, match="skip: 'c' and 2 more stay digital here"):
        convert(Pictures(), spec=PACKAGE, skip=["c", "inside"])


def test_what_is_inside_of_a_skipped_module_stays_digital():
    model = nn.ModuleDict({"inside": mlp(), "head": nn.Linear(4, 2)})
    convert(model, TARGET, skip="inside")
    assert [layer.name for layer in analog_layers(model)] == ["head"]


def test_a_spec_for_layers_that_are_on_tiles():
    model = Pictures()
    convert(model.inside, TARGET, skip=["1"])
    told = said(lambda: convert(model, spec=PACKAGE, skip=["c"]))
    assert "but got 'inside.0', which is on tiles already; aimc.torch.strip(model) first" in told
