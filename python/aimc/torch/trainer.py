# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What transformers' Trainer needs to train on tiles: steps, exact resume, a stop at NaN."""

from __future__ import annotations

import math
import os
import pathlib
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from aimc.errors import HardwareWarning, InvalidArgumentError, NotFiniteError
from aimc.files import check_zip, replacing
from aimc.torch.finite import diagnosis
from aimc.torch.state import compiled_state, load_compiled_state
from aimc.torch.steps import converted_layers, set_step


def trainer_callback(resume_from: str | os.PathLike[str] | None = None) -> Any:
    """A callback for a model that is converted, or has converted modules in it. It

    - keeps the step at the Trainer's own, so that noise depends on it alone;
    - writes the module's compiled state into each of the Trainer's checkpoints (a file per rank)
      and restores it, so that a run that resumes ends with the bits of one that was not
      interrupted;
    - stops the run with :class:`aimc.NotFiniteError` where loss, gradients or weights are no
      longer numbers, before such weights replace a checkpoint.

    Args:
        resume_from: the checkpoint that ``Trainer.train(resume_from_checkpoint=...)`` resumes from,
            where it is not one of the Trainer's own output folder.

    As training begins it raises :class:`aimc.InvalidArgumentError` for a model without layers on
    tiles.
    """
    from transformers import TrainerCallback

    class Analog(_Analog, TrainerCallback):  # type: ignore[misc]
        """Listens to transformers' Trainer."""

    return Analog(None if resume_from is None else pathlib.Path(resume_from))


class _Analog:
    def __init__(self, resume_from: pathlib.Path | None) -> None:
        self.resume_from = resume_from
        self.good: pathlib.Path | None = None  # the last checkpoint, and its step
        self.good_step = 0
        self._hooks: list[Any] = []
        self._losses: list[Tensor] = []
        self._inputs: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Resume, and watch what the model is called with."""
        model: nn.Module = kwargs["model"]
        converted_layers(model)  # one that nobody converted would train, and say nothing
        self._forget()
        if state.global_step > 0:
            self._resume(args, state.global_step, model)
        self._hooks = [
            model.register_forward_pre_hook(self._called, with_kwargs=True),
            model.register_forward_hook(self._returned),
        ]

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The noise of a step depends on its number alone."""
        self._losses = []
        # A forward pass counts one on: no two of the run see the same number.
        set_step(
            kwargs["model"], state.global_step * getattr(args, "gradient_accumulation_steps", 1)
        )

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Before the step reaches the weights."""
        model: nn.Module = kwargs["model"]
        for loss in self._losses:
            if not bool(loss.isfinite()):
                self._stop(model, state.global_step + 1, f"the loss is {float(loss)}")
        if args.fp16:
            return  # its scaler skips steps whose gradients are infinite, and goes on
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = float(nn.utils.get_total_norm(gradients)) if gradients else 0.0
        if not math.isfinite(norm):
            self._stop(model, state.global_step + 1, f"the gradient's norm is {norm}")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Weights that are no numbers are not worth a checkpoint, less so an older one's place."""
        if not control.should_save:
            return
        model: nn.Module = kwargs["model"]
        for name, parameter in model.named_parameters():
            if not bool(parameter.isfinite().all()):
                self._stop(model, state.global_step, f"{name!r} is no longer finite")

    on_epoch_end = on_step_end

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Beside the Trainer's own files."""
        folder = _checkpoint(args, state.global_step)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _file(args)
        with replacing(path) as scratch:
            torch.save(compiled_state(kwargs["model"]), scratch)
        self.good, self.good_step = folder, state.global_step

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The best model comes with what was compiled of it."""
        self._forget()
        best = state.best_model_checkpoint
        if args.load_best_model_at_end and best and (pathlib.Path(best) / _file(args)).exists():
            _load(pathlib.Path(best) / _file(args), kwargs["model"])

    def _resume(self, args: Any, step: int, model: nn.Module) -> None:
        given = args.resume_from_checkpoint
        known = self.resume_from or (pathlib.Path(given) if isinstance(given, str) else None)
        folder = known or _checkpoint(args, step)
        self.good, self.good_step = folder, step
        path = folder / _file(args)
        if path.exists():
            _load(path, model)
            return
        warnings.warn(
            f"{path}: expected what was compiled of the checkpoint's weights, but there is none; "
            "scales and compensation are made of the weights as they are, which an uninterrupted "
            "run does at its own steps",
            HardwareWarning,
            stacklevel=2,
        )
        for layer in converted_layers(model):
            layer.refresh()

    def _called(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if module.training:
            self._inputs = (args, kwargs)

    def _returned(self, module: nn.Module, _: Any, output: Any) -> None:
        loss = output.get("loss") if isinstance(output, dict) else getattr(output, "loss", None)
        if module.training and isinstance(loss, Tensor) and loss.numel() == 1:
            self._losses.append(loss.detach())

    def _forget(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._losses = [], []

    def _stop(self, model: nn.Module, step: int, what: str) -> None:
        self._forget()
        args, kwargs = self._inputs or ((), {})
        again = (lambda: model(*args, **kwargs)) if self._inputs else None
        said = diagnosis(model, f"step {step}: {what}", again)
        if self.good is None:
            raise NotFiniteError(f"{said}; there is no checkpoint yet")
        raise NotFiniteError(
            f"{said}; the last good checkpoint is '{self.good}' of step {self.good_step}"
        )


def _checkpoint(args: Any, step: int) -> pathlib.Path:
    return pathlib.Path(args.output_dir) / f"checkpoint-{step}"


def _file(args: Any) -> str:
    """Each rank has drift factors of its own draws."""
    return f"aimc_compiled_{args.process_index}.pt" if args.world_size > 1 else "aimc_compiled.pt"


def _load(path: pathlib.Path, model: nn.Module) -> None:
    check_zip(path, "what was compiled of a model, as the callback saves it")
    try:
        load_compiled_state(model, torch.load(path, map_location="cpu", weights_only=True))
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"{path}: {error}; trainer_callback(resume_from=...) names another checkpoint"
        ) from None
