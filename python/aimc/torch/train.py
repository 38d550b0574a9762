# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Losses for training loops."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


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
