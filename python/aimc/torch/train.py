# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Helpers for training loops: distillation, and a callback for transformers' Trainer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from aimc.torch.steps import set_step


def distillation_loss(
    logits: Tensor,
    teacher: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: float = 2.0,
    weight: float = 0.5,
) -> Tensor:
    """`weight` times the divergence from the teacher, the rest cross-entropy to the labels.

    Without labels the teacher is all there is.
    """
    soft = functional.kl_div(
        functional.log_softmax(logits / temperature, -1),
        functional.log_softmax(teacher.detach() / temperature, -1),
        reduction="batchmean",
        log_target=True,
    )
    soft = soft * temperature**2
    if labels is None:
        return soft
    return weight * soft + (1.0 - weight) * functional.cross_entropy(logits, labels)


def trainer_callback() -> Any:
    """A callback that keeps steps in line with transformers' Trainer, also when it resumes."""
    from transformers import TrainerCallback

    class Steps(TrainerCallback):  # type: ignore[misc]
        """Sets the step before each optimizer step, of as many passes as gradients add up from."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """The noise of a step depends on its number alone."""
            model: nn.Module = kwargs["model"]
            # A forward pass counts one on: no two of the run see the same number.
            set_step(model, state.global_step * getattr(args, "gradient_accumulation_steps", 1))

    return Steps()
