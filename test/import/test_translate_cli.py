# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""aimc-translate: the shape of what it emits, exit codes and messages."""

import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_case import node_model, program

pytestmark = pytest.mark.skipif(not program("aimc-translate"), reason="aimc-translate not built")


def translate(*arguments):
    return subprocess.run(
        [program("aimc-translate"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def save(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def linear_model(rows, columns, transposed):
    """y[batch, seq, columns] = x @ w, where w is stored as [columns, rows] if transposed."""
    weight = np.zeros((columns, rows) if transposed else (rows, columns), np.float32)
    nodes = [
        helper.make_node(
            "MatMul", ["x", "wt" if transposed else "w"], ["y"], name="/encoder/dense/MatMul"
        )
    ]
    if transposed:
        nodes.insert(0, helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "seq", rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "seq", columns])],
        [numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize("transposed", [False, True])
def test_constant_weight_is_a_rank_2_matmul_on_the_stored_bytes(tmp_path, transposed):
    path = save(tmp_path, linear_model(48, 80, transposed))
    done = translate("--import-onnx", path, "--dim", "batch=2", "--dim", "seq=5", "--elide")
    assert done.returncode == 0, done.stderr
    stored = "tensor<80x48xf32>" if transposed else "tensor<48x80xf32>"
    (matmul,) = [line for line in done.stdout.splitlines() if "linalg.matmul" in line]
    assert f"tensor<10x48xf32>, {stored}" in matmul
    assert ("indexing_maps" in matmul) == transposed
    assert f"dense_resource<w> : {stored}" in done.stdout
    assert "linalg.generic" not in done.stdout  # no copy of the weight
    assert '{aimc.name = "x"}' in done.stdout and '{aimc.name = "y"}' in done.stdout


def test_layer_name_is_the_location(tmp_path):
    path = save(tmp_path, linear_model(48, 80, False))
    done = translate(
        "--import-onnx",
        path,
        "--dim",
        "batch=2",
        "--dim",
        "seq=5",
        "--mlir-print-debuginfo",
        "--elide",
    )
    assert '"/encoder/dense/MatMul"' in done.stdout


def test_small_and_bool_constants_are_dense(tmp_path):
    model = node_model("And", {0: np.zeros((2, 70), bool)}, {1: np.ones(70, bool)})
    done = translate("--import-onnx", save(tmp_path, model))
    assert done.returncode == 0, done.stderr
    assert "dense_resource" not in done.stdout


def test_bytecode_and_text_agree(tmp_path):
    path = save(tmp_path, linear_model(48, 80, False))
    for flag in ("--emit-bytecode", "--elide"):
        done = translate(
            "--import-onnx",
            path,
            "--dim",
            "batch=1",
            "--dim",
            "seq=1",
            flag,
            "-o",
            tmp_path / "out",
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out").read_bytes().startswith(b"ML\xefR") == (flag == "--emit-bytecode")


def test_wrong_usage(tmp_path):
    path = save(tmp_path, linear_model(4, 4, False))
    for arguments in (
        [],
        ["--import-onnx", path, "--dim", "batch"],
        ["--import-onnx", path, "--dim", "batch=x"],
        ["--no-such-flag"],
    ):
        assert translate(*arguments).returncode == 2


@pytest.mark.parametrize("case", ["missing", "garbage", "unbound", "unknown"])
def test_bad_input_is_one_line(tmp_path, case):
    path = save(tmp_path, linear_model(4, 4, False))
    if case == "missing":
        path = tmp_path / "absent.onnx"
    elif case == "garbage":
        path.write_bytes(b"not a model")
    elif case == "unknown":
        path.write_bytes(
            node_model("Hardmax", {0: np.zeros((2, 2), np.float32)}, {}).SerializeToString()
        )
    done = translate("--import-onnx", path, "-o", tmp_path / "out.mlir")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and path.name in done.stderr
    assert not (tmp_path / "out.mlir").exists()
