# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Soak and chaos: random orders, blows at random moments, and one process for very long.

    make soak MINUTES=30
    python test/soak/soak.py --phase chaos --seed 17 --rounds 1     # one seed again

Every phase goes through seeds from --seed on until its share of the time is over, and prints what it
did. The first thing that does not hold ends it, with the seed and the command that shows it again.
"""

import argparse
import collections
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import warnings

import chaos
import orders
from stage import Stage, Violation
from trades import trades

from aimc.locate import has_torch_library

HERE = pathlib.Path(__file__).parent
# What a step of the compiler costs is a hundred others.
COMPILING = orders.WEIGHTS | {"compile": 4}
# Share of the time of each phase; flatness takes what its runs take.
SHARES = {"orders": 0.2, "threads": 0.25, "compiling": 0.1, "chaos": 0.45}
RUNS = 100_000


class Phase:
    """Seeds until the time is over or the rounds are done, and counts of what was done."""

    def __init__(self, name, seed, seconds, rounds):
        self.name, self.seed, self.rounds = name, seed, rounds
        self.begin = time.monotonic()
        self.end = self.begin + seconds
        self.done, self.counts = 0, collections.Counter()

    def seeds(self):
        """The next one, until it is enough."""
        while self.rounds is None or self.done < self.rounds:
            if self.rounds is None and time.monotonic() >= self.end:
                return
            yield self.seed + self.done
            self.done += 1

    def again(self):
        """The command that shows the last seed again."""
        return f"python test/soak/soak.py --phase {self.name} --seed {self.seed + self.done} --rounds 1"

    def report(self, *more):
        """One line."""
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        seconds = time.monotonic() - self.begin
        print(
            f"soak: {self.name}: {self.done} seeds from {self.seed} on in {seconds:.0f} s: {counts}",
            *more, sep="; ", flush=True,
        )  # fmt: skip


def play(stage, phase, folder, threads, weights):
    """Random orders, judged by fresh processes."""
    for seed in phase.seeds():
        # Where threads share the processors two are enough to find each other.
        count = random.Random(seed).randint(2, 6) if threads else 1
        phase.counts.update(orders.play(stage, folder / phase.name, seed, count, weights=weights))
    phase.report(f"{stage.count} fresh processes")


def strike(phase, folder, torch):
    """Blows on each command in turn; the rarer ones where they cost most."""
    with chaos.arena(folder / "arena") as arena:
        if arena.disk is None or not arena.traced:
            print("soak: chaos: without disks of its own or without strace: fewer kinds of blows")
        made = trades(folder / "trades", torch)
        ready, hurt = set(), collections.Counter()
        for seed in phase.seeds():
            trade = random.Random(seed).choices(made, [t.weight for t in made])[0]
            if trade.name not in ready:
                trade.prepare(arena.out)
                ready.add(trade.name)
            for kind, (count, effect) in chaos.trial(arena, trade, seed).items():
                phase.counts[kind] += count
                hurt[kind] += effect
    phase.report(f"{phase.counts.total()} blows, {hurt.total()} of them ended the command")


def stay_flat(folder, runs, torch):
    """In a process of its own, which has seen nothing else."""
    command = [sys.executable, str(HERE / "flatness.py"), str(folder / "flat"), str(runs)]
    (folder / "flat").mkdir()
    begin = time.monotonic()
    with subprocess.Popen([*command, *(["torch"] if torch else [])], stdout=subprocess.PIPE,
                          text=True) as process:  # fmt: skip
        for line in process.stdout:
            print(f"soak: flatness: {line}", end="", flush=True)
    if process.returncode != 0:
        raise Violation("expected memory, descriptors and threads to stay as they are")
    print(f"soak: flatness: {runs} runs in {time.monotonic() - begin:.0f} s", flush=True)


def main():
    """The phases asked for; the exit code says whether everything held."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of all phases together")
    parser.add_argument("--seed", type=int, default=1, help="the first one of each phase")
    parser.add_argument("--rounds", type=int, help="seeds of each phase, in place of minutes")
    parser.add_argument("--phase", choices=[*SHARES, "flatness"], action="append")
    parser.add_argument("--runs", type=int, default=RUNS, help="of flatness")
    args = parser.parse_args()
    # What is soaked are the product's own threads; numpy's and torch's only cost time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.simplefilter("ignore")
    phases = args.phase or [*SHARES, "flatness"]
    torch = has_torch_library()
    total = sum(SHARES.get(name, 0) for name in phases)
    begin = time.monotonic()
    print(f"soak: seed {args.seed}, {', '.join(phases)}", flush=True)
    phase = None
    with tempfile.TemporaryDirectory(prefix="aimc-soak-") as scratch:
        folder = pathlib.Path(scratch)
        stage = None
        try:
            if "flatness" in phases:  # first: the others get what is left of the time
                stay_flat(folder, args.runs, torch)
            left = max(0.0, 60 * args.minutes - (time.monotonic() - begin))
            for name in (n for n in SHARES if n in phases):
                phase = Phase(name, args.seed, left * SHARES[name] / total, args.rounds)
                if name == "chaos":
                    strike(phase, folder, torch)
                    continue
                stage = stage or Stage(folder / "stage")
                weights = COMPILING if name == "compiling" else orders.WEIGHTS
                play(stage, phase, folder, name != "orders", weights)
        except Exception as error:
            said = f"; again: {phase.again()}" if phase else ""
            if phase:
                phase.report()
            print(f"soak: FAILED: {type(error).__name__}: {error}{said}", file=sys.stderr)
            if not isinstance(error, Violation):
                raise
            return 1
    print(f"soak: everything held, {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
