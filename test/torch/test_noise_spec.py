# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Noise specs from aimc-compile: they say what the package beside them says, and both training
paths see the chip that the runtime programs from that package."""

import dataclasses
import itertools
import json
import subprocess
import warnings

import numpy as np
import onnx
import pytest
import test_finetune
import torch
from onnx import numpy_helper
from onnx_case import program
from safetensors.numpy import load_file
from torch import nn

import aimc
from aimc.testing import exports, models
from aimc.torch import Circuit, Device, analog_layers, convert, load_spec, on_chip

BATCH, SEQ = 8, 9
DIMS = {"batch": BATCH, "seq": SEQ}
CASES = [(name, flavour) for name in ("tiny-bert", "tiny-albert") for flavour in exports.FLAVOURS]


def examples(seed=0, count=BATCH):
    rng = np.random.default_rng(seed)
    mask = np.ones((count, SEQ), np.int64)
    mask[1::2, 6:] = 0
    ids = rng.integers(1, 100, (count, SEQ))
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": rng.integers(0, 2, ids.shape),
    }


class Compiled:
    """A model, its package and its spec, made by one command."""

    def __init__(self, name, flavour, folder):
        self.name, self.model = name, exports.ensure(name, flavour)
        self.spec, self.data = folder / "spec.json", examples()
        # Each block alone in its tile, as a layer sees it that is trained.
        self.package = aimc.compile(
            self.model, dims=DIMS, target="pcm", output=folder / "model.aimc",
            calibrate=examples(seed=1, count=3 * BATCH), compensate="weights", scale="optimal",
            input_range=0.9999, emit_noise=self.spec,
            extra_args=["--no-pack"],
        )  # fmt: skip

    def run(self, **options):
        with aimc.Session(self.package, **options) as session:
            feeds = {port.name: self.data[port.name] for port in session.get_inputs()}
            return session.run(exports.OUTPUTS[:1], feeds)[0]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def compiled(request, tmp_path_factory):
    return Compiled(*request.param, tmp_path_factory.mktemp("-".join(request.param)))


def test_a_spec_says_what_the_package_says(compiled):
    spec = json.loads(compiled.spec.read_text())
    manifest = json.loads((compiled.package / "manifest.json").read_text())
    packed = load_file(compiled.package / "weights.safetensors")
    assert spec["tensors"] == "spec.safetensors"
    tensors = load_file(compiled.spec.with_name(spec["tensors"]))
    assert spec["targets"] == manifest["targets"]
    weights = manifest["weights"]
    sites = [(weights[i], grid) for grid in manifest["grids"] for i in grid["weights"]]
    assert len(sites) == len(spec["layers"])
    graph = onnx.load(compiled.model).graph
    stored = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for layer, (weight, grid) in zip(spec["layers"], sites, strict=True):
        assert layer["weight"] == weight["name"]
        assert layer["input_range"] == grid["input_range"]
        for key in ("rows", "cols", "transposed", "blocks", "activity"):
            assert layer[key] == weight[key], key
        names = [weight["activity"], *(block["scales"] for block in layer["blocks"])]
        for tensor in names:
            np.testing.assert_array_equal(tensors[tensor], packed[tensor])
        assert all(b["compensate"] == "weights" and b["lsb_fc"] > 0 for b in layer["blocks"])
        np.testing.assert_array_equal(stored[layer["initializer"]], packed[weight["tensor"]])
    assert set(tensors) == {
        tensor for layer in spec["layers"]
        for tensor in (layer["activity"], *(block["scales"] for block in layer["blocks"]))
    }  # fmt: skip
    calls = [layer["weight"] for layer in spec["layers"]]
    assert (len(calls) > len(set(calls))) == ("albert" in compiled.name)


@pytest.mark.parametrize("time", [None, 86400.0])
def test_torch_sees_the_runtime_s_chip(compiled, time):
    """The same devices, circuit, ranges and scales through another implementation.

    Both compute in single precision in another order, so a charge or an input within some 1e-6 of
    the edge of a code may fall to either side; what follows sees inputs that differ by a step, and
    rounds a few of them otherwise. Where none falls apart the outputs are equal to 1e-4 of their
    size (a fourth of the cases); where some do, they differ by a few steps of 8 bits in some tokens,
    which is 2% of what one chip differs from another by, and the rest stays equal.
    """
    module = exports.make_model(compiled.name, 0)
    module = convert(module, spec=compiled.spec, recipe=Device(read=0.0) + Circuit()).eval()
    feeds = {name: torch.from_numpy(array) for name, array in compiled.data.items()}
    quiet = {"read_noise": False}
    ours, theirs = [], []
    for seed in (3, 4):
        with on_chip(module, seed, time_s=time), torch.no_grad():
            ours.append(module(**feeds).last_hidden_state.numpy())
        theirs.append(compiled.run(seed=seed, time_s=time, effects=quiet))
    rms = lambda x: float(np.sqrt(np.mean(np.square(x))))  # noqa: E731
    apart = rms(theirs[0] - theirs[1])
    for got, expected in zip(ours, theirs, strict=True):
        assert rms(got - expected) < 0.05 * apart
        assert (np.abs(got - expected) < 1e-5 * np.abs(expected).max()).mean() > 0.4
    other = rms(ours[0] - theirs[1])
    assert other == pytest.approx(apart, rel=0.1)
    if "albert" in compiled.name:
        # One range for all calls of a layer would be another model: nothing is equal then.
        spec, first = load_spec(compiled.spec), {}
        for site in spec.layers:
            first.setdefault(site.layer, site.input_range)
        sites = [dataclasses.replace(s, input_range=first[s.layer]) for s in spec.layers]
        assert len(sites) > len(first) and sites != list(spec.layers)
        spec = dataclasses.replace(spec, layers=tuple(sites))
        module = exports.make_model(compiled.name, 0)
        module = convert(module, spec=spec, recipe=Device(read=0.0) + Circuit()).eval()
        with on_chip(module, 3, time_s=time), torch.no_grad():
            got = module(**feeds).last_hidden_state.numpy()
        assert (np.abs(got - theirs[0]) < 1e-5 * np.abs(theirs[0]).max()).mean() < 0.1


def test_a_layer_reads_as_its_tile_does(tmp_path):
    """One product: where no code is on an edge, the numbers are the same."""
    model = models.linear(tmp_path / "linear.onnx", 96, 80)
    rng = np.random.default_rng(5)
    x = (rng.standard_normal((64, 96)) * np.geomspace(0.1, 1, 96)).astype(np.float32)
    package = aimc.compile(
        model, dims={"batch": 64}, output=tmp_path / "m.aimc", calibrate={"x": x}, input_range=0.999,
        compensate="weights", scale="optimal", emit_noise=tmp_path / "spec.json",
    )  # fmt: skip
    plain = nn.Linear(96, 80, bias=False)
    plain.weight.data = torch.from_numpy(models.weight(96, 80)).t().contiguous()
    layer = convert(nn.ModuleDict({"layer": plain}), spec=tmp_path / "spec.json",
                    recipe=Device(read=0.0) + Circuit()).eval()["layer"]  # fmt: skip
    assert layer.range_mode == "fixed"
    with aimc.Session(package, seed=8, effects={"read_noise": False}) as session:
        expected = session.run(None, {"x": x})[0]
    layer.chip = 8
    got = layer(torch.from_numpy(x)).detach().numpy()
    layer.chip = 9
    other = layer(torch.from_numpy(x)).detach().numpy()
    top = np.abs(expected).max()
    assert np.abs(other - expected).max() > 0.02 * top
    # An edge within 1e-5 of a step to either side catches 2e-5 of the ADC's readings, and an input
    # of 96 may be one that the DAC rounds otherwise.
    same = np.abs(got - expected) <= 1e-5 * top
    assert same.mean() > 0.98
    assert np.abs(got - expected).max() < 0.01 * top


@pytest.mark.skipif(not program("aimc-finetune"), reason="built without LibTorch")
@pytest.mark.parametrize(
    "name, flavour",
    [("varied-bert", "dynamo"), ("varied-bert", "legacy"), ("varied-albert", "legacy")],
)
def test_finetune_evaluates_on_the_runtime_s_chips(tmp_path, name, flavour):
    """Losses on three chips, at once and a day later, with ranges that differ by call site.

    Losses are means over all logits, so single codes that fall to the other side (as above) change
    them by parts of 1e-4, while chips are 1e-3 and more apart.
    """
    data, model, spec = tmp_path / "data.npz", tmp_path / "model.onnx", tmp_path / "spec.json"
    arrays = test_finetune.examples()
    np.savez(data, **arrays)
    test_finetune.finetune(
        exports.ensure(name, flavour), data, model,
        *test_finetune.head_of("last_hidden_state"), "--trainable", "classifier*", "--lr", "1e-2",
    )  # fmt: skip
    labels = arrays.pop("labels")
    package = aimc.compile(
        model, dims={"batch": len(labels), "seq": test_finetune.LENGTH}, calibrate=arrays,
        compensate="weights", scale="optimal", input_range=0.9999, emit_noise=spec,
        output=tmp_path / "model.aimc", extra_args=["--no-pack"],
    )  # fmt: skip
    for time in (None, 86400.0):
        log = tmp_path / f"log-{time}"
        test_finetune.finetune(
            model, data, tmp_path / "same.onnx", "--spec", spec, "--eval-data", data, "--lr", 0,
            "--steps", 1, "--log", log, "--read-noise", 0, "--eval-chips", 3,
            *(["--drift-time", time] if time else []),
        )  # fmt: skip
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        measured = next(line["loss"] for line in lines if "evaluation" in line)
        losses = []
        for seed in range(3):
            options = {"seed": seed, "time_s": time, "effects": {"read_noise": False}}
            with aimc.Session(package, **options) as session:
                feeds = {port.name: arrays[port.name] for port in session.get_inputs()}
                logits = session.run(["logits"], feeds)[0].astype(np.float64)
            shifted = logits - logits.max(1, keepdims=True)
            losses.append(
                (np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]).mean()
            )
        assert np.ptp(losses) > 1e-3
        np.testing.assert_allclose(measured, losses, rtol=0, atol=2e-4)


def test_a_new_head_stays_digital(tmp_path):
    """The spec is of the model without it: the loss is that of a digital head on analog features."""
    data, spec = tmp_path / "data.npz", tmp_path / "spec.json"
    arrays = test_finetune.examples()
    np.savez(data, **arrays)
    model = exports.ensure("varied-bert", "legacy")
    labels = arrays.pop("labels")
    package = aimc.compile(
        model, dims={"batch": len(labels), "seq": test_finetune.LENGTH}, calibrate=arrays,
        emit_noise=spec, output=tmp_path / "model.aimc", extra_args=["--no-pack"],
    )  # fmt: skip
    log, tuned = tmp_path / "log", tmp_path / "tuned.onnx"
    test_finetune.finetune(
        model, data, tuned, *test_finetune.head_of("last_hidden_state", "pool=first"),
        "--spec", spec, "--eval-data", data, "--lr", 0, "--steps", 1, "--log", log,
        "--read-noise", 0,
    )  # fmt: skip
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (measured,) = next(line["loss"] for line in lines if "evaluation" in line)
    weights = test_finetune.weights_of(tuned)
    weight = next(w for name, w in weights.items() if name.startswith("classifier") and w.ndim == 2)
    losses = []
    for seed in (0, 1):
        with aimc.Session(package, seed=seed, effects={"read_noise": False}) as session:
            feeds = {port.name: arrays[port.name] for port in session.get_inputs()}
            hidden = session.run(["last_hidden_state"], feeds)[0].astype(np.float64)
        logits = hidden[:, 0] @ (weight.T if len(weight) == test_finetune.CLASSES else weight)
        shifted = logits - logits.max(1, keepdims=True)
        exact = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]
        losses.append(exact.mean())
    assert abs(measured - losses[0]) < 0.1 * abs(losses[1] - losses[0])


def test_finetune_names_what_does_not_fit(tmp_path, mlp_spec):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((8, 64), np.float32),
             labels=rng.standard_normal((8, 32), np.float32))  # fmt: skip
    other = models.mlp(tmp_path / "other.onnx", (64, 128, 33))
    for model, said in [
        (other, "layer 'layer.1': expected 128 inputs x 33 outputs as in the model, but got 128 x 32"),
        (models.mlp(tmp_path / "one.onnx", (64, 128)),
         "layer 'layer.1': expected a product with the initializer 'w1' in the model, but it has no such"),
    ]:  # fmt: skip
        done = test_finetune.finetune(model, tmp_path / "d.npz", tmp_path / "x.onnx", "--loss", "mse",
                                      "--spec", mlp_spec, status=1)  # fmt: skip
        assert done.stderr.count("\n") == 1
        assert f"{mlp_spec}: {said}" in done.stderr


@pytest.mark.parametrize("packed", [True, False])
def test_blocks_that_load_each_other_are_a_warning(tmp_path, packed):
    """Three matrices of 200 rows: two of them lie above each other in a tile of 512 rows."""
    model = models.mlp(tmp_path / "m.onnx", (200, 200, 200, 200))
    run_compile(model, "--dim", "batch=4", "--emit-noise", tmp_path / "s.json",
                *([] if packed else ["--no-pack"]))  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_spec(tmp_path / "s.json")
    said = [str(w.message) for w in caught if issubclass(w.category, aimc.HardwareWarning)]
    assert len(said) == packed
    if packed:
        spec = json.loads((tmp_path / "s.json").read_text())
        spans = [
            range(b["at_col"], b["at_col"] + b["cols"])
            for layer in spec["layers"]
            for b in layer["blocks"]
        ]
        meet = sum(any(set(a) & set(b) for b in spans if b is not a) for a in spans)
        assert meet > 0 and f"{meet} of 3 blocks share columns" in said[0]


def run_compile(*arguments, status=0):
    done = subprocess.run([program("aimc-compile"), *map(str, arguments)], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == status, done.stderr
    return done


def test_a_spec_alone(tmp_path):
    model = models.mlp(tmp_path / "mlp.onnx")
    pack = ["--dim", "batch=4", "--no-pack"]
    run_compile(model, *pack, "--emit-noise", tmp_path / "s.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "mlp.onnx",
        "s.json",
    ]  # pcm needs no tensors
    spec = load_spec(tmp_path / "s.json")
    assert [site.layer for site in spec.layers] == ["layer.0", "layer.1"]
    assert [site.initializer for site in spec.layers] == ["w0", "w1"]
    assert [(s.layout.rows, s.layout.cols) for s in spec.layers] == [(64, 128), (128, 32)]
    run_compile(model, *pack, "--emit-noise", tmp_path / "t.json", "-o", tmp_path / "p.aimc")
    assert (tmp_path / "t.json").read_text() == (tmp_path / "s.json").read_text()
    assert (tmp_path / "p.aimc" / "manifest.json").exists()


def test_a_device_table_goes_along(tmp_path):
    model = models.linear(tmp_path / "linear.onnx")
    table = tmp_path / "device.json"
    table.write_text(json.dumps({
        "name": "mine", "format": "aimc-device", "version": 1, "g_min_us": 0.0, "g_max_us": 10.0,
        "programming": {"g_us": [0.0, 10.0], "std": [0.01, 0.04]},
    }))  # fmt: skip
    run_compile(model, "--dim", "batch=4", "--device", table, "--emit-noise", tmp_path / "s.json", "-o",
                tmp_path / "p.aimc")  # fmt: skip
    spec = json.loads((tmp_path / "s.json").read_text())
    manifest = json.loads((tmp_path / "p.aimc" / "manifest.json").read_text())
    (target,) = spec["targets"].values()
    assert target["device"]["kind"] == "table"
    assert target["device"]["table"]["programming"]["std"] == [0.01, 0.04]
    assert spec["targets"] == manifest["targets"]


@pytest.mark.parametrize(
    "options, status, said",
    [
        (["--emit-noise", ""], 2, "--emit-noise: expected a path, but got ''"),
        (
            ["--emit-noise", "x.json", "--emit", "linalg"],
            2,
            "--emit-noise: expected a model on tiles",
        ),
        (["--emit-noise", "none/x.json"], 1, "none/x.json: cannot write: "),
        (["--emit-noise", "x.safetensors", "--scale", "max"], 1, "expected a path for JSON"),
        (
            ["--emit-noise", "own.json", "--scale", "optimal"],
            1,
            "expected 'own.safetensors', where",
        ),
    ],
)
def test_bad_paths(tmp_path, monkeypatch, options, status, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.safetensors").write_bytes(b"a file of the user's")
    model = models.linear(tmp_path / "linear.onnx")
    done = run_compile(model, "--dim", "batch=4", *options, status=status)
    assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["linear.onnx", "own.safetensors"]
    assert (tmp_path / "own.safetensors").read_bytes() == b"a file of the user's"


@pytest.fixture
def mlp_spec(tmp_path):
    run_compile(models.mlp(tmp_path / "mlp.onnx"), "--dim", "batch=4", "--scale", "optimal", "--no-pack",
                "--emit-noise", tmp_path / "spec.json")  # fmt: skip
    return tmp_path / "spec.json"


def mlp(*sizes):
    return nn.ModuleDict(
        {"layer": nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))}
    )


def test_layers_that_do_not_fit_are_named(mlp_spec):
    assert len(list(analog_layers(convert(mlp(64, 128, 32), spec=mlp_spec)))) == 2
    with pytest.raises(aimc.InvalidArgumentError, match=(
        rf"^{mlp_spec}: layer 'layer\.1': expected 128 inputs x 33 outputs as in the module's "
        r"'layer\.1', but got 128 x 32$"
    )):  # fmt: skip
        convert(mlp(64, 128, 33), spec=mlp_spec)
    with pytest.raises(aimc.InvalidArgumentError, match=(
        rf"^{mlp_spec}: layer 'layer\.1': expected one linear layer of that name in the module, but "
        r"got none; closest is 'layer\.0'$"
    )):  # fmt: skip
        convert(mlp(64, 128), spec=mlp_spec)


def test_calls_of_a_layer_are_of_one_weight(mlp_spec):
    """A module's layer that is called twice has a range for each call, and one set of tiles."""
    spec = json.loads(mlp_spec.read_text())
    first = spec["layers"][0]
    spec["layers"].append(first | {"input_range": 2.0})
    mlp_spec.write_text(json.dumps(spec))
    layer = convert(mlp(64, 128, 32), spec=mlp_spec)["layer"][0]
    assert layer.range_mode == "fixed" and layer.input_range.tolist() == [[1.0], [2.0]]
    spec["layers"][-1] = first | {"weight": "other"}
    mlp_spec.write_text(json.dumps(spec))
    with pytest.raises(aimc.UnsupportedError, match=(
        r"layer 'layer\.0': expected one weight for all calls of the module's 'layer\.0', but got "
        rf"'{first['weight']}' and 'other'$"
    )):  # fmt: skip
        convert(mlp(64, 128, 32), spec=mlp_spec)


@pytest.mark.parametrize(
    "path, value, said",
    [
        (("layers", 1, "blocks", 0, "rows"), 127, "layer 'layer.1': expected blocks that cover"),
        (("layers", 1, "blocks", 0, "at_row"), 400, "expected blocks that form bands and lie inside"),
        (("layers", 0, "blocks", 0, "target"), "x", "target: expected one of: pcm, but got 'x'"),
        (("layers", 0, "blocks", 0, "scales"), "y", "layer 'layer.0': blocks[0].scales: expected a tensor 'y'"),
        (("layers", 0, "activity"), "{scales}", "expected shape [64, 32], but got [128]"),
        (("targets", "pcm", "wire", "colum_ohm"), 1, "wire: unknown key 'colum_ohm'"),
        (("tensors",), "none.safetensors", "expected its tensors in"),
        (("layers", 0, "weight"), None, "layer 'layer.0': weight: expected a name"),
    ],
)  # fmt: skip
def test_mistakes_in_a_spec(mlp_spec, path, value, said):
    spec = json.loads(mlp_spec.read_text())
    place = spec
    for key in path[:-1]:
        place = place[key]
    if value == "{scales}":
        value = spec["layers"][0]["blocks"][0]["scales"]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    mlp_spec.write_text(json.dumps(spec))
    with pytest.raises(aimc.InvalidArgumentError) as caught:
        load_spec(mlp_spec)
    assert said in str(caught.value) and str(caught.value).startswith(str(mlp_spec))
