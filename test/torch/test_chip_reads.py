# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads on a chip instance: noise is drawn anew for each vector, and is that of a session's reads."""

import numpy as np
import pytest
import torch
from onnx import helper
from torch import nn

import aimc
from aimc.testing import models
from aimc.torch import Circuit, Device, convert, load_spec, on_chip

TARGET = aimc.Target(geometry=aimc.Geometry(rows=64, cols=48), wire=aimc.Wire(column_ohm=2.0))
DAC = aimc.Dac(bits=6, mode="split", lsb_bits=2)
TARGETS = {
    "one pass": TARGET,
    "split": TARGET.replace(dac=DAC),
    "open": TARGET.replace(wire=aimc.Wire(column_ohm=0.35, idle="open")),
    "open, no wires": TARGET.replace(wire=aimc.Wire(column_ohm=0.0, idle="open")),
    "open, two ends": TARGET.replace(
        geometry=aimc.Geometry(rows=64, cols=48, readout="alternating"),
        wire=aimc.Wire(column_ohm=0.35, idle="open"),
        dac=DAC,
    ),
    "two pairs": TARGET.replace(
        geometry=aimc.Geometry(rows=64, cols=48, pairs=2, significance=(1.0, 4.0)), dac=DAC
    ),
}
SHAPES = {"query": (96, 80), "key": (96, 20), "out": (20, 30)}


class Model(nn.Module):
    """Two layers with common inputs, of which one feeds a third."""

    def __init__(self):
        super().__init__()
        for name, (rows, cols) in SHAPES.items():
            layer = nn.Linear(rows, cols, bias=False)
            layer.weight.data = torch.from_numpy(models.weight(rows, cols)).t().contiguous()
            setattr(self, name, layer)

    def forward(self, x):
        return self.query(x), self.out(self.key(x))


def compiled(folder, target):
    nodes = [
        helper.make_node("MatMul", ["x", "query"], ["y"], name="query"),
        helper.make_node("MatMul", ["x", "key"], ["k"], name="key"),
        helper.make_node("MatMul", ["k", "out"], ["z"], name="out"),
    ]
    weights = {name: models.weight(*shape) for name, shape in SHAPES.items()}
    path = models.save(folder / "m.onnx", nodes, {"x": ["batch", 96]},
                       {"y": ["batch", 80], "z": ["batch", 30]}, weights)  # fmt: skip
    return aimc.compile(path, dims={"batch": 8}, target=target, output=folder / "m.aimc",
                        emit_noise=folder / "spec.json", extra_args=["--no-pack"])  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_reads_are_those_of_a_session(name, tmp_path):
    package = compiled(tmp_path, TARGETS[name])
    x = np.random.default_rng(5).standard_normal((24, 96)).astype(np.float32)
    with aimc.Session(package, seed=7) as session:
        runs = [session.run(None, {"x": x[at : at + 8]}) for at in (0, 8, 16)]
        session.reset()
        again = session.run(None, {"x": x[:8]})
    expected = [np.concatenate(parts) for parts in zip(*runs, strict=True)]
    assert all(np.array_equal(a, b) for a, b in zip(again, runs[0], strict=True))
    spec = load_spec(tmp_path / "spec.json")
    # All of them have a place among a session's reads, and the first two share a call site.
    blocks = len(spec.layers[0].layout.blocks)
    assert blocks == 4
    assert [site.reads for site in spec.layers] == [0, blocks, 1 << 32]
    model = convert(Model(), spec=spec, recipe=Device() + Circuit()).eval()
    inputs = torch.from_numpy(x)

    def shares_of_equal(got, wanted):
        for a, b in zip(got, wanted, strict=True):
            yield np.mean(np.abs(a.numpy() - b) <= 1e-5 * np.abs(b).max())

    with on_chip(model, 7), torch.no_grad():
        for cuts in ([24], [8, 8, 8], [1, 20, 3]):
            with on_chip(model, 7):
                parts = [model(part) for part in inputs.split(cuts)]
            got = [torch.cat(part) for part in zip(*parts, strict=True)]
            # Where no code falls to the other side of an edge, which happens to one in thousands of
            # readings and then to what follows from it.
            assert min(shares_of_equal(got, expected)) > 0.9
        first = model(inputs[:8])
        torch._dynamo.reset()
        # Coarse converters give the same code for much of the noise.
        assert max(shares_of_equal(model(inputs[:8]), runs[0])) < 0.9
        assert min(shares_of_equal(first, runs[0])) > 0.9
        compiled_model = torch.compile(model, fullgraph=True, backend="aot_eager")
        for chip in (7, 8):
            with on_chip(model, chip):
                eager = model(inputs[:8]), model(inputs[8:16])
            with on_chip(model, chip):
                quick = compiled_model(inputs[:8]), compiled_model(inputs[8:16])
            torch.testing.assert_close(quick, eager)


def test_passes_draw_anew_and_a_chip_that_is_entered_again_repeats():
    model = convert(Model(), TARGET, recipe=Device()).eval()
    x = torch.randn(4, 96)
    with torch.no_grad():
        with on_chip(model, 3):
            first, second = model(x)[0], model(x)[0]
            with on_chip(model, 4):
                other = model(x)[0]
            third = model(x)[0]
        with on_chip(model, 3):
            together = model(torch.cat([x, x, x]))[0]
        quiet = convert(Model(), TARGET, recipe=Device(read=0.0)).eval()
        with on_chip(quiet, 3):
            still = quiet(x)[0]
            assert torch.equal(quiet(x)[0], still)
    assert not torch.equal(first, second)
    torch.testing.assert_close(torch.cat([first, second, third]), together)
    noise = torch.stack([first, second, third]) - still
    assert 0 < noise.abs().mean() < 0.2 * (other - still).abs().mean()


def test_a_chip_that_is_trained_on_computes_again_what_it_read():
    found = []
    for again in (False, True):
        model = convert(Model(), TARGET, recipe=Device()).eval()
        x = torch.linspace(-1, 1, 4 * 96).view(4, 96).requires_grad_()
        with on_chip(model, 3):
            for _ in range(2):
                if again:
                    y = torch.utils.checkpoint.checkpoint(model.query, x, use_reentrant=False)
                else:
                    y = model.query(x)
                y.square().sum().backward()
        found.append(x.grad)
    assert torch.equal(*found)
