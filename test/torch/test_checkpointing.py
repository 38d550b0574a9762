# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Layers that gradient checkpointing computes again see the noise that they had: gradients are those
of a run that keeps everything, bit for bit."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import aimc
from aimc.torch import Circuit, Device, Gaussian, Ramp, convert

TARGET = aimc.Target(geometry=aimc.Geometry(rows=16, cols=16), wire=aimc.Wire(column_ohm=50.0))
RECIPES = {
    "gaussian": Gaussian(Ramp(0.1, 2, levels=2)),
    "compensated": Circuit(wire=Ramp(1.0, 2, levels=2), compensate="weights", refresh=2)
    + Device(times_s=(10.0, 1e6)),
    "optimal": Gaussian(0.02) + Circuit(scale="optimal", refresh=1) + Device(),
    "joint": Device(joint=True, times_s=(1e3, 1e5), compensate_drift=True),
}


class Model(nn.Module):
    """A block of two layers, computed again (by one way or the other) or kept, and a head."""

    def __init__(self, reentrant):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(20, 12), nn.Linear(12, 20), nn.Linear(20, 3)
        self.reentrant = reentrant

    def block(self, x):
        return self.second(nn.functional.gelu(self.first(x)))

    def forward(self, x):
        if self.reentrant is None:
            return self.head(self.block(x))
        return self.head(checkpoint(self.block, x, use_reentrant=self.reentrant))


class Shared(Model):
    """The same block twice in a pass, each time computed again, as ALBERT's layers are."""

    def forward(self, x):
        for _ in range(2):
            again = self.reentrant is not None
            x = checkpoint(self.block, x, use_reentrant=self.reentrant) if again else self.block(x)
        return self.head(x)


def gradients(recipe, reentrant, backend=None, passes=1, make=None, kind=Model, steps=2):
    """Of some steps, each the sum of the losses of some passes."""
    torch.manual_seed(0)
    model = kind(reentrant)
    model = make(model) if make else convert(model, TARGET, recipe=recipe)
    run = model.train()
    if backend:
        run = torch.compile(model, fullgraph=True, backend=backend)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    found = []
    for step in range(steps):
        losses = []
        for number in range(passes):
            x = torch.linspace(-1, 1, 60).view(3, 20) * (1 + step + 0.3 * number)
            losses.append(run(x.requires_grad_()).square().sum())
        sum(losses).backward()
        found += [p.grad.clone() for p in model.parameters()] + [x.grad]
        optimizer.step()
        optimizer.zero_grad()
    return found


@pytest.mark.parametrize("passes", [1, 2], ids=["one pass", "two passes before backward"])
@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
@pytest.mark.parametrize("name", RECIPES)
def test_gradients_are_those_without(name, reentrant, passes):
    kept = gradients(RECIPES[name], None, passes=passes)
    again = gradients(RECIPES[name], reentrant, passes=passes)
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))


@pytest.mark.parametrize(
    "name, reentrant, passes, backend",
    [("gaussian", True, 1, "eager"), ("optimal", False, 2, "aot_eager")],
)
def test_compiled_gradients_are_those_without(name, reentrant, passes, backend):
    kept = gradients(RECIPES[name], None, passes=passes)
    again = gradients(RECIPES[name], reentrant, backend, passes)
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))


@pytest.mark.parametrize("name", ["compensated", "joint"])
def test_compiled_gradients_of_a_block_that_is_used_twice(name):
    kept, again = (
        gradients(RECIPES[name], way, "aot_eager", kind=Shared, steps=3) for way in (None, False)
    )
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_was_converted_by_itself_counts_no_step_when_it_is_computed_again(reentrant):
    def make(model):
        model.first = convert(model.first, TARGET, recipe=RECIPES["compensated"])
        convert(model, TARGET, recipe=RECIPES["compensated"])
        return model

    kept, again = (gradients(None, way, make=make) for way in (None, reentrant))
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))
