# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The executor against the node tests that the onnx package ships, and against onnxruntime and
PyTorch's own gradients on tiny exports."""

import numpy as np
import onnx
import pytest
import torch
from graph_run import Case, run_all
from onnx import TensorProto, helper, numpy_helper
from onnx_case import compare, program
from test_import_conformance import node_case, selected

pytestmark = pytest.mark.skipif(not program("aimc-graph-run"), reason="built without torch")


@pytest.fixture(scope="module")
def node_cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nodes")
    cases = {name: Case(*node_case(name, folder)) for name in selected()}
    errors = run_all(cases.values(), folder)
    return cases, errors


@pytest.mark.parametrize("name", list(selected()))
def test_node(node_cases, name):
    cases, errors = node_cases
    case = cases[name]
    said = [line for line in errors if str(case.model) in line]
    assert not said
    compare(case.outputs(), case.expected, rtol=1e-3, atol=1e-6)


# Where two operands, or elements, are equal: node, other operands, and what PyTorch's own of it is.
# Exporters write clamp as Max and Min, and a norm is a root of a sum here.
BOUND = np.float32(0.5)
TIES = {
    "Max": ([BOUND], {}, lambda w, bound: torch.clamp(w, min=bound)),
    "Min": ([BOUND], {}, lambda w, bound: torch.clamp(w, max=bound)),
    "Clip": ([np.float32(-1.0), np.float32(0.5)], {}, lambda w, *_: w.clamp(-1.0, 0.5)),
    "Relu": ([], {}, torch.relu),
    "Abs": ([], {}, torch.abs),
    "ReduceMax": ([np.array([1])], {}, lambda w, _: w.amax(1)),
    "ReduceMin": ([np.array([1])], {}, lambda w, _: w.amin(1)),
    "ReduceL1": ([np.array([1])], {}, lambda w, _: torch.linalg.vector_norm(w, 1, 1)),
    "ReduceL2": ([np.array([1])], {}, lambda w, _: torch.linalg.vector_norm(w, 2, 1)),
}


@pytest.fixture(scope="module")
def ties(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ties")
    w = np.array([[0, 0.5, -1, 2], [0, 0, 0, 0], [0.5, 0.5, -1, -1]], np.float32)
    x, cases = np.array([[3.0, -1.0, 2.0, 5.0]], np.float32), {}
    for op, (others, attributes, function) in TIES.items():
        names = [f"c{i}" for i in range(len(others))]
        parts = [
            numpy_helper.from_array(np.asarray(o), n) for n, o in zip(names, others, strict=True)
        ]
        nodes = [
            helper.make_node(op, ["w", *names], ["r"], name=op, **attributes),
            helper.make_node("Mul", ["r", "x" if op[:6] != "Reduce" else "one"], ["y"], name="Mul"),
        ]
        parts += [numpy_helper.from_array(w, "w"), numpy_helper.from_array(np.float32(2), "one")]
        parameter, given = torch.tensor(w, requires_grad=True), torch.tensor(x)
        r = function(parameter, *map(torch.tensor, others))
        y = r * given if op[:6] != "Reduce" else 2 * r.unsqueeze(1)
        (y.flatten() * torch.arange(y.numel()).float().cos()).sum().backward()  # as the program
        graph = helper.make_graph(
            nodes, op, [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(y.shape))], parts,
        )  # fmt: skip
        path = folder / f"{op}.onnx"
        opsets = [helper.make_opsetid("", 20)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
        case = Case(path, {"x": x}, [y.detach().numpy()], gradients=True)
        cases[op] = case, parameter.grad.numpy()
    errors = run_all([case for case, _ in cases.values()], folder)
    assert not errors
    return cases


@pytest.mark.parametrize("op", TIES)
def test_ties_have_the_gradients_of_torch(ties, op):
    case, wanted = ties[op]
    np.testing.assert_allclose(case.outputs()[0], case.expected[0], atol=1e-6)
    np.testing.assert_allclose(case.gradient({"w": wanted.shape})["w"], wanted)
