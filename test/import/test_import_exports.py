# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small encoders, exported by both exporters of torch, against onnxruntime."""

import numpy as np
import pytest
from onnx_case import compare, imported, program, reference

from aimc.testing import exports

pytestmark = pytest.mark.skipif(not program("aimc-import-run"), reason="aimc-import-run not built")


@pytest.mark.parametrize("batch,seq,valid", [(1, 7, 7), (2, 16, 9), (3, 1, 1)])
@pytest.mark.parametrize("flavour", exports.FLAVOURS)
@pytest.mark.parametrize("model", ["tiny-bert", "tiny-albert"])
def test_export(tmp_path, model, flavour, batch, seq, valid):
    rng = np.random.default_rng(seq)
    mask = np.ones((batch, seq), np.int64)
    mask[0, valid:] = 0
    feeds = {
        "input_ids": rng.integers(0, 90, (batch, seq)),
        "attention_mask": mask,
        "token_type_ids": rng.integers(0, 2, (batch, seq)),
    }
    path = exports.ensure(model, flavour)
    expected = reference(str(path), feeds)
    got = imported(path, feeds, expected, {"batch": batch, "seq": seq}, folder=tmp_path)
    compare(got, expected, rtol=0, atol=1e-5)
