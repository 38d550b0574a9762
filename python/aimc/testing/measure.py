# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Timing that compares: both sides in one process, taking turns, medians and their spread.

Machines differ and are shared, so only the ratio of two things measured in the same minute means
something. Runs take turns (a, b, a, b, ...) so that a slow spell hits both.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of each repetition of one thing."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle repetition, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, relative to the median."""
        if len(self.seconds) < 4:
            return (max(self.seconds) - min(self.seconds)) / 2 / self.median
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / 2 / self.median


def interleaved(
    sides: Mapping[str, Callable[[], object]],
    repeats: int = 15,
    budget_s: float = 60.0,
    pause_s: float = 0.15,
) -> dict[str, Timing]:
    """Time each side `repeats` times, taking turns, at least 3 times and then within the budget.

    The pause lets the worker threads of the side before stop spinning, which would otherwise take
    a core from the side after; OpenBLAS's spin for 2^26 and more cycles.
    """
    for run in sides.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in sides}
    begun = time.perf_counter()
    for turn in range(repeats):
        for name, run in sides.items():
            time.sleep(pause_s)
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
        if turn >= 2 and time.perf_counter() - begun > budget_s:
            break
    return {name: Timing(tuple(seconds)) for name, seconds in taken.items()}


def ratio(timings: Mapping[str, Timing], side: str, base: str) -> float:
    """Median over turns of side / base, which is steadier than the ratio of two medians."""
    pairs = zip(timings[side].seconds, timings[base].seconds, strict=True)
    return statistics.median(a / b for a, b in pairs)


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def machine() -> str:
    """Processor and instruction set in one line; nothing that names the machine itself."""
    fields: dict[str, str] = {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    flags = set(fields.get("flags", "").split())
    isa = [flag for flag in ("avx2", "fma", "avx512f", "avx512bw", "amx_tile") if flag in flags]
    with open("/proc/meminfo", encoding="utf-8") as file:
        gib = int(file.readline().split()[1]) / 2**20
    name = fields.get("model name", platform.machine())
    return f"{name}, {processors()} processors, {gib:.0f} GiB, {' '.join(isa) or 'no AVX2'}"
