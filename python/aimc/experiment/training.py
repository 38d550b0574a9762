# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Training, digitally or with the hardware in the loop; it resumes where it was interrupted."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aimc.experiment import data, deployment
from aimc.experiment.methods import Evaluation, Training, digital
from aimc.experiment.model import Classifier, freeze_embeddings, make, set_dropout
from aimc.experiment.settings import Settings
from aimc.experiment.store import Store, key_of
from aimc.experiment.wordnet import CLASSES, Split
from aimc.files import check_zip, replacing, scratch_folder
from aimc.target import Wire
from aimc.torch import (
    AnalogLinear,
    Circuit,
    Device,
    Gaussian,
    Recipe,
    Spec,
    analog_layers,
    check_loss,
    compiled_state,
    convert,
    distillation_loss,
    load_compiled_state,
    on_chip,
    set_step,
    strip,
)

_WARMUP = 0.06
_DECAY = 0.01
_NORM = 1.0


def weights_path(store: Store, settings: Settings, training: Training) -> pathlib.Path:
    """Where the weights of a training are."""
    return store.weights / f"{key_of(training.describe(settings))}.pt"


def load_weights(store: Store, settings: Settings, training: Training) -> Classifier:
    """The trained classifier."""
    model = make(settings.model)
    # Tuned weights are kept without the frozen tables, which are the digital model's.
    for step in (digital(settings), training):
        model.load_state_dict(_load(weights_path(store, settings, step)), strict=False)
    model.eval()
    return model


def recipe(training: Training) -> Recipe:
    """What steps of a training see of the hardware."""
    if training.kind == "gaussian":
        assert training.std is not None
        return Recipe.of(Gaussian(training.std))
    assert training.row is not None
    row = training.row
    # Open rows are trained without wires: nothing is left to compensate.
    circuit = Circuit(compensate="none") if row.is_open else Circuit()
    if not row.noisy:
        return Recipe.of(circuit)
    times = tuple(t for t in row.times_s if t is not None)
    return Recipe.of(circuit, Device(times_s=times, compensate_drift=bool(times), joint=True))


def prepare(store: Store, settings: Settings, training: Training) -> Any:
    """The model that steps train."""
    if training.kind == "digital":
        return make(settings.model)
    model = load_weights(store, settings, digital(settings))
    set_dropout(model, False)
    freeze_embeddings(model)
    if training.kind == "gaussian":
        return convert(model, {}, recipe=recipe(training), seed=training.seed)
    return in_the_loop(model, settings, training)


def in_the_loop(model: Classifier, settings: Settings, training: Training) -> Any:
    """A model on its tiles as the compiler maps, scales and calibrates it.

    Open rows follow their whole circuit at many times the cost of a step, so training takes what
    is nearly the same: with weights and pulses compensated no wires are left, and without
    compensation weights are attenuated by the mean field of the rows' activity.
    """
    assert training.row is not None
    assert training.adaptation is not None
    adaptation, is_open = training.adaptation, training.row.is_open
    if is_open:  # how rows conduct is found on data
        adaptation = dataclasses.replace(adaptation, calibrated=True)
    with scratch_folder("aimc-experiment") as folder:
        spec = deployment.noise_spec(model, training.row.target, adaptation, settings, folder)
    if is_open:
        spec = Spec(
            tuple(
                dataclasses.replace(site, target=site.target.replace(wire=Wire(0.0)))
                for site in spec.layers
            )
        )
    made = convert(model, spec=spec, recipe=recipe(training), seed=training.seed)
    if is_open and adaptation.plain:
        for layer in analog_layers(made):
            layer.register_forward_pre_hook(_MeanField(training.row.target.wire.column_ohm))
    return made


class _MeanField:
    """Attenuates a layer's weights by the mean field of its open rows, anew every few steps."""

    def __init__(self, ohm: float, every: int = 25, slots: int = 8) -> None:
        self.ohm, self.every, self.slots = ohm, every, slots

    def __call__(self, layer: AnalogLinear, _: Any) -> None:
        if layer.shape is None or int(layer.clock[2]) % self.every == 0:
            with torch.no_grad():
                layer.shape = mean_attenuation(layer, self.ohm, self.slots).unsqueeze(0)
                layer.gains = torch.ones(1, len(layer.layout.bands), layer.out_features)


def mean_attenuation(layer: AnalogLinear, ohm: float, slots: int) -> Tensor:
    """Mean attenuation of every weight, laid out as the weights are."""
    device = layer.target.device
    weight = layer.weight.detach()
    plus, minus = torch.ops.aimc.target_pairs(
        weight, layer._wide(layer._scale(weight)), device.g_min_us, device.g_max_us
    )
    if layer.transposed:
        plus, minus = plus.t(), minus.t()
    p, u = torch.ops.aimc.row_activity(
        layer.activity, layer.in_features, layer.target.dac.bits, slots=slots
    )
    whole = torch.empty_like(plus)
    for b in layer.layout.blocks:
        rows, cols = slice(b.row, b.row + b.rows), slice(b.col, b.col + b.cols)
        g, h = plus[rows, cols].contiguous(), minus[rows, cols].contiguous()
        numbers = [0, b.rows, 0, b.cols, b.at_row, 0]
        whole[rows, cols] = 0.0
        for probability, share in zip(p[:, rows].to(g), u[:, rows].to(g), strict=True):
            load = probability.unsqueeze(1)
            transfer = torch.ops.aimc.fold(
                g * load, h * load, None, numbers, False, layer.target.geometry.rows, ohm, 0.0,
                False, 1.0, 0.0,
            )[1]  # fmt: skip
            whole[rows, cols] += share.unsqueeze(1) * transfer
    return whole.t().contiguous() if layer.transposed else whole


def on_chips(
    model: Classifier, settings: Settings, job: Evaluation, split: Split
) -> list[dict[str, Any]]:
    """What the trainer says of the chips that the runtime makes: its own circuit and devices."""
    row = job.row
    like = Training("circuit", 0, 0.0, row=row, adaptation=job.adaptation)
    made = in_the_loop(model, settings, like).eval()
    found = []
    for chip in range(job.chips if row.noisy else 1):
        for time_s in row.times_s:
            with on_chip(made, chip, time_s):
                logits = digital_logits(made, split, 500)
            right = logits.argmax(1).numpy() == split.labels
            found.append(
                {"chip": chip, "time_s": time_s, "accuracy": float(right.mean()),
                 "right": deployment.packed(right)}
            )  # fmt: skip
    return found


def train(store: Store, settings: Settings, training: Training) -> dict[str, Any]:
    """Run a training to its end and keep its weights."""
    description = training.describe(settings)
    checkpoint = store.checkpoints / f"{key_of(description)}.pt"
    split = data.load(settings).train
    model = prepare(store, settings, training)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=training.rate, weight_decay=_DECAY, fused=True)
    torch.manual_seed(training.seed)
    on_tiles = training.kind != "digital"
    teacher = _teacher(store, settings, training) if on_tiles else None
    done, losses, seconds = 0, [], 0.0
    if checkpoint.exists():
        state = _load(checkpoint)
        model.load_state_dict(state["model"])
        if on_tiles:
            load_compiled_state(model, state["compiled"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        done, losses, seconds = state["step"], state["losses"], state["seconds"]
    order = itertools.islice(
        data.batches(split, settings.batch, training.seed), done, training.steps
    )
    begun = saved = time.monotonic()
    model.train()
    for step, chosen in enumerate(order, done):
        if on_tiles:
            set_step(model, step)  # the forward pass counts on: steps begin at one
        for group in optimizer.param_groups:
            group["lr"] = training.rate * _schedule(step, training.steps)
        losses.append(_step(model, optimizer, data.trimmed(split, chosen), chosen, teacher))
        now = time.monotonic()
        if now - saved > settings.checkpoint_s and step + 1 < training.steps:
            saved = now
            _save(checkpoint, {
                "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "compiled": compiled_state(model) if on_tiles else None,
                "random": torch.get_rng_state(), "step": step + 1, "losses": losses,
                "seconds": seconds + now - begun,
            })  # fmt: skip
    seconds += time.monotonic() - begun
    if on_tiles:
        model = strip(model)
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    kept = {k: v for k, v in model.state_dict().items() if k in names}
    _save(weights_path(store, settings, training), kept)
    checkpoint.unlink(missing_ok=True)
    tail = losses[-min(len(losses), 20) :]
    return {
        "seconds": seconds, "seconds_per_step": seconds / training.steps,
        "first_loss": losses[0], "last_loss": sum(tail) / len(tail), "losses": losses,
    }  # fmt: skip


def _schedule(step: int, steps: int) -> float:
    """Linear warm-up, then linear decay."""
    warm = max(1, round(_WARMUP * steps))
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm))


def _step(model: Any, optimizer: Any, batch: Split, chosen: Any, teacher: Tensor | None) -> float:
    labels = torch.from_numpy(batch.labels)
    inputs = torch.from_numpy(batch.input_ids), torch.from_numpy(batch.attention_mask)
    logits = model(*inputs)
    if teacher is None:
        loss = torch.nn.functional.cross_entropy(logits, labels)
    else:
        loss = distillation_loss(logits, teacher[torch.from_numpy(chosen)], labels)
    check_loss(model, loss, lambda: model(*inputs))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], _NORM)
    optimizer.step()
    value: float = loss.item()
    return value


def _teacher(store: Store, settings: Settings, training: Training) -> Tensor:
    """Logits of the digital model for the glosses that a training's steps see; others are nan."""
    seen = {"seed": training.seed, "steps": training.steps, "batch": settings.batch}
    description = {"kind": "logits", "of": digital(settings).describe(settings), **seen}
    path = store.weights / f"{key_of(description)}.pt"
    if path.exists():
        known = _load(path)
        assert isinstance(known, Tensor)
        return known
    split = data.load(settings).train
    order = data.batches(split, settings.batch, training.seed)
    used = np.unique(np.concatenate(list(itertools.islice(order, training.steps))))
    model = load_weights(store, settings, digital(settings))
    logits = torch.full((len(split), CLASSES), torch.nan)
    logits[torch.from_numpy(used)] = digital_logits(model, data.part(split, used))
    _save(path, logits)
    return logits


def digital_logits(model: Any, split: Split, size: int = 200) -> Tensor:
    """Logits of a model as it is for all glosses, like lengths together."""
    order = np.argsort(split.attention_mask.sum(1), kind="stable")
    parts = []
    with torch.no_grad():
        for start in range(0, len(order), size):
            some = data.trimmed(split, order[start : start + size])
            parts.append(
                model(torch.from_numpy(some.input_ids), torch.from_numpy(some.attention_mask))
            )
    together = torch.cat(parts)
    logits = torch.empty_like(together)
    logits[torch.from_numpy(order)] = together
    return logits


def _load(path: pathlib.Path) -> Any:
    """What was saved, if it is still that."""
    check_zip(path, "a file of torch.save")
    return torch.load(path)


def _save(path: pathlib.Path, state: Any) -> None:
    """The file appears complete or not at all."""
    with replacing(path) as scratch:
        torch.save(state, scratch)
