# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps that a random graph grows by: each appends nodes of a kind of operators.

Shapes come from NumPy, and values stay tame: what could overflow or lose its number is guarded by
nodes in front of it. Where a result jumps (comparisons, floors, integers) its operands are exact in
both programs, so that a difference is never one of rounding alone.
"""

from __future__ import annotations

import math

import numpy as np
from graph_drawing import BOOL, F32, I64, MAX_ELEMENTS, MAX_RANK, Drawing, Value, broadcast
from hypothesis import strategies as st
from onnx import helper


def unary(g: Drawing) -> None:
    op = g.draw(st.sampled_from("Abs Neg Relu Sign Ceil Floor".split()))
    x = g.pick(exact=op in ("Sign", "Ceil", "Floor"))
    g.emit(op, [x.name], x, exact=x.exact)


def integer_unary(g: Drawing) -> None:
    x = g.pick(I64)
    g.emit(g.draw(st.sampled_from(["Abs", "Neg", "Sign"])), [x.name], x, exact=True)


def smooth(g: Drawing) -> None:
    ops = "Sigmoid Tanh Erf Softplus Elu LeakyRelu Sin Cos HardSigmoid".split()
    op = g.draw(st.sampled_from([*ops, "Gelu"] if g.opset >= 20 else ops))
    x = g.pick()
    g.emit(op, [x.name], x)


def guarded(g: Drawing) -> None:
    """Functions that need operands of a range, and what brings those into it."""
    op = g.draw(st.sampled_from("Exp Log Sqrt Reciprocal Div Pow".split()))
    x = g.pick()
    if op == "Exp":
        g.emit(op, [g.emit("Tanh", [x.name], x, keep=False).name], x)
        return
    one = g.constant(np.array(1, F32))
    size = g.emit("Abs", [x.name], x, keep=False)
    base = g.emit("Add", [size.name, one], x, keep=False)
    if op == "Div":
        _, name, shape = g.other(x)
        result = broadcast(shape, x.shape)
        if result is not None:
            g.emit(op, [name, base.name], np.zeros(result, F32))
    elif op == "Pow":
        exponent = g.draw(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]))
        g.emit(op, [base.name, g.constant(np.array(exponent, F32))], x)
    else:
        g.emit(op, [base.name], x)


def arithmetic(g: Drawing) -> None:
    dtype = g.draw(st.sampled_from([F32, F32, I64]))
    x = g.pick(dtype)
    op = g.draw(st.sampled_from("Add Sub Mul Max Min Sum Mean".split()))
    if dtype == I64 and op in ("Sum", "Mean"):
        op = "Add"
    other, name, shape = g.other(x)
    result = broadcast(shape, x.shape)
    if result is None:
        return
    names = [x.name, name] if g.draw(st.booleans()) else [name, x.name]
    exact = dtype == I64 or (op in ("Max", "Min") and x.exact and (other is None or other.exact))
    g.emit(op, names, np.zeros(result, dtype), exact=exact)


def comparison(g: Drawing) -> None:
    dtype = g.draw(st.sampled_from([F32, I64]))
    x = g.pick(dtype, exact=True)
    _, name, shape = g.other(x, exact=True)
    result = broadcast(shape, x.shape)
    ops = "Equal Greater Less GreaterOrEqual LessOrEqual".split()
    if result is not None:
        g.emit(g.draw(st.sampled_from(ops)), [x.name, name], np.zeros(result, BOOL), exact=True)


def logic(g: Drawing) -> None:
    x = g.pick(BOOL)
    if g.draw(st.booleans()):
        g.emit("Not", [x.name], x, exact=True)
        return
    _, name, shape = g.other(x)
    result = broadcast(shape, x.shape)
    if result is not None:
        op = g.draw(st.sampled_from(["And", "Or", "Xor"]))
        g.emit(op, [x.name, name], np.zeros(result, BOOL), exact=True)


def where(g: Drawing) -> None:
    x = g.pick(g.draw(st.sampled_from([F32, I64])))
    other, name, shape = g.other(x)
    result = broadcast(shape, x.shape)
    if result is None:
        return
    fits = [v for v in g.values if v.dtype == BOOL and broadcast(v.shape, result) is not None]
    if fits and g.draw(st.booleans()):
        condition = g.draw(st.sampled_from(fits))
        chosen, result = condition.name, broadcast(condition.shape, result)
    else:
        chosen = g.constant(g.numbers(BOOL, result))
    assert result is not None
    exact = x.exact and (other is None or other.exact)
    g.emit("Where", [chosen, x.name, name], np.zeros(result, x.dtype), exact=exact)


def cast(g: Drawing) -> None:
    source, to = g.draw(st.sampled_from([(F32, I64), (I64, F32), (BOOL, F32), (BOOL, I64)]))
    x = g.pick(source, exact=True)
    code = helper.np_dtype_to_tensor_dtype(to)
    # Integers beyond 2^24 are no floats.
    exact = to == I64 or source == BOOL
    g.emit("Cast", [x.name], np.zeros(x.shape, to), exact=exact, to=code)


def clip(g: Drawing) -> None:
    x = g.pick()
    low = g.draw(st.sampled_from([-1.5, -0.25, 0.0]))
    high = g.draw(st.sampled_from([0.5, 1.0, 6.0]))
    names = [x.name, g.constant(np.array(low, F32)), g.constant(np.array(high, F32))]
    g.emit("Clip", names, x, exact=x.exact)


def any_value(g: Drawing, low: int = 0) -> Value:
    return g.pick(g.draw(st.sampled_from([F32, F32, I64, BOOL])), low)


def transpose(g: Drawing) -> None:
    x = any_value(g, 1)
    perm = g.draw(st.permutations(range(x.rank)))
    g.emit("Transpose", [x.name], x.zeros.transpose(perm), exact=x.exact, perm=perm)


def reshape(g: Drawing) -> None:
    x = any_value(g)
    sizes, rest = [], math.prod(x.shape)
    for _ in range(g.draw(st.integers(0, MAX_RANK - 1))):
        sizes.append(g.draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0])))
        rest //= sizes[-1]
    shape = (*sizes, rest)
    asked = list(shape)
    if g.draw(st.booleans()):
        asked[g.draw(st.integers(0, len(asked) - 1))] = -1
    g.emit("Reshape", [x.name, g.ints(asked)], x.zeros.reshape(shape), exact=x.exact)


def flatten(g: Drawing) -> None:
    x = any_value(g, 1)
    axis = g.draw(st.integers(-x.rank, x.rank))
    rows = math.prod(x.shape[: axis + x.rank if axis < 0 else axis])
    shape = (rows, math.prod(x.shape) // rows)
    g.emit("Flatten", [x.name], x.zeros.reshape(shape), exact=x.exact, axis=axis)


def squeeze(g: Drawing) -> None:
    x = any_value(g)
    if 1 in x.shape:
        axis = g.draw(st.sampled_from([i for i, e in enumerate(x.shape) if e == 1]))
        g.emit("Squeeze", [x.name, g.ints([axis])], x.zeros.squeeze(axis), exact=x.exact)
    elif x.rank < MAX_RANK:
        axis = g.draw(st.integers(-x.rank - 1, x.rank))
        shape = np.expand_dims(x.zeros, axis)
        g.emit("Unsqueeze", [x.name, g.ints([axis])], shape, exact=x.exact)


def concat(g: Drawing) -> None:
    x = any_value(g, 1)
    axis = g.axis(x)
    at = axis % x.rank
    same = [v for v in g.values if v.dtype == x.dtype and v.rank == x.rank
            and all(a == b for i, (a, b) in enumerate(zip(v.shape, x.shape, strict=True))
                    if i != at)]  # fmt: skip
    parts = g.draw(st.lists(st.sampled_from(same), min_size=1, max_size=3))
    result = np.concatenate([v.zeros for v in parts], axis=at)
    if result.size <= MAX_ELEMENTS:
        exact = all(v.exact for v in parts)
        g.emit("Concat", [v.name for v in parts], result, exact=exact, axis=axis)


def slice_(g: Drawing) -> None:
    x = any_value(g, 1)
    axis = g.axis(x)
    size = x.shape[axis]
    step = g.draw(st.sampled_from([1, 1, 2, -1, -2]))
    start = g.draw(st.integers(-size, size - 1))
    end = g.draw(st.integers(-size - 2, size + 2))
    # As the standard has it: -1 is the last element, and what lies outside is clamped.
    first = start + size if start < 0 else start
    last = end + size if end < 0 else end
    last = min(max(last, 0), size) if step > 0 else min(max(last, -1), size - 1)
    index = list(range(first, last, step))
    if index:
        result = np.take(x.zeros, index, axis=axis)
        names = [x.name, g.ints([start]), g.ints([end]), g.ints([axis]), g.ints([step])]
        g.emit("Slice", names, result, exact=x.exact)


def split(g: Drawing) -> None:
    x = any_value(g, 1)
    axis = g.axis(x)
    size = x.shape[axis]
    if size < 2:
        return
    cut = g.draw(st.integers(1, size - 1))
    sizes = [cut, size - cut]
    parts = np.split(x.zeros, [cut], axis=axis)
    values = [Value(g.name("v"), x.dtype, p.shape, x.exact) for p in parts]
    g.nodes.append(helper.make_node("Split", [x.name, g.ints(sizes)],
                                    [v.name for v in values], axis=axis))  # fmt: skip
    g.values += values


def gather(g: Drawing) -> None:
    x = any_value(g, 1)
    axis = g.axis(x)
    size = x.shape[axis]
    shape = g.draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    index = g.rng.integers(-size, size, shape)
    result = np.take(x.zeros, index % size, axis=axis)
    if result.ndim <= MAX_RANK and result.size <= MAX_ELEMENTS:
        g.emit("Gather", [x.name, g.ints(index)], result, exact=x.exact, axis=axis)


def expand(g: Drawing) -> None:
    x = any_value(g)
    shape = broadcast(x.shape, g.shape())
    if shape is not None:
        g.emit("Expand", [x.name, g.ints(shape)], np.zeros(shape, x.dtype), exact=x.exact)


def tile(g: Drawing) -> None:
    x = any_value(g, 1)
    times = [g.draw(st.integers(1, 2)) for _ in x.shape]
    result = np.tile(x.zeros, times)
    if result.size <= MAX_ELEMENTS:
        g.emit("Tile", [x.name, g.ints(times)], result, exact=x.exact)


def pad(g: Drawing) -> None:
    x = g.pick(low=1)
    modes = ["constant", "edge"] + (["reflect"] if min(x.shape) > 1 else [])
    mode = g.draw(st.sampled_from(modes))
    before = [g.draw(st.integers(0, 1)) for _ in x.shape]
    after = [g.draw(st.integers(0, 1)) for _ in x.shape]
    shape = tuple(b + e + a for b, e, a in zip(before, x.shape, after, strict=True))
    names = [x.name, g.ints([*before, *after])]
    if mode == "constant" and g.draw(st.booleans()):
        names.append(g.constant(np.array(0.5, F32)))
    if math.prod(shape) <= MAX_ELEMENTS:
        g.emit("Pad", names, np.zeros(shape, F32), exact=x.exact, mode=mode)


def trilu(g: Drawing) -> None:
    if g.opset < 14:
        return
    x = g.pick(low=2)
    names = [x.name, g.ints(g.draw(st.integers(-2, 2)))] if g.draw(st.booleans()) else [x.name]
    g.emit("Trilu", names, x, exact=x.exact, upper=g.draw(st.integers(0, 1)))


def cumsum(g: Drawing) -> None:
    x = g.pick(low=1)
    flags = {"exclusive": g.draw(st.integers(0, 1)), "reverse": g.draw(st.integers(0, 1))}
    if g.opset >= 14:
        g.emit("CumSum", [x.name, g.ints(g.axis(x))], x, **flags)


def reduce_(g: Drawing) -> None:
    ops = "Sum Mean Max Min L1 L2 SumSquare".split()
    op = "Reduce" + g.draw(st.sampled_from(ops))
    x = g.pick(low=1)
    axes = g.draw(st.lists(st.integers(0, x.rank - 1), min_size=1, max_size=x.rank, unique=True))
    asked = [a - x.rank if g.draw(st.booleans()) else a for a in axes]
    keep = g.draw(st.integers(0, 1))
    result = x.zeros.sum(axis=tuple(axes), keepdims=bool(keep))
    exact = op in ("ReduceMax", "ReduceMin") and x.exact
    if g.opset >= 18 or op == "ReduceSum":  # where axes became an operand
        g.emit(op, [x.name, g.ints(asked)], np.asarray(result), exact=exact, keepdims=keep)
    else:
        g.emit(op, [x.name], np.asarray(result), exact=exact, keepdims=keep, axes=asked)


def softmax(g: Drawing) -> None:
    x = g.pick(low=1)
    g.emit(g.draw(st.sampled_from(["Softmax", "LogSoftmax"])), [x.name], x, axis=g.axis(x))


def layer_norm(g: Drawing) -> None:
    if g.opset < 17:
        return
    x = g.pick(low=1)
    axis = g.axis(x)
    shape = x.shape[axis:]
    names = [x.name, g.constant(g.numbers(F32, shape))]
    if g.draw(st.booleans()):
        names.append(g.constant(g.numbers(F32, shape)))
    g.emit("LayerNormalization", names, x, axis=axis, epsilon=1e-2)


def matmul(g: Drawing) -> None:
    """With a matrix, which lies on tiles, or with another value."""
    x = g.pick(low=1)
    fits = []
    for v in g.values:
        if v.dtype == F32 and v.rank >= 1:
            try:
                result = np.matmul(x.zeros, v.zeros)
            except ValueError:
                continue
            if result.ndim <= MAX_RANK and result.size <= MAX_ELEMENTS:
                fits.append(v)
    if fits and g.draw(st.booleans()):
        y = g.draw(st.sampled_from(fits))
        g.emit("MatMul", [x.name, y.name], np.asarray(np.matmul(x.zeros, y.zeros)))
        return
    weight = g.numbers(F32, (x.shape[-1], g.draw(st.integers(1, 7))))
    g.emit("MatMul", [x.name, g.constant(weight)], np.matmul(x.zeros, weight))


def gemm(g: Drawing) -> None:
    two = [v for v in g.values if v.dtype == F32 and v.rank == 2]
    if not two:
        return
    x = g.draw(st.sampled_from(two))
    turned, across = g.draw(st.booleans()), g.draw(st.booleans())
    rows, inner = x.shape[::-1] if turned else x.shape
    cols = g.draw(st.integers(1, 7))
    weight = g.numbers(F32, (cols, inner) if across else (inner, cols))
    names = [x.name, g.constant(weight)]
    if g.draw(st.booleans()):
        bias = g.draw(st.sampled_from([(cols,), (1, cols), (rows, cols), (rows, 1), (1,), ()]))
        names.append(g.constant(g.numbers(F32, bias)))
    g.emit("Gemm", names, np.zeros((rows, cols), F32), transA=int(turned), transB=int(across),
           alpha=g.draw(st.sampled_from([1.0, 0.5])), beta=g.draw(st.sampled_from([1.0, -0.5])))  # fmt: skip


def conv(g: Drawing) -> None:
    maps = [v for v in g.values if v.dtype == F32 and v.rank in (3, 4)]
    if not maps:
        return
    x = g.draw(st.sampled_from(maps))
    kernel = [g.draw(st.integers(1, min(2, e))) for e in x.shape[2:]]
    stride = [g.draw(st.integers(1, 2)) for _ in kernel]
    pads = [g.draw(st.integers(0, 1)) for _ in [*kernel, *kernel]]
    n = len(kernel)
    spatial = [(e + pads[i] + pads[n + i] - kernel[i]) // stride[i] + 1
               for i, e in enumerate(x.shape[2:])]  # fmt: skip
    channels = g.draw(st.integers(1, 4))
    names = [x.name, g.constant(g.numbers(F32, (channels, x.shape[1], *kernel)))]
    if g.draw(st.booleans()):
        names.append(g.constant(g.numbers(F32, (channels,))))
    result = np.zeros((x.shape[0], channels, *spatial), F32)
    if result.size <= MAX_ELEMENTS:
        g.emit("Conv", names, result, strides=stride, pads=pads, kernel_shape=kernel)


STEPS = (unary, integer_unary, smooth, guarded, arithmetic, comparison, logic, where, cast, clip,
         transpose, reshape, flatten, squeeze, concat, slice_, split, gather, expand, tile, pad,
         trilu, cumsum, reduce_, softmax, layer_norm, matmul, matmul, gemm, conv)  # fmt: skip
