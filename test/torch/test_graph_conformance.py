# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The executor against the node tests that the onnx package ships, and against onnxruntime and
PyTorch's own gradients on tiny exports."""

import numpy as np
import onnx
import pytest
from graph_run import Case, run_all
from onnx import numpy_helper
from onnx_case import compare, program
from test_import_conformance import NODE_TESTS, STATIC, load, selected

pytestmark = pytest.mark.skipif(not program("aimc-graph-run"), reason="built without torch")


def node_case(name, folder):
    source = NODE_TESTS / name
    model = onnx.load(source / "model.onnx")
    data = source / "test_data_set_0"
    arrays = {v.name: load(data / f"input_{i}.pb") for i, v in enumerate(model.graph.input)}
    expected = [load(data / f"output_{i}.pb") for i in range(len(model.graph.output))]
    (node,) = model.graph.node
    for operand in STATIC.get(node.op_type, []):
        if operand < len(node.input) and node.input[operand] in arrays:
            bound = node.input[operand]
            model.graph.initializer.append(numpy_helper.from_array(arrays.pop(bound), bound))
    kept = [v for v in model.graph.input if v.name in arrays]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    return Case(path, arrays, [np.asarray(e) for e in expected])


@pytest.fixture(scope="module")
def node_cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nodes")
    cases = {name: node_case(name, folder) for name in selected()}
    errors = run_all(cases.values(), folder)
    return cases, errors


@pytest.mark.parametrize("name", list(selected()))
def test_node(node_cases, name):
    cases, errors = node_cases
    case = cases[name]
    said = [line for line in errors if str(case.model) in line]
    assert not said
    compare(case.outputs(), case.expected, rtol=1e-3, atol=1e-6)
