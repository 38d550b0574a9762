# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random orders of what a program does with packages, sessions, chips and tiles.

An order is a list of steps that is drawn before anything happens, so that a seed gives it again and
a shorter one can be tried: numbers in a step choose among what is there when its turn comes.
"""

import dataclasses
import gc
import os
import random
import shutil
import signal
import threading

import numpy as np
from stage import MOST_READS, OPTIONS, TILE_WEIGHTS, State, Violation, X, expect, recompile
from stage import without_clocks as plain

import aimc

# How often each step is drawn.
WEIGHTS = {
    "open": 6, "run": 14, "close": 3, "drop": 2, "reset": 2, "age": 4, "save": 3, "load": 4,
    "replace": 2, "statistics": 2, "tile": 1, "fork": 1, "compile": 0,
}  # fmt: skip
MOST_LIVING = 8
FORKED = "when this process was forked"


def draw(choice, length, weights=WEIGHTS):
    """An order of `length` steps: a name and three numbers each."""
    names = choice.choices(list(weights), weights.values(), k=length)
    return [(name, *(choice.randrange(1 << 16) for _ in range(3))) for name in names]


@dataclasses.dataclass
class Living:
    """An open session or tile, and what its next run must give."""

    opened: aimc.Session | aimc.Tile
    state: State | None  # None for a tile
    reads: int = 0

    def run(self, stage):
        """One run, judged."""
        if self.state is None:
            got = self.opened.read(X["x"])
            wanted = stage.fresh_tile()[self.reads]
        else:
            got = self.opened.run(None, X)[0]
            wanted = stage.fresh(self.state)[0]
        expect(
            np.array_equal(got, wanted),
            f"expected the bits of a fresh process, but got others, of {self}",
        )
        self.advance()

    def advance(self):
        """One run later."""
        self.reads += 1
        if self.state is not None:
            self.state = dataclasses.replace(self.state, reads=self.state.reads + 1)

    def is_spent(self):
        """Whether the fresh process went no further."""
        return (self.state.reads if self.state else self.reads) >= MOST_READS

    def reset(self):
        """To the start of the noise streams."""
        self.opened.reset()
        self.reads = 0
        if self.state is not None:
            start = self.state.start
            self.state = dataclasses.replace(self.state, reads=start, pure=start == 0)

    def __str__(self):
        return f"{self.state}" if self.state else f"a tile after {self.reads} reads"


class Actor:
    """One thread's program over paths that others may use too."""

    def __init__(self, stage, paths, folder):
        self.stage, self.paths, self.folder = stage, paths, folder
        self.living, self.chips, self.counts = [], [], {}
        folder.mkdir(parents=True, exist_ok=True)

    def play(self, steps):
        """All steps; then what is still open gives what it must, and is closed or dropped."""
        try:
            for name, *numbers in steps:
                getattr(self, name)(*numbers)
                self.counts[name] = self.counts.get(name, 0) + 1
            for number, living in enumerate(self.living):
                if living.is_spent():
                    living.reset()
                if not living.is_spent():
                    living.run(self.stage)
                if number % 2:
                    living.opened.close()
        finally:
            self.living.clear()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _pick(self, number):
        return self.living[number % len(self.living)] if self.living else None

    def _keep(self, living, number):
        if len(self.living) >= MOST_LIVING:
            self.living.pop(number % len(self.living)).opened.close()
        self.living.append(living)

    def open(self, a, b, c):
        """A session on whatever package has the path now."""
        option = self.stage.options[a % len(self.stage.options)]
        state = State(0, option)
        if option != "ideal":
            times_s = (None, *self.stage.times_s) if c % 3 == 0 else (None,)
            state = dataclasses.replace(
                state, seed=b % self.stage.seeds, time_s=times_s[c // 8 % len(times_s)]
            )
        opened = aimc.Session(
            self.paths[c % len(self.paths)], threads=2 if b % 4 == 0 else 1, **state.given()
        )
        state = dataclasses.replace(state, package=self.stage.package_of(opened))
        self._keep(Living(opened, state), b)

    def tile(self, a, b, c):
        """A tile without a package."""
        del b, c
        self._keep(Living(aimc.Tile(TILE_WEIGHTS, seed=5), None), a)

    def run(self, a, b, c):
        """One to three runs."""
        del c
        for _ in range(1 + b % 3):
            if living := self._pick(a):
                if living.is_spent():
                    living.reset()
                if not living.is_spent():
                    living.run(self.stage)

    def close(self, a, b, c):
        """By hand, sometimes twice; afterwards it says that it is closed."""
        del c
        if not self.living:
            return
        opened = self.living.pop(a % len(self.living)).opened
        opened.close()
        if b % 2:
            opened.close()
        try:
            opened.reset()
        except aimc.InvalidArgumentError as error:
            expect("that is closed" in str(error), f"expected 'that is closed', but got {error}")
        else:
            raise Violation("expected a closed session to refuse a call")

    def drop(self, a, b, c):
        """Nobody holds it any more."""
        del c
        if self.living:
            self.living.pop(a % len(self.living))
            if b % 8 == 0:
                gc.collect()

    def reset(self, a, b, c):
        """The noise streams again."""
        del b, c
        if living := self._pick(a):
            living.reset()

    def age(self, a, b, c):
        """Another time, before or after the one it has."""
        del c
        living = self._pick(a)
        if living is None or living.state is None:
            return
        time_s = self.stage.times_s[b % len(self.stage.times_s)]
        if living.state.option == "ideal":
            self._refused(lambda: living.opened.age(time_s), "this one is ideal")
            return
        living.opened.age(time_s)
        living.state = dataclasses.replace(living.state, time_s=time_s, pure=False)

    def save(self, a, b, c):
        """The chip as a file, over an older one or beside it."""
        del c
        living = self._pick(a)
        if living is None or living.state is None:
            return
        path = self.folder / f"chip-{b % 3}"
        if living.state.option == "ideal":
            self._refused(lambda: living.opened.save_chip(path), "this one is ideal")
            return
        living.opened.save_chip(path)
        self.chips = [kept for kept in self.chips if kept[0] != path]
        self.chips.append((path, living.state))
        names = {entry.name for entry in self.folder.iterdir()}
        kept = {entry.name for entry, _ in self.chips}
        expect(names == kept, f"expected the chips {kept} alone, but found {names}")

    def load(self, a, b, c):
        """A saved chip goes on where it was, in a package of its own; in another it is refused."""
        if not self.chips:
            return
        path, state = self.chips[a % len(self.chips)]
        package = self.paths[b % len(self.paths)] if c % 4 == 0 else None
        given = dict(OPTIONS[state.option], chip=path, threads=1 + c % 2)
        if package is None:
            opened = aimc.Session(self.stage.packages[state.package], **given)
        else:
            try:
                opened = aimc.Session(package, **given)
            except aimc.Error as error:
                expect(str(path) in str(error), f"expected {path} in: {error}")
                return
            number = self.stage.package_of(opened)
            expect(
                number == state.package,
                f"expected package {number} to refuse a chip of package {state.package}",
            )
        state = dataclasses.replace(state, start=state.reads, pure=state.reads == 0)
        self._keep(Living(opened, state), c)

    def replace(self, a, b, c):
        """Another package takes a path, as after another compilation."""
        del c
        recompile(
            self.stage.packages[a % len(self.stage.packages)], self.paths[b % len(self.paths)]
        )

    def compile(self, a, b, c):
        """The same by the compiler itself, in place."""
        del c
        self.stage.compile(a % len(self.stage.models), output=self.paths[b % len(self.paths)])

    def statistics(self, a, b, c):
        """They too are those of a fresh process."""
        del b, c
        living = self._pick(a)
        if living is None or living.state is None:
            return
        told, state = plain(living.opened.statistics()), living.state
        since = state.reads - state.start
        if state.pure and state.start == 0 and since > 0:
            last = dataclasses.replace(state, reads=state.reads - 1)
            wanted = self.stage.fresh(last)[1]
            expect(told == wanted, f"expected statistics {wanted}, but got {told}, of {state}")

    def fork(self, a, b, c):
        """A child goes on with all that is open, and with a session of its own."""
        del a, c
        mine = [living for living in self.living if not living.is_spent()]
        for living in mine:  # in the child nobody may ask: another thread may hold the lock
            if living.state is None:
                self.stage.fresh_tile()
            else:
                self.stage.fresh(living.state)
        own = State(b % len(self.stage.packages), "plain")
        self.stage.fresh(own)

        def body():
            for living in mine:
                living.run(_Known(self.stage))
            with aimc.Session(self.stage.packages[own.package], threads=2, **own.given()) as opened:
                Living(opened, own).run(_Known(self.stage))
            return 0

        code = child_says(body)
        expect(code == 0, f"expected a forked child to end with 0, but got {code}")

    def _refused(self, call, said):
        try:
            call()
        except aimc.InvalidArgumentError as error:
            expect(said in str(error), f"expected '{said}', but got: {error}")
        else:
            raise Violation(f"expected a refusal with '{said}'")


class _Known:
    """A stage as a forked child sees it: what is known already, without a lock."""

    def __init__(self, stage):
        self.fresh = stage.fresh
        self._tile = stage._known.get("tile")

    def fresh_tile(self):
        return self._tile


def child_says(body):
    """Exit code of a forked child that runs `body`; a child that hangs is killed after a while."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)
            code = body()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_threads(count, body):
    """Runs body(number) in `count` threads; raises what the first of them raised."""
    raised = []

    def guarded(number):
        try:
            body(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def play(stage, folder, seed, threads=1, length=60, weights=WEIGHTS):
    """The orders of one seed, all threads over the same paths; counts of steps by name.

    Raises:
        Violation: for one thread with the shortest order that does it too.
    """
    orders = [draw(random.Random(f"{seed}/{n}"), length, weights) for n in range(threads)]
    try:
        return _play(stage, folder / f"{seed}", orders)
    except BaseException as error:
        if threads > 1 or isinstance(error, KeyboardInterrupt):
            raise
        kind, again = type(error), folder / "again"
        steps = shrink(orders[0], lambda steps: _fails(stage, again, steps, kind))
        raise Violation(f"{kind.__name__}: {error}; smallest order: {steps}") from error


def _play(stage, folder, orders):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = [shutil.copytree(p, folder / f"{n}.aimc") for n, p in enumerate(stage.packages)]
    actors = [Actor(stage, paths, folder / f"own-{n}") for n in range(len(orders))]
    in_threads(len(orders), lambda number: actors[number].play(orders[number]))
    names = sorted(entry.name for entry in folder.iterdir())
    expect(
        names == sorted(path.name for path in paths),
        f"expected the packages alone in the folder, but found {names}",
    )
    shutil.rmtree(folder)
    counts = {}
    for actor in actors:
        for name, count in actor.counts.items():
            counts[name] = counts.get(name, 0) + count
    return counts


def _fails(stage, folder, steps, kind):
    try:
        _play(stage, folder, [steps])
    except kind:
        return True
    except Exception:
        return False
    return False


def shrink(steps, fails):
    """The steps without all that is not needed to fail: halves, quarters, ... single ones."""
    size = len(steps) // 2
    while size > 0:
        at = 0
        while at < len(steps):
            shorter = steps[:at] + steps[at + size :]
            if shorter and fails(shorter):
                steps = shorter
            else:
                at += size
        size //= 2
    return steps
