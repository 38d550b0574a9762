# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kirchhoff's law for a tile, in double precision, from docs/Physics.md alone.

Nothing here is shared with the product: no recursion, no fold, no closed form, only node equations
that numpy and scipy solve. `circuit` says what is connected to what, `column` solves one column as
a dense system, `network` a whole array as a sparse one, `read` adds up charges over a read.
"""

from nodal.circuit import Circuit
from nodal.column import column_currents
from nodal.network import Network, network_currents
from nodal.read import codes_of, combine, passes, read_charges

__all__ = [
    "Circuit", "Network", "codes_of", "column_currents", "combine", "network_currents", "passes",
    "read_charges",
]  # fmt: skip
