# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A linear layer on tiles as a reader of docs/Physics.md writes it: node equations and loops.

It shares no code with the operators: a column's attenuation is the inverse of its conductance
matrix, converters are written out, blocks are walked one by one.
"""

import numpy as np


def transfer(loads, ohm, adc_ohm=0.0):
    """T of every cell of a column, far end first, by solving for the potentials of its nodes."""
    n = len(loads)
    if ohm == 0 and adc_ohm == 0:
        return np.ones(n)
    wire = 1e6 / ohm  # uS
    last = 1e6 / (ohm / 2 + adc_ohm)
    matrix = np.diag(np.asarray(loads, dtype=float))
    for i in range(n - 1):
        matrix[i, i] += wire
        matrix[i + 1, i + 1] += wire
        matrix[i, i + 1] -= wire
        matrix[i + 1, i] -= wire
    matrix[n - 1, n - 1] += last
    return last * np.linalg.inv(matrix)[n - 1]


def pairs(w, s, g_min, g_max):
    u = np.clip(np.divide(w, s, out=np.zeros_like(w), where=s > 0), -1, 1)
    span = g_max - g_min
    return g_min + span * np.maximum(u, 0), g_min + span * np.maximum(-u, 0)


def column_transfer(plus, minus, at_row, tile_rows, rest, ohm, adc_ohm, at_first_row):
    loads = np.full(tile_rows, rest)
    loads[at_row : at_row + len(plus)] = plus + minus
    if at_first_row:
        return transfer(loads[::-1], ohm, adc_ohm)[::-1][at_row : at_row + len(plus)]
    return transfer(loads, ohm, adc_ohm)[at_row : at_row + len(plus)]


def tile_linear(
    x, w, scale, blocks, *, tile_rows, ohm, adc_ohm=0.0, alternating=False, g_min=0.1, g_max=25.0,
    volt=0.2, tick=1.0, levels=127, dac="round", adc="ideal", adc_bits=8, ranges=None, lsb=None,
    gain=None,
):  # fmt: skip
    """y [vectors, N] of x [vectors, K], w [K, N]; blocks as tuples of six."""
    y = np.zeros((x.shape[0], w.shape[1]))
    bands = list(dict.fromkeys((b[0], b[1]) for b in blocks))
    for index, (row, rows, col, cols, at_row, at_col) in enumerate(blocks):
        band = bands.index((row, rows))
        part = x[:, row : row + rows]
        full = (
            np.abs(part).max(1, keepdims=True)
            if ranges is None
            else np.full((len(x), 1), ranges[band])
        )
        ticks = part / full * levels
        if dac == "round":
            ticks = np.round(ticks)
        if dac != "off":
            ticks = np.clip(ticks, -levels, levels)
        for j in range(cols):
            s = scale[band, col + j]
            plus, minus = pairs(w[row : row + rows, col + j], np.array(s), g_min, g_max)
            first = alternating and (at_col + j) % 2 == 1
            t = column_transfer(plus, minus, at_row, tile_rows, 2 * g_min, ohm, adc_ohm, first)
            charge = ticks @ (volt * tick * t * (plus - minus))
            if adc != "ideal":
                top = 2 ** (adc_bits - 1) - 1
                code = charge / lsb[index]
                code = (
                    np.round(code) if adc == "linear" else np.trunc(code) if adc == "cco" else code
                )
                charge = np.clip(code, -top, top) * lsb[index]
            out = charge * s / (volt * tick * (g_max - g_min)) * full[:, 0] / levels
            y[:, col + j] += out * (1.0 if gain is None else gain[band, col + j])
    return y


def read_noise_variance(ticks, t, plus, minus, volt=0.2, tick=1.0):
    """Variance of one column's charge, term by term."""
    total = 0.0
    for d, a, p, m in zip(np.abs(ticks) * tick, t, plus, minus, strict=True):
        if d == 0:
            continue
        x = np.log10(np.clip(d, 1, 4096))
        slope = (
            2.1926e-4 * x**4 - 1.87352e-3 * x**3 + 6.55714e-3 * x**2 - 1.46159e-2 * x + 2.578764e-2
        )
        offset = 1e6 * (
            1.11906167e-9 * x**4 - 9.08576764e-9 * x**3 + 3.07015063e-8 * x**2 - 6.77079241e-8 * x
            + 1.17763144e-7
        )  # fmt: skip
        total += (volt * a * d) ** 2 * ((slope * p + offset) ** 2 + (slope * m + offset) ** 2)
    return total
