# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A run that is interrupted anywhere ends with the bits of one that is not."""

import copy
import io
import warnings

import pytest
import test_trainer
import torch
from torch import nn

import aimc
from aimc.torch import (
    Circuit,
    Device,
    Recipe,
    calibrate,
    compiled_state,
    convert,
    joint,
    load_compiled_state,
    set_step,
    trainer_callback,
)

TARGET = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32), wire=aimc.Wire(column_ohm=20.0))
# Every one leaves something behind that the weights do not say; steps 4, 8, ... renew it.
RECIPES = {
    "scales": Circuit(scale="optimal", refresh=4),
    "compensation": Circuit(compensate="weights", refresh=4),
    "drift": Circuit(refresh=4)
    + Device(joint=True, compensate_drift=True, times_s=(60.0, 3600.0), read=0.5),
    "ranges": Circuit(input_range="fixed"),
}


def equal(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def fresh(seed, recipe):
    """A model and its optimizer as a new process has them, which has seen other weights."""
    joint.fit.cache_clear()
    torch.manual_seed(seed)
    plain = nn.Sequential(nn.Linear(40, 50), nn.GELU(), nn.Linear(50, 7))
    model = convert(plain, TARGET, recipe=recipe, seed=5)
    return model, torch.optim.AdamW(model.parameters(), lr=1e-2)


def inputs(step):
    return torch.randn(16, 40, generator=torch.Generator().manual_seed(step))


def steps(model, optimizer, begin, end):
    for step in range(begin, end):
        optimizer.zero_grad()
        model(inputs(step)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("at", [2, 5])
@pytest.mark.parametrize("name", RECIPES)
def test_a_loop_resumes(name, at):
    recipe = RECIPES[name]
    whole, optimizer = fresh(0, recipe)
    if name == "ranges":
        calibrate(whole, [inputs(-1)])
    steps(whole, optimizer, 0, at)
    file = io.BytesIO()
    torch.save((whole.state_dict(), optimizer.state_dict(), compiled_state(whole)), file)
    steps(whole, optimizer, at, 11)
    for resumes in (True, False):  # without the state the bits differ, or a range is missing
        file.seek(0)
        weights, moments, state = torch.load(file, weights_only=True)
        again, optimizer = fresh(1, recipe)
        again.load_state_dict(weights)
        optimizer.load_state_dict(moments)
        if resumes:
            load_compiled_state(again, state)
        elif name == "ranges":
            with pytest.raises(aimc.InvalidArgumentError, match="expected an input range"):
                again(inputs(0))
            break
        else:
            set_step(again, at)
        steps(again, optimizer, at, 11)
        assert equal(whole, again) == resumes


def change(what):
    def changed(state):
        state = copy.deepcopy(state)
        what(state)
        return state

    return changed


@pytest.mark.parametrize(
    "changed, said",
    [
        (lambda state: [], "expected a state of the format aimc-compiled-state"),
        (change(lambda s: s.update(version=2)), "expected version 1 of a compiled state, but got 2"),
        (change(lambda s: s["layers"].pop("2")),
         "layer '2': expected it in both, but the module has it and the state has not"),
        (change(lambda s: s["steps"].update({"x": 1})),
         "converted module 'x': expected it in both, but the state has it and the module has not"),
        (change(lambda s: s["layers"]["2"].pop("gains")), "expected 'gains' in a compiled state"),
        (change(lambda s: s["layers"]["0"].update(scales=torch.ones(3, 50))),
         r"layer '0': expected scales of shape \[2, 50\], but got \[3, 50\]"),
        (change(lambda s: s["layers"]["2"].update(weight=3)),
         "layer '2': expected the weights that the state was taken with"),
    ],
)  # fmt: skip
def test_states_that_do_not_fit_change_nothing(changed, said):
    recipe = Circuit(scale="optimal", compensate="weights", refresh=4)
    model, optimizer = fresh(0, recipe)
    steps(model, optimizer, 0, 3)
    state = compiled_state(model)
    model.load_state_dict(model.state_dict())
    steps(model, torch.optim.SGD(model.parameters(), lr=0.0), 0, 2)
    before = compiled_state(model)
    assert before["steps"] == {"": 5}
    with pytest.raises(aimc.InvalidArgumentError, match=said):
        load_compiled_state(model, changed(state))
    after = compiled_state(model)
    assert after["steps"] == before["steps"]
    for layer in ("0", "2"):
        assert after["layers"][layer]["scales"] is before["layers"][layer]["scales"]
    load_compiled_state(model, state)
    assert compiled_state(model)["steps"] == {"": 3}


TRAINED = {
    "compiled": Recipe.of(Circuit(scale="optimal", compensate="weights", refresh=4)),
    "drift": RECIPES["drift"],
}


def trained(folder, recipe, steps, seed=0, resume=None, save=10**6, callback=None):
    """The weights that the Trainer ends with."""
    from transformers import Trainer, TrainingArguments

    joint.fit.cache_clear()
    model = test_trainer.tiny_bert()
    torch.manual_seed(seed)
    for parameter in model.parameters():  # what is loaded replaces it
        parameter.data.mul_(1 + 0.1 * seed)
    convert(model.bert, TARGET, recipe=recipe, seed=5)  # the head stays digital
    arguments = TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=16, learning_rate=4e-3,
        save_steps=save, report_to=[], use_cpu=True, seed=3, lr_scheduler_type="constant",
        disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=test_trainer.Sentences(),
                      callbacks=[callback or trainer_callback()])  # fmt: skip
    trainer.train(resume_from_checkpoint=resume)
    return model


@pytest.mark.parametrize("name", TRAINED)
def test_the_trainer_resumes(name, tmp_path):
    recipe = TRAINED[name]
    whole = trained(tmp_path / "whole", recipe, 7)
    trained(tmp_path / "part", recipe, 5, save=5)
    checkpoint = tmp_path / "part" / "checkpoint-5"
    assert (checkpoint / "aimc_compiled.pt").exists()
    again = trained(tmp_path / "part", recipe, 7, seed=1, resume=str(checkpoint))
    assert equal(whole, again)
    if name == "drift":
        return
    # From elsewhere the callback has to be told; without its file the bits are others, and it says so.
    moved = checkpoint.rename(tmp_path / "moved")
    told = trainer_callback(resume_from=moved)
    again = trained(tmp_path / "new", recipe, 7, seed=1, resume=str(moved), callback=told)
    assert equal(whole, again)
    (moved / "aimc_compiled.pt").unlink()
    with pytest.warns(aimc.HardwareWarning, match=r"checkpoint-5.*expected what was compiled"):
        again = trained(tmp_path / "new", recipe, 7, seed=1, resume=str(moved))
    assert not equal(whole, again)


def test_another_run_s_state_is_refused(tmp_path):
    recipe = TRAINED["compiled"]
    trained(tmp_path / "part", recipe, 3, save=3)
    trained(tmp_path / "other", recipe, 3, seed=1, save=3)
    with (
        warnings.catch_warnings(),
        pytest.raises(
            aimc.InvalidArgumentError, match=r"other.*resume_from=\.\.\.\) names another"
        ),
    ):
        trained(tmp_path / "other", recipe, 7, resume=str(tmp_path / "part" / "checkpoint-3"))
