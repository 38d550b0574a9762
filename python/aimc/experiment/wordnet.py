# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A classification task that every Debian machine has: WordNet gloss to supersense.

Each noun and verb synset has a definition and belongs to one of 41 lexicographer files (noun.act,
verb.motion, ...), its supersense. The text is the definition without its usage examples; the label
is the file. Which synsets train and which test is a function of the synset alone, so that subsets
of different sizes never mix the two.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import re

import numpy as np
import numpy.typing as npt

WORDNET = pathlib.Path("/usr/share/wordnet")
"""Where Debian's package wordnet-base puts its files."""

FIRST_FILE = 3
"""Lexicographer files 3 to 28 are nouns, 29 to 43 verbs (lexnames(5WN))."""
CLASSES = 41
TEST_SHARE = 8  # one synset of eight


@dataclasses.dataclass(frozen=True)
class Gloss:
    """One synset: its identity, definition and supersense in [0, CLASSES)."""

    synset: str
    text: str
    label: int

    @property
    def is_test(self) -> bool:
        """Whether the synset is kept for testing."""
        return _hash(self.synset) % TEST_SHARE == 0


@dataclasses.dataclass(frozen=True)
class Split:
    """Token ids and attention mask [n, tokens] and labels [n], int64."""

    input_ids: npt.NDArray[np.int64]
    attention_mask: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def definition(gloss: str) -> str:
    """The gloss without its usage examples, which are quoted and follow a stop."""
    return re.split(r'[;,:] "', gloss, maxsplit=1)[0].strip()


def read(folder: pathlib.Path = WORDNET) -> list[Gloss]:
    """All noun and verb synsets in an order that depends on nothing but their identity.

    Raises:
        FileNotFoundError: the folder lacks WordNet's data files.
    """
    glosses = []
    for part, letter in (("noun", "n"), ("verb", "v")):
        path = folder / f"data.{part}"
        if not path.exists():
            raise FileNotFoundError(
                f"{path}: expected WordNet's data files, which the Debian package wordnet-base has"
            )
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith("  "):  # the licence
                continue
            fields, _, gloss = line.partition(" | ")
            offset, file_number = fields.split(" ", 2)[:2]
            label = int(file_number) - FIRST_FILE
            text = definition(gloss)
            if text:
                glosses.append(Gloss(letter + offset, text, label))
    return sorted(glosses, key=lambda gloss: _hash("order " + gloss.synset))


def tokenize(glosses: list[Gloss], tokenizer_file: pathlib.Path, tokens: int) -> Split:
    """Definitions as `tokens` ids each, cut or padded."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.enable_truncation(max_length=tokens)
    tokenizer.enable_padding(length=tokens)
    encoded = tokenizer.encode_batch([gloss.text for gloss in glosses])
    return Split(
        np.array([e.ids for e in encoded], np.int64).reshape(-1, tokens),
        np.array([e.attention_mask for e in encoded], np.int64).reshape(-1, tokens),
        np.array([gloss.label for gloss in glosses], np.int64),
    )


def load(
    tokenizer_file: pathlib.Path,
    train: int,
    test: int,
    tokens: int = 24,
    folder: pathlib.Path = WORDNET,
) -> tuple[Split, Split]:
    """The first `train` and `test` synsets of each side.

    Raises:
        FileNotFoundError: see :func:`read`.
        ValueError: WordNet has fewer synsets than asked for.
    """
    glosses = read(folder)
    sides = {
        "train": ([g for g in glosses if not g.is_test], train),
        "test": ([g for g in glosses if g.is_test], test),
    }
    for name, (found, wanted) in sides.items():
        if wanted > len(found):
            raise ValueError(f"expected at most {len(found)} {name} glosses, but got {wanted}")
    cut = [tokenize(found[:wanted], tokenizer_file, tokens) for found, wanted in sides.values()]
    return cut[0], cut[1]
