# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reader's rewrites by execution: ONNX's node tests and onnxruntime's fused operators.

Reader and importer are run together; the oracle is the onnx package's data or onnxruntime.
"""

import pathlib
import re
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "import"))
from onnx_case import TYPES, check, compare, imported, program  # noqa: E402

pytestmark = pytest.mark.skipif(not program("aimc-import-run"), reason="aimc-import-run not built")

NODE_TESTS = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"
RNG = np.random.default_rng(11)
# What the reader's own tests cannot judge by value: operators that never fold, and rewrites on data
# that arrive at run time.
FAMILIES = (
    "attention rotary_embedding gelu layer_normalization rms_normalization softmax_ logsoftmax gemm matmul "
    "constant_pad edge_pad reflect_pad wrap_pad scatternd gather_elements reduce_l2 reduce_log_sum_exp "
    "mean_ softplus mish isinf prelu basic_conv conv_"
).split()
REFUSED = re.compile(r"not supported|elements of FLOAT|cast to a float type|qk_matmul_output_mode")


def cases():
    if not NODE_TESTS.is_dir():
        return []
    families = tuple(f"test_{family}" for family in FAMILIES)
    names = (p.name for p in NODE_TESTS.iterdir())
    return sorted(n for n in names if n.startswith(families) and "_expanded" not in n)


def tensors(folder, kind, count):
    return [
        numpy_helper.to_array(onnx.TensorProto.FromString((folder / f"{kind}_{i}.pb").read_bytes()))
        for i in range(count)
    ]


def run_binding(model, path, feeds, expected):
    """Inputs that the reader must know at compile time become initializers, one after the other."""
    feeds = dict(feeds)
    while True:
        path.write_bytes(model.SerializeToString())
        try:
            return imported(path, feeds, expected)
        except AssertionError as error:
            asked = re.search(r"known at compile time, but '([^']*)' depends on data", str(error))
            if not asked or asked[1] not in feeds:
                raise
            model.graph.initializer.append(numpy_helper.from_array(feeds.pop(asked[1]), asked[1]))


@pytest.mark.parametrize("name", cases())
def test_node(tmp_path, name):
    model = onnx.load(NODE_TESTS / name / "model.onnx")
    data = NODE_TESTS / name / "test_data_set_0"
    try:
        feeds = dict(
            zip(
                (i.name for i in model.graph.input),
                tensors(data, "input", len(model.graph.input)),
                strict=True,
            )
        )
        expected = tensors(data, "output", len(model.graph.output))
    except Exception:  # noqa: BLE001
        pytest.skip("holds sequences or optionals")
    if any(a.dtype not in TYPES for a in [*feeds.values(), *expected]):
        pytest.skip("other element types")
    try:
        got = run_binding(model, tmp_path / "model.onnx", feeds, expected)
    except AssertionError as error:
        if REFUSED.search(str(error)):
            pytest.skip(str(error).strip().splitlines()[-1][-200:])
        raise
    compare(got, expected, rtol=1e-4, atol=1e-5)


def f32(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


MS = {"domain": "com.microsoft", "opset": 17}


@pytest.mark.parametrize("op", ["Gelu", "FastGelu", "QuickGelu"])
def test_contrib_activations(tmp_path, op):
    check(tmp_path, op, {0: f32(2, 3, 8) * 3}, atol=2e-6, **MS)


@pytest.mark.parametrize("op", ["BiasGelu", "FastGelu"])
def test_contrib_bias_activations(tmp_path, op):
    check(tmp_path, op, {0: f32(2, 3, 8)}, {1: f32(8)}, atol=2e-6, **MS)


@pytest.mark.parametrize(
    "trans_a,trans_b,alpha", [(0, 0, 1.0), (0, 1, 0.5), (1, 0, 2.0), (1, 1, 0.25)]
)
def test_fused_matmul(tmp_path, trans_a, trans_b, alpha):
    a = f32(2, 4, 3) if trans_a else f32(2, 3, 4)
    b = f32(2, 5, 4) if trans_b else f32(2, 4, 5)
    check(tmp_path, "FusedMatMul", {0: a, 1: b}, transA=trans_a, transB=trans_b, alpha=alpha, **MS)


@pytest.mark.parametrize("beta,bias", [(True, True), (True, False), (False, False)])
def test_skip_layer_normalization(tmp_path, beta, bias):
    constants = {2: f32(8)} | ({3: f32(8)} if beta else {}) | ({4: f32(8)} if bias else {})
    check(
        tmp_path,
        "SkipLayerNormalization",
        {0: f32(2, 3, 8), 1: f32(2, 3, 8)},
        constants,
        epsilon=1e-5,
        **MS,
    )


def test_skip_simplified_layer_normalization(tmp_path):
    inputs = {0: f32(2, 3, 8), 1: f32(2, 3, 8)}
    check(tmp_path, "SkipSimplifiedLayerNormalization", inputs, {2: f32(8)}, epsilon=1e-5, **MS)


@pytest.mark.parametrize("segments", [True, False])
@pytest.mark.parametrize("mask", [True, False])
def test_embed_layer_normalization(tmp_path, segments, mask):
    inputs = {0: RNG.integers(0, 20, (2, 6)).astype(np.int32)}
    constants = {2: f32(20, 8), 3: f32(10, 8), 5: f32(8), 6: f32(8)}
    if segments:
        inputs[1] = RNG.integers(0, 2, (2, 6)).astype(np.int32)
        constants[4] = f32(2, 8)
    if mask:
        inputs[7] = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], np.int32)
    check(tmp_path, "EmbedLayerNormalization", inputs, constants, outputs=2, epsilon=1e-5, **MS)


MASKS = {
    "none": None,
    "raw": np.array([[1, 1, 1, 1, 0, 0], [1, 0, 1, 1, 1, 1]], np.int32),
    "lengths": np.array([4, 6], np.int32),
    "square": np.tril(np.ones((2, 6, 6), np.int32)),
}


@pytest.mark.parametrize(
    "mask,causal",
    # onnxruntime allows one of a square mask and a causal one
    [(mask, causal) for mask in MASKS for causal in (0, 1) if not (mask == "square" and causal)],
)
def test_fused_attention(tmp_path, mask, causal):
    inputs = {0: f32(2, 6, 8)} | ({} if MASKS[mask] is None else {3: MASKS[mask]})
    check(
        tmp_path,
        "Attention",
        inputs,
        {1: f32(8, 24), 2: f32(24)},
        num_heads=2,
        unidirectional=causal,
        atol=1e-5,
        **MS,
    )


def test_fused_attention_of_unequal_sizes(tmp_path):
    constants = {1: f32(8, 8 + 8 + 4), 2: f32(20)}
    check(
        tmp_path,
        "Attention",
        {0: f32(2, 6, 8)},
        constants,
        num_heads=2,
        qkv_hidden_sizes=[8, 8, 4],
        scale=0.3,
        atol=1e-5,
        **MS,
    )


@pytest.mark.parametrize(
    "bias,mask,extra", [(True, True, False), (False, True, True), (True, False, False)]
)
def test_multi_head_attention(tmp_path, bias, mask, extra):
    inputs = {0: f32(2, 4, 8), 1: f32(2, 6, 8), 2: f32(2, 6, 8)}
    if mask:
        inputs[4] = MASKS["raw"]
    if extra:
        inputs[5] = f32(2, 2, 4, 6)
    check(
        tmp_path,
        "MultiHeadAttention",
        inputs,
        {3: f32(24)} if bias else {},
        num_heads=2,
        atol=1e-5,
        **MS,
    )
