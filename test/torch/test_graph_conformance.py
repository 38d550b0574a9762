# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The executor against the node tests that the onnx package ships, and against onnxruntime and
PyTorch's own gradients on tiny exports."""

import pytest
from graph_run import Case, run_all
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
