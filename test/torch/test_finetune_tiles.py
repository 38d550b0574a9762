# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""aimc-finetune through tiles: what it measures is what compiler and runtime measure, a noise spec
and a target that say the same train the same, and specs with mistakes are refused."""

import copy
import json
import subprocess
import warnings

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_case import program, reference
from test_finetune import EXAMPLES, LENGTH, data, examples, finetune, head_of, weights_of  # noqa: F401

import aimc
from aimc.testing import exports, models

pytestmark = pytest.mark.skipif(
    not (program("aimc-finetune") and program("aimc-run")), reason="built without torch"
)
QUIET = ["--programming-noise", 0, "--read-noise", 0]
TARGET = {
    "geometry": {"rows": 512, "cols": 512, "pairs": 1, "readout": "single"},
    "device": {"kind": "pcm", "g_min_us": 0.1, "g_max_us": 25.0},
    "wire": {"column_ohm": 0.35, "row_ohm": 0.0, "idle": "midrail"},
    "dac": {"bits": 8, "mode": "one_pass", "v_read_v": 0.2, "tick_ns": 1.0},
    "adc": {"kind": "linear", "bits": 12, "lsb_fc": 16.0},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory, data):  # noqa: F811
    """An export with a classifier, untrained."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    finetune(
        exports.ensure("varied-bert", "legacy"), data, path, *head_of("last_hidden_state"),
        "--trainable", "classifier*", "--lr", "1e-2", "--epochs", 3,
    )  # fmt: skip
    return path


def evaluation(done_log):
    lines = [json.loads(line) for line in done_log.read_text().splitlines()]
    return next(line for line in lines if "evaluation" in line)


@pytest.mark.parametrize("target", ["ideal", "pcm", "pcm-256"])
def test_evaluation_equals_the_runtime(tmp_path, model, data, target):  # noqa: F811
    log = tmp_path / "log"
    options = ["--eval-data", data, "--lr", 0, "--steps", 1, "--log", log, "--target", target]
    finetune(model, data, tmp_path / "same.onnx", *options, *QUIET)
    measured = evaluation(log)["loss"][0]

    arrays = examples()
    labels = arrays.pop("labels")
    np.savez(tmp_path / "in.npz", **arrays)
    package, out = tmp_path / "model.aimc", tmp_path / "out.npz"
    # each block alone in its tile, as training cuts them
    compiled = [program("aimc-compile"), tmp_path / "same.onnx", "--target", target, "--no-pack",
                "--dim", f"batch={EXAMPLES}", "--dim", f"seq={LENGTH}", "-o", package]  # fmt: skip
    subprocess.run(compiled, check=True)
    command = [program("aimc-run"), package, "--input", tmp_path / "in.npz", "--output", out]
    command += ["--disable", "programming", "--disable", "read_noise"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    logits = np.load(out)["logits"].astype(np.float64)
    shifted = logits - logits.max(1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(EXAMPLES), labels]
    # single codes differ where sums round to the other side of a half
    assert measured == pytest.approx(losses.mean(), abs=5e-5)


def spec_of(path, **changes):
    """Every product with a matrix, each on one tile, by the graph alone."""
    graph = onnx.load(path).graph
    shapes = {t.name: list(t.dims) for t in graph.initializer}
    layers = []
    for node in graph.node:
        if node.op_type not in ("MatMul", "Gemm") or len(shapes.get(node.input[1], ())) != 2:
            continue
        turned = any(a.name == "transB" and a.i for a in node.attribute)
        rows, cols = shapes[node.input[1]][:: -1 if turned else 1]
        block = {"name": "b", "target": "t", "row": 0, "rows": rows, "col": 0, "cols": cols,
                 "chip": 0, "tile": 0, "at_row": 512 - rows, "at_col": 0}  # fmt: skip
        layers.append({"layer": node.input[1], "weight": node.input[1], "initializer": node.input[1],
                       "transposed": turned, "rows": rows, "cols": cols, "input_range": None,
                       "activity": None, "blocks": [block | changes]})  # fmt: skip
    return {"format": "aimc-noise", "version": 1, "tensors": None, "targets": {"t": copy.deepcopy(TARGET)},
            "layers": layers}  # fmt: skip


def test_spec_and_target_agree(tmp_path, model, data):  # noqa: F811
    spec, target = tmp_path / "spec.json", tmp_path / "target.json"
    spec.write_text(json.dumps(spec_of(model)))
    target.write_text(json.dumps(TARGET))
    finetune(model, data, tmp_path / "a.onnx", "--spec", spec, "--batch", 8)
    finetune(model, data, tmp_path / "b.onnx", "--target", target, "--batch", 8)
    spec.write_text(json.dumps(spec_of(model, at_row=0)))  # more wire between cells and ADC
    finetune(model, data, tmp_path / "c.onnx", "--spec", spec, "--batch", 8)
    a, b, c = (weights_of(tmp_path / f"{name}.onnx") for name in "abc")
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    assert any(not np.array_equal(a[name], c[name]) for name in a)


@pytest.mark.parametrize(
    "path,value,said",
    [
        (("layers", 0, "initializer"), "nothing", "the initializer 'nothing' in the model, but it"),
        (("layers", 0, "rows"), 47, "expected blocks that cover the weight"),
        (("layers", 0, "blocks", 0, "at_row"), 500, "lie inside their tiles"),
        (("layers", 0, "blocks", 0, "target"), "x", "expected one of: t, but got 'x'"),
        (("targets", "t", "wire", "spread"), 0.1, "training models 0 alone"),
        (("targets", "t", "wire", "colum_ohm"), 1, "wire: unknown key 'colum_ohm'"),
        (("targets", "t", "device", "g_max_us"), -1, "expected a number from 1e-06 to"),
        (("targets", "t", "device", "kind"), "table", 'expected a device table for kind "table"'),
        (
            ("targets", "t", "geometry", "significance"),
            [1.0, 2.0],
            "one factor per pair, 1, but got 2",
        ),
        (
            ("targets", "t", "geometry", "significance"),
            [0.0],
            "significance[0]: expected a number from 1e-06 to 1000000",
        ),
        (("format",), "other", "format: expected 'aimc-noise'"),
        (("layers",), None, "expected a list of layers, but got null"),
    ],
)
def test_mistakes_in_a_spec(tmp_path, model, data, path, value, said):  # noqa: F811
    spec = spec_of(model)
    place = spec
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    done = finetune(model, data, tmp_path / "x.onnx", "--spec", tmp_path / "spec.json", status=1)
    assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_evaluating_leaves_training_alone(tmp_path, model, data):  # noqa: F811
    """What follows the weights at intervals follows them at the same steps."""
    target = copy.deepcopy(TARGET)
    target["wire"]["column_ohm"] = 5.0
    (tmp_path / "t.json").write_text(json.dumps(target))
    options = ["--target", tmp_path / "t.json", "--compensate", "weights", "--scale", "optimal",
               "--refresh", 3, "--lr", "1e-2", "--batch", 5, "--epochs", 2]  # fmt: skip
    plain, watched = tmp_path / "plain.onnx", tmp_path / "watched.onnx"
    finetune(model, data, plain, *options)
    finetune(model, data, watched, *options, "--eval-data", data, "--eval-every", 1)
    alone, beside, start = weights_of(plain), weights_of(watched), weights_of(model)
    assert any(not np.array_equal(alone[name], start[name]) for name in start)
    for name, array in alone.items():
        np.testing.assert_array_equal(beside[name], array, err_msg=name)


@pytest.mark.parametrize("evaluated", [False, True])
def test_ranges_that_take_the_power_are_warned_of_as_in_a_session(tmp_path, evaluated):
    """One channel of 96 holds nearly all of it; by count 1% of the inputs clip."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="head")
    w = np.random.default_rng(0).normal(size=(96, 8)).astype(np.float32)
    plain = models.save(
        tmp_path / "m.onnx", [node], {"x": ["batch", 96]}, {"y": ["batch", 8]}, {"w": w}
    )
    x = np.random.default_rng(1).normal(size=(64, 96)).astype(np.float32)
    np.savez(tmp_path / "even.npz", x=x, labels=x @ w)
    x[:, 7] *= 40
    np.savez(tmp_path / "odd.npz", x=x, labels=x @ w)
    spec = tmp_path / "spec.json"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", aimc.HardwareWarning)
        package = aimc.compile(plain, dims={"batch": 64}, calibrate={"x": x}, input_range="0.99",
                               emit_noise=spec, output=tmp_path / "m.aimc")  # fmt: skip
        with aimc.Session(package) as session:
            session.run(None, {"x": x})
    (wanted,) = [str(w.message) for w in caught if "the DAC's range takes" in str(w.message)]
    for name, told in (("odd", True), ("even", False)):
        own = tmp_path / f"{name}.npz"
        done = finetune(plain, own, tmp_path / "x.onnx", "--spec", spec, "--loss", "mse", "--batch",
                        32 if evaluated else 64, "--lr", 0, "--steps", 2,
                        *(["--eval-data", own] if evaluated else []))  # fmt: skip
        assert done.stderr.splitlines() == [f"aimc-finetune: warning: {wanted}"] * told


def test_divergence_names_the_tile(tmp_path, model, data):  # noqa: F811
    arrays = examples()
    arrays["labels"] = np.full((EXAMPLES, 3), 1e30, np.float32)  # whose square is infinite
    np.savez(tmp_path / "far.npz", **arrays)
    target = tmp_path / "narrow.json"
    target.write_text(json.dumps(TARGET | {"adc": {"kind": "linear", "bits": 6, "lsb_fc": 0.5}}))
    done = finetune(model, tmp_path / "far.npz", tmp_path / "x.onnx", "--loss", "mse", "--target",
                    target, "--train-output", "logits", status=1)  # fmt: skip
    assert "step 1: the loss is inf" in done.stderr
    assert "the tile of layer '" in done.stderr and "% of its readings" in done.stderr


@pytest.mark.parametrize("flavour", exports.FLAVOURS)
def test_shared_tiles_stay_shared(tmp_path, data, flavour):  # noqa: F811
    source, tuned = exports.ensure("varied-albert", flavour), tmp_path / "tuned.onnx"
    done = finetune(source, data, tuned, *head_of("last_hidden_state"), "--lr", "1e-2")
    assert ("trained as one" in done.stdout) == (flavour == "dynamo")  # which copies per use
    package = tmp_path / "model.aimc"
    counts = []
    for model in (source, tuned):
        compiled = [program("aimc-compile"), model, "-o", package, "--dim", f"batch={EXAMPLES}",
                    "--dim", f"seq={LENGTH}"]  # fmt: skip
        subprocess.run(compiled, check=True)
        manifest = json.loads((package / "manifest.json").read_text())
        counts.append((len(manifest["weights"]), len(manifest["grids"])))
    (weights, grids), after = counts
    assert weights < grids and after == (weights + 1, grids + 1)  # the classifier
    arrays = examples()
    labels = arrays.pop("labels")
    assert len(labels) == EXAMPLES
    np.savez(tmp_path / "in.npz", **arrays)
    command = [program("aimc-run"), package, "--input", tmp_path / "in.npz", "--ideal",
               "--output", tmp_path / "out.npz"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    expected = reference(str(tuned), arrays)[-1]
    np.testing.assert_allclose(np.load(tmp_path / "out.npz")["logits"], expected, atol=1e-4)


def test_resume_refuses_another_circuit(tmp_path, model, data):  # noqa: F811
    """Whatever a target or a spec says, under the same name."""
    options = ["--steps", 1, "--checkpoint", tmp_path / "state"]
    target = tmp_path / "t.json"
    target.write_text(json.dumps(TARGET))
    finetune(model, data, tmp_path / "a.onnx", "--target", target, *options)
    target.write_text(json.dumps(TARGET | {"adc": {"kind": "linear", "bits": 6, "lsb_fc": 0.5}}))
    done = finetune(
        model, data, tmp_path / "b.onnx", "--target", target, *options, "--resume", status=1
    )
    assert "same circuit" in done.stderr and done.stderr.count("\n") == 1
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(spec_of(model)))
    options[-1] = tmp_path / "other"
    finetune(model, data, tmp_path / "a.onnx", "--spec", spec, *options)
    for changes in ({"at_row": 0}, {"lsb_fc": 3.0}):
        spec.write_text(json.dumps(spec_of(model, **changes)))
        done = finetune(
            model, data, tmp_path / "b.onnx", "--spec", spec, *options, "--resume", status=1
        )
        assert "same circuit" in done.stderr, done.stderr
    spec.write_text(json.dumps(spec_of(model)))
    finetune(model, data, tmp_path / "b.onnx", "--spec", spec, *options, "--resume")


@pytest.mark.parametrize("idle", ["midrail", "open"])
def test_a_run_that_diverges_says_so_on_tiles(tmp_path, model, data, idle):  # noqa: F811
    target = tmp_path / "t.json"
    parts = {
        "wire": {"column_ohm": 5.0, "idle": idle},
        "adc": {"kind": "linear", "bits": 6, "lsb_fc": 0.5},
    }
    target.write_text(json.dumps(TARGET | parts))
    done = finetune(model, data, tmp_path / "x.onnx", "--target", target, "--clip-norm", 0, "--lr",
                    "1e6", "--optimizer", "sgd", "--epochs", 20, status=1)  # fmt: skip
    assert "step " in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert "finite in layer '" in done.stderr and "the tile of layer '" in done.stderr, done.stderr


@pytest.mark.parametrize("idle", ["midrail", "open"])
def test_drift_compensation_gives_columns_back_what_they_lost(tmp_path, model, data, idle):  # noqa: F811
    """Distance from the untouched model after a month, of which the mean drift is the most."""
    target = tmp_path / "t.json"
    wire = {"column_ohm": 1.0, "idle": idle}
    target.write_text(json.dumps(TARGET | {"wire": wire, "adc": {"kind": "ideal"}}))
    losses = []
    for way in ("none", "column"):
        finetune(model, data, tmp_path / "x.onnx", "--target", target, "--loss", "distill-mse",
                 "--steps", 1, "--lr", 0, "--drift-time", 2592000, "--programming-noise", 0,
                 "--read-noise", 0, "--drift-compensation", way, "--train-output", "logits",
                 "--log", tmp_path / way)  # fmt: skip
        losses.append(json.loads((tmp_path / way).read_text().splitlines()[0])["loss"])
    assert losses[1] < 0.3 * losses[0]
    done = finetune(model, data, tmp_path / "x.onnx", "--drift-compensation", "row", status=2)
    assert "--drift-compensation" in done.stderr
