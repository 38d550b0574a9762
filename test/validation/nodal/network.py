# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A whole crossbar as one sparse system: a node per cell on the column line and on each of the two
row lines, terminals at drivers and ADCs, pieces of wire with a value of their own.

Pieces of no resistance join their two nodes into one. Potentials are relative to the rest level.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from nodal.circuit import Array, Circuit


class Network:
    """The resistors of a circuit, with the cells of the rows in `connected` in place."""

    def __init__(self, circuit: Circuit, connected: Array | None = None) -> None:
        self.circuit = circuit
        rows, cols = circuit.rows, circuit.cols
        cells = rows * cols
        # Numbers of nodes: column line, plus line, minus line, drivers of the two, ADCs.
        number = np.arange(cells).reshape(rows, cols)
        self.column, self.plus_line, self.minus_line = number, number + cells, number + 2 * cells
        self.plus_driver = 3 * cells + np.arange(rows)
        self.minus_driver = self.plus_driver + rows
        self.adc = 3 * cells + 2 * rows + np.arange(cols)
        self.size = 3 * cells + 2 * rows + cols
        self._resistors: list[tuple[int, int, float]] = []  # node, node, ohm
        for j in range(cols):
            self._add_column(j)
        for i in range(rows):
            self._add_row(self.plus_line[i], self.plus_driver[i], circuit.row_pieces(i))
            self._add_row(self.minus_line[i], self.minus_driver[i], circuit.row_pieces(i))
        inside = np.ones(rows, bool) if connected is None else np.asarray(connected, bool)
        self._solver(inside)

    def _add_column(self, j: int) -> None:
        line, ohm = self.column[:, j], self.circuit.column_pieces(j)
        if self.circuit.exits_first(j):
            line, ohm = line[::-1], ohm[::-1]
        for i in range(len(line) - 1):
            self._resistors.append((line[i], line[i + 1], ohm[i]))
        self._resistors.append((line[-1], self.adc[j], ohm[-1] + self.circuit.adc_ohm))

    def _add_row(self, line: Array, driver: int, ohm: Array) -> None:
        self._resistors.append((driver, line[0], ohm[0] + self.circuit.driver_ohm))
        for j in range(1, len(line)):
            self._resistors.append((line[j - 1], line[j], ohm[j]))

    def _solver(self, inside: Array) -> None:
        a, b, ohm = (np.array(v) for v in zip(*self._resistors, strict=True))
        short = ohm == 0
        joined = sp.coo_matrix(
            (np.ones(short.sum()), (a[short].astype(int), b[short].astype(int))),
            shape=(self.size, self.size),
        )
        _, self.name = connected_components(joined, directed=False)
        pairs = [(a[~short].astype(int), b[~short].astype(int), 1e6 / ohm[~short])]
        for line, g in ((self.plus_line, self.circuit.plus), (self.minus_line, self.circuit.minus)):
            pairs.append((line[inside].ravel(), self.column[inside].ravel(), g[inside].ravel()))
        left = self.name[np.concatenate([p[0] for p in pairs])]
        right = self.name[np.concatenate([p[1] for p in pairs])]
        g = np.concatenate([p[2] for p in pairs])
        count = int(self.name.max()) + 1
        off = sp.coo_matrix((-g, (left, right)), shape=(count, count))
        off = (off + off.T).tocsr()
        off.setdiag(0)
        self.laplacian = (off - sp.diags(np.asarray(off.sum(1)).ravel())).tocsc()
        fixed = np.zeros(count, bool)
        for nodes in (self.plus_driver, self.minus_driver, self.adc):
            fixed[self.name[nodes]] = True
        # A node that nothing is connected to carries no current, whatever its potential.
        alone = np.asarray(abs(self.laplacian).sum(1)).ravel() == 0
        self.fixed, self.free = np.flatnonzero(fixed), np.flatnonzero(~fixed & ~alone)
        self.inner = splu(self.laplacian[self.free][:, self.free]) if len(self.free) else None

    def currents(self, signs: Array) -> Array:
        """Current into each ADC (uA) for driver states [..., rows]: [..., cols]."""
        signs = np.asarray(signs, float)
        flat = signs.reshape(-1, self.circuit.rows).T
        potential = np.zeros((self.laplacian.shape[0], flat.shape[1]))
        potential[self.name[self.plus_driver]] = self.circuit.read_v * flat
        potential[self.name[self.minus_driver]] = -self.circuit.read_v * flat
        potential[self.name[self.adc]] = self.circuit.v_off_v
        if self.inner is not None:
            right = -(self.laplacian[self.free][:, self.fixed] @ potential[self.fixed])
            guess = self.inner.solve(right)
            # One step of refinement: wires conduct a million times better than cells.
            inner = self.laplacian[self.free][:, self.free]
            potential[self.free] = guess + self.inner.solve(right - inner @ guess)
        out = -(self.laplacian[self.name[self.adc]] @ potential)
        return out.T.reshape(*signs.shape[:-1], self.circuit.cols)


def network_currents(circuit: Circuit, signs: Array) -> Array:
    """Current into each ADC (uA) for driver states `signs` [..., rows]: [..., cols]."""
    signs = np.asarray(signs, float)
    if not circuit.open_rows:
        return Network(circuit).currents(signs)
    flat = signs.reshape(-1, circuit.rows)
    out = [Network(circuit, row != 0).currents(row) for row in flat]
    return np.stack(out).reshape(*signs.shape[:-1], circuit.cols)
