# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad inputs and packages at run time: one line, exit code 1, no half-written output."""

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import zipfile

import numpy as np
import pytest
from onnx import helper

import aimc
from aimc.testing import models
from aimc.testing.programs import assert_one_error, listing, run_program

FILES = ("model.so", "weights.safetensors", "module.mlirbc")


def x(rows=4, columns=96, dtype=np.float32):
    return np.ones((rows, columns), dtype)


@pytest.fixture
def package(linear_package, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(linear_package, tmp_path / "copy.aimc")


def edit_manifest(package, change):
    """Change fields and make the manifest's own hash fit again."""
    path = package / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    zeros = "0" * 64
    text = json.dumps(manifest | {"manifest_sha256": zeros})
    field = '"manifest_sha256": "'
    own = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(text.replace(field + zeros, field + own))


def test_a_changed_manifest_is_refused_by_its_own_hash(package):
    """A number that every other check would let pass."""
    path = package / "manifest.json"
    text = path.read_text()
    assert "16.03" in text
    path.write_text(text.replace("16.03", "16.04"))
    refuse(package, {"x": x()}, "manifest.json", "SHA-256")


def refuse(package, feeds, *causes, args=(), setup=None):
    """Run with these arrays, expect a refusal that names the causes, and no output file."""
    folder = package.parent
    if feeds is not None:
        np.savez(folder / "x.npz", **feeds)
    before = listing(folder)
    command = [package, "--input", folder / "x.npz", "--output", folder / "y.npz", *args]
    line = assert_one_error(run_program("aimc-run", *command, setup=setup), *causes)
    assert listing(folder) == before
    return line


@pytest.mark.parametrize(
    ("feeds", "causes"),
    [
        ({"z": x()}, ["z"]),
        ({}, ["x"]),
        ({"x": x(), "extra": x()}, ["extra"]),
        ({"x": x(dtype=np.float64)}, ["x", "f32"]),
        ({"x": x(dtype=np.int64)}, ["x", "f32", "i64"]),
        ({"x": x(rows=5)}, ["x", "4", "5"]),
        ({"x": x()[0]}, ["x", "96"]),
        ({"x": x() * np.float32(np.nan)}, ["x"]),
        ({"x": x() * np.float32(np.inf)}, ["x"]),
    ],
    ids=["name", "missing", "extra", "f64", "i64", "shape", "rank", "nan", "inf"],
)
def test_input_that_does_not_fit(package, feeds, causes):
    refuse(package, feeds, *causes)


def test_nan_that_arises_inside_the_model_is_named_by_layer(tmp_path):
    """0 / 0 in front of a tile: outputs are nan as in any fp32 program, and a warning says where."""
    nodes = [
        helper.make_node("Div", ["x", "x"], ["ratio"], name="divide"),
        helper.make_node("MatMul", ["ratio", "w"], ["y"], name="layer"),
    ]
    model = models.save(tmp_path / "div.onnx", nodes, {"x": [2, 8]}, {"y": [2, 4]},
                        {"w": models.weight(8, 4)})  # fmt: skip
    assert run_program("aimc-compile", model, "-o", tmp_path / "div.aimc").status == 0
    feed = np.ones((2, 8), np.float32)
    feed[1, 3] = 0
    np.savez(tmp_path / "x.npz", x=feed)
    done = run_program("aimc-run", tmp_path / "div.aimc", "--input", tmp_path / "x.npz",
                       "--output", tmp_path / "y.npz")  # fmt: skip
    assert done.status == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1 and "layer" in warnings[0] and "1 of 2" in warnings[0]
    y = np.load(tmp_path / "y.npz")["y"]
    assert np.isfinite(y[0]).all() and np.isnan(y[1]).all()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip archive at all" * 9])
def test_input_file_that_is_no_npz(package, content):
    (package.parent / "x.npz").write_bytes(content)
    refuse(package, None, "x.npz")


def test_input_file_that_is_truncated(package):
    np.savez(package.parent / "x.npz", x=x())
    data = (package.parent / "x.npz").read_bytes()
    (package.parent / "x.npz").write_bytes(data[: len(data) // 2])
    refuse(package, None, "x.npz")


def test_member_whose_header_lies(package):
    """The array says that it has more elements than the member holds."""
    np.save(package.parent / "x.npy", x(rows=4))
    data = (package.parent / "x.npy").read_bytes().replace(b"(4, 96)", b"(9, 96)")
    with zipfile.ZipFile(package.parent / "x.npz", "w") as archive:
        archive.writestr("x.npy", data)
    refuse(package, None, "x")


def test_missing_input_and_package(package, tmp_path):
    refuse(package, None, "x.npz")
    np.savez(tmp_path / "x.npz", x=x())
    done = run_program("aimc-run", tmp_path / "absent.aimc", "--input", tmp_path / "x.npz",
                       "--output", tmp_path / "y.npz")  # fmt: skip
    assert_one_error(done, "absent.aimc")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "remove"])
def test_damaged_file(package, name, damage):
    path = package / name
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    elif damage == "cut":
        del data[len(data) // 2 :]
    else:
        data += b"\0"
    path.write_bytes(data)
    if damage == "remove":
        path.unlink()
    refuse(package, {"x": x()}, name)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"format": "something-else", "version": 1}', '{"format": "aimc-package"}'],
)
def test_manifest_that_is_not_ours(package, content):
    (package / "manifest.json").write_text(content)
    refuse(package, {"x": x()}, "manifest.json")


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda m: m.update(version=99), "99"),
        (lambda m: m.update(abi_version=99), "99"),
        (lambda m: m["isa"]["features"].append("warp_drive"), "warp_drive"),
        (lambda m: m["isa"].update(triple="riscv64-unknown-linux-gnu"), "riscv64"),
        (lambda m: m.pop("entries"), "entries"),
        (lambda m: m["entries"][0].update(symbol="nobody"), "nobody"),
        (lambda m: m["entries"][0].update(arena_bytes=-5), "arena_bytes"),
        (lambda m: m["weights"][0]["blocks"][0].update(rows=10**6), "rows"),
        (lambda m: m["weights"][0].update(tensor="../../etc/passwd"), "passwd"),
        (lambda m: m["files"].update({"../../x": m["files"]["model.so"]}), "../../x"),
    ],
    ids=[
        "version", "abi", "isa", "triple", "entries", "symbol", "arena", "block", "tensor", "file",
    ],
)  # fmt: skip
def test_manifest_that_asks_for_the_impossible(package, change, cause):
    edit_manifest(package, change)
    refuse(package, {"x": x()}, cause)


def _drop(path):
    """A change that takes the last element of a list away."""

    def change(manifest):
        for key in path:
            manifest = manifest[key]
        manifest.pop()

    return change


FIRST = ("entries", 0)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (_drop(("constants",)), "number of constants: 2"),
        (lambda m: m["constants"].reverse(), "constant 0: F32"),
        (lambda m: m["constants"].append(m["constants"][0]), "number of constants: 2"),
        (_drop(("grids",)), "number of grids: 2"),
        (lambda m: m["grids"].reverse(), "grid 0: 64 x [128]"),
        (lambda m: m["grids"][0].update(weights=[1]), "grid 0: 64 x [128]"),
        (lambda m: m["entries"].append(m["entries"][0]), "number of entries: 1"),
        (lambda m: m["entries"][0].update(arena_bytes=0), "arena of"),
        (lambda m: m["entries"][0].update(symbol="aimc_abi_version"), "entry aimc_entry_0: "),
        (_drop((*FIRST, "inputs")), "1 inputs"),
        (_drop((*FIRST, "outputs")), "1 outputs"),
        (lambda m: m["entries"][0]["inputs"][0].update(shape=[4, 8]), "input 'x': f32 [4, 64]"),
        (lambda m: m["entries"][0]["inputs"][0].update(dtype="bool"), "input 'x': f32 [4, 64]"),
        (lambda m: m["entries"][0]["inputs"][0].update(name="z"), "input 'x': f32 [4, 64]"),
        (_drop((*FIRST, "outputs", 0, "shape")), "output 'y': f32 [4, 32]"),
        (lambda m: m["entries"][0]["outputs"][0].update(shape=[1, 1]), "output 'y': f32 [4, 32]"),
        (lambda m: m["isa"]["features"].clear(), "processor: "),
    ],
)
def test_manifest_of_other_code(mlp_package, tmp_path, change, cause):
    """Whole in itself, hash and all, but the code would read or write where nothing is."""
    copy = shutil.copytree(mlp_package, tmp_path / "copy.aimc")
    edit_manifest(copy, change)
    refuse(
        copy, {"x": x(columns=64)}, "manifest.json: expected what model.so was compiled for", cause
    )


def test_weights_of_other_code(mlp_package, tmp_path):
    """The same for a weights file whose constant is shorter, with its hash in the manifest."""
    copy = shutil.copytree(mlp_package, tmp_path / "copy.aimc")
    path = copy / "weights.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    name = json.loads((copy / "manifest.json").read_text())["constants"][0]
    header[name]["shape"] = [1]
    begin = header[name]["data_offsets"][0]
    header[name]["data_offsets"] = [begin, begin + 4]
    data = data[:8] + json.dumps(header).encode().ljust(length) + data[8 + length :]
    path.write_bytes(data)
    record = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    edit_manifest(copy, lambda m: m["files"].update({path.name: record}))
    refuse(copy, {"x": x(columns=64)}, "constant 0: F32", "[1]")


def test_foreign_shared_object(package):
    """Hashes agree, but the code is somebody else's: it has no ABI version of ours."""
    foreign = aimc.locate.find_library()
    shutil.copyfile(foreign, package / "model.so")
    data = (package / "model.so").read_bytes()
    record = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    edit_manifest(package, lambda m: m["files"].update({"model.so": record}))
    refuse(package, {"x": x()}, "model.so")


def test_output_that_cannot_be_written(package):
    np.savez(package.parent / "x.npz", x=x())
    for output in (package.parent / "absent" / "y.npz", package.parent):
        done = run_program("aimc-run", package, "--input", package.parent / "x.npz",
                           "--output", output)  # fmt: skip
        assert_one_error(done, output.name)


def test_disk_that_fills_up(package):
    def fill():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    refuse(package, {"x": x()}, "y.npz", setup=fill)


def test_output_is_replaced_only_by_a_whole_one(package):
    folder = package.parent
    np.savez(folder / "x.npz", x=x())
    (folder / "y.npz").write_text("yesterday")
    done = run_program("aimc-run", package, "--input", folder / "x.npz", "--output",
                       folder / "y.npz", setup=lambda: resource.setrlimit(
                           resource.RLIMIT_FSIZE, (100, 100)))  # fmt: skip
    assert_one_error(done, "y.npz")
    assert (folder / "y.npz").read_text() == "yesterday"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_file_system_without_space(package, linear_model):
    """A real full file system, for the output of a run and for a package."""
    disk = package.parent / "disk"
    disk.mkdir()
    np.savez(package.parent / "x.npz", x=x())
    if os.system(f"mount -t tmpfs -o size=16k tmpfs '{disk}' 2> /dev/null") != 0:
        pytest.skip("this machine does not let root mount")
    try:
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)):
                pass
        done = run_program("aimc-run", package, "--input", package.parent / "x.npz",
                           "--output", disk / "y.npz")  # fmt: skip
        assert_one_error(done, "y.npz", "pace")
        done = run_program("aimc-compile", linear_model, "--dim", "batch=4", "-o",
                           disk / "out.aimc")  # fmt: skip
        assert_one_error(done, "out.aimc", "pace")
        assert sorted(listing(disk)) == ["ballast"]
    finally:
        os.system(f"umount '{disk}'")


@pytest.mark.parametrize(
    "options",
    ['{"sede": 1}', '{"threads": -1}', '{"effects": {"gravity": true}}', '{"seed": "x"}'],
)
def test_options_that_the_runtime_does_not_know(linear_package, options):
    with pytest.raises(aimc.InvalidArgumentError) as raised:
        aimc.Session(linear_package, **json.loads(options))
    key = next(iter(json.loads(options)))
    assert key in str(raised.value) or "gravity" in str(raised.value)
