# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What aimc-finetune makes of its command line: defaults, options without effect, advice."""

import shutil
import subprocess

import numpy as np
import onnx
import pytest
import test_finetune
from onnx_case import program
from test_finetune import EXAMPLES, examples, finetune, head_of, losses_of, weights_of

from aimc.testing import exports

pytestmark = pytest.mark.skipif(not program("aimc-finetune"), reason="built without torch")
classifier, data = test_finetune.classifier, test_finetune.data  # fixtures


@pytest.mark.parametrize(
    "options,said",
    [
        (["--drift-time", "1d"], "expected --target or --spec (without one training is digital) with "
                                 "--drift-time"),
        (["--read-noise", 1], "--read-noise"),
        (["--programming-noise", 1], "--programming-noise"),
        (["--compensate", "gain"], "--compensate"),
        (["--scale", "optimal"], "--scale"),
        (["--eval-chips", 2], "--eval-chips"),
        (["--eval-every", 2], "expected --eval-data with --eval-every"),
        (["--checkpoint-every", 2], "expected --checkpoint with --checkpoint-every"),
        (["--target", "pcm", "--gaussian", 0.1, "--programming-noise", 1], "expected no --gaussian"),
        (["--target", "pcm", "--gaussian", 0.1, "--drift-time", 60], "expected no --gaussian"),
        (["--target", "pcm", "--drift-time", "1w"], "expected a duration such as 90s, 12h or 1d"),
        (["--loss", "foo"], "--loss: expected cross-entropy, distill, distill-mse or mse, but got 'foo'"),
        (["--head", "8"], "expected classes=N pool="),
        (["--steps", 0], "expected --eval-data with --steps 0"),
    ],
)  # fmt: skip
def test_options_without_effect_are_refused(tmp_path, data, options, said):
    done = finetune(exports.ensure("varied-bert", "dynamo"), data, tmp_path / "x.onnx", *options,
                    status=2)  # fmt: skip
    assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
def test_the_input_is_not_overwritten(tmp_path, classifier, data, link):
    model = tmp_path / "model.onnx"
    model.write_bytes(classifier.read_bytes())
    output = model
    if link:
        output = tmp_path / "other.onnx"
        getattr(output, link)(model)
    done = finetune(model, data, output, status=1)
    assert "expected another file than the input" in done.stderr
    assert model.read_bytes() == classifier.read_bytes()


def test_steps_alone_say_how_long(tmp_path, classifier, data):
    """20 examples in batches of 4: five steps an epoch."""
    for options, steps in [(["--steps", 12], 12), ([], 5), (["--steps", 12, "--epochs", 2], 10),
                           (["--steps", 7, "--epochs", 2], 7)]:  # fmt: skip
        log = tmp_path / "log"
        finetune(classifier, data, tmp_path / "x.onnx", "--batch", 4, "--log", log, *options)
        assert len(losses_of(log)) == steps
    done = finetune(
        classifier, data, tmp_path / "x.onnx", "--batch", 4, "--steps", 40, "--log", log
    )
    ends = np.mean(losses_of(log)[:4]), np.mean(losses_of(log)[-4:])
    assert f"40 steps, loss {ends[0]:.4f} to {ends[1]:.4f} (means of 4 steps)" in done.stdout


def test_no_steps_evaluate_alone(classifier, data):
    command = [program("aimc-finetune"), classifier, "--data", data, "--eval-data", data, "--target",
               "pcm", "--drift-time", "12h", "--eval-chips", 2, "--steps", 0]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    first, second, last = done.stdout.splitlines()
    assert (
        first.startswith("through ")
        and " tiles on pcm (512 x 512, pcm 0.1 to 25 uS, 0.15 ohm " in first
    )
    assert second.startswith("step 0: evaluation loss ") and "(2 chips, " in second
    assert last.startswith("0 steps") and "written" not in last and done.stderr == ""


def test_resume_starts_anew_without_a_checkpoint(tmp_path, classifier, data):
    options = ["--checkpoint", tmp_path / "state", "--resume", "--steps", 2]
    done = finetune(classifier, data, tmp_path / "a.onnx", *options)
    assert "holds no checkpoint yet, starting anew" in done.stderr and done.stderr.count("\n") == 1
    assert finetune(classifier, data, tmp_path / "b.onnx", *options).stderr == ""
    a, b = weights_of(tmp_path / "a.onnx"), weights_of(tmp_path / "b.onnx")
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_a_checkpoint_of_another_run_is_not_replaced(tmp_path, classifier, data):
    options = ["--checkpoint", tmp_path / "state", "--steps", 2]
    finetune(classifier, data, tmp_path / "a.onnx", *options)
    before = (tmp_path / "state/checkpoint.safetensors").read_bytes()
    done = finetune(classifier, data, tmp_path / "b.onnx", *options, status=1)
    assert "it holds that of an earlier run; --resume goes on with it" in done.stderr
    assert (tmp_path / "state/checkpoint.safetensors").read_bytes() == before


def test_the_model_s_external_data_is_not_overwritten(tmp_path, data):
    source = exports.ensure("varied-bert", "dynamo")
    shutil.copytree(source.parent, tmp_path / "m")
    (weights,) = (p for p in (tmp_path / "m").iterdir() if p.name != source.name)
    before = weights.read_bytes()
    done = finetune(tmp_path / "m" / source.name, data, weights, *head_of("last_hidden_state"),
                    status=1)  # fmt: skip
    assert "expected another file than the input" in done.stderr
    assert weights.read_bytes() == before


def test_a_fixed_batch_is_the_default(tmp_path, classifier, data):
    model = onnx.load(classifier)
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == "batch":
                dim.dim_value = 5
    fixed, log = tmp_path / "fixed.onnx", tmp_path / "log"
    onnx.save(model, fixed)
    finetune(fixed, data, tmp_path / "x.onnx", "--log", log)
    assert len(losses_of(log)) == EXAMPLES // 5
    done = finetune(fixed, data, tmp_path / "x.onnx", "--batch", 32, status=1)
    assert (
        f"{fixed}: expected --batch to be a multiple of the file's fixed batch of 5" in done.stderr
    )


def test_messages_say_what_to_do(tmp_path, data):
    source = exports.ensure("varied-bert", "dynamo")
    done = finetune(
        source, data, tmp_path / "x.onnx", "--train-output", "last_hidden_state", status=1
    )
    assert "--head classes=N" in done.stderr
    done = finetune(source, data, tmp_path / "x.onnx", *head_of("pooler_output"), status=1)
    assert "pool=none" in done.stderr
    finetune(
        source, data, tmp_path / "x.onnx", "--head", "classes=3 pool=first output=last_hidden_state"
    )
    arrays = examples()
    np.savez(
        tmp_path / "float.npz", **arrays | {"input_ids": arrays["input_ids"].astype(np.float32)}
    )
    done = finetune(source, tmp_path / "float.npz", tmp_path / "x.onnx", status=1)
    assert "expected elements of int64, but got float32" in done.stderr
