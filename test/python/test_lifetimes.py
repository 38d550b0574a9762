# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sessions, tiles and packages in any order and from any thread give what a fresh process gives."""

import shutil
import threading

import numpy as np
import pytest
from orders import child_says, in_threads
from stage import Stage, State, X, recompile

import aimc
from aimc.testing import models


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Five packages for tiles of 32 x 32, and what fresh processes make of each."""
    return Stage(tmp_path_factory.mktemp("five"))


def test_an_older_session_keeps_its_code_where_a_package_is_compiled_anew(stage, tmp_path):
    """The everyday form: a loop over seeds, then another model, at the same path or not."""
    packages = stage.packages
    path = shutil.copytree(packages[0], tmp_path / "served.aimc")
    for seed in (1, 2):
        session = aimc.Session(path, seed=seed)
    for package in packages[1:]:
        recompile(package, path)
        for place in (path, package):
            with aimc.Session(place, ideal=True) as other:
                wanted, _ = stage.fresh(State(stage.package_of(other), "ideal"))
                np.testing.assert_array_equal(other.run(None, X)[0], wanted)
    wanted, _ = stage.fresh(State(0, "plain", seed=2))
    np.testing.assert_array_equal(session.run(None, X)[0], wanted)


@pytest.mark.parametrize("kind", [aimc.Session, aimc.Tile])
def test_closing_from_any_thread(stage, kind):
    """While another thread is in a call, several times, from several threads."""
    feed = np.ones((200, 8), np.float32)
    for _ in range(20):
        if kind is aimc.Session:
            opened = aimc.Session(stage.packages[4], seed=1, threads=2)

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


def test_statistics_from_four_threads(stage):
    tile = aimc.Tile(models.weight(8, 8), seed=1)
    with aimc.Session(stage.packages[1], seed=1, threads=1) as session:
        session.run(None, X)

        def ask(number):
            for _ in range(200):
                assert session.statistics()["runs"]["count"] == 1
                assert tile.statistics()["seed"] == 1

        in_threads(4, ask)


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
