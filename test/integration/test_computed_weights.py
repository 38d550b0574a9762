# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights that a file computes from constants are weights; onnxruntime says what they are."""

import os
import subprocess

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

import aimc
from aimc.locate import find_program
from aimc.testing.models import node, save_like
from aimc.testing.programs import run_program

K, N = 48, 64  # 3072 elements: far beyond shape arithmetic


def reference(path, feeds):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


class Recipe:
    """Random steps from constants to a matrix [rows, cols]."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], {}

    def array(self, *shape):
        name = f"c{len(self.constants)}"
        self.constants[name] = self.rng.standard_normal(shape, np.float32)
        return name

    def ints(self, *numbers):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.array(numbers, np.int64)
        return name

    def emit(self, op, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(node(op, list(inputs), name, **attributes))
        return name

    def matrix(self, rows, cols, depth):
        if depth == 0:
            return self.array(rows, cols)
        inner = lambda r=rows, c=cols: self.matrix(r, c, depth - 1)  # noqa: E731
        w, step = None, self.rng.integers(13)
        if step == 0:
            w = self.emit("Mul", inner(), self.array(cols))
        elif step == 1:
            w = self.emit("Transpose", inner(cols, rows), perm=[1, 0])
        elif step == 2:
            w = self.emit("Concat", inner(rows, cols // 2), inner(rows, cols - cols // 2), axis=1)
        elif step == 3:  # weight norm
            v = inner()
            w = self.emit("Div", v, self.emit("ReduceL2", v, axes=[0], keepdims=1))
        elif step == 4:  # an adapter
            w = self.emit(
                "Add", inner(), self.emit("MatMul", self.array(rows, 3), self.array(3, cols))
            )
        elif step == 5:
            order = self.ints(*self.rng.permutation(rows))
            w = self.emit("Gather", inner(), order, axis=0)
        elif step == 6:
            w = self.emit("Reshape", inner(cols, rows), self.ints(rows, cols))
        elif step == 7:
            v = self.emit(
                "Cast", self.emit("Greater", inner(), self.array(1)), to=TensorProto.FLOAT
            )
            w = self.emit("Mul", inner(), v)
        elif step == 8:
            part = (self.ints(1), self.ints(rows + 1), self.ints(0))
            w = self.emit("Slice", inner(rows + 3), *part)
        elif step == 9:
            condition = self.emit("Less", inner(), self.array(cols))
            w = self.emit("Where", condition, inner(), self.array(1))
        elif step == 10:
            w = self.emit("Softmax", inner(), axis=int(self.rng.integers(2)))
        elif step == 11:
            w = self.emit("Pad", inner(rows - 2, cols - 1), self.ints(1, 0, 1, 1))
        else:
            w = self.emit("Tanh", self.emit("Sub", inner(), self.array(rows, 1)))
        return w


@pytest.mark.parametrize("seed", range(12))
def test_random_recipes_on_either_side_are_onnxruntimes(tmp_path, seed):
    """Right and left of MatMul, and in Gemm; each of the three products is on tiles."""
    make = Recipe(seed)
    x = make.rng.standard_normal((5, K), np.float32)
    right, left, gemm = make.matrix(K, N, 3), make.matrix(7, 5, 2), make.matrix(9, N, 2)
    make.nodes += [
        node("MatMul", ["x", right], "y"),
        node("MatMul", [left, "y"], "z"),
        node("Gemm", ["z", gemm], "t", transB=1, alpha=0.5),
    ]
    model = save_like(tmp_path / "m.onnx", make.nodes, make.constants, {"x": x}, ("y", "z", "t"))
    package = aimc.compile(model, target="ideal", extra_args=["--require-analog"])
    with aimc.Session(package, ideal=True) as session:
        got = session.run(None, {"x": x})
    for ours, theirs in zip(got, reference(model, {"x": x}), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4 * np.abs(theirs).max())
    remarks = run_program(
        "aimc-compile", model, "-o", tmp_path / "r.aimc", "--target", "ideal", "--remarks"
    )
    assert "digital macs=0" in remarks.stderr, remarks.stderr


def test_what_stays_digital_fails_require_analog_by_name(tmp_path):
    """Nothing computes a convolution of constants at compile time."""
    rng = np.random.default_rng(0)
    constants = {
        "a": rng.standard_normal((1, 2, K, N), np.float32),
        "k": rng.standard_normal((1, 2, 1, 1), np.float32),
        "shape": np.array([K, N], np.int64),
    }
    nodes = [
        node("Conv", ["a", "k"], "c"),
        node("Reshape", ["c", "shape"], "w"),
        helper.make_node("MatMul", ["x", "w"], ["y"], name="the_product"),
    ]
    model = save_like(tmp_path / "m.onnx", nodes, constants, {"x": np.zeros((2, K), np.float32)})
    done = run_program("aimc-compile", model, "-o", tmp_path / "m.aimc", "--require-analog")
    assert done.status == 1
    assert "the_product" in done.stderr and "follows from constants alone" in done.stderr


def peak_bytes(*arguments):
    """Peak memory of a run of aimc-compile."""
    process = subprocess.Popen([find_program("aimc-compile"), *map(str, arguments)])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


def test_a_big_computed_weight_is_not_held_twice(tmp_path):
    """As much memory as for the weight itself, give or take the parts in between."""
    side = 2048
    rng = np.random.default_rng(2)
    constants = {f"w{i}": rng.standard_normal((side, side), np.float32) for i in range(4)}
    scale = {"s": rng.standard_normal(side, np.float32)}
    x = {"x": np.zeros((1, side), np.float32)}
    plain = [node("MatMul", [f"x{i}" if i else "x", f"w{i}"], f"x{i + 1}") for i in range(4)]
    scaled = [node("Mul", [f"w{i}", "s"], f"v{i}") for i in range(4)] + [
        node("MatMul", [f"x{i}" if i else "x", f"v{i}"], f"x{i + 1}") for i in range(4)
    ]
    one = save_like(tmp_path / "plain.onnx", plain, constants, x, ("x4",))
    two = save_like(tmp_path / "scaled.onnx", scaled, constants | scale, x, ("x4",))
    before = peak_bytes(one, "-o", tmp_path / "plain.aimc", "--target", "ideal")
    after = peak_bytes(two, "-o", tmp_path / "scaled.aimc", "--target", "ideal")
    weight = side * side * 4
    assert after - before < 1.5 * weight, (before, after, weight)
