# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Row and column wires in training: the whole network's node equations and finite differences."""

import numpy as np
import pytest
import torch
from torch import nn

import aimc
from aimc.torch import Circuit, convert

OPS = torch.ops.aimc
TILE_ROWS, TILE_COLS, OHM, ADC, ROW, DRIVER = 9, 7, 300.0, 200.0, 250.0, 150.0
BLOCKS = [(0, 6, 0, 5, 2, 1), (6, 3, 0, 5, 4, 0)]
NUMBERS = [n for b in BLOCKS for n in b]
G_MIN = 0.1


def network(plus, minus, row):
    """Currents out of all columns per volt on the pair of lines of `row`, by node equations.

    Nodes: plus line, minus line and column at each cell. ADC at the last row.
    """
    rows, cols = plus.shape
    count = 3 * rows * cols
    matrix, source = np.zeros((count, count)), np.zeros(count)

    def node(kind, i, j):
        return (kind * rows + i) * cols + j

    def between(a, b, g):
        matrix[a, a] += g
        matrix[b, b] += g
        matrix[a, b] -= g
        matrix[b, a] -= g

    for i in range(rows):
        for kind, g, volt in ((0, plus, 1.0), (1, minus, -1.0)):
            first = 1e6 / (DRIVER + ROW / 2)
            matrix[node(kind, i, 0), node(kind, i, 0)] += first
            source[node(kind, i, 0)] += first * (volt if i == row else 0.0)
            for j in range(cols):
                between(node(kind, i, j), node(2, i, j), g[i, j])
                if j + 1 < cols:
                    between(node(kind, i, j), node(kind, i, j + 1), 1e6 / ROW)
    last = 1e6 / (OHM / 2 + ADC)
    for j in range(cols):
        for i in range(rows - 1):
            between(node(2, i, j), node(2, i + 1, j), 1e6 / OHM)
        matrix[node(2, rows - 1, j), node(2, rows - 1, j)] += last
    v = np.linalg.solve(matrix, source)
    return last * v[[node(2, rows - 1, j) for j in range(cols)]]


def fold(plus, minus, transposed=False):
    return OPS.fold_crossbar(plus, minus, NUMBERS, transposed, TILE_ROWS, TILE_COLS, OHM, ADC, ROW,
                             DRIVER, False, 0.2, 2 * G_MIN)  # fmt: skip


def test_fold_is_the_network():
    plus, minus = 0.1 + 24.9 * torch.rand(2, 9, 5, dtype=torch.float64)
    weff, _ = fold(plus, minus)
    turned, _ = fold(plus.t().contiguous(), minus.t().contiguous(), True)
    torch.testing.assert_close(turned.t(), weff)
    for row, rows, col, cols, at_row, at_col in BLOCKS:
        whole = [np.full((TILE_ROWS, TILE_COLS), G_MIN) for _ in range(2)]
        for tile, g in zip(whole, (plus, minus), strict=True):
            tile[at_row : at_row + rows, at_col : at_col + cols] = g[
                row : row + rows, col : col + cols
            ]
        for i in range(rows):
            expected = 0.2 * network(*whole, at_row + i)[at_col : at_col + cols]
            got = weff[row + i, col : col + cols].numpy()
            np.testing.assert_allclose(got, expected, atol=3e-6 * weff.abs().max().item())


def test_gradient_against_finite_differences():
    plus, minus = (0.1 + 24.9 * torch.rand(2, 9, 5, dtype=torch.float64)).requires_grad_()
    plus, minus = plus.detach().requires_grad_(), minus.detach().requires_grad_()
    bar = torch.randn(9, 5, dtype=torch.float64)
    (fold(plus, minus)[0] * bar).sum().backward()
    # The fold works in single precision: steps are wide, and the difference is central.
    for tensor, other in ((plus, minus), (minus, plus)):
        for index in ((0, 0), (3, 4), (8, 2)):
            values = []
            for sign in (1, -1):
                moved = tensor.detach().clone()
                moved[index] += sign * 0.5
                pair = (moved, other) if tensor is plus else (other, moved)
                values.append((fold(*pair)[0] * bar).sum().item())
            assert tensor.grad[index].item() == pytest.approx(
                values[0] - values[1], rel=2e-3, abs=2e-4
            )


def test_a_layer_with_row_wires_trains_and_reads_as_the_runtime():
    wire = {"column_ohm": 30.0, "row_ohm": 20.0, "driver_ohm": 10.0}
    parts = {"geometry": {"rows": 24, "cols": 16}, "wire": wire, "adc": {"kind": "ideal"}}
    layer = convert(nn.Linear(12, 10, bias=False), parts, recipe=Circuit())
    x = torch.randn(5, 12)
    y = layer(x)
    tile = aimc.Tile(layer.weight.detach().t().contiguous().numpy(), parts, at_row=12,
                     effects={"programming": False, "read_noise": False})  # fmt: skip
    expected = tile.read(x.numpy())
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-5 * np.abs(expected).max())
    y.square().sum().backward()
    assert layer.weight.grad.norm() > 0


def test_a_block_beside_its_tile_is_named():
    g = torch.rand(9, 5)
    with pytest.raises(ValueError, match="within a tile of 4 columns"):
        OPS.fold_crossbar(g, g, NUMBERS, False, 9, 4, 1.0, 0.0, 1.0, 0.0, False, 0.2, 0.2)


@pytest.mark.parametrize(
    "blocks,transposed,alternating",
    [
        ([(0, 3, 0, 4, 0, 0)], False, False),
        ([(0, 3, 0, 4, 2, 1)], True, True),
        ([(0, 4, 0, 3, 1, 2), (4, 2, 0, 3, 7, 0)], False, True),
    ],
)
def test_gradients_in_double_precision(blocks, transposed, alternating):
    rows, cols = blocks[-1][0] + blocks[-1][1], blocks[0][3]
    numbers = [n for b in blocks for n in b]
    shape = (2, cols, rows) if transposed else (2, rows, cols)
    devices = 0.1 + 24.9 * torch.rand(shape, dtype=torch.float64)
    tail = (numbers, transposed, TILE_ROWS, TILE_COLS, OHM, ADC, ROW, DRIVER, alternating, 0.2,
            2 * G_MIN)  # fmt: skip
    inputs = [g.clone().requires_grad_() for g in devices]
    assert torch.autograd.gradcheck(
        lambda p, m: OPS.fold_crossbar(p, m, *tail)[0], inputs, atol=1e-9, rtol=1e-6
    )
    torch.library.opcheck(OPS.fold_crossbar.default, (*inputs, *tail))
    # Both precisions fold the same network.
    for here, single in zip(
        OPS.fold_crossbar(*inputs, *tail), OPS.fold_crossbar(*(g.float() for g in devices), *tail),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(single.double(), here, rtol=0, atol=3e-6 * here.max().item())
