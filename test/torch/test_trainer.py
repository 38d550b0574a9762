# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole training runs: transformers' Trainer, resuming, processes that share a batch."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest
import shared_batch
import torch

import aimc
from aimc.torch import (
    AnalogLinear,
    Circuit,
    Device,
    Gaussian,
    analog_layers,
    convert,
    strip,
    trainer_callback,
)

TARGET = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32), wire=aimc.Wire(column_ohm=5.0))


def tiny_bert():
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    return BertForSequenceClassification(
        BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=48, max_position_embeddings=16, num_labels=4)
    )  # fmt: skip


class Sentences(torch.utils.data.Dataset):
    """Tokens whose first one is the label: a task that a few steps learn."""

    def __init__(self):
        torch.manual_seed(1)
        self.tokens = torch.randint(4, 64, (64, 8))
        self.labels = torch.randint(0, 4, (64,))
        self.tokens[:, 0] = self.labels

    def __len__(self):
        return 64

    def __getitem__(self, index):
        return {"input_ids": self.tokens[index], "labels": self.labels[index]}


def train(folder, model, steps, resume=None, save=10**6):
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=16, learning_rate=4e-3,
        logging_steps=1, save_steps=save, report_to=[], use_cpu=True, seed=3,
        lr_scheduler_type="constant", disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=Sentences(), callbacks=[trainer_callback()])
    trainer.train(resume_from_checkpoint=resume)
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


RECIPES = {
    "gaussian": Gaussian(0.03),
    "circuit": Circuit(),
    "device": Gaussian(0.01) + Device(times_s=(60.0, 3600.0)),
}


@pytest.mark.parametrize("name", RECIPES)
def test_trainer_learns_through_the_tiles(name, tmp_path):
    model = convert(tiny_bert(), TARGET, recipe=RECIPES[name])
    assert sum(isinstance(m, AnalogLinear) for m in model.modules()) == 8
    losses = train(tmp_path, model, 20)
    assert sum(losses[-4:]) / 4 < 0.75 * losses[0]
    plain = strip(model)
    assert not list(analog_layers(plain))
    assert not plain.state_dict().keys() - tiny_bert().state_dict().keys()


def test_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path):
    recipe = RECIPES["device"]
    whole = convert(tiny_bert(), TARGET, recipe=recipe)
    train(tmp_path / "whole", whole, 6)
    part = convert(tiny_bert(), TARGET, recipe=recipe)
    train(tmp_path / "part", part, 3, save=3)
    again = convert(tiny_bert(), TARGET, recipe=recipe)
    train(tmp_path / "part", again, 6, resume=str(tmp_path / "part" / "checkpoint-3"))
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def ranks():
    """What two processes that share a batch report."""
    worker = pathlib.Path(__file__).with_name("shared_batch.py")
    command = [sys.executable, str(worker)]
    port = str(free_port())
    runs = [
        subprocess.Popen([*command, str(rank), "2", port], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        for rank in range(2)
    ]  # fmt: skip
    outputs = [run.communicate(timeout=300) for run in runs]
    assert all(run.returncode == 0 for run in runs), outputs
    return [json.loads(out) for out, _ in outputs]


def test_two_processes_are_one_with_the_doubled_batch(ranks):
    one = shared_batch.run(Circuit(), 0, 1)
    for rank in ranks:
        assert rank["circuit"]["losses"] == pytest.approx(one["losses"], rel=1e-4)
        assert rank["circuit"]["weights"] == pytest.approx(one["weights"], rel=1e-3)
    assert one["losses"][-1] < one["losses"][0]


def test_ranks_draw_their_own_noise_reproducibly(ranks):
    assert all(rank["first"] == rank["again"] for rank in ranks)
    assert ranks[0]["first"]["weights"] == ranks[1]["first"]["weights"]
    assert ranks[0]["first"]["noise"] != ranks[1]["first"]["noise"]


def test_a_missing_library_is_named(tmp_path):
    code = "import aimc.torch"
    missing = os.environ | {"AIMC_LIB_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env=missing, check=False)  # fmt: skip
    assert "expected libaimc_torch.so in AIMC_LIB_DIR" in done.stderr
