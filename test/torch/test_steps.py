# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which step a module is at: compiled, converted in parts, with gradients that add up."""

import copy
import types

import pytest
import torch
from torch import nn

import aimc
from aimc.torch import (
    Circuit,
    Device,
    Gaussian,
    Ramp,
    analog_layers,
    convert,
    set_step,
    trainer_callback,
)

TARGET = aimc.Target(geometry=aimc.Geometry(rows=16, cols=16), wire=aimc.Wire(column_ohm=50.0))


def mlp():
    return nn.Sequential(nn.Linear(20, 12), nn.GELU(), nn.Linear(12, 3))


RECIPES = {
    "times": Circuit(wire=Ramp(1.0, 2, levels=2), compensate="weights", refresh=2)
    + Device(times_s=(10.0, 1e6)),
    "ramp": Gaussian(Ramp(0.1, 2, levels=2)) + Circuit(scale="optimal", refresh=3),
    "joint": Device(joint=True, times_s=(1e3,)),
}


def descend(model, run, steps):
    """Outputs of passes between which weights move."""
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    outputs = []
    for step in range(steps):
        y = run(torch.full((2, 20), 0.1 * step))
        outputs.append(y.detach())
        optimizer.zero_grad()
        y.square().sum().backward()
        optimizer.step()
    return torch.stack(outputs)


@pytest.mark.parametrize("name", RECIPES)
def test_compiled_passes_are_the_eager_ones(name):
    """Noise, ramps, times and refreshed compensation, without a graph break."""
    eager = convert(mlp(), TARGET, recipe=RECIPES[name])
    model = copy.deepcopy(eager)
    fast = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(descend(model, fast, 5), descend(eager, eager, 5))
    assert int(model[0].clock[2]) == 5
    assert model[0].time_s == eager[0].time_s
    assert model[0].effective_ohm() == pytest.approx(eager[0].effective_ohm(), nan_ok=True)


def test_steps_take_times_in_their_order():
    """Before the first pass too, which is the first of them."""
    model = convert(mlp(), TARGET, recipe=Device(times_s=(10.0, 1e3, 1e6)))
    seen = [model[0].time_s]
    for _ in range(4):
        model(torch.ones(2, 20))
        seen.append(model[0].time_s)
    assert seen == [10.0, 10.0, 1e3, 1e6, 10.0]


def test_passes_with_graph_breaks_count_the_same():
    class Broken(nn.Sequential):
        def forward(self, x):
            x = self[0](x)
            torch._dynamo.graph_break()
            return self[2](self[1](x))

    eager = convert(Broken(*mlp()), TARGET, recipe=RECIPES["times"])
    model = copy.deepcopy(eager)
    fast = torch.compile(model, backend="eager")
    torch.testing.assert_close(descend(model, fast, 4), descend(eager, eager, 4))
    # And of a part of a module alone: the whole counts.
    other = copy.deepcopy(eager)
    other[0].compile(backend="eager")
    torch.testing.assert_close(descend(other, other, 3), descend(eager, eager, 3))


def test_compiled_ranks_draw_their_own_noise(monkeypatch):
    outputs = []
    for rank in range(2):
        torch._dynamo.reset()
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        torch.manual_seed(0)
        model = convert(mlp(), TARGET, recipe=Gaussian(0.1))
        outputs.append(torch.compile(model, fullgraph=True, backend="eager")(torch.ones(2, 20)))
    assert not torch.equal(*outputs)


class Halves(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = mlp(), nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.encoder(x))


@pytest.mark.parametrize("inner_first", [True, False])
def test_a_module_converted_in_parts_counts_once(inner_first):
    model, x = Halves(), torch.ones(2, 20)
    if inner_first:
        convert(model.encoder, TARGET, recipe=Gaussian(0.1))
        convert(model, TARGET, recipe=Device())
    else:
        convert(model, TARGET, recipe=Device(), skip=["encoder.*"])
        convert(model.encoder, TARGET, recipe=Gaussian(0.1))
    for _ in range(3):
        model(x)
    assert [int(layer.clock[2]) for layer in analog_layers(model)] == [3, 3, 3]


def test_parts_of_one_module_draw_differently():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    convert(model, TARGET, recipe=Gaussian(0.1), skip=["1"])
    convert(model, TARGET, recipe=Gaussian(0.1))
    assert len(model._forward_pre_hooks) == 1
    assert not torch.equal(model[0]._draw("gaussian", (4,)), model[1]._draw("gaussian", (4,)))


def test_steps_are_set_from_outside_of_what_was_converted():
    model = Halves()
    convert(model.encoder, TARGET, recipe=Gaussian(0.1))
    trainer_callback().on_step_begin(
        types.SimpleNamespace(gradient_accumulation_steps=1),
        types.SimpleNamespace(global_step=100), None, model=model,
    )  # fmt: skip
    model(torch.ones(2, 20))
    assert int(model.encoder[0].clock[2]) == 101


def test_training_of_a_module_that_nobody_converted_does_not_begin():
    state = types.SimpleNamespace(global_step=0)
    with pytest.raises(aimc.InvalidArgumentError, match="but got Halves with none"):
        trainer_callback().on_train_begin(None, state, None, model=Halves())


def test_passes_whose_gradients_add_up_draw_each_their_own():
    """Three optimizer steps of two passes: six numbers, which a resumed run finds again."""
    model, callback, seen = convert(mlp(), TARGET, recipe=Gaussian(0.1)), trainer_callback(), []
    arguments = types.SimpleNamespace(gradient_accumulation_steps=2)
    for step in range(3):
        state = types.SimpleNamespace(global_step=step)
        callback.on_step_begin(arguments, state, None, model=model)
        for _ in range(2):
            model(torch.ones(2, 20))
            seen.append(int(model[0].clock[2]))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_copies_count_by_themselves():
    model = convert(mlp(), TARGET, recipe=Gaussian(0.1))
    twin = copy.deepcopy(model)
    fast = torch.compile(twin, fullgraph=True, backend="eager")
    for _ in range(2):
        fast(torch.ones(2, 20))
    assert [int(m[0].clock[2]) for m in (model, twin)] == [0, 2]
    set_step(twin, 7)
    assert [int(m[0].clock[2]) for m in (model, twin)] == [0, 7]
