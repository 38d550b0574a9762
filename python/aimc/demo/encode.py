# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sentences to model inputs, hidden states to embeddings, embeddings to a ranking."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Feeds = dict[str, npt.NDArray[np.int64]]


def tokenize(sentences: Sequence[str], model: pathlib.Path, batch: int, seq: int) -> list[Feeds]:
    """Batches of exactly `batch` x `seq` ids; a last batch is filled with empty sentences."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(max_length=seq)
    tokenizer.enable_padding(length=seq)
    padded = list(sentences) + [""] * (-len(sentences) % batch)
    encoded = tokenizer.encode_batch(padded)
    return [
        {
            "input_ids": np.array([e.ids for e in group], np.int64),
            "attention_mask": np.array([e.attention_mask for e in group], np.int64),
            "token_type_ids": np.array([e.type_ids for e in group], np.int64),
        }
        for group in (encoded[i : i + batch] for i in range(0, len(encoded), batch))
    ]


def embed(
    run: Callable[[Feeds], Floats], batches: Sequence[Feeds], count: int
) -> tuple[Floats, Floats]:
    """Hidden states of the first `count` sentences, and their mean over real tokens, length 1."""
    hidden, pooled = [], []
    for feeds in batches:
        states = run(feeds)
        mask = feeds["attention_mask"][..., None].astype(np.float64)
        mean = (states * mask).sum(1) / mask.sum(1)
        hidden.append(states)
        pooled.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
    return np.concatenate(hidden)[:count], np.concatenate(pooled)[:count]


def ranks(values: Floats) -> Floats:
    """Rank of each value, ties share their mean rank."""
    order = np.argsort(values, kind="stable")
    result = np.empty(len(values))
    result[order] = np.arange(len(values))
    for value in np.unique(values):
        result[values == value] = result[values == value].mean()
    return result


def spearman(a: Floats, b: Floats) -> float:
    """Correlation of ranks."""
    return float(np.corrcoef(ranks(np.asarray(a)), ranks(np.asarray(b)))[0, 1])
