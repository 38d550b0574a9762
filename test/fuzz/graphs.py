# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random ONNX graphs of supported operators, as a strategy of hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from graph_drawing import Case, Drawing
from graph_steps import STEPS
from hypothesis import strategies as st
from onnx import helper, numpy_helper


def used(nodes: list[onnx.NodeProto]) -> Iterator[str]:
    for node in nodes:
        yield from node.input


@st.composite
def cases(draw: Callable[[Any], Any], most_nodes: int = 8) -> Case:
    """A graph, its inputs, and every result that no node takes as an output."""
    g = Drawing(draw)
    g.input()
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=most_nodes)):
        step(g)
    taken = set(used(g.nodes))
    results = [v for v in g.values if v.name not in g.feeds and v.name not in taken]
    if not results:
        results = [g.emit("Identity", [g.values[0].name], g.values[0])]
        taken.add(g.values[0].name)
    feeds = {name: array for name, array in g.feeds.items() if name in taken}

    def info(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)

    graph = helper.make_graph(
        g.nodes, "random",
        [info(name, array.dtype, array.shape) for name, array in feeds.items()],
        [info(v.name, v.dtype, v.shape) for v in results],
        [numpy_helper.from_array(array, name) for name, array in g.constants.items()])  # fmt: skip
    imports = [helper.make_opsetid("", g.opset)]
    return Case(helper.make_model(graph, opset_imports=imports, ir_version=9), feeds)
