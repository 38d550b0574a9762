# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The operators under torch's own machinery: opcheck, compile, export, autocast, vmap, func."""

import dataclasses

import pytest
import torch
import torch.utils.checkpoint
from torch import nn

import aimc
from aimc.torch import Circuit, Device, Gaussian, analog_layers, convert, set_step

OPS = torch.ops.aimc
BLOCKS = [0, 12, 0, 6, 3, 1, 0, 12, 6, 5, 0, 2, 12, 7, 0, 11, 5, 0]
K, N, TILE = 19, 11, 16
TARGET = aimc.Target(geometry=aimc.Geometry(rows=16, cols=16), wire=aimc.Wire(column_ohm=100.0))


def tile_arguments(adc=1, grad=False):
    w = (0.1 * torch.randn(K, N)).requires_grad_(grad)
    scale = torch.full((2, N), 0.3, requires_grad=grad)
    x = torch.randn(5, K, requires_grad=grad)
    ranges = torch.tensor([1.2, 1.7], requires_grad=grad)
    lsb = torch.tensor([17.0, 15.0, 12.0], requires_grad=grad)
    return (x, w, scale, None, ranges, lsb, BLOCKS, False, TILE, 900.0, 0.0, True, 0.1, 25.0, 0.2,
            1.0, 127, 2, adc, 6)  # fmt: skip


def pair(grad=False):
    return [(0.1 + 24.9 * torch.rand(K, N)).requires_grad_(grad) for _ in range(2)]


def samples():
    curves, law = OPS.device_curves("pcm", 0.1, 25.0, time_s=60.0)
    g = pair(True)[0]
    draws = torch.randn(3, K, N)
    yield OPS.tile_linear.default, tile_arguments(1, True)
    yield OPS.tile_linear.default, tile_arguments(0, True)
    yield OPS.fold.default, (*pair(True), None, BLOCKS, False, TILE, 900.0, 0.0, False, 0.2, 0.2)
    yield (
        OPS.target_pairs.default,
        (torch.randn(4, 5, requires_grad=True), torch.ones(1, 5), 0.1, 25.0),
    )
    yield (
        OPS.dac.default,
        (torch.randn(4, 5, requires_grad=True), torch.ones(4, 1, requires_grad=True), 127, 2),
    )
    yield (
        OPS.adc.default,
        (torch.randn(4, 5, requires_grad=True), torch.tensor(0.1, requires_grad=True), 6, 1),
    )
    yield OPS.read_power.default, (torch.arange(-3.0, 5.0).requires_grad_(), 127, 1.0)
    yield OPS.device_state.default, (g, *draws, curves, law)
    yield OPS.noise.default, ([4, 5], torch.tensor([1, 2, 3]), 0)


@pytest.mark.parametrize("index", range(9))
def test_opcheck(index):
    op, args = list(samples())[index]
    torch.library.opcheck(op, args)


def tiny():
    return nn.Sequential(nn.Linear(K, 24), nn.GELU(), nn.Linear(24, N))


RECIPES = {
    "gaussian": Gaussian(0.05),
    "circuit": Circuit(),
    "learned": Circuit(input_range="learned", adc_range="learned"),
    "device": Gaussian(0.01) + Device(times_s=(60.0,)),
    "open": Circuit(compensate="weights+pulses"),
}


def converted(name):
    wire = dataclasses.replace(TARGET.wire, idle="open") if name == "open" else TARGET.wire
    model = convert(tiny(), TARGET.replace(wire=wire), recipe=RECIPES[name])
    for layer in analog_layers(model):
        layer.calibrated = True
    return model


@pytest.mark.parametrize("name", [n for n in RECIPES if n != "device"])
def test_compile_without_graph_breaks(name):
    model, x = converted(name), torch.randn(3, K)
    fast = torch.compile(model, fullgraph=True, backend="aot_eager")
    for _ in range(2):
        set_step(model, 0)
        fast(x).square().sum().backward()
        got = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()
        set_step(model, 0)
        model(x).square().sum().backward()
        for a, p in zip(got, model.parameters(), strict=True):
            torch.testing.assert_close(a, p.grad)
        model.zero_grad()


def test_compiled_steps_see_different_noise():
    model, x = converted("gaussian"), torch.randn(3, K)
    fast = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert not torch.equal(fast(x), fast(x))


def test_inductor_runs_the_circuit():
    model, x = converted("circuit"), torch.randn(3, K)
    fast = torch.compile(model, fullgraph=True)
    torch.testing.assert_close(fast(x), model(x))


@pytest.mark.parametrize("name", ["circuit", "learned", "open"])
def test_export(name):
    model, x = converted(name).eval(), torch.randn(3, K)
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, (x,), dynamic_shapes=({0: batch},))
    other = torch.randn(7, K)
    torch.testing.assert_close(program.module()(other), model(other))
    graphs = [m.graph for m in program.graph_module.modules() if hasattr(m, "graph")]
    own = "open_read" if name == "open" else "tile_linear"
    assert any(own in str(node.target) for g in graphs for node in g.nodes)


@pytest.mark.parametrize("name", RECIPES)
def test_autocast_keeps_the_circuit_in_single_precision(name):
    model, x = converted(name), torch.randn(3, K)
    set_step(model, 0)
    exact = model(x)
    set_step(model, 0)
    with torch.autocast("cpu", torch.bfloat16):
        y = model(x)
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())
    assert ((y.float() - exact).norm() / exact.norm()).item() < 0.03


def test_operator_under_autocast():
    args = tile_arguments(0)
    with torch.autocast("cpu", torch.bfloat16):
        y = OPS.tile_linear(args[0].bfloat16(), *args[1:])[0]
    assert y.dtype == torch.bfloat16
    exact = OPS.tile_linear(args[0].bfloat16().float(), *args[1:])[0]
    torch.testing.assert_close(y, exact.bfloat16())


def test_vmap_over_an_ensemble_of_chips():
    """One call for several chips: programming draws are batched, everything else is shared."""
    chips, x = 4, torch.randn(6, K)
    w = 0.1 * torch.randn(K, N)
    scale = torch.stack([w[:12].abs().amax(0), w[12:].abs().amax(0)])
    wide = torch.cat([scale[:1].expand(12, -1), scale[1:].expand(7, -1)])
    curves, law = OPS.device_curves("pcm", 0.1, 25.0)
    draws = torch.randn(chips, 2, K, N)

    def forward(draw, w):
        plus, minus = OPS.target_pairs(w, wide, 0.1, 25.0)
        plus = OPS.device_state(plus, draw[0], None, None, curves, law)
        minus = OPS.device_state(minus, draw[1], None, None, curves, law)
        weff, _ = OPS.fold(plus, minus, None, BLOCKS, False, TILE, 900.0, 0.0, True, 0.2, 0.2)
        return OPS.read(x, weff, scale, None, None, torch.tensor([17.0, 15.0, 12.0]), None, None,
                        None, BLOCKS, False, 0.1, 25.0, 0.2, 1.0, 127, 2, 1, 8)  # fmt: skip

    w.requires_grad_()
    together = torch.func.vmap(forward, in_dims=(0, None))(draws, w)
    one_by_one = torch.stack([forward(d, w) for d in draws])
    torch.testing.assert_close(together, one_by_one)
    a = torch.autograd.grad(together.square().mean(), w)[0]
    b = torch.autograd.grad(one_by_one.square().mean(), w)[0]
    torch.testing.assert_close(a, b)


def test_vmap_of_a_tile_over_inputs_and_over_weights():
    x, w, *rest = tile_arguments(1)
    many = torch.randn(3, 5, K)
    got = torch.func.vmap(lambda x: OPS.tile_linear(x, w, *rest)[0])(many)
    torch.testing.assert_close(got, torch.stack([OPS.tile_linear(m, w, *rest)[0] for m in many]))
    heavy = 0.1 * torch.randn(3, K, N)
    got = torch.func.vmap(lambda w: OPS.tile_linear(x, w, *rest)[0])(heavy)
    torch.testing.assert_close(got, torch.stack([OPS.tile_linear(x, h, *rest)[0] for h in heavy]))


def test_func_grad_and_per_sample_gradients():
    x, w, *rest = tile_arguments(1)

    def loss(w, x):
        return OPS.tile_linear(x, w, *rest)[0].square().sum()

    leaf = w.clone().requires_grad_()
    loss(leaf, x).backward()
    torch.testing.assert_close(torch.func.grad(loss)(w, x), leaf.grad)
    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(w, x)
    torch.testing.assert_close(each.sum(0), leaf.grad, rtol=1e-4, atol=1e-4)


def test_gradient_checkpointing_recomputes_the_same_noise():
    model, x = converted("device"), torch.randn(3, K, requires_grad=True)
    set_step(model, 4)
    y = torch.utils.checkpoint.checkpoint(model[0], x, use_reentrant=False)
    y.sum().backward()
    kept, x.grad = x.grad.clone(), None
    model[0](x).sum().backward()
    torch.testing.assert_close(kept, x.grad)
