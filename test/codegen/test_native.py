# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every case of the importer's tests again, through native code, against onnxruntime.

The importer's own run executes by stock passes; what fails here and passes there is ours. Added
below: shapes at which tiles, vectors and threads have ragged ends.
"""

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


@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3"])
def test_other_processors(tmp_path, cpu):
    """Code for a smaller instruction set gives the same numbers on this machine."""
    feeds = {0: f32(4, 33, 21), 1: f32(4, 21, 35)}
    model = node_model("MatMul", feeds, {})
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    named = {f"x{i}": a for i, a in feeds.items()}
    import aimc

    package = aimc.compile(path, dims={}, output=tmp_path / "m.aimc", mcpu=cpu)
    got = aimc.Session(package, ideal=True).run(None, named)[0]
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
        ("idle = midrail", "idle = open", "expected idle = midrail, but got open"),
        ("row_ohm = 0.0", "row_ohm = 0.5", "expected row_ohm = 0.0, but got 0.5"),
        ("pairs = 1", "pairs = 2", "expected pairs = 1, but got 2"),
        ("mode = one_pass", "mode = bit_serial", "expected mode = one_pass, but got bit_serial"),
    ],
)
def test_target_beyond_the_runtime(tmp_path, field, value, message):
    """The dialect describes such hardware; a package for it is refused when it is compiled."""
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
