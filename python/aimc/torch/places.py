# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What messages call a layer."""

from __future__ import annotations


def placed(name: str, kind: type, quoted: bool = False) -> str:
    """By its name in the module, `quoted` in errors. One that is the whole module has none."""
    if not name:
        return f"the module itself ({kind.__name__})"
    return f"layer {name!r}" if quoted else f"layer {name}"
