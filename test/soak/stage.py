# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packages to play with, and what a fresh process makes of each: the oracle of every order."""

import ctypes
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import numpy as np

import aimc
from aimc.testing import models

X = {"x": np.random.default_rng(3).standard_normal((2, 8)).astype(np.float32)}
# Hidden layers of five models with the same inputs and outputs and different code.
HIDDEN = ((), (12,), (16,), (8, 8), (24,))
OPTIONS = {
    "ideal": {"ideal": True},
    "plain": {},
    "quiet": {"effects": {"read_noise": False}},
    "gain": {"scale": "sigma:2", "compensate": "gain"},
    "beside": {"compare_ideal": True},
    "drift": {"drift_compensation": "column"},
}
TIMES_S = (60.0, 3600.0, 86400.0)
MOST_READS = 12
"""Runs of one noise stream that a fresh process makes; an order starts the stream again there."""
CLOCKS = {"create_s", "program_s", "seconds", "total_s", "last_s", "threads"}
RENAME_EXCHANGE = 2
AT_FDCWD = -100

FRESH = """
import json, sys, warnings, numpy, aimc
package, options, inputs, runs, output = sys.argv[1:]
warnings.simplefilter("ignore")
feed, made, told = dict(numpy.load(inputs)), {}, []
session = aimc.Session(package, threads=1, **json.loads(options))
for number in range(int(runs)):
    made[str(number)] = session.run(None, feed)[0]
    told.append(session.statistics())
numpy.savez(output, statistics=json.dumps(told), **made)
"""
FRESH_TILE = """
import sys, numpy, aimc
tile = aimc.Tile(numpy.load(sys.argv[1]), seed=5)
numpy.savez(sys.argv[3], *[tile.read(numpy.load(sys.argv[2])) for _ in range(int(sys.argv[4]))])
"""
TILE_WEIGHTS = np.linspace(-1, 1, 96, dtype=np.float32).reshape(8, 12)


class Violation(AssertionError):  # noqa: N818 (what it is, not how Python treats it)
    """What must hold does not."""


def expect(holds, said):
    """Whether `holds`; the text says what was expected, and what was there instead."""
    if not holds:
        raise Violation(said)


@dataclasses.dataclass(frozen=True)
class State:
    """All that a session's next outputs may depend on."""

    package: int
    option: str
    seed: int = 0
    time_s: float | None = None
    reads: int = 0  # of the noise streams
    start: int = 0  # where reset() puts them: what the chip that was loaded had behind it
    pure: bool = True  # statistics since the last reset are of one time and from read 0 on

    def given(self):
        """Options of a session that starts with this state, but for the reads."""
        made = dict(OPTIONS[self.option])
        if self.option != "ideal":
            made |= {"seed": self.seed, "time_s": self.time_s}
        return made


def without_clocks(value):
    """Statistics without what differs from run to run."""
    if isinstance(value, dict):
        return {k: without_clocks(v) for k, v in value.items() if k not in CLOCKS}
    return [without_clocks(v) for v in value] if isinstance(value, list) else value


def recompile(package, path):
    """What a compiler does: the new package takes the name in one step, then the old one goes."""
    spare = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    shutil.copytree(package, spare)
    names = os.fsencode(spare), os.fsencode(path)
    done = ctypes.CDLL(None).renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)
    assert done == 0
    shutil.rmtree(spare)


class Stage:
    """Packages for tiles of 32 x 32 that nobody changes, and the results of fresh processes."""

    def __init__(self, folder, hidden=HIDDEN, options=tuple(OPTIONS), seeds=2, times_s=TIMES_S):
        self.options, self.seeds, self.times_s = options, seeds, times_s
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.inputs = self.folder / "x.npz"
        np.savez(self.inputs, **X)
        self.target = self.folder / "small.json"
        self.target.write_text(json.dumps({"geometry": {"rows": 32, "cols": 32}}))
        self.models, self.packages, self.identities = [], [], {}
        for number, sizes in enumerate(hidden):
            self.models.append(
                models.mlp(self.folder / f"{number}.onnx", (8, *sizes, 8), seed=number)
            )
            self.packages.append(self.compile(number))
            text = (self.packages[-1] / "manifest.json").read_text()
            self.identities[json.loads(text)["manifest_sha256"]] = number
        self._lock = threading.Lock()
        self._known = {}

    def compile(self, number, output=None):
        """A model compiled, to where its packages are kept or elsewhere."""
        return aimc.compile(
            self.models[number], dims={"batch": 2}, target=self.target, output=output
        )

    def package_of(self, session):
        """Which model a session's package is of."""
        identity = session.manifest["manifest_sha256"]
        expect(
            identity in self.identities,
            f"expected a package as it was compiled first, but got one of identity {identity}",
        )
        return self.identities[identity]

    def fresh(self, state):
        """Outputs and statistics of the next run, as a process makes them that does nothing else."""
        start = dataclasses.replace(state, reads=0, start=0, pure=True)
        made = self._known.get(start)
        if made is None:
            with self._lock:
                if start not in self._known:
                    self._known[start] = self._ask(start)
                made = self._known[start]
        outputs, statistics = made
        return outputs[state.reads], statistics[state.reads]

    @property
    def count(self):
        """Fresh processes so far."""
        return len(self._known)

    def fresh_tile(self):
        """What the reads of a new tile give, in turn."""
        with self._lock:
            if "tile" not in self._known:
                weights, feed, out = (
                    self.folder / f"tile-{n}" for n in ("w.npy", "x.npy", "y.npz")
                )
                np.save(weights, TILE_WEIGHTS)
                np.save(feed, X["x"])
                self._python(FRESH_TILE, weights, feed, out, MOST_READS)
                with np.load(out) as made:
                    self._known["tile"] = [made[f"arr_{n}"] for n in range(MOST_READS)]
            return self._known["tile"]

    def _ask(self, start):
        out = self.folder / "fresh.npz"
        package = self.packages[start.package]
        self._python(FRESH, package, json.dumps(start.given()), self.inputs, MOST_READS, out)
        with np.load(out) as made:
            statistics = json.loads(str(made["statistics"]))
            return [made[str(n)] for n in range(MOST_READS)], list(map(without_clocks, statistics))

    def _python(self, text, *args):
        command = [sys.executable, "-c", text, *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        expect(done.returncode == 0, f"a fresh process failed: {done.stderr}")
