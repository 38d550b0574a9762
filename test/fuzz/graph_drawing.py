# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A random ONNX graph that grows node by node, and its tensors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import helper

MAX_RANK, MAX_EXTENT, MAX_ELEMENTS = 4, 5, 2000
OPSETS = (13, 17, 18, 20)
F32, I64, BOOL = np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_)


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor of the graph. `exact`: both programs compute the same bits."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    exact: bool = True

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def zeros(self) -> np.ndarray[Any, Any]:
        return np.zeros(self.shape, self.dtype)


@dataclasses.dataclass
class Case:
    """A model and what to feed it."""

    model: onnx.ModelProto
    feeds: dict[str, np.ndarray[Any, Any]]

    def __repr__(self) -> str:
        shapes = {name: (str(a.dtype), a.shape) for name, a in self.feeds.items()}
        return f"Case({shapes}, {onnx.printer.to_text(self.model.graph)})"


class Drawing:
    """A graph that grows node by node."""

    def __init__(self, draw: Callable[[Any], Any]):
        self.draw = draw
        self.opset = draw(st.sampled_from(OPSETS))
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.nodes: list[onnx.NodeProto] = []
        self.values: list[Value] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {}
        self.feeds: dict[str, np.ndarray[Any, Any]] = {}
        self.count = 0

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def numbers(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Small integers; of floats eighths, which sums of a few keep exact."""
        if dtype == BOOL:
            return np.asarray(self.rng.integers(0, 2, shape), BOOL)
        limit = 16 if dtype == F32 else 4
        whole = np.asarray(self.rng.integers(-limit, limit + 1, shape))
        return np.asarray(whole / 8, F32) if dtype == F32 else whole.astype(I64)

    def constant(self, array: np.ndarray[Any, Any]) -> str:
        name = self.name("c")
        self.constants[name] = array
        return name

    def ints(self, values: Any) -> str:
        return self.constant(np.array(values, np.int64))

    def shape(self, low: int = 0) -> tuple[int, ...]:
        sizes = st.lists(st.integers(1, MAX_EXTENT), min_size=low, max_size=MAX_RANK)
        return tuple(self.draw(sizes))

    def input(self) -> Value:
        dtype = self.draw(st.sampled_from([F32, F32, F32, I64, BOOL]))
        value = Value(self.name("x"), dtype, self.shape())
        self.feeds[value.name] = self.numbers(dtype, value.shape)
        self.values.append(value)
        return value

    def pick(self, dtype: np.dtype[Any] = F32, low: int = 0, exact: bool = False) -> Value:
        """A value there is, or an input that is added for it."""
        fits = [v for v in self.values
                if v.dtype == dtype and v.rank >= low and (v.exact or not exact)]  # fmt: skip
        if fits:
            return self.draw(st.sampled_from(fits))
        value = Value(self.name("x"), dtype, self.shape(low))
        self.feeds[value.name] = self.numbers(dtype, value.shape)
        self.values.append(value)
        return value

    def axis(self, value: Value) -> int:
        """An axis, counted from either end."""
        return self.draw(st.integers(-value.rank, value.rank - 1))

    def emit(self, op: str, inputs: list[str], like: np.ndarray[Any, Any] | Value,
             exact: bool = False, keep: bool = True, **attributes: Any) -> Value:  # fmt: skip
        """Append a node whose result looks like `like`."""
        value = Value(self.name("v"), like.dtype, tuple(like.shape), exact)
        self.nodes.append(helper.make_node(op, inputs, [value.name], **attributes))
        if keep:
            self.values.append(value)
        return value

    def other(self, value: Value, exact: bool = False) -> tuple[Value | None, str, tuple[int, ...]]:
        """An operand that broadcasts with `value`: another value, or a constant."""
        fits = [v for v in self.values if v.dtype == value.dtype and (v.exact or not exact)
                and broadcast(v.shape, value.shape) is not None]  # fmt: skip
        if fits and self.draw(st.booleans()):
            found = self.draw(st.sampled_from(fits))
            return found, found.name, found.shape
        shape = tuple(e if self.draw(st.booleans()) else 1 for e in value.shape)
        shape = shape[self.draw(st.integers(0, len(shape))) :]
        return None, self.constant(self.numbers(value.dtype, shape)), shape


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        return None
    return shape if len(shape) <= MAX_RANK and math.prod(shape) <= MAX_ELEMENTS else None
