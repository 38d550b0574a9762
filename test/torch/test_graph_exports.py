# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports on the LibTorch executor: outputs against onnxruntime, gradients against PyTorch's own of
the module that was exported.

An exporter transposes some weights and stores a shared one once for each use. Parameters and
initializers of equal values therefore form groups, and the sums of the gradients of both sides of a
group are compared."""

import numpy as np
import onnx
import pytest
from graph_run import Case, run_all
from onnx import numpy_helper
from onnx_case import compare, program, reference

from aimc.testing import exports

pytestmark = pytest.mark.skipif(not program("aimc-graph-run"), reason="built without torch")
MODELS = ["varied-bert", "varied-albert"]
DIMS = {"batch": 2, "seq": 9}


def feeds_of(batch, seq):
    rng = np.random.default_rng(seq)
    mask = np.ones((batch, seq), np.int64)
    mask[0, 5:] = 0
    return {
        "input_ids": rng.integers(0, 90, (batch, seq)),
        "attention_mask": mask,
        "token_type_ids": rng.integers(0, 2, (batch, seq)),
    }


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    feeds, made = feeds_of(**DIMS), {}
    for model in MODELS:
        for flavour in exports.FLAVOURS:
            source = exports.ensure(model, flavour)
            case_folder = folder / f"{model}-{flavour}"
            case_folder.mkdir()
            path = case_folder / "model.onnx"
            onnx.save(onnx.load(source), path)
            expected = reference(str(path), feeds)
            made[model, flavour] = Case(path, feeds, expected, DIMS, gradients=True)
    assert run_all(made.values(), folder) == []
    return made


@pytest.mark.parametrize("flavour", exports.FLAVOURS)
@pytest.mark.parametrize("model", MODELS)
def test_outputs(cases, model, flavour):
    case = cases[model, flavour]
    compare(case.outputs(), case.expected, rtol=0, atol=1e-5)


def torch_gradients(model):
    import torch

    module = exports.make_model(model, seed=0)
    tensors = {k: torch.from_numpy(v) for k, v in feeds_of(**DIMS).items()}
    out = module(**tensors, return_dict=True)
    loss = 0.0
    for result in (out.last_hidden_state, out.pooler_output):
        weights = torch.arange(result.numel(), dtype=torch.float32).cos()
        loss = loss + (result.flatten() * weights).sum()
    loss.backward()
    return [(p.detach().numpy(), p.grad.numpy()) for _, p in module.named_parameters()]


@pytest.mark.parametrize("flavour", exports.FLAVOURS)
@pytest.mark.parametrize("model", MODELS)
def test_gradients(cases, model, flavour):
    case = cases[model, flavour]
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(case.model).graph.initializer}
    got = case.gradient({name: array.shape for name, array in stored.items()})
    sums = {}

    def key(array):
        return np.sort(array, axis=None).tobytes()

    for array, gradient in torch_gradients(model):
        sums.setdefault(key(array), [array, np.zeros(array.shape), None])[1] += gradient
    for name, gradient in got.items():
        array, _, total = group = sums[key(stored[name])]
        if array.shape != gradient.shape or not np.array_equal(array, stored[name]):
            gradient = gradient.T
        group[2] = gradient if total is None else total + gradient
    compared = [group for group in sums.values() if group[2] is not None]
    assert len(compared) == len(sums)
    # biases of keys have none but rounding: a sum over keys does not change a softmax
    scale = max(abs(expected).max() for _, expected, _ in compared)
    for _, expected, found in compared:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * scale)
