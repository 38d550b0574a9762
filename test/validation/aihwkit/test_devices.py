# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mean and variance of devices, programmed and aged, against AIHWKIT's noise models."""

import pytest
from compare import LIMIT_Z, devices, statistics

DEVICES = devices()


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.name)
def test_statistics_agree_within_sampling_error(device):
    for c in statistics(device):
        assert abs(c.z_mean) < LIMIT_Z, c
        assert abs(c.z_variance) < LIMIT_Z, c


def test_a_wrong_coefficient_would_be_seen():
    """Three percent more programming noise is beyond the limit at some level."""
    device = next(d for d in DEVICES if d.name == "pcm")
    wrong = {**device.target, "programming_noise_scale": 1.03}
    found = statistics(type(device)("wrong", wrong, device.model, (3600.0,)))
    assert max(abs(c.z_variance) for c in found if c.quantity == "programmed") > LIMIT_Z
