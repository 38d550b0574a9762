# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients of random products: aimc.torch against finite differences, aimc-finetune against
aimc.torch."""

import json
import pathlib
import tempfile

import numpy as np
import onnx
import pytest
import torch
from agreement import bound
from cases import MODEST, cases
from hypothesis import assume, given
from onnx import numpy_helper
from onnx_case import program
from roads import Product, compiled, finetune, silent, spec_of, through_session
from settings import examples
from test_two_paths import SGD, differences

from aimc.torch import Circuit, convert, load_spec

VECTORS = ["one hot", "normal", "zeros", "constant", "one large", "half of zeros"]


def alike(case):
    """The case with devices that are all as they should be: both paths draw their own."""
    device = dict(case.whole["device"])
    device |= {key: 0.0 for key in device if key.endswith("_spread") or key.startswith("stuck_")}
    if "table" in device:
        device["table"] = {k: v for k, v in device["table"].items() if not k.startswith("stuck")}
    return case.replace(target=case.target | {"device": device})


def converted(case, spec, dtype=torch.float32, **recipe):
    product = Product(case).to(dtype)
    return silent(
        lambda: convert(product, spec=load_spec(spec), recipe=Circuit(scale=case.scale, **recipe))
    )


@examples(25)
@given(case=cases(columns=MODEST, vectors=VECTORS, partly=False))
def test_gradients_of_training_are_finite_differences(case):
    """Scales and compensation held, converters off: in double precision nothing else bends."""
    case = case.replace(rows=min(case.rows, 10))
    with tempfile.TemporaryDirectory() as name:
        spec = pathlib.Path(name) / "spec.json"
        spec.write_text(json.dumps(spec_of(case)))
        layer = converted(case, spec, torch.float64, dac=False, adc=False).layer
    layer.scales = layer._trained_scale(layer.weight.detach())
    x = torch.from_numpy(case.x).double()
    toward = torch.randn(len(x), len(case.columns), dtype=torch.float64)
    (layer(x) * toward).sum().backward()
    wanted = differences(layer, x, toward)
    wide = layer._wide(layer.scales).expand_as(layer.weight)
    seen = (wide > 1e-15) | (layer.weight == 0).all(1, keepdim=True)
    # A weight also changes what other columns see, of whatever size these are.
    near = bound("gradient") * (wanted.abs().amax(1, keepdim=True) + float(x.abs().max()))
    apart = (layer.weight.grad - wanted).abs()
    assert ((apart <= near) | ~seen).all(), (layer.weight.grad, wanted)


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
@examples(8)
@given(case=cases(columns=MODEST, vectors=VECTORS, ranges=False, partly=False))
def test_gradients_of_both_training_paths(case):
    """One step of plain descent, from a compiler's spec."""
    rate, case = 1024.0, alike(case)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made = compiled(case, folder)
        labels = 0.5 * through_session(case, made)
        assume(np.isfinite(labels).all())
        tuned = folder / "tuned.onnx"
        finetune(case, made, folder, labels, *SGD[4:], "--spec", made.spec, "--scale", case.scale,
                 "--programming-noise", 0, "--read-noise", 0, "--steps", 1, "--lr", rate,
                 "-o", tuned)  # fmt: skip
        model = converted(case, made.spec)
        (after,) = [
            numpy_helper.to_array(t) for t in onnx.load(tuned).graph.initializer if t.name == "w"
        ]
    factors, goal = torch.from_numpy(made.factors), torch.from_numpy(labels)
    (model(torch.from_numpy(case.x)) * factors - goal).square().mean().backward()
    here = model.layer.weight.grad.numpy().T
    there = (case.weight - after) / rate
    top = np.abs(here).max(0)
    kept = 1e-7 * np.abs(case.weight).max(0) / rate  # of a step in single precision
    apart = np.abs(there - here)
    assert (apart <= bound("gradient") * top + 4 * kept).all(), (here, there)
