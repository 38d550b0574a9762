# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How plots of generated pages look; the same data give the same bytes."""

from __future__ import annotations

from typing import Any

STYLE: Any = {
    "svg.hashsalt": "aimc",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
"""Settings for `matplotlib.pyplot.rc_context`."""
