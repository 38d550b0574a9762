# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""aimc-finetune: steps against PyTorch's own of the module that was exported, resume, bad input."""

import json
import signal
import subprocess
import time

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_case import program, reference
from safetensors.numpy import load_file

from aimc.testing import exports

pytestmark = pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
CLASSES, EXAMPLES, LENGTH = 3, 20, 9


def examples(seed=0, count=EXAMPLES):
    rng = np.random.default_rng(seed)
    mask = np.ones((count, LENGTH), np.int64)
    mask[:, 6:] = rng.integers(0, 2, (count, 1))
    ids = rng.integers(1, 100, (count, LENGTH))
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": rng.integers(0, 2, (count, LENGTH)),
        "labels": ids[:, 0] % CLASSES,
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "train.npz"
    np.savez(path, **examples())
    return path


def finetune(model, data, output, *options, status=0):
    command = [program("aimc-finetune"), str(model), "--data", str(data), "-o", str(output)]
    command += ["--threads", "1", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done


def weights_of(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def head_of(output, *options):
    return ["--head", f"classes={CLASSES}", f"output={output}", *options]


def torch_steps(model, start, arrays, orders, rate):
    """The module's parameters after AdamW steps on batches `orders`, with the classifier that
    `start` holds."""
    import torch

    module = exports.make_model(model, seed=0)
    head = torch.nn.Linear(48, CLASSES)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(start["classifier.weight"]))
        head.bias.copy_(torch.tensor(start["classifier.bias"]))
    parameters = [*module.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)
    before = [p.detach().clone().numpy() for p in parameters]
    losses, least = [], None
    for order in orders:
        batch = {k: torch.from_numpy(v[order]) for k, v in arrays.items()}
        labels = batch.pop("labels")
        hidden = module(**batch, return_dict=True).last_hidden_state
        mask = batch["attention_mask"].to(torch.float32)
        pooled = (mask.unsqueeze(1) @ hidden).squeeze(1) / mask.sum(1, keepdim=True)
        loss = torch.nn.functional.cross_entropy(head(pooled), labels)
        optimizer.zero_grad()
        loss.backward()
        sizes = [np.zeros(p.shape) if p.grad is None else p.grad.abs().numpy() for p in parameters]
        least = (
            sizes
            if least is None
            else [np.minimum(a, b) for a, b in zip(least, sizes, strict=True)]
        )
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
    after = [p.detach().numpy() for p in parameters]
    return before, after, losses, least


@pytest.mark.parametrize("flavour", exports.FLAVOURS)
@pytest.mark.parametrize("model", ["varied-bert", "varied-albert"])
def test_steps_equal_torch(tmp_path, data, model, flavour):
    source = exports.ensure(model, flavour)
    untouched, tuned, log = tmp_path / "zero.onnx", tmp_path / "tuned.onnx", tmp_path / "log"
    common = [*head_of("last_hidden_state"), "--batch", EXAMPLES, "--schedule", "constant"]
    finetune(source, data, untouched, *common, "--lr", 0)
    finetune(source, data, tuned, *common, "--lr", 1e-3, "--epochs", 3, "--log", log)
    start, end = weights_of(untouched), weights_of(tuned)
    # a batch of everything has the same gradient in any order
    everything = np.arange(EXAMPLES)
    before, after, losses, gradients = torch_steps(model, start, examples(), [everything] * 3, 1e-3)
    logged = [json.loads(line)["loss"] for line in log.read_text().splitlines()]
    np.testing.assert_allclose(logged, losses, rtol=1e-5)
    moved = 0
    # Adam's first steps have the size of the rate, whatever the gradient's: where that is rounding
    # alone (biases of keys), so is the direction
    largest = max(gradient.max() for gradient in gradients)
    for old, new, gradient in zip(before, after, gradients, strict=True):
        clear = gradient > 1e-3 * largest
        held = [
            (name, turned)
            for name, array in start.items()
            for turned in (array, array.T)
            if array.dtype == np.float32 and np.array_equal(turned, old)
        ]
        for name, turned in held:
            got = end[name] if turned is start[name] else end[name].T
            np.testing.assert_allclose(got[clear], new[clear], rtol=0, atol=5e-6)
            moved += bool(clear.any()) and not np.array_equal(new, old)
    assert moved > len(before) // 2


def test_tuned_file_keeps_the_graph(tmp_path, data):
    source = exports.ensure("varied-bert", "dynamo")
    tuned = tmp_path / "tuned.onnx"
    done = finetune(source, data, tuned, *head_of("last_hidden_state"), "--eval-data", data)
    assert "accuracy" in done.stdout
    assert done.stderr == ""  # quiet in a pipe
    model = onnx.load(tuned)
    onnx.checker.check_model(model)
    original = onnx.load(source)
    assert [n.name for n in model.graph.node][: len(original.graph.node)] == [
        n.name for n in original.graph.node
    ]
    assert [o.name for o in model.graph.output][-1] == "logits"
    arrays = examples()
    labels = arrays.pop("labels")
    logits = reference(str(tuned), arrays)[-1]
    first, before, after, summary = done.stdout.splitlines()
    assert first == "digital" and before.startswith("step 0: evaluation loss ")
    accuracy = float(after.split("accuracy ")[1].split("%")[0])
    was = float(before.split("accuracy ")[1].split("%")[0])
    assert f", before: accuracy {was:.2f}%, after: {accuracy:.2f}%" in summary
    assert accuracy == pytest.approx(100 * np.mean(logits.argmax(1) == labels), abs=0.01)


@pytest.mark.parametrize("circuit", [[], ["--target", "pcm", "--compensate", "weights"]])
def test_resume_is_exact(tmp_path, data, circuit):
    source = exports.ensure("varied-albert", "dynamo")
    options = [*head_of("last_hidden_state"), "--batch", 8, "--epochs", 3, "--seed", 5, *circuit]
    options += ["--eval-data", data, "--lr", "1e-3"]
    options += ["--eval-chips", 2, "--refresh", 4] if circuit else []
    finetune(source, data, tmp_path / "whole.onnx", *options)
    checkpoint = ["--checkpoint", tmp_path / "state", "--checkpoint-every", 1]
    command = [program("aimc-finetune"), str(source), "--data", str(data), "--threads", "1"]
    command += ["-o", str(tmp_path / "parts.onnx"), *map(str, [*options, *checkpoint])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (tmp_path / "state/checkpoint.safetensors").exists():
        assert time.monotonic() < deadline and process.poll() in (None, 0)
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode in (0, 130)
    if process.returncode == 130:
        assert "--resume" in said and not (tmp_path / "parts.onnx").exists()
    finetune(source, data, tmp_path / "parts.onnx", *options, *checkpoint, "--resume")
    whole, parts = weights_of(tmp_path / "whole.onnx"), weights_of(tmp_path / "parts.onnx")
    for name, array in whole.items():
        np.testing.assert_array_equal(parts[name], array, err_msg=name)


def test_resume_refuses_other_options(tmp_path, data):
    source = exports.ensure("varied-bert", "legacy")
    options = [*head_of("last_hidden_state"), "--checkpoint", tmp_path / "state", "--steps", 1]
    finetune(source, data, tmp_path / "a.onnx", *options)
    done = finetune(source, data, tmp_path / "b.onnx", *options, "--resume", "--seed", 9, status=1)
    assert "same seed" in done.stderr and done.stderr.count("\n") == 1
    # Another start: for distillation another teacher, too.
    other = onnx.load(source)
    first = next(t for t in other.graph.initializer if len(t.dims) == 2)
    first.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(first) * 1.5, first.name))
    onnx.save(other, tmp_path / "other.onnx")
    done = finetune(
        tmp_path / "other.onnx", data, tmp_path / "b.onnx", *options, "--resume", status=1
    )
    assert "same starting weights" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "change,options,said",
    [
        ({"labels": np.full(EXAMPLES, 7)}, [], "expected classes from 0 to 2, but got 7"),
        ({"labels": np.zeros(3, np.int64)}, [], "labels: expected 20 examples, but got 3"),
        ({"labels": np.zeros(EXAMPLES, np.float32)}, [], "expected classes as integers"),
        (
            {"input_ids": np.full((EXAMPLES, LENGTH), 101)},
            [],
            "input 'input_ids': expected an index in [-101, 101) at [0, 0], but got 101",
        ),
        ({"attention_mask": np.ones((EXAMPLES, 4), np.int64)}, [], "on axis 1 ('seq'), but got 4"),
        ({"attention_mask": None}, [], "expected an array for the model's input 'attention_mask'"),
        ({}, ["--trainable", "no.such.layer"], "'no.such.layer' matches none"),
        (
            {},
            ["--target", "no_such_chip"],
            "expected a preset or a .mlir or .json file, but got 'no_such_chip'; presets are ",
        ),
        ({}, ["--train-output", "nothing"], "but got 'nothing'"),
        ({}, ["--lr", "1e6", "--clip-norm", "0", "--epochs", "9"], "step "),
        ({"labels": np.full(EXAMPLES, -100)}, [], "but all are -100"),
        ({}, ["--checkpoint", "/absent/folder"], "/absent/folder: cannot write"),
        ({}, ["--checkpoint", __file__], "expected a folder for checkpoints, but got a file"),
    ],
)
def test_bad_input_is_one_line(tmp_path, change, options, said):
    arrays = {k: v for k, v in (examples() | change).items() if v is not None}
    np.savez(tmp_path / "bad.npz", **arrays)
    source = exports.ensure("varied-bert", "legacy")
    options = [*head_of("last_hidden_state"), "--batch", 10, *options]
    done = finetune(source, tmp_path / "bad.npz", tmp_path / "x.onnx", *options, status=1)
    assert done.stderr.count("\n") == 1 and said in done.stderr, done.stderr
    assert not (tmp_path / "x.onnx").exists()


def test_divergence_keeps_the_checkpoint(tmp_path, data):
    source = exports.ensure("varied-bert", "legacy")
    options = [*head_of("last_hidden_state"), "--batch", 10, "--checkpoint", tmp_path / "state"]
    options += ["--checkpoint-every", 1, "--clip-norm", 0, "--optimizer", "sgd", "--lr", "1e6"]
    options += ["--warmup", "1e6", "--epochs", 100]  # from 1 up
    done = finetune(source, data, tmp_path / "x.onnx", *options, status=1)
    assert "finite in layer '" in done.stderr and "last good checkpoint" in done.stderr
    state = load_file(tmp_path / "state/checkpoint.safetensors")
    assert all(np.abs(array).max() < 1e4 for name, array in state.items() if name[:6] == "weight")
    assert sorted(p.name for p in (tmp_path / "state").iterdir()) == ["checkpoint.safetensors"]


def test_what_a_killed_run_leaves_is_removed(tmp_path, data):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/checkpoint.safetensors.tmp-1-0").write_bytes(b"half")
    finetune(exports.ensure("varied-bert", "legacy"), data, tmp_path / "x.onnx", "--steps", 1,
             *head_of("last_hidden_state"), "--checkpoint", tmp_path / "state")  # fmt: skip
    assert [p.name for p in (tmp_path / "state").iterdir()] == ["checkpoint.safetensors"]


def test_a_lost_log_is_an_error(tmp_path, data):
    done = finetune(exports.ensure("varied-bert", "legacy"), data, tmp_path / "x.onnx", "--steps", 1,
                    *head_of("last_hidden_state"), "--log", "/dev/full", status=1)  # fmt: skip
    assert "/dev/full: cannot write the log: No space left" in done.stderr
    assert (tmp_path / "x.onnx").exists()  # what was paid for stays


def test_a_batch_of_labels_that_do_not_count(tmp_path):
    arrays = examples()
    arrays["labels"][1:] = -100
    np.savez(tmp_path / "few.npz", **arrays)
    finetune(exports.ensure("varied-bert", "legacy"), tmp_path / "few.npz", tmp_path / "x.onnx",
             *head_of("last_hidden_state"), "--batch", 5, "--log", tmp_path / "log")  # fmt: skip
    losses = losses_of(tmp_path / "log")
    assert len(losses) == 4 and sum(loss > 0 for loss in losses) == 1


FLOATS = ("lr", "weight-decay", "momentum", "warmup", "clip-norm", "temperature", "gaussian",
          "distill-weight", "programming-noise", "read-noise", "drift-time")  # fmt: skip


@pytest.mark.parametrize("option", FLOATS)
def test_numbers_are_finite(option):
    for value in ("nan", "inf", "-1"):
        done = finetune("m.onnx", "d.npz", "x.onnx", f"--{option}={value}", status=2)
        got = f"'{value}'" if option == "drift-time" else value  # which is no number but a text
        assert f"--{option}" in done.stderr and f"but got {got}\n" in done.stderr, done.stderr


@pytest.mark.parametrize("option", ["batch", "eval-chips", "threads"])
def test_counts_are_integers_from_1(option):
    for value, got in (("0", "0"), ("-1", "-1"), ("1.5", "'1.5'")):
        done = finetune("m.onnx", "d.npz", "x.onnx", f"--{option}={value}", status=2)
        said = f"aimc-finetune: error: --{option}: expected an integer from 1 to "
        assert done.stderr.startswith(said) and done.stderr.endswith(f", but got {got}\n")


@pytest.mark.parametrize("rule", ["sigma:", "sigma:abc", "sigma:-2", "sigma:nan", "most"])
def test_scale_rules_are_checked(rule):
    done = finetune("m.onnx", "d.npz", "x.onnx", "--scale", rule, status=2)
    assert f"sigma:<q> with q above 0, or optimal, but got '{rule}'" in done.stderr


@pytest.mark.parametrize(
    "option", [("--freeze", "a*"), ("--trainable", "a*"), ("--drift-time", 60)]
)
def test_lists_leave_the_model_alone(option):
    command = [program("aimc-finetune"), "--target", "pcm", *map(str, option), "absent.onnx"]
    command += ["--data", "d.npz", "-o", "x.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "absent.onnx" in done.stderr, done.stderr


def test_layers_can_be_frozen(tmp_path, data):
    source = exports.ensure("varied-bert", "legacy")
    finetune(source, data, tmp_path / "head.onnx", *head_of("pooler_output", "pool=none"),
             "--trainable", "classifier*", "--lr", "1e-2")  # fmt: skip
    before, after = weights_of(source), weights_of(tmp_path / "head.onnx")
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)
    assert np.abs(after["classifier.bias"]).max() > 0


def losses_of(log):
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["loss"] for line in lines if "step" in line]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory, data):
    """An export with a classifier that has learnt a little."""
    path = tmp_path_factory.mktemp("classifier") / "model.onnx"
    finetune(exports.ensure("varied-bert", "dynamo"), data, path, *head_of("last_hidden_state"),
             "--trainable", "classifier*", "--lr", "0.1", "--epochs", 5)  # fmt: skip
    return path


def test_distillation_starts_at_its_teacher(tmp_path, classifier, data):
    for loss in ("distill", "distill-mse"):
        log = tmp_path / loss
        options = ["--loss", loss, "--gaussian", "0.2", "--target", "ideal", "--batch", EXAMPLES]
        finetune(classifier, data, tmp_path / "x.onnx", "--loss", loss, "--log", log, "--lr", 0)
        assert abs(losses_of(log)[0]) < 1e-9
        finetune(classifier, data, tmp_path / "y.onnx", *options, "--log", log, "--epochs", 2)
        first, second = losses_of(log)
        assert first > 1e-4 and second > 1e-4  # noise alone stands between the two


def test_sgd_on_squares_equals_torch(tmp_path, classifier, data):
    import torch

    arrays = examples()
    goal = np.random.default_rng(1).normal(size=(EXAMPLES, CLASSES)).astype(np.float32)
    np.savez(tmp_path / "goal.npz", goal=goal)
    log, tuned = tmp_path / "log", tmp_path / "x.onnx"
    finetune(classifier, data, tuned, "--labels", f"{tmp_path / 'goal.npz'}:goal", "--loss", "mse",
             "--optimizer", "sgd", "--lr", "0.05", "--epochs", 4, "--batch", EXAMPLES, "--log", log,
             "--trainable", "classifier.*", "--schedule", "cosine", "--warmup", 1)  # fmt: skip
    start, end = weights_of(classifier), weights_of(tuned)
    arrays.pop("labels")
    # the pooled states are fixed: logits give them through the classifier's own weights
    hidden = reference(str(classifier), arrays)[0]
    mask = arrays["attention_mask"][..., None]
    pooled = torch.tensor((hidden * mask).sum(1) / mask.sum(1), dtype=torch.float32)
    head = torch.nn.Linear(48, CLASSES)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(start["classifier.weight"]))
        head.bias.copy_(torch.tensor(start["classifier.bias"]))
    optimizer = torch.optim.SGD(head.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    factors = [0.0] + [0.5 * (1 + np.cos(np.pi * i / 3)) for i in range(3)]
    expected = []
    for factor in factors:
        optimizer.param_groups[0]["lr"] = 0.05 * factor
        loss = torch.nn.functional.mse_loss(head(pooled), torch.tensor(goal))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        expected.append(loss.item())
    np.testing.assert_allclose(losses_of(log), expected, rtol=1e-5)
    got = end["classifier.weight"]
    np.testing.assert_allclose(got, head.weight.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_early_stop_keeps_the_best(tmp_path, classifier, data):
    arrays = examples(seed=3)
    arrays["labels"] = (arrays["labels"] + 1) % CLASSES  # training makes these worse
    np.savez(tmp_path / "eval.npz", **arrays)
    done = finetune(classifier, data, tmp_path / "x.onnx", "--eval-data", tmp_path / "eval.npz",
                    "--early-stop", 2, "--epochs", 50, "--lr", "1e-2", "--loss", "mse",
                    "--loss", "cross-entropy", status=2)  # fmt: skip
    assert done.stderr.startswith("aimc-finetune: error: ")
    done = finetune(classifier, data, tmp_path / "x.onnx", "--eval-data", tmp_path / "eval.npz",
                    "--early-stop", 2, "--epochs", 50, "--lr", "1e-2")  # fmt: skip
    lines = done.stdout.splitlines()
    accuracies = [float(line.split("accuracy ")[1].rstrip("%")) for line in lines[1:-1]]
    assert "stopped early" in lines[-1] and len(accuracies) < 50
    best = int(lines[-1].split("best weights of step ")[1].split(",")[0].split()[0])
    labels = arrays.pop("labels")
    accuracy = 100 * np.mean(reference(str(tmp_path / "x.onnx"), arrays)[-1].argmax(1) == labels)
    assert accuracy == pytest.approx(max(accuracies), abs=0.01)
    assert accuracies.index(max(accuracies)) == best  # the first is of before the first step


def test_progress_on_a_terminal(tmp_path, classifier, data):
    import os
    import pty

    outer, inner = pty.openpty()
    command = [program("aimc-finetune"), classifier, "--data", data, "-o", tmp_path / "x.onnx"]
    command += ["--threads", "1", "--epochs", "3", "--batch", "4"]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=inner) as run:
        os.close(inner)
        shown = b""
        try:
            while chunk := os.read(outer, 4096):
                shown += chunk
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(outer)
    assert run.returncode == 0
    assert b"step 1/15" in shown and b"loss" in shown and b"accuracy" in shown
