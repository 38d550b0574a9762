# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The classifier: an encoder, the mean over its real tokens, one linear layer. All on tiles."""

from __future__ import annotations

import logging
import pathlib
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from aimc.experiment.wordnet import CLASSES
from aimc.testing import exports

_VOCABULARY = 30_522  # of MiniLM's tokenizer, which all models here share


class Classifier(nn.Module):  # type: ignore[misc]
    """Logits of the classes from token ids and attention mask."""

    def __init__(self, encoder: nn.Module, hidden: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = nn.Linear(hidden, CLASSES)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits [batch, classes]."""
        hidden = self.encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=torch.zeros_like(input_ids),
            return_dict=True,
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return self.classifier((hidden * mask).sum(1) / mask.sum(1))


def make(name: str) -> Classifier:
    """A fresh classifier on MiniLM with its published weights, or on a small random encoder."""
    encoder: Any = exports.make_model(name, seed=0)
    encoder.pooler = None  # nothing reads it
    if encoder.config.vocab_size != _VOCABULARY:
        encoder.resize_token_embeddings(_VOCABULARY, mean_resizing=False)
    torch.manual_seed(0)
    return Classifier(encoder, encoder.config.hidden_size)


def freeze_embeddings(model: Classifier) -> None:
    """Tables are read digitally and see no noise: tuning leaves them alone."""
    for name, parameter in model.named_parameters():
        if ".embeddings." in name and "LayerNorm" not in name:
            parameter.requires_grad_(False)


def set_dropout(model: Classifier, on: bool) -> None:
    """Dropout regularises digital training; in tuning the hardware's noise does."""
    for module in model.modules():
        if isinstance(module, nn.Dropout) and not on:
            module.p = 0.0


def export(model: Classifier, path: pathlib.Path, batch: int, tokens: int) -> pathlib.Path:
    """Write the classifier as ONNX for one shape."""
    ids = torch.ones(batch, tokens, dtype=torch.int64)
    mask = torch.ones_like(ids)  # a tensor of its own: one given twice becomes one input
    names = {"input_names": ["input_ids", "attention_mask"], "output_names": ["logits"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about constants
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            model.eval(), (ids, mask), str(path), dynamo=True, opset_version=20,
            external_data=True, verbose=False, **names,
        )  # fmt: skip
    return path
