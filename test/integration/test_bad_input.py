# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad models and targets: one line that names file and cause, exit code 1, nothing left behind."""

import resource
import signal

import numpy as np
import onnx
import pytest
from onnx import helper

import aimc
from aimc.testing import models
from aimc.testing.programs import assert_one_error, listing, run_program


def refuse(folder, model, *args, causes=(), setup=None):
    """Compile, expect a refusal that names the causes, and an untouched folder."""
    before = listing(folder)
    done = run_program("aimc-compile", model, "-o", folder / "out.aimc", *args, setup=setup)
    line = assert_one_error(done, *causes)
    assert listing(folder) == before
    return line


DIMS = ("--dim", "batch=2")


@pytest.fixture
def good(tmp_path):
    return models.linear(tmp_path / "good.onnx")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_file(good, tmp_path, share):
    data = good.read_bytes()
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(data[: int(len(data) * share)])
    refuse(tmp_path, bad, *DIMS, causes=["bad.onnx"])


@pytest.mark.parametrize(
    "content",
    [b"", b"hello, world\n" * 40, b"\x89PNG\r\n\x1a\n" + bytes(200), bytes(4096), b"\xff" * 999],
    ids=["empty", "text", "png", "zeros", "ones"],
)
def test_file_that_is_not_onnx(tmp_path, content):
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(content)
    refuse(tmp_path, bad, *DIMS, causes=["bad.onnx"])


def test_missing_file_and_folder(tmp_path):
    refuse(tmp_path, tmp_path / "absent.onnx", *DIMS, causes=["absent.onnx"])
    refuse(tmp_path, tmp_path, *DIMS, causes=[tmp_path.name])


def test_missing_external_data(tmp_path):
    bad = models.linear(tmp_path / "bad.onnx", external=True)
    (tmp_path / "bad.onnx.data").unlink()
    refuse(tmp_path, bad, *DIMS, causes=["bad.onnx.data"])


def test_external_data_that_is_too_short(tmp_path):
    bad = models.linear(tmp_path / "bad.onnx", external=True)
    data = (tmp_path / "bad.onnx.data").read_bytes()
    (tmp_path / "bad.onnx.data").write_bytes(data[: len(data) // 2])
    refuse(tmp_path, bad, *DIMS, causes=["bad.onnx.data"])


@pytest.mark.parametrize("kind", ["parent", "absolute", "symlink"])
def test_external_data_outside_the_models_folder(tmp_path, kind):
    """The data exists and has the right size: it is refused for where it is."""
    secret = tmp_path / "secret"
    inside = tmp_path / "model"
    secret.mkdir()
    bad = models.linear(inside / "bad.onnx", external=True)
    data = inside / "bad.onnx.data"
    (secret / "w.data").write_bytes(data.read_bytes())
    data.unlink()
    if kind == "symlink":
        data.symlink_to(secret / "w.data")
    else:
        location = "../secret/w.data" if kind == "parent" else str(secret / "w.data")
        model = onnx.load(str(bad), load_external_data=False)
        for entry in model.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        bad.write_bytes(model.SerializeToString())
    refuse(tmp_path, bad, *DIMS, causes=["bad.onnx"])


def test_unbound_dimension(good, tmp_path):
    refuse(tmp_path, good, causes=["batch"])


@pytest.mark.parametrize("size", ["-3", "99999999999999", "1e3", "two", ""])
def test_dimension_out_of_range(good, tmp_path, size):
    done = run_program("aimc-compile", good, "--dim", f"batch={size}", "-o", tmp_path / "o.aimc")
    assert done.status in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert size in done.stderr
    assert not (tmp_path / "o.aimc").exists()


def test_empty_batch_is_a_batch(good, tmp_path):
    package = aimc.compile(good, dims={"batch": 0}, output=tmp_path / "o.aimc")
    for ideal in (True, False):
        with aimc.Session(package, ideal=ideal) as session:
            (y,) = session.run(None, {"x": np.zeros((0, 96), np.float32)})
        assert y.shape == (0, 80)


def test_unknown_operator(tmp_path):
    node = helper.make_node("Conjure", ["x"], ["y"], name="spell")
    bad = models.save(tmp_path / "bad.onnx", [node], {"x": [2, 4]}, {"y": [2, 4]})
    refuse(tmp_path, bad, causes=["bad.onnx", "Conjure"])


def test_unknown_domain(tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"], name="spell", domain="com.elsewhere")
    shapes = {"x": [2, 4]}, {"y": [2, 4]}
    bad = models.save(tmp_path / "bad.onnx", [node], *shapes, domains={"com.elsewhere": 1})
    refuse(tmp_path, bad, causes=["bad.onnx", "com.elsewhere"])


def test_operator_set_from_the_past(tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"])
    bad = models.save(tmp_path / "bad.onnx", [node], {"x": [2, 4]}, {"y": [2, 4]}, opset=1)
    refuse(tmp_path, bad, causes=["bad.onnx", "1"])


def test_shapes_that_contradict_each_other(tmp_path):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")
    weights = {"w": models.weight(5, 3)}
    bad = models.save(tmp_path / "bad.onnx", [node], {"x": [2, 4]}, {"y": [2, 3]}, weights)
    refuse(tmp_path, bad, causes=["bad.onnx", "layer"])


def test_node_that_reads_a_value_nobody_makes(tmp_path):
    node = helper.make_node("Relu", ["ghost"], ["y"], name="haunted")
    bad = models.save(tmp_path / "bad.onnx", [node], {"x": [2, 4]}, {"y": [2, 4]})
    refuse(tmp_path, bad, causes=["bad.onnx", "ghost"])


def test_weights_that_are_not_finite(tmp_path):
    """Whether the compiler or the runtime refuses them: no chip can be programmed with them."""
    weights = models.weight(8, 8)
    weights[3, 3] = np.nan
    node = helper.make_node("MatMul", ["x", "kernel"], ["y"], name="layer")
    shapes = {"x": [2, 8]}, {"y": [2, 8]}
    bad = models.save(tmp_path / "bad.onnx", [node], *shapes, {"kernel": weights})
    done = run_program("aimc-compile", bad, "-o", tmp_path / "out.aimc")
    if done.status == 0:
        np.savez(tmp_path / "x.npz", x=np.ones((2, 8), np.float32))
        done = run_program("aimc-run", tmp_path / "out.aimc", "--input", tmp_path / "x.npz",
                           "--output", tmp_path / "y.npz")  # fmt: skip
    assert_one_error(done, "layer", "finite")
    assert not (tmp_path / "y.npz").exists()


@pytest.mark.parametrize(
    "text",
    [
        "this is not MLIR\n",
        "module {}\n",
        "aimc.target @t {geometry = #aimc.geometry<rows = 0, cols = 512, pairs = 1, "
        "readout = single>}\n",
    ],
    ids=["not-mlir", "no-target", "does-not-verify"],
)
def test_target_file(good, tmp_path, text):
    target = tmp_path / "odd.mlir"
    target.write_text(text)
    refuse(tmp_path, good, *DIMS, "--target", target, causes=["odd.mlir"])


def test_target_that_does_not_exist(good, tmp_path):
    refuse(tmp_path, good, *DIMS, "--target", "unobtainium", causes=["unobtainium"])
    absent = tmp_path / "absent.mlir"
    refuse(tmp_path, good, *DIMS, "--target", absent, causes=["absent.mlir"])


def test_output_that_cannot_be_made(good, tmp_path):
    (tmp_path / "file").write_text("mine")
    before = listing(tmp_path)
    for output in (tmp_path / "absent" / "out.aimc", tmp_path / "file" / "out.aimc"):
        done = run_program("aimc-compile", good, *DIMS, "-o", output)
        assert_one_error(done, "out.aimc")
    assert listing(tmp_path) == before


def test_output_that_is_somebody_elses_file(good, tmp_path):
    """A file, or a folder that is no package, is never replaced."""
    (tmp_path / "letter.txt").write_text("dear")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.png").write_text("meow")
    before = listing(tmp_path)
    for output in (tmp_path / "letter.txt", folder):
        assert_one_error(run_program("aimc-compile", good, *DIMS, "-o", output), output.name)
    assert listing(tmp_path) == before


def test_a_package_is_replaced_only_when_the_new_one_is_whole(good, tmp_path):
    output = tmp_path / "out.aimc"
    assert run_program("aimc-compile", good, *DIMS, "-o", output).status == 0
    first = {path.name: path.read_bytes() for path in output.iterdir()}
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(good.read_bytes()[:100])
    assert_one_error(run_program("aimc-compile", bad, *DIMS, "-o", output), "bad.onnx")
    assert {path.name: path.read_bytes() for path in output.iterdir()} == first
    assert run_program("aimc-compile", good, "--dim", "batch=3", "-o", output).status == 0
    assert (output / "manifest.json").read_bytes() != first["manifest.json"]


@pytest.mark.parametrize("limit", [0, 1000, 20000])
def test_disk_that_fills_up(good, tmp_path, limit):
    """Every write beyond the limit fails, as on a full disk."""

    def fill():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    line = refuse(tmp_path, good, *DIMS, causes=["out.aimc"], setup=fill)
    assert "large" in line or "space" in line or "write" in line


def test_wrong_usage_is_exit_code_2(good, tmp_path):
    for args in ([], [good, "-o", tmp_path / "o.aimc", "--no-such-flag"], [good, good]):
        done = run_program("aimc-compile", *args)
        assert done.status == 2, done.stderr
        assert done.stderr
    assert listing(tmp_path) == {"good.onnx": good.stat().st_size}


def test_help_and_version():
    for name in ("aimc-compile", "aimc-run"):
        done = run_program(name, "--help")
        assert done.status == 0
        assert name in done.stdout
        assert "0.1.0" in run_program(name, "--version").stdout


@pytest.mark.parametrize("size", ["0", "-1", "x", "", "99999999999999999999"])
def test_a_size_that_is_none_blames_the_flag(tmp_path, size):
    """Not the Reshape that cannot tell how nothing is split."""
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "w"], ["y"]),
    ]
    constants = {"w": models.weight(16, 8), "shape": np.array([0, -1], np.int64)}
    model = models.save(
        tmp_path / "m.onnx", nodes, {"x": ["batch", 16]}, {"y": ["b", 8]}, constants
    )
    done = run_program("aimc-compile", model, "--dim", f"batch={size}", "-o", tmp_path / "m.aimc")
    assert done.status in (1, 2)
    assert done.stderr.startswith("aimc-compile: error: --dim: expected "), done.stderr
    # 0 is a size, which this model has no use for
    assert (
        f"a size of at least {int(size == '0')}" in done.stderr and f"batch={size}" in done.stderr
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("program", "flag", "value", "said"),
    [
        ("aimc-compile", "--tiles-per-chip", "-1", "expected an integer of at least 0, but got -1"),
        ("aimc-compile", "--tiles-per-chip", "x", "expected an integer of at least 0, but got 'x'"),
        ("aimc-run", "--threads", "-1", "expected an integer from 0 to 1024, but got -1"),
        ("aimc-run", "--repeat", "0", "expected an integer from 1 to 1000000, but got 0"),
        ("aimc-run", "--compare-exact", "-2", "expected an integer from 0 to 1073741824, but got -2"),
    ],
)  # fmt: skip
def test_a_number_out_of_its_range_blames_the_flag(tmp_path, program, flag, value, said):
    done = run_program(program, tmp_path / "m", flag, value)
    assert (done.status, done.stderr) == (
        2, f"{program}: error: {flag}: {said}; see {program} --help\n"
    )  # fmt: skip


def test_a_cache_of_no_positions_is_no_mistake(tmp_path):
    """The first call of a decoder: a dimension of size 0 beside others that are not."""
    nodes = [
        helper.make_node("Concat", ["past", "new"], ["all"], axis=0),
        helper.make_node("MatMul", ["all", "w"], ["y"]),
    ]
    shapes = {"past": ["past_length", 8], "new": [2, 8]}
    constants = {"w": models.weight(8, 8)}
    model = models.save(tmp_path / "m.onnx", nodes, shapes, {"y": ["n", 8]}, constants)
    package = aimc.compile(model, dims={"past_length": 0}, target="ideal")
    new = np.ones((2, 8), np.float32)
    with aimc.Session(package, ideal=True) as session:
        (y,) = session.run(None, {"past": np.zeros((0, 8), np.float32), "new": new})
    np.testing.assert_allclose(y, new @ constants["w"], rtol=1e-5)


@pytest.mark.parametrize("flag", ["--target", "--device", "--calibrate", "--mcpu", "--output"])
def test_an_empty_value_is_not_taken_for_none(good, tmp_path, flag):
    done = run_program("aimc-compile", good, *DIMS, flag, "")
    assert done.status == 2
    assert f"{flag}: expected a value, but got ''" in done.stderr


def test_a_model_in_place_of_a_package_is_told_to_compile(good, tmp_path):
    with pytest.raises(aimc.Error, match=r"compile it first: aimc-compile .*good\.onnx"):
        aimc.Session(good)
    assert_one_error(run_program("aimc-run", good, "--input", good), "compile it first")
