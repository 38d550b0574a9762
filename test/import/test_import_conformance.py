# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The node tests that the onnx package ships, for every operator the importer knows.

Shapes and axes that a test feeds at run time are bound to the test's values first, because a
compiler for static shapes needs them."""

import pathlib

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import numpy_helper
from onnx_case import TYPES, compare, imported, program

pytestmark = pytest.mark.skipif(not program("aimc-import-run"), reason="aimc-import-run not built")

NODE_TESTS = pathlib.Path(onnx.backend.test.__file__).parent / "data" / "node"

OPS = set(
    """Abs Add And Attention Cast CastLike Ceil Clip Concat ConstantOfShape Conv Cos CumSum Div Equal
    Erf Exp Expand Flatten Floor Gather GatherND Gelu Gemm Greater GreaterOrEqual Identity IsNaN
    LayerNormalization Less LessOrEqual Log LogSoftmax MatMul Max Mean Min Mod Mul Neg Not Or Pad
    Pow RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceMax ReduceMean
    ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape RotaryEmbedding ScatterND Sigmoid
    Sign Sin Slice Softmax Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Trilu Unsqueeze Where
    Xor""".split()
)
# Operands that decide shapes.
STATIC = {
    "Reshape": [1],
    "Expand": [1],
    "Slice": [1, 2, 3, 4],
    "Pad": [1, 3],
    "Tile": [1],
    "Range": [0, 1, 2],
    "Squeeze": [1],
    "Unsqueeze": [1],
    "Split": [1],
    "Trilu": [1],
    "CumSum": [1],
    "ConstantOfShape": [0],
} | {op: [1] for op in OPS if op.startswith("Reduce")}


def tensor_types(values):
    return [v.type.tensor_type.elem_type for v in values]


def selected():
    for path in sorted(NODE_TESTS.glob("test_*/model.onnx")):
        model = onnx.load(path)
        nodes = model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in OPS or nodes[0].domain:
            continue
        types = tensor_types(model.graph.input) + tensor_types(model.graph.output)
        if model.opset_import[0].version < 11 or not set(types) <= set(TYPES.values()):
            continue
        yield path.parent.name


def load(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def node_case(name, folder):
    """The model in `folder` with its static operands bound, the arrays left to feed, and what the
    node's test expects."""
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
    return path, arrays, [np.asarray(e) for e in expected]


@pytest.mark.parametrize("name", list(selected()))
def test_node(tmp_path, name):
    path, arrays, expected = node_case(name, tmp_path)
    compare(imported(path, arrays, expected), expected, rtol=1e-3, atol=1e-6)
