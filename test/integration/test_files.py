# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that programs read and write: deep, changed, left behind by a kill, not taken by the disk."""

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import time

import numpy as np
import pytest

import aimc
from aimc.locate import find_program
from aimc.testing import models
from aimc.testing.programs import assert_one_error, listing, run_program

LEVELS = 100_000
DEEP = {
    "lists": "[" * LEVELS + "]" * LEVELS,
    "objects": '{"a":' * LEVELS + "0" + "}" * LEVELS,
    "open": '{"wire":' + "[" * LEVELS,
}


def run(name, *args):
    done = run_program(name, *args)
    assert done.status == 0, done.stderr
    return done


def seal(text, data=b""):
    """A safetensors file whose header has zeros for its hash, with the hash, by other means than the
    programs'."""
    whole = len(text).to_bytes(8, "little") + text.encode() + data
    digits = hashlib.sha256(whole).hexdigest().encode()
    return whole.replace(b"0" * 64, digits, 1)


# --- JSON that would use up the stack -------------------------------------------------------------


@pytest.mark.parametrize("shape", DEEP)
@pytest.mark.parametrize(
    "reader",
    [
        "override",
        "device",
        "no record",
        "record's header",
        "record",
        "chip",
        "device table",
        "manifest",
    ],
)
def test_deep_json_is_refused_in_one_line(
    linear_model, linear_package, made, tmp_path, shape, reader
):
    text, file = DEEP[shape], tmp_path / "deep.json"
    file.write_text(text)
    compiled = ["aimc-compile", linear_model, "--dim", "batch=4", "-o", tmp_path / "m.aimc"]
    raw = len(text).to_bytes(8, "little") + text.encode()
    zeros = '{"__metadata__": {"aimc_sha256": "%s", "aimc": %s}, "t": %s}'
    if reader == "override":
        command = ["aimc-run", linear_package, "--input", made / "x.npz", "--target-override", file]
    elif reader == "device":
        command = [*compiled, "--device", file]
    elif reader == "no record":
        file.write_bytes(raw)
        assert_one_error(run_program(*compiled, "--calibrate", file), "deep.json")
        return
    elif reader == "record's header":
        file.write_bytes(seal(zeros % ("0" * 64, '"{}"', text)))
        command = [*compiled, "--calibrate", file]
    elif reader == "record":
        file.write_bytes(seal((zeros % ("0" * 64, json.dumps(text), "")).replace(', "t": ', "")))
        command = [*compiled, "--calibrate", file]
    elif reader == "chip":
        file.write_bytes(raw)
        command = ["aimc-chip", "info", file]
    elif reader == "device table":
        target = tmp_path / "t.mlir"
        target.write_text(aimc.Target().to_mlir().replace("<pcm,", '<table, file = "deep.json",'))
        command = [*compiled, "--target", target]
    else:
        package = tmp_path / "p.aimc"
        package.mkdir()
        file = package / "manifest.json"
        file.write_text(text)
        command = ["aimc-run", package, "--input", made / "x.npz"]
    assert_one_error(run_program(*command), file.name, "at most 64 levels")
    assert not (tmp_path / "m.aimc").exists()


@pytest.mark.parametrize("shape", DEEP)
def test_deep_json_is_refused_in_python(tmp_path, shape):
    path = tmp_path / "deep.json"
    path.write_text(DEEP[shape])
    for read in (aimc.Target.load, aimc.Device.from_file):
        with pytest.raises(aimc.InvalidArgumentError, match=r"deep\.json: .*at most 64 levels"):
            read(path)
    path.write_bytes(len(DEEP[shape]).to_bytes(8, "little") + DEEP[shape].encode())
    with pytest.raises(aimc.InvalidArgumentError, match=r"deep\.json: .*at most 64 levels"):
        aimc.Chip(path)


def nested(levels):
    value = 0
    for _ in range(levels):
        value = {"a": value}
    return value


def test_deep_options_are_refused(linear_package):
    for make in (
        lambda: aimc.Session(linear_package, target=nested(LEVELS)),
        lambda: aimc.Tile(np.ones((2, 2), np.float32), nested(LEVELS)),
    ):
        with pytest.raises(aimc.InvalidArgumentError, match="at most 64 levels"):
            make()


def test_the_bound_is_on_levels_alone(linear_package, made, tmp_path):
    """At it a text is read, whatever brackets its strings hold, and refused for what it says."""
    path = tmp_path / "o.json"
    for levels, said in ((60, "unknown key 'a'"), (65, "at most 64 levels")):
        path.write_text('{"a":' * levels + '"\\"' + "[{" * 99 + '"' + "}" * levels)
        done = run_program("aimc-run", linear_package, "--input", made / "x.npz",
                           "--target-override", path)  # fmt: skip
        assert_one_error(done, said)


# --- changed bytes --------------------------------------------------------------------------------


def flips(data, count, seed):
    """Places all over a file, and a bit at each: the header's every third byte, some of the rest."""
    rng = random.Random(seed)
    header = 8 + int.from_bytes(data[:8], "little")
    places = list(range(0, header, max(1, 2 * header // count)))
    places += rng.sample(range(header, len(data)), min(count // 2, len(data) - header))
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        yield bytes(changed)


def test_a_changed_record_is_refused(linear_model, made, tmp_path):
    path = tmp_path / "r"
    command = ["aimc-compile", linear_model, "--dim", "batch=4", "--calibrate", path, "-o",
               tmp_path / "m.aimc"]  # fmt: skip
    for changed in flips((made / "r").read_bytes(), 24, 1):
        path.write_bytes(changed)
        assert_one_error(run_program(*command), str(path))
    assert not (tmp_path / "m.aimc").exists()
    path.write_bytes((made / "r").read_bytes())
    run(*command)


def test_a_changed_chip_is_refused(linear_package, made, tmp_path):
    path = tmp_path / "c"
    for changed in flips((made / "c").read_bytes(), 40, 2):
        path.write_bytes(changed)
        assert_one_error(run_program("aimc-chip", "info", path), str(path))
        with pytest.raises(aimc.InvalidArgumentError, match=str(path)):
            aimc.Chip(path)
    path.write_bytes((made / "c").read_bytes())
    assert aimc.Chip(path).blocks()


def without(data, drop):
    """A record without some tensors, sealed again."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["aimc_sha256"] = "0" * 64
    kept = {name: entry for name, entry in header.items() if not drop(name)}
    assert len(kept) < len(header)
    return seal(json.dumps(kept), data[8 + length :])


def test_a_charge_that_is_not_in_the_record_is_told(linear_model, made, tmp_path):
    """Its ADC would keep the full scale of the target without a word."""
    path, plain = tmp_path / "r", tmp_path / "plain"
    path.write_bytes(without((made / "r").read_bytes(), lambda name: name.endswith(".charge")))
    command = ["aimc-compile", linear_model, "--dim", "batch=4", "-o", tmp_path / "m.aimc"]
    done = run(*command, "--calibrate", path)
    assert done.stderr.count("\n") == 1
    assert "warning" in done.stderr and "no charges of 1 of 1 tiles" in done.stderr
    plain.write_bytes((made / "r").read_bytes())
    assert not run(*command, "--calibrate", plain).stderr


# --- what a kill leaves ---------------------------------------------------------------------------


def kill(command, folder, after_s):
    """SIGKILL the program, and what it started, a while after a temporary name is there."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while process.poll() is None and not list(folder.glob(f"*.tmp-{process.pid}-*")):
        time.sleep(0.001)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("calibrate", [False, True])
def test_the_next_run_removes_what_a_kill_left(linear_model, made, tmp_path, calibrate):
    output, spec = tmp_path / "m.aimc", tmp_path / "s.json"
    extra = ["--calibrate", made / "x.npz"] if calibrate else []
    command = [find_program("aimc-compile"), linear_model, "--dim", "batch=4", "-o", output,
               "--emit-noise", spec, "--scale", "sigma:2", *extra]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    kept, left, rng = listing(tmp_path).keys(), 0, random.Random(3)
    for _ in range(6):
        kill(command, tmp_path, rng.random() ** 4)
        left += listing(tmp_path).keys() != kept
    subprocess.run(command, check=True, capture_output=True)
    assert listing(tmp_path).keys() == kept
    assert left > 0
    with aimc.Session(output, ideal=True) as session:
        assert session.get_inputs()


def test_only_its_own_leftovers_are_removed(linear_package, made, tmp_path):
    """Names of another form, of other files, and of writers that live stay."""
    out = tmp_path / "y.npz"
    for name in ("y.npz.tmp-1", "y.npz.tmp-1-x", "y.npz.tmp-1-2.bak", "z.npz.tmp-1-2", "y.npz.tmp"):
        (tmp_path / name).write_text("kept")
    (tmp_path / "y.npz.tmp-1-3").symlink_to("y.npz.tmp")
    before = listing(tmp_path)
    (tmp_path / "y.npz.tmp-1-2").write_text("left")  # of a process that has ended
    (tmp_path / "y.npz.tmp-2-0").mkdir()
    (tmp_path / "y.npz.tmp-2-0" / "map.npz").write_text("left")
    living = tmp_path / f"y.npz.tmp-{os.getpid()}-0"
    with living.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run("aimc-run", linear_package, "--input", made / "x.npz", "--output", out)
        assert living.exists()
    assert listing(tmp_path).keys() == before.keys() | {"y.npz", living.name}
    run("aimc-run", linear_package, "--input", made / "x.npz", "--output", out)
    assert listing(tmp_path).keys() == before.keys() | {"y.npz"}


# --- equal runs, equal bytes ----------------------------------------------------------------------


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_equal_runs_write_equal_bytes(linear_model, made, tmp_path):
    results = []
    for turn in range(2):
        folder = tmp_path / str(turn)
        folder.mkdir()
        package = folder / "m.aimc"
        run("aimc-compile", linear_model, "--dim", "batch=4", "-o", package, "--emit-noise",
            folder / "s.json", "--scale", "sigma:2", "--calibrate", made / "x.npz")  # fmt: skip
        for form in ("tiled.mlir", "tiled.mlirbc"):
            run("aimc-compile", linear_model, "--dim", "batch=4", "--emit", "tiled", "-o",
                folder / form)  # fmt: skip
        run("aimc-run", package, "--input", made / "x.npz", "--output", folder / "y.npz",
            "--save-chip", folder / "c")  # fmt: skip
        run("aimc-run", package, "--input", made / "x.npz", "--record", folder / "r")
        run("aimc-chip", "age", folder / "c", "--time", "1d", "-o", folder / "old")
        run("aimc-chip", "dump-map", package, "-o", folder / "map.npz")
        run("aimc-chip", "dump-map", package, "-o", folder / "map.csv")
        results.append(digests(folder))
        time.sleep(2.1 * (1 - turn))  # the times of an archive have steps of two seconds
    assert len(results[0]) == 14
    assert results[0] == results[1]


# --- standard output that takes nothing -----------------------------------------------------------


@pytest.mark.parametrize("stream", ["full", "closed"])
@pytest.mark.parametrize(
    "command",
    [
        ["aimc-run", "{package}", "--input", "{made}/x.npz"],
        ["aimc-run", "--help"],
        ["aimc-compile", "--help"],
        ["aimc-compile", "--version"],
        ["aimc-compile", "{model}", "--dim", "batch=4", "--emit", "tiled", "-o", "-"],
        ["aimc-chip", "info", "{made}/c"],
        ["aimc-chip", "info", "{made}/c", "--json"],
        ["aimc-chip", "compare", "{made}/c", "{made}/c"],
        ["aimc-chip", "dump-map", "{package}"],
        ["aimc-chip", "--help"],
        ["aimc-finetune", "--help"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_output_that_is_lost_is_an_error(
    linear_model, linear_package, made, tmp_path, command, stream
):
    places = {"package": linear_package, "made": made, "model": linear_model}
    program, *args = (part.format(**places) for part in command)
    if program == "aimc-finetune":
        pytest.importorskip("torch")
    shell = '"$@" > /dev/full' if stream == "full" else '"$@" >&-'
    done = subprocess.run(
        ["sh", "-c", shell, "sh", find_program(program), *args], check=False, capture_output=True,
        text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"{program}: error: ")
    assert listing(tmp_path) == {}


def test_nothing_is_printed_into_a_file(linear_package, made, tmp_path):
    """With standard output closed the first file that is opened would get its number."""
    files = [tmp_path / "printed.npz", tmp_path / "closed.npz"]
    for out, shell in zip(files, ('"$@"', '"$@" >&- 2>&-'), strict=True):
        subprocess.run(
            ["sh", "-c", shell, "sh", find_program("aimc-run"), linear_package, "--input",
             made / "x.npz", "--output", out], check=False, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    assert files[0].read_bytes() == files[1].read_bytes()


# --- memory that is used up -----------------------------------------------------------------------


def limited(mebibytes):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20,) * 2)


def least(name, *args):
    """The least memory that suffices, to 16 MiB."""
    low, high = 16, 4096
    while high - low > 16:
        middle = (low + high) // 2
        good = run_program(name, *args, setup=limited(middle)).status == 0
        low, high = (low, middle) if good else (middle, high)
    return high


@pytest.mark.unsanitized(reason="a sanitizer's shadow is larger than any limit on memory")
@pytest.mark.parametrize("program", ["aimc-run", "aimc-compile"])
def test_memory_that_is_used_up_is_one_line(tmp_path, program):
    """At every limit below what suffices: no signal, and one line. Where not even the libraries can
    be loaded it is the loader's."""
    model = models.mlp(tmp_path / "m.onnx", (1024, 1024, 512))  # large enough for threads
    args = [model, "--dim", "batch=4", "-o", tmp_path / "m.aimc"]
    if program == "aimc-run":
        run("aimc-compile", *args)
        np.savez(tmp_path / "x.npz", x=np.ones((4, 1024), np.float32))
        args = [tmp_path / "m.aimc", "--input", tmp_path / "x.npz", "--threads", "8"]
    enough = least(program, *args)
    ours = 0
    for less in itertools.chain(range(2, 64, 4), range(64, 256, 24)):
        done = run_program(program, *args, setup=limited(enough - less))
        if done.status == 0:
            continue
        assert done.status > 0, (enough - less, done)
        loader = "error while loading shared libraries" in done.stderr
        assert loader or done.stderr.count("\n") == 1, (enough - less, done)
        assert loader or done.stderr.startswith(f"{program}: error: "), (enough - less, done)
        ours += not loader
    assert ours > 0
    assert not [name for name in listing(tmp_path) if ".tmp-" in name]
