# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a tile is made of. Units: uS, ohm, V, ns; currents come out in uA, charges in fC."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Circuit:
    """One crossbar. Row 0 is the far end of a column that is read at the last row.

    `column_factor[i, j]` scales the piece of column wire that leads from cell (i, j) towards the
    ADC, `row_factor[i, j]` the piece of row wire that leads from the driver's side to cell (i, j).
    The pieces next to an ADC and to a driver are half as long as the others.
    """

    plus: Array  # [rows, cols], uS
    minus: Array
    column_ohm: float = 0.0
    row_ohm: float = 0.0
    driver_ohm: float = 0.0
    adc_ohm: float = 0.0
    column_factor: Array | None = None
    row_factor: Array | None = None
    alternating: bool = False  # odd columns are read at the first row
    open_rows: bool = False  # cells of idle rows are disconnected from their drivers
    read_v: float = 0.2
    v_off_v: float = 0.0  # ADC input minus rest level
    tick_ns: float = 1.0

    @property
    def rows(self) -> int:
        return self.plus.shape[0]

    @property
    def cols(self) -> int:
        return self.plus.shape[1]

    def exits_first(self, col: int) -> bool:
        """Whether this column's ADC sits at row 0."""
        return self.alternating and col % 2 == 1

    def column_pieces(self, col: int) -> Array:
        """ohm of the piece from each cell towards the ADC; the last one ends at the ADC's terminal
        resistance, which is not part of it."""
        factor = np.ones(self.rows) if self.column_factor is None else self.column_factor[:, col]
        ohm = self.column_ohm * np.asarray(factor, float)
        last = 0 if self.exits_first(col) else self.rows - 1
        ohm[last] /= 2
        return ohm

    def row_pieces(self, row: int) -> Array:
        """ohm of the piece that leads to each cell from the driver's side."""
        factor = np.ones(self.cols) if self.row_factor is None else self.row_factor[row]
        ohm = self.row_ohm * np.asarray(factor, float)
        ohm[0] /= 2
        return ohm
