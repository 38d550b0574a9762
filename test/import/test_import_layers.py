# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products, normalisations, softmax and attention against onnxruntime."""

import numpy as np
import pytest
from onnx_case import check, program

pytestmark = pytest.mark.skipif(not program("aimc-import-run"), reason="aimc-import-run not built")

RNG = np.random.default_rng(11)
INF = np.float32(np.inf)


def f32(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


MATMULS = [
    ((3, 4), (4, 5)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 1, 3, 4), (6, 4, 5)),
    ((3, 4), (2, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (1, 4, 5)),
    ((4,), (2, 4, 5)),
    ((2, 3, 4), (4,)),
    ((1, 2, 3, 4), (1, 2, 4, 5)),
    ((3, 1), (1, 5)),
]


@pytest.mark.parametrize("a,b", MATMULS)
@pytest.mark.parametrize("constant", [False, True])
def test_matmul(tmp_path, a, b, constant):
    x, w = f32(*a), f32(*b)
    check(
        tmp_path,
        "MatMul",
        {0: x} if constant else {0: x, 1: w},
        {1: w} if constant else {},
        atol=1e-5,
    )


def test_matmul_constant_left(tmp_path):
    check(tmp_path, "MatMul", {1: f32(2, 4, 5)}, {0: f32(3, 4)}, atol=1e-5)


BIASES = [None, (), (5,), (1, 5), (3, 1), (3, 5)]


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("bias", BIASES)
def test_gemm(tmp_path, trans_a, trans_b, bias):
    inputs = {0: f32(4, 3) if trans_a else f32(3, 4)}
    constants = {1: f32(5, 4) if trans_b else f32(4, 5)}
    if bias is not None:
        constants[2] = f32(*bias)
    check(tmp_path, "Gemm", inputs, constants, transA=trans_a, transB=trans_b, atol=1e-5)


@pytest.mark.parametrize("alpha,beta", [(0.5, 1.0), (1.0, 0.25), (2.0, 0.0)])
def test_gemm_scaled(tmp_path, alpha, beta):
    check(
        tmp_path, "Gemm", {0: f32(3, 4), 1: f32(4, 5), 2: f32(5)}, alpha=alpha, beta=beta, atol=1e-5
    )


CONVS = [
    ((2, 3, 8, 8), (5, 3, 4, 4), dict(strides=(4, 4))),
    ((1, 4, 7, 6), (6, 2, 3, 2), dict(group=2, pads=(1, 0, 2, 1))),
    ((2, 3, 9), (4, 3, 3), dict(dilations=(2,), pads=(2, 2))),
    ((1, 2, 5, 5), (2, 1, 3, 3), dict(group=2, auto_pad="SAME_UPPER")),
    ((1, 1, 3, 4, 5), (2, 1, 2, 2, 2), dict()),
]


@pytest.mark.parametrize("x,w,options", CONVS)
@pytest.mark.parametrize("constant", [False, True])
def test_conv(tmp_path, x, w, options, constant):
    weights = {1: f32(*w), 2: f32(w[0])}
    check(
        tmp_path,
        "Conv",
        {0: f32(*x)} | ({} if constant else weights),
        weights if constant else {},
        atol=1e-5,
        **options,
    )


def test_fused_matmul(tmp_path):
    check(
        tmp_path,
        "FusedMatMul",
        {0: f32(2, 3, 4), 1: f32(2, 5, 4)},
        domain="com.microsoft",
        transB=1,
        alpha=0.5,
        atol=1e-5,
    )


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax(tmp_path, op, axis):
    check(tmp_path, op, {0: f32(3, 4, 5) * 4}, axis=axis)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_flattening(tmp_path, op):
    check(tmp_path, op, {0: f32(3, 4, 5)}, opset=11)
    check(tmp_path, op, {0: f32(3, 4, 5)}, opset=11, axis=-1)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_masked_rows(tmp_path, op):
    x = f32(5, 6)
    x[0] = -INF
    x[1, 1:] = -INF
    x[2] = np.finfo(np.float32).min
    x[3, 2] = np.nan
    x[4] *= 1e4
    check(tmp_path, op, {0: x})


@pytest.mark.parametrize("axis,parameter", [(-1, (6,)), (1, (5, 6)), (0, (4, 5, 6)), (-1, (1,))])
@pytest.mark.parametrize("bias", [False, True])
def test_layer_normalization(tmp_path, axis, parameter, bias):
    constants = {1: f32(*parameter)} | ({2: f32(*parameter)} if bias else {})
    expected = None
    x = f32(4, 5, 6) * 3 + 2
    if parameter == (1,):  # onnxruntime wants the full size; the standard broadcasts
        axes = -1
        y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3)
        expected = [(y * constants[1] + (constants[2] if bias else 0)).astype(np.float32)]
    check(
        tmp_path,
        "LayerNormalization",
        {0: x},
        constants,
        expected,
        axis=axis,
        epsilon=1e-3,
        atol=1e-5,
    )


def test_layer_normalization_statistics(tmp_path):
    check(
        tmp_path,
        "LayerNormalization",
        {0: f32(4, 5, 6)},
        {1: f32(6), 2: f32(6)},
        outputs=3,
        atol=1e-5,
    )


def test_layer_normalization_large_mean(tmp_path):
    x = f32(4, 64) + np.float32(1000)
    wide = x.astype(np.float64)
    y = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    check(
        tmp_path,
        "LayerNormalization",
        {0: x},
        {1: np.ones(64, np.float32)},
        [y.astype(np.float32)],
        atol=2e-3,
    )


def test_rms_normalization(tmp_path):
    x, scale = f32(4, 5, 6), f32(6)
    expected = x / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-5) * scale
    check(
        tmp_path,
        "RMSNormalization",
        {0: x},
        {1: scale},
        [expected.astype(np.float32)],
        opset=23,
        atol=1e-5,
    )


def attention(q, k, v, mask=None, causal=False, scale=None):
    """ONNX Attention on [B, N, L, D] in fp64; a row without a visible key gives zeros."""
    q, k, v = (a.astype(np.float64) for a in (q, k, v))
    k, v = (np.repeat(a, q.shape[1] // a.shape[1], axis=1) for a in (k, v))
    scores = q @ np.swapaxes(k, -1, -2) * (scale or 1 / np.sqrt(q.shape[-1]))
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    largest = scores.max(-1, keepdims=True)
    e = np.exp(scores - np.where(np.isinf(largest), 0, largest))
    total = e.sum(-1, keepdims=True)
    return (e / np.where(total == 0, 1, total) @ v).astype(np.float32)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("mask", ["none", "float", "bool"])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_attention(tmp_path, causal, mask, kv_heads):
    q, k, v = f32(2, 4, 3, 8), f32(2, kv_heads, 5, 8), f32(2, kv_heads, 5, 6)
    m = {"none": None, "float": f32(2, 1, 3, 5), "bool": RNG.integers(0, 2, (3, 5)).astype(bool)}[
        mask
    ]
    if mask == "bool":
        m[1] = False
    inputs = {0: q, 1: k, 2: v} | ({} if m is None else {3: m})
    check(
        tmp_path,
        "Attention",
        inputs,
        {},
        [attention(q, k, v, m, causal)],
        opset=23,
        is_causal=causal,
        atol=1e-5,
    )


def test_attention_rank_3(tmp_path):
    q, k, v = f32(2, 3, 32), f32(2, 5, 32), f32(2, 5, 24)

    def heads(a):
        return a.reshape(2, a.shape[1], 4, -1).transpose(0, 2, 1, 3)

    expected = (
        attention(heads(q), heads(k), heads(v), scale=0.3).transpose(0, 2, 1, 3).reshape(2, 3, 24)
    )
    check(
        tmp_path,
        "Attention",
        {0: q, 1: k, 2: v},
        {},
        [expected],
        opset=23,
        q_num_heads=4,
        kv_num_heads=4,
        scale=0.3,
        atol=1e-5,
    )


@pytest.mark.parametrize("op", ["BiasGelu", "FastGelu", "Gelu", "QuickGelu"])
def test_microsoft_gelus(tmp_path, op):
    constants = {1: f32(6)} if op in ("BiasGelu", "FastGelu") else {}
    check(tmp_path, op, {0: f32(4, 6)}, constants, domain="com.microsoft", atol=5e-6)


def test_skip_layer_normalization(tmp_path):
    check(
        tmp_path,
        "SkipLayerNormalization",
        {0: f32(2, 5, 6), 1: f32(2, 5, 6)},
        {2: f32(6), 3: f32(6), 4: f32(6)},
        domain="com.microsoft",
        epsilon=1e-5,
        atol=1e-5,
    )
