# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How many examples a test draws: AIMC_ROADS_EXAMPLES times as many as every day, other ones at
each --hypothesis-seed."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

MORE = int(os.environ.get("AIMC_ROADS_EXAMPLES", "1"))


def examples(count: int) -> Any:
    """The same at every run on every machine, so that what fails in CI fails anywhere; more are
    drawn at random."""
    return settings(
        max_examples=count * MORE,
        derandomize=MORE == 1,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much,
                               HealthCheck.function_scoped_fixture],
    )  # fmt: skip
