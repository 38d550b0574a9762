# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Training, validation and test glosses as arrays, and the order in which steps see them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from aimc.experiment import wordnet
from aimc.experiment.settings import Settings
from aimc.experiment.wordnet import Split
from aimc.testing.exports import minilm_folder

_WINDOW = 32  # batches among which glosses of like length find each other


@dataclasses.dataclass(frozen=True)
class Data:
    """Three sides that share no synset; rates and other choices are made on `validation`."""

    train: Split
    validation: Split
    test: Split

    def side(self, name: str) -> Split:
        """A side by its name."""
        chosen = getattr(self, name)
        assert isinstance(chosen, Split)
        return chosen


def part(split: Split, chosen: slice | npt.NDArray[np.int64]) -> Split:
    """Some glosses of a side."""
    return Split(split.input_ids[chosen], split.attention_mask[chosen], split.labels[chosen])


@functools.cache
def load(settings: Settings) -> Data:
    """The first synsets of each side; validation follows the training part."""
    tokenizer = minilm_folder() / "tokenizer.json"
    count = settings.train + settings.validation
    both, test = wordnet.load(tokenizer, count, settings.test, settings.tokens)
    return Data(part(both, slice(settings.train)), part(both, slice(settings.train, None)), test)


def batches(split: Split, size: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of one batch after the other, without end; a function of the seed alone.

    Glosses of like length share a batch, so that little of it is padding.
    """
    lengths = split.attention_mask.sum(1)
    for epoch in range(1 << 30):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(split))
        for start in range(0, len(order), size * _WINDOW):
            window = order[start : start + size * _WINDOW]
            window = window[np.argsort(lengths[window], kind="stable")]
            full = len(window) // size
            for index in rng.permutation(full):
                yield window[index * size : (index + 1) * size]


def trimmed(split: Split, chosen: npt.NDArray[np.int64]) -> Split:
    """Glosses cut to the longest among them."""
    some = part(split, chosen)
    longest = int(some.attention_mask.sum(1).max())
    return Split(some.input_ids[:, :longest], some.attention_mask[:, :longest], some.labels)
