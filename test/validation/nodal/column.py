# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One column as a dense system of node equations. Rows have no wire here: every cell's two drivers
are ideal sources. Potentials are relative to the rest level."""

from __future__ import annotations

import numpy as np

from nodal.circuit import Array, Circuit


def column_currents(circuit: Circuit, signs: Array) -> Array:
    """Current into each ADC (uA) for driver states `signs` [..., rows] in {-1, 0, 1}: [..., cols].

    A row with sign s holds its plus line at s V_r and its minus line at -s V_r; sign 0 is the rest
    level or, with open rows, no connection.
    """
    assert circuit.row_ohm == 0 and circuit.driver_ohm == 0, "a row wire needs the network"
    signs = np.asarray(signs, float)
    return np.stack([_one_column(circuit, signs, j) for j in range(circuit.cols)], axis=-1)


def _one_column(circuit: Circuit, signs: Array, col: int) -> Array:
    plus, minus = circuit.plus[:, col], circuit.minus[:, col]
    connected = (signs != 0) if circuit.open_rows else np.ones(signs.shape, bool)
    load = connected * (plus + minus)  # conductance from each node to its drivers
    drive = circuit.read_v * signs * (plus - minus)  # current they push in at zero potential
    if circuit.column_ohm == 0 and circuit.adc_ohm == 0:  # every node is the ADC's
        return (drive - load * circuit.v_off_v).sum(-1)
    if circuit.column_ohm == 0:  # one node
        adc = 1e6 / circuit.adc_ohm
        node = (drive.sum(-1) + adc * circuit.v_off_v) / (load.sum(-1) + adc)
        return adc * (node - circuit.v_off_v)
    wires, adc = _wire_matrix(circuit, col)
    last = 0 if circuit.exits_first(col) else circuit.rows - 1
    matrix = wires + np.einsum("...i,ij->...ij", load, np.eye(circuit.rows))
    right = drive.copy()
    right[..., last] += adc * circuit.v_off_v
    node = np.linalg.solve(matrix, right[..., None])[..., 0]
    # By Kirchhoff's law over the whole column, which loses fewer digits than the last piece's
    # small voltage drop would.
    return (drive - load * node).sum(-1)


def _wire_matrix(circuit: Circuit, col: int) -> tuple[Array, float]:
    """Conductance matrix of the column's own wire (uS), and the piece that ends at the ADC."""
    n, ohm = circuit.rows, circuit.column_pieces(col)
    first = circuit.exits_first(col)
    last = 0 if first else n - 1
    matrix = np.zeros((n, n))
    for i in range(n):
        if i == last:
            continue
        towards = i - 1 if first else i + 1
        g = 1e6 / ohm[i]
        matrix[i, i] += g
        matrix[towards, towards] += g
        matrix[i, towards] -= g
        matrix[towards, i] -= g
    adc = 1e6 / (ohm[last] + circuit.adc_ohm)
    matrix[last, last] += adc
    return matrix, adc
