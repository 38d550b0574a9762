# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Disconnected idle rows in training: node equations, the runtime, finite differences."""

import numpy as np
import oracle
import pytest
import torch
from torch import nn

import aimc
from aimc.torch import Circuit, Device, convert
from aimc.torch.open_rows import mean_field, open_read

OPS = torch.ops.aimc
TILE, ROWS, COLS, AT, OHM = 40, 24, 10, 9, 60.0
TARGET = aimc.Target(geometry=aimc.Geometry(rows=TILE, cols=16), adc=aimc.Adc(kind="ideal"),
                     wire=aimc.Wire(column_ohm=OHM, idle="open"))  # fmt: skip


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the cases are tiny
    yield
    torch.set_num_threads(before)


def conducting(ticks, plus, minus, at=AT):
    """(loads of a column whose rows still conduct, width) between each two pulse ends."""
    begin = 0.0
    for end in sorted({abs(t) for t in ticks if t != 0}):
        loads = np.zeros(TILE)
        loads[at : at + ROWS] = (plus + minus) * (np.abs(ticks) >= end)
        yield loads, np.abs(ticks) >= end, end - begin
        begin = end


def exact_charge(ticks, plus, minus, at, volt=0.2):
    """One column, interval by interval, each by its node equations."""
    total = 0.0
    for loads, on, width in conducting(ticks, plus, minus, at):
        t = oracle.transfer(loads, OHM)[at : at + ROWS]
        total += width * volt * np.sum(t * np.sign(ticks) * on * (plus - minus))
    return total


def test_reference_ticks_are_the_circuit_of_one_column():
    for ticks in (torch.randint(-20, 21, (3, ROWS)).double(), 30 * torch.randn(3, ROWS).double()):
        terminal = OHM * (TILE - AT - ROWS + 0.5)
        z = OPS.reference_ticks(ticks, 18.0, OHM, terminal, False)
        for v in range(3):
            d = ticks[v].numpy()
            expected = np.zeros(ROWS)
            for loads, on, width in conducting(d, np.full(ROWS, 9.0), np.full(ROWS, 9.0)):
                expected += width * on * np.sign(d) * oracle.transfer(loads, OHM)[AT : AT + ROWS]
            np.testing.assert_allclose(z[v].numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reversed_", [False, True])
def test_gradient_of_reference_ticks(reversed_):
    ticks = (30 * torch.randn(18, 7, dtype=torch.float64)).requires_grad_()
    f = lambda t: OPS.reference_ticks(t, 20.0, 900.0, 1500.0, reversed_)  # noqa: E731
    assert torch.autograd.gradcheck(f, [ticks])
    # Pulses of equal length share the effect of their end: moving all of them is exact.
    equal = torch.tensor([[3.0, -5.0, 5.0, 5.0, 0.0, 9.0]], dtype=torch.float64).requires_grad_()
    bar = torch.randn(1, 6, dtype=torch.float64)
    f(equal).backward(bar)
    move = torch.tensor([[0.0, -1.0, 1.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    step = 1e-6
    both = [(f(equal.detach() + s * step * move) * bar).sum().item() for s in (1, -1)]
    assert (equal.grad * move).sum().item() == pytest.approx(
        (both[0] - both[1]) / (2 * step), rel=1e-5
    )


def test_mean_field_is_the_mean_of_its_slots():
    plus, minus = 0.1 + 20 * torch.rand(2, ROWS, COLS, dtype=torch.float64)
    p, u = OPS.row_activity(None, ROWS, 5)
    assert p.shape == u.shape == (15, ROWS)
    torch.testing.assert_close(u.sum(0), torch.ones(ROWS))
    numbers = [0, ROWS, 0, COLS, AT, 0]
    got = mean_field(plus, minus, p.double(), u.double(), numbers, TILE, OHM, 0.0)
    for j in (0, COLS - 1):
        expected = np.zeros(ROWS)
        for s in range(15):
            loads = np.zeros(TILE)
            loads[AT : AT + ROWS] = p[s].numpy() * (plus + minus)[:, j].numpy()
            expected += u[s].numpy() * oracle.transfer(loads, OHM)[AT : AT + ROWS]
        np.testing.assert_allclose(got[:, j].numpy(), expected, rtol=1e-6)


def layer_and_inputs():
    plain = nn.Linear(ROWS, COLS, bias=False)
    return plain, 0.8 * torch.randn(6, ROWS)


def test_one_product_is_close_to_the_exact_circuit():
    plain, x = layer_and_inputs()
    target = TARGET.replace(geometry=aimc.Geometry(rows=TILE, cols=16))
    layer = convert(plain, target, recipe=Circuit())
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


@pytest.mark.parametrize("fidelity", ["exact", "one_product"])
def test_the_runtime_reads_nearly_the_same(fidelity):
    """Both sides approximate the exact circuit with reference columns of their own choice."""
    plain, x = layer_and_inputs()
    layer = convert(plain, TARGET, recipe=Circuit())
    parts = {
        "geometry": {"rows": TILE, "cols": 16},
        "wire": {"column_ohm": OHM, "idle": "open", "fidelity": fidelity},
        "adc": {"kind": "ideal"},
    }
    tile = aimc.Tile(layer.weight.detach().t().contiguous().numpy(), parts, at_row=TILE - ROWS,
                     effects={"programming": False, "read_noise": False})  # fmt: skip
    expected = tile.read(x.numpy())
    error = np.linalg.norm(layer(x).detach().numpy() - expected) / np.linalg.norm(expected)
    assert error < 1e-2


def test_gradient_of_an_open_read():
    plus, minus = (0.1 + 20 * torch.rand(2, 6, 3, dtype=torch.float64)).requires_grad_()
    x = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)
    full = torch.tensor([4.0]).double()
    target = aimc.Target(geometry=aimc.Geometry(rows=9, cols=4), adc=aimc.Adc(kind="ideal"),
                         dac=aimc.Dac(bits=4), wire=aimc.Wire(column_ohm=400.0, idle="open"))  # fmt: skip
    layout = aimc.torch.Layout.cut(6, 3, target)

    def f(x, plus, minus):
        scale = torch.ones(1, 3, dtype=torch.float64)
        return open_read(x, plus, minus, scale, None, full, None, layout, target, 400.0, 0.0,
                         (7, 1, 0, 8), references=[20.0])  # fmt: skip

    plus, minus = plus.detach().requires_grad_(), minus.detach().requires_grad_()
    assert torch.autograd.gradcheck(f, (x, plus, minus), atol=1e-6)


def test_open_rows_train_and_refuse_what_has_no_model():
    plain, x = layer_and_inputs()
    layer = convert(plain, TARGET, recipe=Device(read=0.0))
    layer(x).square().sum().backward()
    assert torch.isfinite(layer.weight.grad).all()
    assert layer.weight.grad.norm() > 0
    with pytest.raises(aimc.UnsupportedError, match=r"device\.read"):
        convert(nn.Linear(ROWS, COLS), TARGET, recipe=Device())
    with pytest.raises(aimc.UnsupportedError, match="compensate"):
        convert(nn.Linear(ROWS, COLS), TARGET, recipe=Circuit(compensate="weights"))
