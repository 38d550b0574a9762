# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One weight, one target and one scale rule: the compiler, a session, `aimc.Tile`, `aimc.torch` and
aimc-finetune give columns the same scale, columns that hardly vary included."""

import json
import warnings

import numpy as np
import pytest
import torch
from onnx import helper
from onnx_case import program
from safetensors.numpy import load_file

import aimc
from aimc.testing import models
from aimc.testing.programs import run_program
from aimc.torch import Circuit, convert

ROWS, HEIGHT, BATCH = 129, 64, 8  # the last band is one row
QUIET = {"programming": False, "read_noise": False, "variation": False}
EXACT = {"wire": aimc.Wire(column_ohm=0.0), "adc": aimc.Adc(kind="ideal")}
CMO = {"kind": "reram_cmo", "g_min_us": 1.0, "g_max_us": 88.0}


def columns(rng):
    normal = rng.standard_normal(ROWS)
    few = np.where(np.arange(ROWS) % 50 == 7, 5.0, 0.01 * normal)
    return {
        "plain": normal,
        "heavy tails": rng.standard_t(3, ROWS),
        "constant": np.full(ROWS, 0.1),
        "constant, negative": np.full(ROWS, -1 / 3),
        "nearly constant": 0.7 * (1 + 1e-6 * normal),
        "one differs": np.where(np.arange(ROWS) == 3, -0.0201, -0.02),
        "far from zero": 1 + 0.1 * normal,
        "positive": np.abs(normal),
        "few large": few,
        "zeros": np.zeros(ROWS),
        "one weight": np.where(np.arange(ROWS) == 70, 0.3, 0.0),
    }


def sizes(rng):
    normal = rng.standard_normal(ROWS)
    return {
        "tiny": 1e-30 * normal,
        "tiny constant": np.full(ROWS, 1e-30),
        "large": 1e30 * normal,
        "large constant": np.full(ROWS, 1e30),
        "denormal": 1e-41 * normal,
        "denormal constant": np.full(ROWS, 1e-44),
    }


def package_of(folder, weight, target, **options):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = models.save(folder / "m.onnx", [node], {"x": ["batch", ROWS]},
                        {"y": ["batch", weight.shape[1]]}, {"w": weight})  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", aimc.HardwareWarning)
        return model, aimc.compile(model, dims={"batch": BATCH}, target=target, **options,
                                   output=folder / f"{len(options)}.aimc")  # fmt: skip


def compiled_scales(package, weight):
    """[bands, columns]; a block without scales has its largest weights."""
    tensors = load_file(package / "weights.safetensors")
    (entry,) = json.loads((package / "manifest.json").read_text())["weights"]
    top = [np.abs(weight[row : row + HEIGHT]).max(0) for row in range(0, ROWS, HEIGHT)]
    for block in entry["blocks"]:
        if "scales" in block:
            own = slice(block["col"], block["col"] + block["cols"])
            top[block["row"] // HEIGHT][own] = tensors[block["scales"]]
    return np.stack(top)


def converted(weight, target, rule):
    linear = torch.nn.Linear(*weight.shape, bias=False)
    linear.weight.data = torch.from_numpy(weight.T.copy())
    return convert(linear, target, recipe=Circuit(scale=rule)).eval()


@pytest.mark.parametrize(
    ("rule", "device", "significance"),
    [
        ("max", {}, ()),
        ("sigma:0.5", {}, ()),
        ("sigma:2", {}, ()),
        ("optimal", {}, ()),
        ("optimal", {"programming_noise_scale": 3.0}, (1.0, 2.0, 4.0)),
        ("optimal", CMO | {"acceptance_percent": 0.2, "programming_noise_scale": 10.0}, ()),
    ],
)
def test_every_road_has_one_scale(rule, device, significance, tmp_path):
    rng = np.random.default_rng(1)
    made = columns(rng)
    if rule.startswith(("max", "sigma")):
        made |= sizes(rng)
    names, weight = list(made), np.stack(list(made.values()), 1).astype(np.float32)
    geometry = aimc.Geometry(rows=HEIGHT, pairs=max(len(significance), 1),
                             significance=significance or None)  # fmt: skip
    target = aimc.Target(name="t", geometry=geometry, device=aimc.Device(**device), **EXACT)
    _, package = package_of(tmp_path, weight, target, scale=rule)
    wanted = compiled_scales(package, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", aimc.HardwareWarning)
        tiles = [aimc.Tile(weight[row : row + HEIGHT], target, scale=rule).array("scale")
                 for row in range(0, ROWS, HEIGHT)]  # fmt: skip
    np.testing.assert_array_equal(np.stack(tiles), wanted)
    layer = converted(weight, target, rule)
    trained = layer._scale(layer.weight)
    np.testing.assert_allclose(trained.detach().numpy(), wanted, rtol=1e-6)

    # And what the law says: never 0 beside weights, and nothing clipped where nothing stands out.
    top = np.stack([np.abs(weight[row : row + HEIGHT]).max(0) for row in range(0, ROWS, HEIGHT)])
    assert ((wanted > 0) == (top > 0)).all()
    if not rule.startswith("optimal"):
        for name in names:
            if "constant" in name or name == "one differs":
                column = names.index(name)
                np.testing.assert_allclose(wanted[:, column], top[:, column], rtol=0.01)
        np.testing.assert_array_equal(wanted[-1], top[-1] if rule != "sigma:0.5" else wanted[-1])


@pytest.mark.parametrize("rule", ["max", "sigma:2", "optimal"])
def test_every_road_gives_the_same_outputs(rule, tmp_path):
    rng = np.random.default_rng(2)
    weight = np.stack(list(columns(rng).values()), 1).astype(np.float32)
    x = rng.standard_normal((BATCH, ROWS)).astype(np.float32)
    exact = x @ weight
    target = aimc.Target(name="t", geometry=aimc.Geometry(rows=HEIGHT), **EXACT)
    model, package = package_of(tmp_path, weight, target, scale=rule)
    _, plain = package_of(tmp_path, weight, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", aimc.HardwareWarning)
        with aimc.Session(package, effects=QUIET) as session:
            wanted = session.run(None, {"x": x})[0]
        with aimc.Session(plain, effects=QUIET, scale=rule) as session:
            np.testing.assert_array_equal(session.run(None, {"x": x})[0], wanted)
    layer = converted(weight, target, rule)
    with torch.no_grad():
        trained = layer(torch.from_numpy(x)).numpy()
    # a code on the edge of two may fall either way
    assert (np.abs(trained - wanted) <= 0.02 * np.abs(wanted).max(0) + 1e-6).all()
    if rule == "max":
        np.testing.assert_allclose(wanted, exact, atol=0.02 * np.abs(exact).max())
    if not program("aimc-finetune"):
        return
    (tmp_path / "t.mlir").write_text(target.to_mlir())
    np.savez(tmp_path / "d.npz", x=x, labels=exact)
    data, log = tmp_path / "d.npz", tmp_path / "log"
    done = run_program("aimc-finetune", model, "--target", tmp_path / "t.mlir", "--data", data,
                       "--eval-data", data, "--steps", "0", "--loss", "mse", "--scale", rule,
                       "--programming-noise", "0", "--read-noise", "0", "--threads", "1",
                       "--log", log)  # fmt: skip
    assert done.status == 0, done.stderr
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (loss,) = [line["loss"][0] for line in lines if "evaluation" in line]
    assert loss == pytest.approx(((wanted - exact) ** 2).mean(), rel=0.05, abs=1e-9)


def test_a_scale_that_trains_follows_its_weight():
    """The rule is a part of what torch.compile and vmap see, and takes no gradient."""
    weight = torch.randn(ROWS, 5, requires_grad=True)
    numbers = torch.ops.aimc.cut_blocks(ROWS, 5, HEIGHT, 512)
    scale = torch.ops.aimc.column_scales(weight, numbers, False, "sigma:2")
    assert not scale.requires_grad
    turned = torch.ops.aimc.column_scales(weight.detach().t(), numbers, True, "sigma:2")
    torch.testing.assert_close(turned, scale, rtol=0, atol=0)
    compiled = torch.compile(
        lambda w: torch.ops.aimc.column_scales(w, numbers, False, "sigma:2"),
        backend="aot_eager", fullgraph=True,
    )  # fmt: skip
    torch.testing.assert_close(compiled(weight.detach()), scale, rtol=0, atol=0)
    both = torch.stack([weight.detach(), 3 * weight.detach()])
    mapped = torch.vmap(lambda w: torch.ops.aimc.column_scales(w, numbers, False, "sigma:2"))
    torch.testing.assert_close(mapped(both)[1], 3 * scale)
    with pytest.raises(ValueError, match="expected a scale rule max or sigma:<q>, but got most"):
        torch.ops.aimc.column_scales(weight, numbers, False, "most")


@pytest.mark.parametrize("readout", ["single", "alternating"])
def test_a_short_block_lies_at_one_place(readout, tmp_path):
    """`aimc.Tile` and training put it where the compiler does: wires take as little from it."""
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((ROWS, 8)).astype(np.float32)
    x = rng.standard_normal((BATCH, ROWS)).astype(np.float32)
    geometry = aimc.Geometry(rows=256, readout=readout)
    target = aimc.Target(name="t", geometry=geometry, wire=aimc.Wire(column_ohm=2.0),
                         adc=aimc.Adc(kind="ideal"))  # fmt: skip
    _, package = package_of(tmp_path, weight, target)
    (entry,) = json.loads((package / "manifest.json").read_text())["weights"]
    place = {"row": entry["blocks"][0]["at_row"], "col": entry["blocks"][0]["at_col"]}
    with aimc.Tile(weight, target, effects=QUIET) as tile:
        assert tile.place == (place["row"], place["col"])
        got = tile.read(x)
    with aimc.Session(package, effects=QUIET) as session:
        np.testing.assert_array_equal(got, session.run(None, {"x": x})[0])
    layer = converted(weight, target, "max")
    (block,) = layer.layout.blocks
    assert (block.at_row, block.at_col) == (place["row"], place["col"])
    # The other end of the column is worse, so that the choice can be seen.
    if readout == "single":
        with aimc.Tile(weight, target, effects=QUIET, at_row=0) as tile:
            far = np.abs(tile.read(x) - x @ weight).max()
        assert np.abs(got - x @ weight).max() < 0.7 * far
