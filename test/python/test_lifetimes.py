# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sessions, tiles and packages in any order and from any thread give what a fresh process gives."""

import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import aimc
from aimc.testing import models
from aimc.testing.programs import run_program

X = {"x": np.random.default_rng(3).standard_normal((2, 8)).astype(np.float32)}
# Hidden layers of five models with the same inputs and outputs and different code.
HIDDEN = ((), (12,), (16,), (8, 8), (24,))
OPTIONS = {"ideal": {"ideal": True}, "one": {"seed": 1}, "two": {"seed": 2}}
FLAGS = {"ideal": ["--ideal"], "one": ["--seed", "1"], "two": ["--seed", "2"]}
RENAME_EXCHANGE = 2
TILE = """
import sys, numpy, aimc
weights = numpy.linspace(-1, 1, 96, dtype=numpy.float32).reshape(8, 12)
numpy.save(sys.argv[1], aimc.Tile(weights, seed=5).read(numpy.load(sys.argv[2])))
"""


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


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Five packages for tiles of 32 x 32, and what fresh processes make of each: by its hash."""
    folder = tmp_path_factory.mktemp("five")
    np.savez(folder / "x.npz", **X)
    target = folder / "small.json"
    target.write_text(json.dumps({"geometry": {"rows": 32, "cols": 32}}))
    packages, expected = [], {}
    for number, hidden in enumerate(HIDDEN):
        model = models.mlp(folder / f"{number}.onnx", (8, *hidden, 8), seed=number)
        packages.append(aimc.compile(model, dims={"batch": 2}, target=target))
        identity = json.loads((packages[-1] / "manifest.json").read_text())["manifest_sha256"]
        for name, flags in FLAGS.items():
            done = run_program("aimc-run", packages[-1], "--input", folder / "x.npz",
                               "--output", folder / "y.npz", "--threads", "1", *flags)  # fmt: skip
            assert done.status == 0, done.stderr
            expected[identity, name] = np.load(folder / "y.npz")["y"]
    np.save(folder / "x.npy", X["x"])
    subprocess.run([sys.executable, "-c", TILE, folder / "tile.npy", folder / "x.npy"], check=True)
    expected["tile"] = np.load(folder / "tile.npy")
    return packages, expected


def recompile(package, path):
    """What a compiler does: the new package takes the name in one step, then the old one goes."""
    spare = path.with_name(f"{path.name}.{threading.get_ident()}")
    shutil.copytree(package, spare)
    here = -100  # AT_FDCWD
    names = os.fsencode(spare), os.fsencode(path)
    assert ctypes.CDLL(None).renameat2(here, names[0], here, names[1], RENAME_EXCHANGE) == 0
    shutil.rmtree(spare)


def one_order(choice, packages, paths, expected):
    """Opens, runs, closes and compiles anew in a random order; every result is checked."""
    living = []
    for _ in range(choice.randint(4, 9)):
        step = choice.choice(["open", "open", "run", "run", "close", "recompile", "tile"])
        if step == "open":
            name = choice.choice(list(OPTIONS))
            session = aimc.Session(
                choice.choice(paths), threads=choice.choice((1, 1, 2)), **OPTIONS[name]
            )
            living.append((session, expected[session.manifest["manifest_sha256"], name]))
        elif step == "tile":
            weights = np.linspace(-1, 1, 96, dtype=np.float32).reshape(8, 12)
            living.append((aimc.Tile(weights, seed=5), expected["tile"]))
        elif step == "recompile":
            recompile(choice.choice(packages), choice.choice(paths))
        elif living and step == "close":
            living.pop(choice.randrange(len(living)))[0].close()
        elif living:
            opened, wanted = choice.choice(living)
            opened.reset()
            is_tile = isinstance(opened, aimc.Tile)
            got = opened.read(X["x"]) if is_tile else opened.run(None, X)[0]
            np.testing.assert_array_equal(got, wanted)
    for opened, wanted in living:
        opened.reset()
        is_tile = isinstance(opened, aimc.Tile)
        got = opened.read(X["x"]) if is_tile else opened.run(None, X)[0]
        np.testing.assert_array_equal(got, wanted)
        if choice.random() < 0.5:  # the others end when nobody holds them any more
            opened.close()


@pytest.mark.parametrize("threads", [1, 8])
def test_any_order_gives_what_a_fresh_process_gives(compiled, tmp_path, threads):
    packages, expected = compiled
    paths = [shutil.copytree(p, tmp_path / f"{n}.aimc") for n, p in enumerate(packages)]

    def some(number):
        choice = random.Random(number)
        for _ in range(1000 // threads):
            one_order(choice, packages, paths, expected)

    in_threads(threads, some)


def test_an_older_session_keeps_its_code_where_a_package_is_compiled_anew(compiled, tmp_path):
    """The everyday form: a loop over seeds, then another model, at the same path or not."""
    packages, expected = compiled
    path = shutil.copytree(packages[0], tmp_path / "served.aimc")
    for seed in (1, 2):
        session = aimc.Session(path, seed=seed)
    for package in packages[1:]:
        recompile(package, path)
        for place in (path, package):
            with aimc.Session(place, ideal=True) as other:
                wanted = expected[other.manifest["manifest_sha256"], "ideal"]
                np.testing.assert_array_equal(other.run(None, X)[0], wanted)
    wanted = expected[session.manifest["manifest_sha256"], "two"]
    np.testing.assert_array_equal(session.run(None, X)[0], wanted)


@pytest.mark.parametrize("kind", [aimc.Session, aimc.Tile])
def test_closing_from_any_thread(compiled, kind):
    """While another thread is in a call, several times, from several threads."""
    packages, _ = compiled
    feed = np.ones((200, 8), np.float32)
    for _ in range(20):
        if kind is aimc.Session:
            opened = aimc.Session(packages[4], seed=1, threads=2)

            def call(opened=opened):
                opened.run(None, X)
        else:
            opened = aimc.Tile(models.weight(8, 8), seed=1)

            def call(opened=opened):
                opened.read(feed)

        started = threading.Event()

        def until_closed(call=call, started=started):
            while True:
                call()
                started.set()

        def body(number, opened=opened, until_closed=until_closed, started=started):
            if number == 0:
                with pytest.raises(aimc.InvalidArgumentError, match="that is closed"):
                    until_closed()
            else:
                started.wait(30)
                opened.close()

        in_threads(5, body)
        with pytest.raises(aimc.InvalidArgumentError, match="that is closed"):
            opened.statistics()


def test_statistics_from_four_threads(compiled):
    packages, _ = compiled
    tile = aimc.Tile(models.weight(8, 8), seed=1)
    with aimc.Session(packages[1], seed=1, threads=1) as session:
        session.run(None, X)

        def ask(number):
            for _ in range(200):
                assert session.statistics()["runs"]["count"] == 1
                assert tile.statistics()["seed"] == 1

        in_threads(4, ask)


def child_says(body):
    """Exit code of a forked child that runs `body`; a child that hangs is killed after a while."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)
            code = body()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_fork_beside_a_running_session(tmp_path):
    """The child's call works, or says at once what to do; what was idle works on."""
    model = models.mlp(tmp_path / "m.onnx", (128, 256, 128))
    package = aimc.compile(model, dims={"batch": 32})
    feed = {"x": np.ones((32, 128), np.float32)}
    busy, idle = (aimc.Session(package, seed=1, threads=2) for _ in range(2))
    with aimc.Session(package, seed=1, threads=2) as fresh:
        (wanted,) = fresh.run(None, feed)
    tile = aimc.Tile(models.weight(8, 8), seed=1)
    stop, started = threading.Event(), threading.Event()

    def serve():
        while not stop.is_set():
            busy.run(None, feed)
            started.set()

    def body():
        try:
            busy.run(None, feed)
            said = 0
        except aimc.InvalidArgumentError as error:
            said = 7 if "when this process was forked" in str(error) else 1
        busy.close()
        tile.read(np.ones((1, 8), np.float32))
        for session in (idle, aimc.Session(package, seed=1, threads=2)):
            if not np.array_equal(session.run(None, feed)[0], wanted):
                return 2
        return said

    thread = threading.Thread(target=serve)
    thread.start()
    started.wait(30)
    codes = [child_says(body) for _ in range(8)]
    stop.set()
    thread.join()
    assert set(codes) <= {0, 7}, codes
    np.testing.assert_array_equal(idle.run(None, feed)[0], wanted)
