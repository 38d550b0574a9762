# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Layers that are called several times: one set of tiles, a range of its own for each call."""

import copy
import itertools
import pickle

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import aimc
from aimc.torch import (
    Block,
    Circuit,
    Device,
    Layout,
    Spec,
    calibrate,
    convert,
    learned_ranges,
    strip,
)
from aimc.torch.spec import SpecLayer

SIZE = 16
TARGET = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32), wire=aimc.Wire(column_ohm=20.0))
RANGES = (0.5, 2.0, 4.0)


class Repeated(nn.Module):
    """A block that is applied several times, as ALBERT's is; inputs grow from call to call."""

    def __init__(self, depth=3):
        super().__init__()
        self.shared, self.head = nn.Linear(SIZE, SIZE), nn.Linear(SIZE, SIZE)
        self.depth, self.segment, self.reentrant = depth, 0, False

    def blocks(self, x, count):
        for _ in range(count):
            x = 2 * x + self.shared(x.tanh() * x.abs().max().detach()).relu()
        return x

    def forward(self, x):
        left = self.depth
        while left > 0:
            count = min(self.segment or left, left)
            if self.segment and self.training:
                x = checkpoint(self.blocks, x, count, use_reentrant=self.reentrant)
            else:
                x = self.blocks(x, count)
            left -= count
        return self.head(x / 8)


def site(layer, input_range, at_row=0):
    block = Block(0, SIZE, 0, SIZE, at_row, 0)
    return SpecLayer(layer, layer, None, True, TARGET, Layout(SIZE, SIZE, (block,)), input_range)


def spec(ranges=RANGES):
    return Spec((*(site("model.shared", r) for r in ranges), site("model.head", 3.0)), "s.json")


def made(recipe, ranges=RANGES, depth=3):
    torch.manual_seed(0)
    return convert(Repeated(depth), spec=spec(ranges), recipe=recipe)


def inputs():
    return torch.rand(5, SIZE, generator=torch.Generator().manual_seed(1)) - 0.5


@pytest.mark.parametrize("order", list(itertools.permutations(RANGES))[:4])
def test_each_call_has_its_own_range(order):
    """As if each call were a layer of its own with the same weights."""
    model = made(Circuit(), order).eval()
    x = inputs()
    got = model(x)

    plain = Repeated(0)
    plain.load_state_dict(model.state_dict())
    expected = x
    for value in order:
        one = Spec((site("shared", value),))
        alone = convert(nn.ModuleDict({"shared": copy.deepcopy(plain.shared)}), spec=one,
                        recipe=Circuit()).eval()["shared"]  # fmt: skip
        expected = 2 * expected + alone(expected.tanh() * expected.abs().max()).relu()
    head = convert(nn.ModuleDict({"head": plain.head}), spec=Spec((site("head", 3.0),)),
                   recipe=Circuit()).eval()["head"]  # fmt: skip
    assert torch.equal(got, head(expected / 8))
    assert torch.equal(model(x), got)  # counting begins anew in each pass
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(x), got)


def gradients(model, x):
    model.zero_grad()
    x = x.clone().requires_grad_()
    y = model(x)
    y.square().sum().backward()
    return [y.detach(), x.grad, *(p.grad.clone() for p in model.parameters())]


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("segment", [1, 2, 3])
def test_what_is_computed_again_is_the_call_that_it_was(segment, reentrant):
    recipe = Circuit(input_range="learned") + Device()
    kept, again = (made(recipe).train() for _ in range(2))
    assert len(learned_ranges(kept)) == 2 and kept.shared.input_range.shape == (3, 1)
    again.segment, again.reentrant = segment, reentrant
    for _ in range(2):
        for a, b in zip(gradients(kept, inputs()), gradients(again, inputs()), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)  # sums in another order
    assert len(set(kept.shared.input_range.grad.flatten().tolist())) == 3


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_another_number_of_calls_is_named(depth):
    model = made(Circuit(), depth=depth).eval()
    for _ in range(2):
        with pytest.raises(aimc.InvalidArgumentError, match=(
            rf"^shared: expected 3 calls in a forward pass, as the spec has, but got {depth}$"
        )):  # fmt: skip
            model(inputs())
    free = made(Circuit(input_range="vector"), depth=depth).eval()
    assert torch.isfinite(free(inputs())).all()  # ranges of vectors know no calls


def test_a_call_outside_a_pass_is_named():
    model = made(Circuit())
    with pytest.raises(aimc.InvalidArgumentError, match=(
        r"^shared: expected one of the 3 calls that a forward pass of the converted module makes"
    )):  # fmt: skip
        model.shared(inputs())
    model(inputs())
    with pytest.raises(aimc.InvalidArgumentError, match=r"^shared: expected one of the 3 calls"):
        model.shared(inputs() + 1.0)


def test_a_layer_that_a_pass_leaves_out_is_no_mistake():
    model = made(Circuit(), depth=0).eval()
    assert torch.isfinite(model(inputs())).all()


def test_ranges_that_some_calls_lack():
    some = made(Circuit(), (0.5, None, 4.0)).eval()
    alike = made(Circuit(), (0.5, 1e9, 4.0)).eval()
    x = inputs()
    assert torch.isfinite(some(x)).all() and not torch.equal(some(x), alike(x))
    learned = made(Circuit(input_range="learned"), (0.5, None, 4.0)).eval()
    with pytest.raises(aimc.InvalidArgumentError, match=r"^shared: expected an input range"):
        learned(x)
    calibrate(learned, [x])
    found = learned.shared.input_range.flatten().tolist()
    assert 0 < found[0] < found[1] < found[2]
    assert torch.isfinite(learned(x)).all()


def test_strip_leaves_nothing_behind():
    plain = strip(made(Circuit()))
    assert not plain._forward_hooks and not plain._forward_pre_hooks
    assert type(plain.shared) is nn.Linear
    assert torch.isfinite(plain(inputs())).all()


def test_read_noise_of_calls_is_not_the_same():
    """The same inputs twice: what the reads differ by is their noise."""
    model = made(Circuit(dac=False, adc=False) + Device(programming=0.0), (2.0, 2.0))
    seen = []
    model.shared.register_forward_hook(lambda _, __, y: seen.append(y.detach()))
    model.forward = lambda x: model.shared(x) + model.shared(x)
    model.train()
    model(inputs())
    assert not torch.equal(*seen)


def test_pairs_draw_for_themselves():
    target = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32, pairs=2))
    layer = convert(nn.Linear(8, 8), target, recipe=Device())
    draws = [layer._draw("program", (8, 8), which) for which in range(4)]
    for a, b in itertools.combinations(draws, 2):
        assert not torch.equal(a, b)


def test_calls_of_one_weight_lie_in_one_place():
    """What a spec says of a weight is the same for each of its calls."""
    sites = (site("shared", 1.0), site("shared", 2.0, at_row=8))
    with pytest.raises(aimc.InvalidArgumentError, match=(
        r"^s\.json: layer 'shared': expected the same blocks for all calls of 'shared', but call 1 has"
    )):  # fmt: skip
        convert(Repeated(), spec=Spec(sites, "s.json"))


def test_compiled_calls_are_counted_too():
    model = made(Circuit()).eval()
    x = inputs()
    expected = model(x)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for _ in range(2):
        torch.testing.assert_close(compiled(x), expected)
