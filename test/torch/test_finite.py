# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A training that meets numbers that are none stops, and says where and what is left of it."""

import re

import pytest
import test_trainer
import torch
from safetensors.torch import load_file
from torch import nn

import aimc
from aimc.torch import (
    Circuit,
    Gaussian,
    analog_layers,
    calibrate,
    check_loss,
    convert,
    saturation,
    trainer_callback,
)

TARGET = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32), wire=aimc.Wire(column_ohm=0.0),
                     adc=aimc.Adc(kind="linear", lsb_fc=2.0, bits=6))  # fmt: skip


class Poison(nn.Module):
    """Passes on what comes, until it is told otherwise."""

    def __init__(self):
        super().__init__()
        self.value = 1.0

    def forward(self, x):
        return x * self.value


def mlp():
    return nn.Sequential(nn.Linear(40, 50), Poison(), nn.Linear(50, 7))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loop_says_where(value, tmp_path):
    model = convert(mlp(), TARGET, recipe=Circuit(input_range="fixed"), seed=3)
    x = torch.randn(16, 40)
    calibrate(model, [x], adc=False)
    for _ in range(3):
        loss = model(x).square().mean()
        check_loss(model, loss)
    model[1].value = value
    loss = torch.tensor(value) + 0 * model(x).sum()
    step = model._aimc_steps.step
    assert step == 4
    with pytest.raises(aimc.NotFiniteError, match=f"^step 4: the loss is {loss.item()}$"):
        check_loss(model, loss)
    with pytest.raises(aimc.NotFiniteError) as caught:
        check_loss(model, loss, lambda: model(x), checkpoint=tmp_path / "good.pt")
    said = str(caught.value).split("; ")
    assert said[1] == "numbers stop being finite in layer '1'"
    assert said[-1] == f"the last good checkpoint is '{tmp_path / 'good.pt'}'"
    shares = {layer.name: saturation(layer, x if layer.name == "0" else torch.full((16, 50), value))
              for layer in analog_layers(model)}  # fmt: skip
    worst = max(shares, key=lambda name: max(shares[name]))
    assert max(shares[worst]) > 0.1
    what = "inputs" if shares[worst][0] >= shares[worst][1] else "readings"
    percent = f"{100 * max(shares[worst]):.3g}"
    assert said[2] == f"the tile of layer {worst!r} saturates in {percent}% of its {what}"
    # What was looked at is as it was: hooks are gone, and the next pass is the next step's.
    assert model._aimc_steps.step == step and not model[1]._forward_hooks
    model(x)
    assert model._aimc_steps.step == step + 1


class Attention(nn.Module):
    """Keys masked by -inf, where a softmax is a module or a function."""

    def __init__(self, function):
        super().__init__()
        self.score, self.mask, self.softmax = nn.Linear(6, 5), Mask(), nn.Softmax(-1)
        self.value, self.function = nn.Linear(5, 4), function

    def forward(self, x, *, seen):
        scores = self.mask(self.score(x), seen=seen)
        return self.value(scores.softmax(-1) if self.function else self.softmax(scores))


class Mask(nn.Module):
    def forward(self, scores, *, seen):
        return scores.masked_fill(~seen, -torch.inf)


@pytest.mark.parametrize("function", [False, True])
def test_a_mask_is_not_to_blame(function):
    """As aimc-finetune says of nodes: what makes no number of an infinity that was meant."""
    model = convert(Attention(function), TARGET, recipe=Circuit())
    x, seen = torch.randn(3, 6), torch.ones(3, 5, dtype=torch.bool)
    seen[:, 3:] = False

    def said(again):
        with pytest.raises(aimc.NotFiniteError) as caught:
            check_loss(model, torch.tensor(torch.nan), again)
        return [part for part in str(caught.value).split("; ") if "stop being finite" in part]

    assert model(x, seen=seen).isfinite().all()
    assert said(lambda: model(x, seen=seen)) == []
    seen[1] = False
    where = "the module itself (Attention)" if function else "layer 'softmax'"
    assert said(lambda: model(x, seen=seen)) == [f"numbers stop being finite in {where}"]
    # An infinity that was not meant is to blame, though a mask came first.
    seen[1, 0] = True
    with torch.no_grad():
        model.score.weight[0] = torch.inf
    assert said(lambda: model(x, seen=seen)) == ["numbers stop being finite in layer 'score'"]


def test_saturation_is_what_the_codes_say():
    """Counted from charges by hand, with one band and no wires."""
    plain = nn.Linear(24, 9, bias=False)
    target = TARGET.replace(device=aimc.Device(kind="ideal", g_min_us=0.0, g_max_us=10.0),
                            adc=aimc.Adc(kind="linear", lsb_fc=16.0, bits=6))  # fmt: skip
    layer = convert(plain, target, recipe=Circuit(input_range="fixed"))
    layer.input_range.fill_(1.0)
    layer.calibrated = True
    x = 1.5 * torch.randn(200, 24)
    inputs, readings = saturation(layer, x)
    assert inputs == pytest.approx((x.abs() > 1).float().mean().item(), abs=1e-6)
    dac = target.dac
    levels = 2 ** (dac.bits - 1) - 1
    ticks = (x.clamp(-1, 1) * levels).round()
    weight = plain.weight.detach()
    conductance = weight / weight.abs().amax(1, keepdim=True) * 10.0  # uS
    charge = ticks @ conductance.t() * dac.v_read_v * dac.tick_ns  # uS V ns = fC
    beyond = charge.abs() > 16.0 * (2**5 - 1) + charge.abs().max() * 1e-3
    assert 0.1 < beyond.float().mean() < 0.9
    assert readings == pytest.approx(beyond.float().mean().item(), abs=0.02)
    wide = convert(nn.Linear(24, 9), target.replace(adc=aimc.Adc(kind="ideal")), recipe=Circuit())
    assert saturation(wide, x) == (0.0, 0.0)
    assert saturation(convert(nn.Linear(24, 9), target, recipe=Gaussian()), x) == (0.0, 0.0)


def run(folder, model, *, save, steps, others=()):
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=16, save_steps=save,
        learning_rate=4e-3, report_to=[], use_cpu=True, seed=3, lr_scheduler_type="constant",
        disable_tqdm=True, save_total_limit=1,
    )  # fmt: skip
    return Trainer(model, arguments, train_dataset=test_trainer.Sentences(),
                   callbacks=[trainer_callback(), *others]).train()  # fmt: skip


class Broken(torch.autograd.Function):
    """Gradients that are none, of numbers that are some."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * torch.nan


@pytest.mark.parametrize("what", ["loss", "gradient's norm"])
def test_the_trainer_stops_before_the_step(what, tmp_path):
    model = convert(test_trainer.tiny_bert(), TARGET, recipe=Circuit())
    passes, dense = [], model.bert.encoder.layer[0].intermediate.dense

    def broken(_, __, y):
        passes.append(1)
        if len(passes) < 6:
            return None
        return y * torch.nan if what == "loss" else Broken.apply(y)

    dense.register_forward_hook(broken)
    before = {}
    model.register_forward_pre_hook(
        lambda *_: before.update({n: p.detach().clone() for n, p in model.named_parameters()})
    )
    with pytest.raises(aimc.NotFiniteError) as caught:
        run(tmp_path, model, save=2, steps=7)
    said = str(caught.value).split("; ")
    good = tmp_path / "checkpoint-4"
    assert said[0] == f"step 6: the {what} is nan"
    assert said[-1] == f"the last good checkpoint is '{good}' of step 4"
    assert re.fullmatch(
        r"the tile of layer '[\w.]+' saturates in [\d.e-]+% of its readings", said[-2]
    )
    if what == "loss":
        assert (
            said[1]
            == "numbers stop being finite in layer 'bert.encoder.layer.0.intermediate.dense'"
        )
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())
    kept = load_file(good / "model.safetensors")
    assert kept and all(value.isfinite().all() for value in kept.values())


def test_weights_that_are_none_replace_no_checkpoint(tmp_path):
    from transformers import TrainerCallback

    class Overflows(TrainerCallback):
        def on_optimizer_step(self, args, state, control, **kwargs):
            if state.global_step == 2:  # the third's
                weights = kwargs["model"].bert.pooler.dense.weight
                weights.data[0, 0] = torch.inf

    model = convert(test_trainer.tiny_bert(), TARGET, recipe=Circuit())
    with pytest.raises(aimc.NotFiniteError, match=(
        r"^step 3: 'bert\.pooler\.dense\.weight' is no longer finite; .*; "
        r"the last good checkpoint is '.*checkpoint-2' of step 2$"
    )):  # fmt: skip
        run(tmp_path, model, save=1, steps=4, others=[Overflows()])
    assert [p.name for p in tmp_path.glob("checkpoint-*")] == ["checkpoint-2"]
