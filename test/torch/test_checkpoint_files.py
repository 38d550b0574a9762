# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints as files: changed and cut ones are refused, equal runs write equal bytes."""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import time

import numpy as np
import pytest
import torch
from onnx_case import program
from torch import nn

import aimc
from aimc.files import check_zip, replacing
from aimc.testing import models
from aimc.torch.trainer import _load

TUNED = pytest.mark.skipif(not program("aimc-finetune"), reason="built without LibTorch")
ROWS, COLS = 24, 16


@pytest.fixture(scope="module")
def trainee(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainee")
    rng = np.random.default_rng(0)
    np.savez(folder / "d.npz", x=rng.standard_normal((8, ROWS), np.float32),
             labels=rng.standard_normal((8, COLS), np.float32))  # fmt: skip
    return [models.mlp(folder / "m.onnx", (ROWS, COLS)), "--data", folder / "d.npz"]


def command(trainee, folder, *options):
    out = ["-o", folder / "x.onnx", "--checkpoint", folder / "state", "--threads", 1]
    whole = [program("aimc-finetune"), *trainee, "--loss", "mse", "--batch", 4, *out, *options]
    return list(map(str, whole))


def finetune(trainee, folder, *options, status=0):
    done = subprocess.run(command(trainee, folder, *options), capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == status, done.stderr
    return done


@TUNED
def test_a_changed_checkpoint_is_refused(tmp_path, trainee):
    finetune(trainee, tmp_path, "--steps", 2)
    path = tmp_path / "state/checkpoint.safetensors"
    good, rng = path.read_bytes(), random.Random(5)
    header = 8 + int.from_bytes(good[:8], "little")
    for place in [3, *rng.sample(range(8, header), 6), *rng.sample(range(header, len(good)), 6)]:
        path.write_bytes(
            good[:place] + bytes([good[place] ^ 1 << rng.randrange(8)]) + good[place + 1 :]
        )
        done = finetune(trainee, tmp_path, "--steps", 2, "--resume", status=1)
        assert done.stderr.count("\n") == 1 and str(path) in done.stderr
    path.write_bytes(good[:-7])
    done = finetune(trainee, tmp_path, "--steps", 2, "--resume", status=1)
    assert "the file is cut short" in done.stderr and done.stderr.count("\n") == 1
    path.write_bytes(good)
    finetune(trainee, tmp_path, "--steps", 2, "--resume")


def resealed(data, changes):
    """A checkpoint of another state, with the hash that it then has."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    told = header["__metadata__"]
    told["state"] = json.dumps(json.loads(told["state"]) | changes)
    told["aimc_sha256"] = "0" * 64
    text = json.dumps(header).encode()
    whole = len(text).to_bytes(8, "little") + text + data[8 + length :]
    return whole.replace(b"0" * 64, hashlib.sha256(whole).hexdigest().encode(), 1)


# What a fuzzer has found ended the program with a message about its JSON library, or was taken.
@TUNED
@pytest.mark.parametrize(
    "changes,said",
    [
        ({"format": 1}, "expected a checkpoint of aimc-finetune"),
        ({"version": "1"}, "expected a checkpoint of version 1, but got '1'"),
        ({"version": 2}, "expected a checkpoint of version 1, but got 2"),
        ({"step": 1.5}, "its state is damaged"),
        ({"step": -1}, "its state is damaged"),
        ({"stale": True}, "its state is damaged"),
        ({"best_step": 2**63}, "its state is damaged"),
        ({"first_losses": {"a": 1.0}}, "its state is damaged"),
        ({"evaluations": [{"step": 1, "loss": 0.5, "accuracy": []}]}, "its state is damaged"),
    ],
)
def test_a_checkpoint_of_other_types_is_refused(tmp_path, trainee, changes, said):
    finetune(trainee, tmp_path, "--steps", 1)
    path = tmp_path / "state/checkpoint.safetensors"
    good = path.read_bytes()
    path.write_bytes(resealed(good, {}))
    finetune(trainee, tmp_path, "--steps", 1, "--resume")
    path.write_bytes(resealed(good, changes))
    done = finetune(trainee, tmp_path, "--steps", 1, "--resume", status=1)
    assert done.stderr.count("\n") == 1 and f"{path}: " in done.stderr and said in done.stderr


@TUNED
def test_equal_trainings_write_equal_bytes(tmp_path, trainee):
    files = []
    for turn in ("a", "b"):
        folder = tmp_path / turn
        folder.mkdir()
        finetune(trainee, folder, "--steps", 3, "--target", "pcm", "--log", folder / "log")
        paths = [folder / name for name in ("x.onnx", "log", "state/checkpoint.safetensors")]
        files.append([path.read_bytes() for path in paths])
    assert files[0] == files[1]


@TUNED
def test_killed_trainings_leave_what_the_next_removes(tmp_path, trainee):
    start = time.monotonic()
    finetune(trainee, tmp_path, "--steps", 200, "--checkpoint-every", 1)
    seconds, rng = time.monotonic() - start, random.Random(6)
    done = tmp_path / "state/checkpoint.safetensors"
    for _ in range(4):
        done.unlink(missing_ok=True)
        process = subprocess.Popen(
            command(trainee, tmp_path, "--steps", 200, "--checkpoint-every", 1),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds * rng.uniform(0.4, 1))
        process.kill()
        process.wait()
    (tmp_path / "state/checkpoint.safetensors.tmp-1-7").write_bytes(b"left")
    done.unlink(missing_ok=True)
    finetune(trainee, tmp_path, "--steps", 1)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert names == {"x.onnx", "state", "state/checkpoint.safetensors"}


@TUNED
def test_a_log_goes_on_from_the_checkpoint(tmp_path, trainee):
    """A kill leaves lines of steps that come again, and half of one: none of them twice."""
    log, options = tmp_path / "log", ("--steps", 4, "--log", tmp_path / "log")
    finetune(trainee, tmp_path, *options)
    whole = log.read_bytes()
    assert whole.count(b"\n") == 4
    log.write_bytes(whole + b'{"step":5,"loss":1.5}\n{"evaluation":5}\n{"step":6,"lo')
    finetune(trainee, tmp_path, *options, "--resume")
    assert log.read_bytes() == whole


def test_a_changed_file_of_the_trainer_is_refused(tmp_path):
    """torch.load takes most changed bytes for other numbers."""
    path, rng = tmp_path / "aimc_compiled.pt", random.Random(7)
    torch.save({"layer": torch.arange(300.0)}, path)
    good = path.read_bytes()
    begin = good.index(np.float32(1).tobytes() + np.float32(2).tobytes())
    for place in rng.sample(range(begin, begin + 1000), 40):
        path.write_bytes(
            good[:place] + bytes([good[place] ^ 1 << rng.randrange(8)]) + good[place + 1 :]
        )
        with pytest.raises(aimc.InvalidArgumentError, match=r"aimc_compiled\.pt: "):
            _load(path, nn.Linear(1, 1))
    path.write_bytes(good)
    check_zip(path, "it")


def test_python_writes_whole_files(tmp_path):
    path = tmp_path / "f"
    path.write_text("before")
    (tmp_path / "f.tmp-1-2").write_text("left")
    (tmp_path / "f.tmp-1").write_text("another's")

    def fail():
        with replacing(path) as scratch:
            scratch.write_text("half")
            assert not (tmp_path / "f.tmp-1-2").exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "before"
    with replacing(path) as scratch, replacing(path) as other:  # each holds its own
        scratch.write_text("whole")
        other.write_text("first")
    assert path.read_text() == "whole"
    child = os.fork()
    if child == 0:
        with replacing(path) as scratch:
            scratch.write_text("killed")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 3
    with replacing(path) as scratch:
        scratch.write_text("again")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "f": "again",
        "f.tmp-1": "another's",
    }
