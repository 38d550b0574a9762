# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Memory, descriptors and threads of one process that does the same over and over."""

import contextlib
import dataclasses
import gc
import itertools
import os
import pathlib
import shutil
import statistics
import sys
import time
import warnings

import numpy as np
from orders import child_says
from stage import TILE_WEIGHTS, Stage, Violation, X, expect, recompile

import aimc

SAMPLES = 40
# Of growth by the slope over all that is measured: what an allocator keeps comes and goes by pages.
MOST_GROWTH_BYTES = 1 << 20


@dataclasses.dataclass
class Sample:
    """What the process holds at one moment."""

    memory: int
    descriptors: int
    threads: int


def sample():
    """Of this process, now."""
    gc.collect()
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    count = [len(os.listdir(f"/proc/self/{what}")) for what in ("fd", "task")]
    return Sample(pages * os.sysconf("SC_PAGE_SIZE"), *count)


def measure(body, count):
    """Samples at equal distances among `count` calls, after a third as many to warm up."""
    each = max(1, count // SAMPLES)
    for _ in range(count // 3):
        body()
    samples = [sample()]
    for _ in range(SAMPLES):
        for _ in range(each):
            body()
        samples.append(sample())
    return samples


def growth_bytes(samples):
    """Of memory from the first sample to the last, by the median of all slopes between two."""
    pairs = itertools.combinations(enumerate(s.memory for s in samples), 2)
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in pairs]
    return statistics.median(slopes) * (len(samples) - 1)


def judge(name, samples):
    """One line of figures.

    Raises:
        Violation: where something grows.
    """
    grown = growth_bytes(samples)
    figures = f"{name}: {grown / 1024:+.0f} KiB of {samples[-1].memory >> 20} MiB"
    expect(
        grown < MOST_GROWTH_BYTES,
        f"{figures}, expected less than {MOST_GROWTH_BYTES >> 10} KiB: "
        f"{[s.memory >> 10 for s in samples]}",
    )
    for what in ("descriptors", "threads"):
        counts = [getattr(s, what) for s in samples]
        expect(
            max(counts) == min(counts),
            f"{name}: expected as many {what} at every moment, but got {counts}",
        )
    return f"{figures}, {samples[-1].descriptors} descriptors, {samples[-1].threads} threads"


def kinds(stage, folder, torch):
    """What is repeated, by name: the share of all runs, and the call."""
    package = stage.packages[-1]
    kept = contextlib.ExitStack()
    one = kept.enter_context(aimc.Session(package, seed=1, threads=1))
    two = kept.enter_context(aimc.Session(package, seed=1, threads=2))
    tile = kept.enter_context(aimc.Tile(TILE_WEIGHTS, seed=5))
    places = itertools.cycle(stage.packages)
    place = folder / "place.aimc"
    chip = folder / "chip"
    times = itertools.cycle((60.0, 3600.0, 86400.0))
    options = itertools.cycle(
        ({"seed": 1}, {"ideal": True}, {"compare_ideal": True}, {"scale": "sigma:2"})
    )

    def life(threads):
        with aimc.Session(next(places), threads=threads, **next(options)) as session:
            session.run(None, X)

    def refused():
        with contextlib.suppress(aimc.InvalidArgumentError):
            one.run(None, {"x": np.ones((3, 3), np.float32)})
            raise Violation("expected inputs of another shape to be refused")

    def onwards():
        one.save_chip(chip)
        with aimc.Session(package, chip=chip, threads=1) as session:
            session.run(None, X)

    def replaced():
        if not place.exists():
            shutil.copytree(next(places), place)
        recompile(next(places), place)
        with aimc.Session(place, seed=1, threads=1) as session:
            session.run(None, X)

    def forked():
        def body():
            two.run(None, X)
            return 0

        expect(child_says(body) == 0, "expected a forked child to run on")

    made = {
        "runs": (1, lambda: one.run(None, X)),
        "runs with two threads": (8, lambda: two.run(None, X)),
        "refused runs": (20, refused),
        "statistics": (20, one.statistics),
        "reads of a tile": (4, lambda: tile.read(X["x"])),
        "lives of a session": (60, lambda: life(1)),
        "lives with two threads": (120, lambda: life(2)),
        "lives of a tile": (100, lambda: aimc.Tile(TILE_WEIGHTS, seed=5).read(X["x"])),
        "times": (80, lambda: one.age(next(times))),
        "saved and loaded": (250, onwards),
        "replaced and opened": (250, replaced),
        "forks": (800, forked),
    }
    if torch:
        made["training steps"] = (100, training_step)
    return made


def training_step():
    """A step of training through the circuit: makes the model, then the call to repeat."""
    import torch

    from aimc.torch import Circuit, convert

    torch.set_num_threads(1)
    target = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32))
    plain = torch.nn.Sequential(torch.nn.Linear(40, 24), torch.nn.GELU(), torch.nn.Linear(24, 7))
    model = convert(plain, target, recipe=Circuit(scale="optimal", refresh=4), seed=5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x = torch.ones(16, 40)

    def step():
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return step


def main():
    """Figures of each kind, a line each: FOLDER RUNS [torch]."""
    warnings.simplefilter("ignore")
    folder, runs = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    stage = Stage(folder / "stage")
    for name, (share, body) in kinds(stage, folder, "torch" in sys.argv[3:]).items():
        count, begin = max(SAMPLES, runs // share), time.monotonic()
        if body is training_step:  # torch comes last: it makes everything else slower to look at
            body = body()
        said = judge(name, measure(body, count))
        print(f"{count} {said}, {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Violation as violation:
        sys.exit(f"violation: {violation}")
