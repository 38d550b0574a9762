# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Disconnected idle rows in training: node equations, the runtime, finite differences."""

import dataclasses

import numpy as np
import oracle
import pytest
import torch
from torch import nn

import aimc
from aimc.torch import AnalogLinear, Block, Circuit, Device, Layout, Recipe, convert, on_chip

OPS = torch.ops.aimc
TILE, ROWS, COLS, AT, OHM = 40, 24, 10, 9, 60.0
TARGET = aimc.Target(geometry=aimc.Geometry(rows=TILE, cols=16), adc=aimc.Adc(kind="ideal"),
                     wire=aimc.Wire(column_ohm=OHM, idle="open"))  # fmt: skip


def exact_charge(ticks, plus, minus, at, volt=0.2):
    """One column, interval by interval, each by its node equations."""
    total = begin = 0.0
    for end in sorted({abs(t) for t in ticks if t != 0}):
        on = np.abs(ticks) >= end
        loads = np.zeros(TILE)
        loads[at : at + ROWS] = (plus + minus) * on
        t = oracle.transfer(loads, OHM)[at : at + ROWS]
        total += (end - begin) * volt * np.sum(t * np.sign(ticks) * on * (plus - minus))
        begin = end
    return total


def test_mean_field_is_the_mean_of_its_slots():
    plus, minus = 0.1 + 20 * torch.rand(2, ROWS, COLS, dtype=torch.float64)
    p, u = OPS.row_activity(None, ROWS, 5)
    assert p.shape == u.shape == (15, ROWS)
    torch.testing.assert_close(u.sum(0), torch.ones(ROWS))
    numbers = [0, ROWS, 0, COLS, AT, 1]
    for alternating in (False, True):
        got = OPS.open_fold(plus, minus, p, u, numbers, False, TILE, OHM, 0.0, alternating, 0.2)[1]
        for j in (0, 1, COLS - 1):
            expected = np.zeros(ROWS)
            for s in range(15):
                loads = np.zeros(TILE)
                loads[AT : AT + ROWS] = p[s].numpy() * (plus + minus)[:, j].numpy()
                first = alternating and (1 + j) % 2 == 1
                t = oracle.transfer(loads[::-1] if first else loads, OHM)
                expected += u[s].numpy() * (t[::-1] if first else t)[AT : AT + ROWS]
            np.testing.assert_allclose(got[:, j].numpy(), expected, rtol=1e-6)


def test_passes_of_a_converter_have_an_activity_each():
    p, u = OPS.row_activity(None, 6, 8, [0, 3, 3, 4])
    assert p.shape == (7 + 15, 6)
    torch.testing.assert_close(u.sum(0), torch.ones(6))
    assert (u[7:].sum(0) > 0.9).all()  # the more significant bits carry the power


def test_one_product_is_close_to_the_exact_circuit():
    layer = convert(nn.Linear(ROWS, COLS, bias=False), TARGET, recipe=Circuit())
    x = 0.8 * torch.randn(6, ROWS)
    y = layer(x).detach().numpy()
    w = layer.weight.detach().double().t().numpy()
    s = np.abs(w).max(0)
    expected = np.zeros_like(y)
    at = TILE - ROWS  # next to the ADC
    for v in range(len(x)):
        full = x[v].abs().max().item()
        ticks = np.round(x[v].numpy() / full * 127)
        for j in range(COLS):
            plus, minus = oracle.pairs(w[:, j], s[j], 0.1, 25.0)
            charge = exact_charge(ticks, plus, minus, at)
            expected[v, j] = charge * s[j] / (0.2 * 24.9) * full / 127
    ideal = (x @ layer.weight.t()).detach().numpy()
    error = np.linalg.norm(y - expected) / np.linalg.norm(expected)
    drop = np.linalg.norm(expected - ideal) / np.linalg.norm(ideal)
    assert drop > 0.03
    assert error < 0.15 * drop


# Against the runtime

BIG = {"rows": 96, "cols": 80}  # columns of several panels


def pairs_of(target):
    """A target's parts as a tile takes them."""
    sides = ("geometry", "device", "wire", "dac", "adc")
    given = {side: dataclasses.asdict(getattr(target, side)) for side in sides}
    if target.adc.kind == "ideal":
        del given["adc"]["lsb_fc"], given["adc"]["bits"]
    if target.dac.mode != "split":
        del given["dac"]["lsb_bits"]
    del given["device"]["table"]
    if given["geometry"]["significance"] is None:
        del given["geometry"]["significance"]
    return given


def both(target, *, compensate="none", time=None, activity=None, chip=None, noise=0.0, vectors=12):
    """(training's numbers, the runtime's) of one block with the devices of a chip instance."""
    plain = nn.Linear(72, 70, bias=False)
    with torch.no_grad():  # columns that load unevenly
        plain.weight.mul_(torch.linspace(0.2, 1.0, 70)[torch.randperm(70), None])
        plain.weight[:, 3] *= 3.0
    # As tile 0 a tile names its reads as the first block of a layer does.
    block = Block(0, 72, 0, 70, 11, 5, stream=Block.stream_of(0, 0, 0))
    parts = [Circuit(compensate=compensate)] + ([Device(read=noise)] if chip is not None else [])
    layer = AnalogLinear(plain.weight, None, transposed=True, target=target,
                         recipe=Recipe.of(*parts), layout=Layout(72, 70, (block,)),
                         activity=activity).eval()  # fmt: skip
    x = 0.8 * torch.randn(vectors, 72)
    x[0, 4:] = 0.0
    effects = {"programming": chip is not None, "read_noise": noise > 0}
    tile = aimc.Tile(plain.weight.detach().t().contiguous().numpy(), pairs_of(target), at_row=11,
                     at_col=5, seed=chip or 0, compensate=compensate, time_s=time,
                     effects=effects, **({"activity": activity.numpy()} if activity is not None
                                         else {}))  # fmt: skip
    if chip is None:
        return layer(x).detach().numpy(), tile.read(x.numpy())
    with on_chip(layer, chip, time_s=time):
        return layer(x).detach().numpy(), tile.read(x.numpy())


def target(ohm=4.0, readout="single", adc=None, **parts):
    device = parts.pop("device", aimc.Device())
    geometry = aimc.Geometry(**BIG, readout=readout, **parts.pop("geometry", {}))
    return aimc.Target(geometry=geometry, device=device, adc=adc or aimc.Adc(kind="ideal"),
                       wire=aimc.Wire(column_ohm=ohm, adc_ohm=20.0, idle="open"), **parts)  # fmt: skip


LINEAR = aimc.Adc(kind="linear", lsb_fc=20.0, bits=9)


@pytest.mark.parametrize("readout", ["single", "alternating"])
@pytest.mark.parametrize(("compensate", "time"), [("none", None), ("none", 86400.0),
                                                  ("gain", 3600.0), ("weights", None)])  # fmt: skip
def test_a_chip_reads_as_the_runtime_reads_it(readout, compensate, time):
    histogram = torch.rand(72, 32) + torch.linspace(4, 0, 32)
    histogram /= histogram.sum(1, keepdim=True)
    got, expected = both(target(readout=readout), compensate=compensate, time=time, chip=11,
                         activity=histogram if compensate == "weights" else None)  # fmt: skip
    # Drift goes by sampled curves.
    atol = (1e-6 if time is None else 2e-5) * np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("significance", [None, (1.0, 1.0), (1.0, 3.0, 9.0)])
@pytest.mark.parametrize("readout", ["single", "alternating"])
def test_pulses_are_predistorted_as_the_runtime_does_it(readout, significance):
    """All pairs of a weight are read with the pulses of the first."""
    geometry = {"pairs": len(significance), "significance": significance} if significance else {}
    got, expected = both(target(readout=readout, ohm=8.0, geometry=geometry),
                         compensate="weights+pulses", chip=11)  # fmt: skip
    top = np.abs(expected).max()
    # A pulse at the edge of two lengths may be a tick off in single precision.
    assert (np.abs(got - expected).max(1) < 1e-5 * top).mean() > 0.6
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-3 * top)


@pytest.mark.parametrize("pairs", [1, 2])
@pytest.mark.parametrize("dac", [aimc.Dac(), aimc.Dac(mode="split", lsb_bits=3),
                                 aimc.Dac(bits=5, mode="bit_serial")])  # fmt: skip
def test_each_pass_and_pair_is_converted_on_its_own(pairs, dac):
    geometry = {"pairs": pairs} | ({"significance": (1.0, 3.0)} if pairs == 2 else {})
    for adc in (LINEAR, aimc.Adc(kind="ideal")):
        got, expected = both(target(adc=adc, dac=dac, geometry=geometry), chip=5, vectors=40)
        top = np.abs(expected).max()
        # A charge at the edge of two codes may become either.
        differ = np.abs(got - expected) > 5e-6 * top
        assert differ.mean() < (2e-3 if adc is LINEAR else 1e-9)


def test_read_noise_is_the_runtime_s():
    ideal = target(ohm=20.0)
    with torch.random.fork_rng():
        quiet, silent = both(ideal, chip=3, vectors=600)
    with torch.random.fork_rng():
        got, expected = both(ideal, chip=3, vectors=600, noise=1.0)
    ours, theirs = got - quiet, expected - silent
    assert np.abs(quiet - silent).max() < 1e-5 * np.abs(silent).max()
    assert 1e-3 < theirs.std() / silent.std() < 0.1
    # Draw for draw; what rounding makes of the outputs remains.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * np.abs(silent).max())


# Gradients


def small(pulses=False, seed=0):
    torch.manual_seed(seed)
    plus, minus = (0.1 + 20 * torch.rand(2, 21, 5, dtype=torch.float64)).unbind()
    x = torch.randn(3, 21, dtype=torch.float64)
    full = torch.tensor([4.0]).double()
    p, u = OPS.row_activity(None, 21, 4)
    scale = torch.ones(1, 5, dtype=torch.float64)
    return x, plus, minus, p, u, scale, full


@pytest.mark.parametrize(("alternating", "noise"), [(False, 0.0), (True, 0.0), (False, 0.5)])
def test_gradient_of_an_open_read(alternating, noise):
    x, plus, minus, p, u, scale, full = small()
    key = torch.tensor([1, 2, 3])

    def f(x, plus, minus, full):
        return OPS.open_read(
            x, plus, minus, p, u, scale, None, full, None, [0, 21, 0, 5, 4, 1], False, 30, 400.0,
            10.0, alternating, 0.1, 25.0, 0.2, 1.0, 7, 1, 0, 8, False, noise, key,
        )  # fmt: skip

    inputs = [t.detach().requires_grad_() for t in (x, plus, minus, full)]
    assert torch.autograd.gradcheck(f, inputs, atol=1e-6)


def test_gradient_of_a_transposed_fold():
    _, plus, minus, p, u, _, _ = small()
    numbers = [0, 21, 0, 3, 4, 1, 0, 21, 3, 2, 0, 0]

    def f(a: torch.Tensor, b: torch.Tensor) -> object:
        return OPS.open_fold(a, b, p, u, numbers, True, 30, 400.0, 10.0, True, 0.2)[:2]

    inputs = [t.t().contiguous().requires_grad_() for t in (plus, minus)]
    assert torch.autograd.gradcheck(f, inputs, atol=1e-7)


def test_predistorted_pulses_pass_the_wanted_product_s_gradient():
    """What pulses make up for is not there for the gradient either."""
    circuit = Circuit(compensate="weights+pulses")
    layer = convert(nn.Linear(ROWS, COLS, bias=False), TARGET, recipe=circuit)
    x = (0.5 * torch.randn(30, ROWS)).requires_grad_()
    bar = torch.randn(30, COLS)
    layer(x).backward(bar)
    wanted = bar @ layer.weight.detach()
    error = (x.grad - wanted).norm() / wanted.norm()
    assert error < 0.05
    assert torch.isfinite(layer.weight.grad).all()
    raw = x.detach().clone().requires_grad_()
    convert(nn.Linear(ROWS, COLS, bias=False), TARGET, recipe=Circuit())(raw).backward(bar)
    assert (raw.grad - wanted).norm() / wanted.norm() > 2 * error


def test_what_operators_promise_to_torch():
    x, plus, minus, p, u, _, full = (t.float() for t in small())
    blocks = [0, 21, 0, 5, 4, 1]
    pair = [plus.requires_grad_(), minus.requires_grad_()]
    torch.library.opcheck(
        OPS.open_fold.default, (*pair, p, u, blocks, False, 30, 400.0, 10.0, True, 0.2)
    )
    matrix, _, reference = OPS.open_fold(*pair, p, u, blocks, False, 30, 400.0, 10.0, True, 0.2)
    matrix = matrix.detach().requires_grad_()
    ticks = (30 * x).round().requires_grad_()
    for aim in (None, torch.full((21,), 0.9)):
        torch.library.opcheck(
            OPS.open_product.default,
            (ticks, matrix, reference[0], aim, blocks, 30, 400.0, 10.0, True, 127),
        )
    torch.library.opcheck(
        OPS.open_pulses.default,
        (x, full, plus.detach(), minus.detach(), p, u, blocks, 30, 400.0, 10.0, True, 127),
    )


@pytest.mark.parametrize("compensate", ["none", "weights", "weights+pulses"])
def test_training_learns_through_open_rows(compensate):
    wanted = nn.Linear(ROWS, COLS)
    layer = convert(nn.Linear(ROWS, COLS), TARGET.replace(adc=LINEAR),
                    recipe=Circuit(compensate=compensate, refresh=5) + Device(programming=0.2))  # fmt: skip
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    losses = []
    for _ in range(120):
        x = 0.5 * torch.randn(32, ROWS)
        optimizer.zero_grad()
        loss = (layer(x) - wanted(x)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.15 * np.mean(losses[:5])


def test_refuses_what_has_no_model():
    wire = aimc.Wire(column_ohm=1.0, row_ohm=1.0, idle="open")
    with pytest.raises(aimc.InvalidArgumentError, match=r"wire\.row_ohm"):
        convert(nn.Linear(ROWS, COLS), TARGET.replace(wire=wire))
    with pytest.raises(aimc.InvalidArgumentError, match="compensate"):
        convert(nn.Linear(ROWS, COLS), TARGET.replace(wire=aimc.Wire(column_ohm=1.0)),
                recipe=Circuit(compensate="weights+pulses"))  # fmt: skip
