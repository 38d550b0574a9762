# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs an ONNX model through the importer and through onnxruntime on the same inputs."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import aimc

TYPES = {
    np.dtype(np.float32): onnx.TensorProto.FLOAT,
    np.dtype(np.int64): onnx.TensorProto.INT64,
    np.dtype(np.int32): onnx.TensorProto.INT32,
    np.dtype(np.bool_): onnx.TensorProto.BOOL,
}


def program(name: str) -> str | None:
    folder = os.environ.get("AIMC_BIN_DIR")
    return shutil.which(name, path=folder) if folder else shutil.which(name)


def node_model(op, inputs, constants, outputs=1, opset=20, domain="", **attributes):
    """A model of one node. `inputs` and `constants` map operand position to array; positions in
    neither are omitted operands."""
    count = max([*inputs, *constants], default=-1) + 1
    names = [f"x{i}" if i in inputs or i in constants else "" for i in range(count)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, name="the_node", domain=domain, **attributes)
    graph = helper.make_graph(
        [node],
        "case",
        [
            helper.make_tensor_value_info(f"x{i}", TYPES[a.dtype], a.shape)
            for i, a in inputs.items()
        ],
        [onnx.ValueInfoProto(name=r) for r in results],
        [numpy_helper.from_array(a, f"x{i}") for i, a in constants.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def reference(model: bytes | str, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def native(model: pathlib.Path, feeds, dims=None):
    """Outputs of the model compiled to native code, products exact."""
    package = aimc.compile(model, dims=dims or {}, output=model.with_suffix(".aimc"))
    return aimc.Session(package, ideal=True, threads=2).run(None, feeds)


def imported(model: pathlib.Path, feeds, expected, dims=None, folder=None):
    """Outputs of the imported model; types and shapes are taken from `expected`.

    Executed by stock passes, which share nothing with our code generation; AIMC_TEST_ENGINE=native
    runs the same cases through aimc-compile instead.
    """
    folder = folder or model.parent
    if os.environ.get("AIMC_TEST_ENGINE") == "native":
        if all(np.isfinite(a).all() for a in feeds.values() if a.dtype.kind == "f"):
            return native(model, feeds, dims)
        with pytest.raises(aimc.InvalidArgumentError, match="expected finite"):
            native(model, feeds, dims)
        return expected  # refused: nothing is left to compare
    command = [program("aimc-import-run"), str(model)]
    for name, size in (dims or {}).items():
        command.append(f"--dim={name}={size}")
    for i, array in enumerate(feeds.values()):
        path = folder / f"in{i}.bin"
        path.write_bytes(np.ascontiguousarray(array).tobytes())
        command.append(f"--in={path}")
    for i in range(len(expected)):
        command.append(f"--out={folder / f'out{i}.bin'}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [
        np.frombuffer((folder / f"out{i}.bin").read_bytes(), e.dtype).reshape(e.shape)
        for i, e in enumerate(expected)
    ]


def compare(got, expected, rtol=1e-5, atol=1e-6):
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        if theirs.dtype == np.float32:
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)
        else:
            np.testing.assert_array_equal(ours, theirs)


def check(tmp_path, op, inputs, constants=None, expected=None, rtol=1e-5, atol=1e-6, **options):
    """Imported result of one node against onnxruntime, or against `expected`."""
    inputs = {i: np.asarray(a) for i, a in inputs.items()}
    constants = {i: np.asarray(a) for i, a in (constants or {}).items()}
    model = node_model(op, inputs, constants, **options)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    feeds = {f"x{i}": a for i, a in inputs.items()}
    if expected is None:
        expected = reference(model.SerializeToString(), feeds)
    compare(imported(path, feeds, expected), expected, rtol, atol)
