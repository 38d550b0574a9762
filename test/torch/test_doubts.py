# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What training doubts of its options and hardware: in a session's words, and truly."""

import copy
import json
import warnings

import numpy as np
import pytest
import test_calibration
import torch
from hardware_warnings import net, told
from onnx_case import program
from test_finetune import finetune, weights_of
from torch import nn

import aimc
from aimc.testing import models
from aimc.torch import Circuit, Device, Ramp, calibrate, convert, on_chip

IDEAL = aimc.Target.load("ideal")
BARE = aimc.Target(wire=aimc.Wire(column_ohm=0.0))
WIRES = "has no effect: no target has wires with resistance"
MONTH_S = 2_592_000.0


def trained(target, recipe):
    """Outputs of some training steps, which noise, scales and compensation decide."""
    model = convert(net(), target, recipe=recipe).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    torch.manual_seed(1)
    outputs = []
    for _ in range(6):
        outputs.append(model(torch.randn(4, 64)))
        outputs[-1].square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return torch.cat(outputs).detach()


@pytest.mark.parametrize(
    ("target", "recipe", "line"),
    [
        (BARE, Circuit(compensate="weights"), f"compensate {WIRES}"),
        (IDEAL, Circuit(compensate="gain"), f"compensate {WIRES}"),
        (IDEAL, Circuit(wire=Ramp(1.0, 5)), f"wire {WIRES}"),
        (aimc.Target(), Circuit(wire=0.0, compensate="gain"),
         "compensate has no effect: the effect wire is off"),
        (aimc.Target(), Circuit(adc=False, adc_range="learned"),
         "adc_range has no effect: the effect adc is off"),
        (IDEAL, Circuit(refresh=2), "refresh has no effect: neither optimal scales nor"),
        (IDEAL, Device(programming=3.0), "programming has no effect: programming leaves no"),
        (IDEAL, Device(read=2.0), "read has no effect: reads of no device here are noisy"),
        (IDEAL, Device(drift=2.0), "drift has no effect: no device here drifts"),
        (aimc.Target(), Device(drift=2.0), "drift has no effect: nothing drifts without a time"),
        (IDEAL, Circuit(adc_range="learned"), "adc_range has no effect: no target has an ADC"),
    ],
)  # fmt: skip
def test_options_of_a_recipe_that_can_do_nothing(target, recipe, line):
    (said,) = told(lambda: convert(net(), target, recipe=recipe))
    assert said.startswith(line)
    plain = Device()
    if isinstance(recipe, Circuit):
        plain = Circuit(wire=0.0 if recipe.wire == 0.0 else 1.0, adc=recipe.adc)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch.equal(trained(target, recipe), trained(target, plain))


@pytest.mark.parametrize(
    ("target", "recipe", "plain"),
    [
        (aimc.Target(), Circuit(compensate="weights"), Circuit()),
        (aimc.Target(), Circuit(scale="optimal", refresh=2), Circuit(scale="optimal")),
        (aimc.Target(), Circuit(compensate="gain", refresh=2), Circuit(compensate="gain")),
        (aimc.Target(), Device(programming=3.0), Device()),
        (aimc.Target(), Device(read=3.0), Device()),
        (aimc.Target(), Device(drift=3.0, times_s=(MONTH_S,)), Device(times_s=(MONTH_S,))),
    ],
)  # fmt: skip
def test_options_that_do_something_are_not_told(target, recipe, plain):
    assert told(lambda: convert(net(), target, recipe=recipe)) == []
    assert not torch.equal(trained(target, recipe), trained(target, plain))
    off = Circuit(compensate="none", wire=0.0) + Device(programming=0.0, read=0.0, drift=0.0)
    assert told(lambda: convert(net(), IDEAL, recipe=off)) == []


def test_calibration_with_nothing_to_choose():
    def run(target, **recipe):
        model = convert(net(), target, recipe=Circuit(**recipe))
        calibrate(model, [torch.randn(8, 64)])

    (line,) = told(lambda: run(IDEAL))
    assert line.startswith("calibrate has no effect: no target has an ADC that is not ideal, and")
    (line,) = told(lambda: run(aimc.Target(), adc=False))
    assert line.startswith("calibrate has no effect: the effect adc is off, and no input range")
    assert told(lambda: run(IDEAL, input_range="fixed")) == []
    assert told(lambda: run(aimc.Target(), adc=False, input_range="fixed")) == []
    assert told(lambda: run(aimc.Target())) == []


SIGMA = r"scale sigma:0\.01 clips 99% of the weights, which takes 9\d\.\d% of their power; more"


def test_a_scale_that_clips_is_told_in_a_tiles_words():
    weights = torch.randn(64, 8, generator=torch.Generator().manual_seed(3))

    def module():
        linear = nn.Linear(64, 8)
        linear.weight.data.copy_(weights.t())
        return nn.Sequential(linear)

    target = aimc.Target()

    def tile(scale):
        return [line for line in told(lambda: aimc.Tile(weights.numpy(), target, seed=1, scale=scale))
                if line.startswith("scale")]  # fmt: skip

    for scale in ("sigma:0.01", "sigma:1", "sigma:1.9", "sigma:3", "max", "optimal"):
        lines = told(lambda s=scale: convert(module(), target, recipe=Circuit(scale=s)))
        assert lines == tile(scale), scale
        assert bool(lines) == (scale in ("sigma:0.01", "sigma:1")), scale
    with pytest.warns(aimc.HardwareWarning, match=SIGMA):
        convert(module(), target, recipe=Circuit(scale="sigma:0.01"))
    # A weight that two layers share is one.
    shared = module()
    both = nn.Sequential(shared[0], nn.ReLU(), nn.Linear(8, 64), nn.Linear(64, 8))
    both[3].weight = shared[0].weight
    del both[2]
    assert told(lambda: convert(both, target, recipe=Circuit(scale="sigma:0.01"))) == tile(
        "sigma:0.01"
    )


def test_scales_of_a_spec_win(tmp_path):
    model = test_calibration.mlp()
    path = tmp_path / "spec.json"
    aimc.compile(
        test_calibration.export(model, tmp_path / "model.onnx"), target=aimc.Target(),
        scale="optimal", emit_noise=path, output=tmp_path / "model.aimc", extra_args=["--no-pack"],
    )  # fmt: skip
    spec = json.loads(path.read_text())

    def lines():
        for layer, name in zip(spec["layers"], "02", strict=True):
            layer["layer"] = name
        path.write_text(json.dumps(spec))
        recipe = Circuit(scale="sigma:0.01")
        return told(lambda: convert(copy.deepcopy(model), spec=path, recipe=recipe))

    assert all("scales" in block for layer in spec["layers"] for block in layer["blocks"])
    assert lines() == ["scale has no effect: the spec has all scales"]
    for layer in spec["layers"]:
        for block in layer["blocks"]:
            del block["scales"]
    (line,) = lines()
    assert line.startswith("scale sigma:0.01 clips 99.")


def test_a_time_on_a_chip_is_judged_with_its_own():
    model = convert(net(), aimc.Target(), recipe=Circuit() + Device())

    def evaluated():
        with on_chip(model, 1, time_s=60.0):
            pass

    assert told(evaluated) == []


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
@pytest.mark.parametrize(
    ("target", "options", "line"),
    [
        ("ideal", ["--compensate", "gain"], f"--compensate {WIRES}"),
        ("ideal", ["--read-noise", "2"], "--read-noise has no effect: reads of no device here are"),
        ("ideal", ["--programming-noise", "3"], "--programming-noise has no effect: programming"),
        ("ideal", ["--refresh", "3"], "--refresh has no effect: neither optimal scales nor"),
        ("ideal", ["--eval-chips", "3"], "--eval-chips has no effect: all chip instances are alike"),
        ("ideal", ["--scale", "sigma:0.01"], "scale sigma:0.01 clips 99."),
        ("ideal", ["--programming-noise", "0", "--read-noise", "0", "--compensate", "none"], None),
        ("pcm", ["--compensate", "gain", "--read-noise", "2", "--programming-noise", "3",
                 "--refresh", "3", "--scale", "sigma:3", "--eval-chips", "3"], None),
    ],
)  # fmt: skip
def test_finetuning_tells_what_does_nothing(tmp_path, target, options, line):
    model = models.linear(tmp_path / "m.onnx")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 96)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, labels=rng.standard_normal((8, 80)).astype(np.float32))

    def run(output, *given):
        return finetune(model, tmp_path / "d.npz", output, "--target", target, "--loss", "mse",
                        "--steps", 4, "--batch", 2, "--eval-data", tmp_path / "d.npz",
                        *given)  # fmt: skip

    done = run(tmp_path / "a.onnx", *options, "--log", tmp_path / "log")
    lines = done.stderr.splitlines()
    assert len(lines) == bool(line), done.stderr
    if line:
        assert lines[0].startswith(f"aimc-finetune: warning: {line}")
    if line and "scale" not in line:  # and it is true
        assert run(tmp_path / "b.onnx").stderr == ""
        one, other = (weights_of(tmp_path / name) for name in ("a.onnx", "b.onnx"))
        assert all(np.array_equal(one[name], other[name]) for name in one)
    if "--eval-chips" in options:
        records = map(json.loads, (tmp_path / "log").read_text().splitlines())
        losses = [record["loss"] for record in records if "evaluation" in record]
        assert [len(set(chips)) for chips in losses] == [1 if line else 3] * 2


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
def test_finetuning_tells_of_scales_that_a_spec_has_and_of_a_batch_beyond_the_data(tmp_path):
    model, spec, data = models.linear(tmp_path / "m.onnx"), tmp_path / "s.json", tmp_path / "d.npz"
    aimc.compile(model, target="pcm", dims={"batch": 2}, scale="optimal", emit_noise=spec,
                 output=tmp_path / "m.aimc")  # fmt: skip
    np.savez(data, x=np.ones((8, 96), np.float32), labels=np.ones((8, 80), np.float32))

    def run(*given):
        done = finetune(model, data, tmp_path / "a.onnx", "--spec", spec, "--loss", "mse",
                        "--steps", 2, *given)  # fmt: skip
        return done.stderr, weights_of(tmp_path / "a.onnx")

    (quiet, alone), (scaled, rescaled) = run("--batch", 8), run("--batch", 8, "--scale", "sigma:1")
    assert quiet == ""
    assert scaled == "aimc-finetune: warning: --scale has no effect: the spec has all scales\n"
    assert all(np.array_equal(alone[name], rescaled[name]) for name in alone)
    more, whole = run("--batch", 9)
    assert "--batch: expected at most the 8 examples of" in more
    assert all(np.array_equal(alone[name], whole[name]) for name in alone)
