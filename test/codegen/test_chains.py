# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What compiling costs follows the length of a chain of operations, not a power of it."""

import json
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from onnx import helper
from onnx_case import program

import aimc
from aimc.testing import models

pytestmark = pytest.mark.skipif(not program("aimc-compile"), reason="aimc-compile not built")

# A process of its own, so that the maximum is that of this compilation.
_COMPILE = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(json.dumps(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""


@pytest.mark.parametrize("op", ["Softmax", "Tanh", "Erf"])
def test_long_chains(op, tmp_path):
    peaks = {}
    for length in (8, 128):
        nodes = [helper.make_node(op, [f"x{i}"], [f"x{i + 1}"]) for i in range(length)]
        shape = [4, 16]
        model = models.save(
            tmp_path / f"{length}.onnx", nodes, {"x0": shape}, {f"x{length}": shape}, {}
        )
        package = tmp_path / f"{length}.aimc"
        command = [program("aimc-compile"), str(model), "-o", str(package)]
        out = subprocess.run(
            [sys.executable, "-c", _COMPILE, *command], check=True, capture_output=True, text=True
        )
        peaks[length] = json.loads(out.stdout)
    assert peaks[128] < 1.5 * peaks[8]
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    (wanted,) = onnxruntime.InferenceSession(model).run(None, {"x0": x})
    with aimc.Session(package) as session:
        (got,) = session.run(None, {"x0": x})
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
