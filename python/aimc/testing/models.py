# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small ONNX models made node by node, for tests that need one exact thing in a file."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def weight(rows: int, cols: int, seed: int = 0) -> Floats:
    """A random matrix whose products keep their size."""
    matrix: Floats = np.random.default_rng(seed).standard_normal((rows, cols), np.float32)
    return matrix / np.float32(np.sqrt(rows))


def save(
    path: pathlib.Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, Sequence[str | int]],
    outputs: Mapping[str, Sequence[str | int]],
    constants: Mapping[str, npt.NDArray[Any]] | None = None,
    *,
    opset: int = 17,
    domains: Mapping[str, int] | None = None,
    external: bool = False,
) -> pathlib.Path:
    """Write a model with float inputs and outputs; external puts all constants beside it."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def values(shapes: Mapping[str, Sequence[str | int]]) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
            for name, shape in shapes.items()
        ]

    tensors = [numpy_helper.from_array(v, name) for name, v in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "test", values(inputs), values(outputs), tensors)
    imports = [helper.make_opsetid("", opset)]
    imports += [helper.make_opsetid(name, version) for name, version in (domains or {}).items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(
        model,
        str(path),
        save_as_external_data=external,
        all_tensors_to_one_file=True,
        location=path.name + ".data",
        size_threshold=0,
    )
    return path


def node(op: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
    """A node of one result."""
    from onnx import helper

    return helper.make_node(op, list(inputs), [output], **attributes)


def save_like(
    path: pathlib.Path,
    nodes: Sequence[Any],
    constants: Mapping[str, npt.NDArray[Any]],
    inputs: Mapping[str, npt.NDArray[Any]],
    outputs: Sequence[str] = ("y",),
) -> pathlib.Path:
    """Write a model whose inputs have the types and shapes of these arrays."""
    import onnx
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        list(nodes),
        "test",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in inputs.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save_model(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def linear(
    path: pathlib.Path, rows: int = 96, cols: int = 80, *, seed: int = 0, external: bool = False
) -> pathlib.Path:
    """y[batch, cols] = x[batch, rows] W: one product on tiles and nothing else."""
    from onnx import helper

    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")
    return save(
        path,
        [node],
        {"x": ["batch", rows]},
        {"y": ["batch", cols]},
        {"w": weight(rows, cols, seed)},
        external=external,
    )


def mlp(path: pathlib.Path, sizes: Sequence[int] = (64, 128, 32), *, seed: int = 0) -> pathlib.Path:
    """Linear layers with bias and ReLU between: tiles and digital work in turn."""
    from onnx import helper

    nodes, constants, value = [], {}, "x"
    for i, (rows, cols) in enumerate(itertools.pairwise(sizes)):
        constants[f"w{i}"] = weight(rows, cols, seed + i)
        constants[f"b{i}"] = weight(1, cols, seed + 100 + i)[0]
        nodes.append(helper.make_node("MatMul", [value, f"w{i}"], [f"m{i}"], name=f"layer.{i}"))
        nodes.append(helper.make_node("Add", [f"m{i}", f"b{i}"], [f"a{i}"], name=f"bias.{i}"))
        value = f"a{i}"
        if i + 2 < len(sizes):
            nodes.append(helper.make_node("Relu", [value], [f"r{i}"], name=f"relu.{i}"))
            value = f"r{i}"
    nodes.append(helper.make_node("Identity", [value], ["y"]))
    return save(path, nodes, {"x": ["batch", sizes[0]]}, {"y": ["batch", sizes[-1]]}, constants)
