# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every case of the importer's tests again, through native code, against onnxruntime.

The importer's own run executes by stock passes; what fails here and passes there is ours. Added
below: shapes at which tiles, vectors and threads have ragged ends.
"""

import os
import pathlib
import subprocess

import numpy as np
import pytest
from onnx_case import check, native, node_model, program, reference
from test_import_layers import *  # noqa: F403
from test_import_ops import *  # noqa: F403

pytestmark = pytest.mark.skipif(not program("aimc-compile"), reason="aimc-compile not built")

RNG = np.random.default_rng(5)


def f32(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("m", [1, 7, 8, 65, 131])
@pytest.mark.parametrize("n", [1, 5, 32, 33, 97])
@pytest.mark.parametrize("batch", [1, 3])
def test_ragged_products(tmp_path, m, n, batch):
    k = (m * n) % 61 + 1
    check(tmp_path, "MatMul", {0: f32(batch, m, k), 1: f32(batch, k, n)}, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40001), (127, 3), (3, 5, 257), (2, 3, 37, 37)])
def test_ragged_rows(tmp_path, shape):
    check(tmp_path, "Softmax", {0: 4 * f32(*shape)}, axis=-1)


@pytest.mark.parametrize("shape", [(1, 1), (2, 37, 384), (5, 7, 11), (1, 4099)])
def test_ragged_normalisation(tmp_path, shape):
    scale, bias = f32(shape[-1]), f32(shape[-1])
    check(tmp_path, "LayerNormalization", {0: f32(*shape)}, {1: scale, 2: bias}, axis=-1, atol=1e-5)


@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3", "bdver2", "diamondrapids"])
def test_other_processors(tmp_path, cpu):
    """Code for another processor runs here or is refused: it uses no more than it names."""
    feeds = {0: f32(4, 33, 21), 1: f32(4, 21, 35)}
    model = node_model("MatMul", feeds, {})
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    named = {f"x{i}": a for i, a in feeds.items()}
    import aimc

    package = aimc.compile(path, dims={}, output=tmp_path / "m.aimc", mcpu=cpu)
    try:
        session = aimc.Session(package, ideal=True)
    except aimc.Error as error:
        assert "this processor" in str(error)  # noqa: PT017
        return
    got = session.run(None, named)[0]
    np.testing.assert_allclose(got, reference(model.SerializeToString(), named)[0], atol=1e-5)


def test_unknown_processor(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(node_model("Abs", {0: f32(2)}, {}).SerializeToString())
    command = [program("aimc-compile"), path, "--mcpu", "z80", "-o", tmp_path / "m.aimc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("aimc-compile: error: unknown processor 'z80' in --mcpu")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "m.aimc").exists()


def test_results_do_not_depend_on_threads(tmp_path):
    import aimc

    path = tmp_path / "m.onnx"
    path.write_bytes(node_model("Softmax", {0: f32(64, 501)}, {}, axis=-1).SerializeToString())
    feeds = {"x0": f32(64, 501)}
    native(path, feeds)
    package = path.with_suffix(".aimc")
    runs = [aimc.Session(package, ideal=True, threads=t).run(None, feeds)[0] for t in (1, 2, 3)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run, runs[0])


@pytest.mark.parametrize(
    "field,value,message",
    [
        ("row_ohm = 0.0, idle = midrail", "row_ohm = 0.5, idle = open", "expected `row_ohm`"),
        ("pairs = 1", "pairs = 9", r"expected `pairs` in \[1, 8\], but got 9"),
        ("tick_ns = 1.0", "tick_ns = 0.5", "expected `tick_ns` of at least 1.0"),
    ],
)
def test_target_beyond_the_models(tmp_path, field, value, message):
    """Hardware that no model covers is refused when it is compiled, not when it is run."""
    import aimc

    preset = pathlib.Path(__file__).parents[2] / "targets" / "pcm.mlir"
    text = preset.read_text()
    assert field in text
    target = tmp_path / "other.mlir"
    target.write_text(text.replace(field, value))
    path = tmp_path / "m.onnx"
    path.write_bytes(node_model("MatMul", {0: f32(2, 4)}, {1: f32(4, 3)}).SerializeToString())
    with pytest.raises(aimc.CompileError, match=message):
        aimc.compile(path, dims={}, target=target, output=tmp_path / "m.aimc")
    assert not (tmp_path / "m.aimc").exists()


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceProd", "ReduceMax"])
def test_reduction_over_nothing(tmp_path, op):
    check(tmp_path, op, {0: f32(2, 0)}, {1: np.array([1])}, keepdims=0)


def test_product_over_nothing(tmp_path):
    check(tmp_path, "MatMul", {0: f32(2, 0), 1: f32(0, 7)})
    check(tmp_path, "MatMul", {0: f32(2, 0)}, {1: f32(0, 7)})


def test_a_recompiled_package_runs_its_own_code(tmp_path):
    """The loader knows libraries by path: a session that is open must not lend its code."""
    import aimc

    path, package = tmp_path / "m.onnx", tmp_path / "m.aimc"
    x = f32(3, 5)
    sessions = []
    for op in ("Exp", "Neg"):
        path.write_bytes(node_model(op, {0: x}, {}).SerializeToString())
        aimc.compile(path, dims={}, output=package)
        sessions.append(aimc.Session(package, ideal=True))
    np.testing.assert_allclose(sessions[0].run(None, {"x0": x})[0], np.exp(x), rtol=1e-5)
    np.testing.assert_array_equal(sessions[1].run(None, {"x0": x})[0], -x)


def test_a_processor_of_32_bits_is_refused(tmp_path):
    import aimc

    path = tmp_path / "m.onnx"
    path.write_bytes(node_model("Abs", {0: f32(2)}, {}).SerializeToString())
    with pytest.raises(aimc.CompileError, match="expected a 64-bit processor"):
        aimc.compile(path, dims={}, output=tmp_path / "m.aimc", mcpu="pentium4")
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_listed_twice_is_refused(tmp_path):
    import aimc

    model = node_model("Abs", {0: f32(2)}, {})
    model.graph.output.append(model.graph.output[0])
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(aimc.CompileError, match="expected outputs of different names"):
        aimc.compile(path, dims={}, output=tmp_path / "m.aimc")


def test_a_file_size_limit_leaves_nothing(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(node_model("Exp", {0: f32(64, 65)}, {}).SerializeToString())
    command = f"ulimit -f 1; exec {program('aimc-compile')} {path} -o {tmp_path / 'm.aimc'}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("aimc-compile: error: ")
    assert list(tmp_path.iterdir()) == [path]


def test_output_to_a_device_leaves_the_device(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(node_model("Neg", {0: f32(2)}, {}).SerializeToString())
    native(path, {"x0": f32(2)})
    np.savez(tmp_path / "x.npz", x0=f32(2))
    pipe = tmp_path / "pipe"
    command = [program("aimc-run"), path.with_suffix(".aimc"), "--input", tmp_path / "x.npz"]
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        subprocess.run([*command, "--output", pipe], check=True)
        assert reader.communicate()[0][:2] == b"PK"
    assert pipe.is_fifo()
