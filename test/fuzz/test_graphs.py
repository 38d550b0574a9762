# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random graphs, compiled and run without tiles, against onnxruntime.

AIMC_FUZZ_GRAPHS says how many graphs; tools/dev/fuzz sets it, and then they are other ones with
every run. By default there are few, always the same."""

import os
import tempfile

import numpy as np
import onnxruntime
from graph_drawing import Case
from graphs import cases
from hypothesis import HealthCheck, given, settings

import aimc

MANY = int(os.environ.get("AIMC_FUZZ_GRAPHS", "0"))
FEW = 12
TOLERANCE = 2e-4  # of an output's largest magnitude: sums of fp32 in another order, a few deep


def expected(case: Case) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        case.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, case.feeds)


def computed(case: Case, folder: str) -> list[np.ndarray]:
    path = f"{folder}/random.onnx"
    with open(path, "wb") as file:
        file.write(case.model.SerializeToString())
    with aimc.Session(aimc.compile(path), ideal=True, threads=1) as session:
        return session.run(None, case.feeds)


@settings(
    max_examples=MANY or FEW,
    derandomize=MANY == 0,
    database=None,
    deadline=None,
    print_blob=MANY > 0,
    suppress_health_check=list(HealthCheck),
)
@given(case=cases())
def test_random_graph(case):
    want = expected(case)
    with tempfile.TemporaryDirectory(prefix="aimc-graph-") as folder:
        got = computed(case, folder)
    for info, g, w in zip(case.model.graph.output, got, want, strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype, info.name
        if w.dtype == np.float32:
            assert np.isfinite(w).all(), f"{info.name}: the strategy let a value escape"
            bound = TOLERANCE * max(1.0, np.abs(w).max(initial=0))
            np.testing.assert_allclose(g, w, rtol=0, atol=bound, err_msg=info.name)
        else:
            np.testing.assert_array_equal(g, w, err_msg=info.name)
