# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ctrl-C at any moment leaves nothing behind, and a package that was there stays whole."""

import signal
import subprocess
import time

import numpy as np
import pytest

import aimc
from aimc.locate import find_program
from aimc.testing import exports
from aimc.testing.programs import listing

# What a shell reports for a program that Ctrl-C ended: by the signal, or by its own handler.
INTERRUPTED = {-signal.SIGINT, 130}


def interrupt(command, after_s):
    """Start, send SIGINT, and return the exit code and how long it then took to end."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    start = time.monotonic()
    process.communicate(timeout=60)
    return process.returncode, time.monotonic() - start


def moments(seconds, count=6):
    """Moments spread over the time that the whole job takes."""
    return [seconds * (i + 0.5) / count for i in range(count)]


@pytest.fixture(scope="module")
def minilm():
    return exports.ensure("minilm", "dynamo")


def test_interrupted_compilation(minilm, tmp_path):
    output = tmp_path / "out.aimc"
    command = [find_program("aimc-compile"), minilm, "--dim", "batch=1", "--dim", "seq=16",
               "-o", output]  # fmt: skip
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    whole = time.monotonic() - start
    kept = listing(tmp_path)
    interrupted = 0
    for after_s in moments(whole):
        status, took = interrupt(command, after_s)
        assert status in INTERRUPTED | {0}
        assert took < 10
        interrupted += status != 0
        assert listing(tmp_path).keys() == kept.keys()
    assert interrupted >= 3
    with aimc.Session(output, ideal=True) as session:
        assert session.get_inputs()


def test_interrupted_first_compilation_leaves_no_package(minilm, tmp_path):
    command = [find_program("aimc-compile"), minilm, "--dim", "batch=1", "--dim", "seq=16",
               "-o", tmp_path / "out.aimc"]  # fmt: skip
    status, _ = interrupt(command, 0.3)
    assert status in INTERRUPTED
    assert listing(tmp_path) == {}


def test_interrupted_run(minilm, tmp_path):
    package = aimc.compile(minilm, dims={"batch": 8, "seq": 128}, output=tmp_path / "m.aimc")
    ids = np.full((8, 128), 7, np.int64)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids * 0}
    np.savez(tmp_path / "x.npz", **feeds)
    before = listing(tmp_path)
    command = [find_program("aimc-run"), package, "--input", tmp_path / "x.npz", "--output",
               tmp_path / "y.npz", "--repeat", "1000"]  # fmt: skip
    for after_s in (0.05, 0.5, 2.0):
        status, took = interrupt(command, after_s)
        assert status in INTERRUPTED
        assert took < 10
        assert listing(tmp_path) == before
