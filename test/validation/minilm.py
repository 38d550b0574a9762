# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every linear layer of MiniLM-L6 with its real weights and what really goes into it.

Sentences are those of the demo: every second pair calibrates (row activity), the others judge.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np

from aimc.demo.sentences import PAIRS
from aimc.testing import exports

TILE = 512
BINS = 32


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows of one layer that share a tile: at most 512."""

    layer: str
    weights: np.ndarray  # [rows, outputs]
    calibration: np.ndarray  # [n, rows]
    inputs: np.ndarray  # [n, rows]

    @property
    def activity(self) -> np.ndarray:
        """Histogram of |x| over 32 equal bins of each vector's own range, row by row."""
        size = np.abs(self.calibration)
        top = size.max(1, keepdims=True)
        bins = np.minimum((size / np.where(top > 0, top, 1) * BINS).astype(int), BINS - 1)
        counts = np.stack([(bins == b).sum(0) for b in range(BINS)], axis=1).astype(float)
        return counts / counts.sum(1, keepdims=True)


@functools.cache
def layers() -> dict[str, list[Block]]:
    """Blocks of each layer, in the order of the model."""
    import torch
    from tokenizers import Tokenizer

    model = exports.make_model("minilm", 0)
    tokenizer = Tokenizer.from_file(str(exports.minilm_folder() / "tokenizer.json"))
    seen: dict[str, list[np.ndarray]] = {}
    mask = None

    def record(name: str):
        def hook(_, inputs) -> None:
            x = inputs[0].detach().numpy()
            kept = x[mask] if x.ndim == 3 else x
            seen.setdefault(name, []).append(kept.astype(np.float32))

        return hook

    weights = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(record(name))
            weights[name] = module.weight.detach().numpy().T.copy()
    with torch.no_grad():
        for half in (PAIRS[0::2], PAIRS[1::2]):
            encoded = tokenizer.encode_batch([text for _, a, b in half for text in (a, b)])
            length = max(len(e.ids) for e in encoded)
            ids = torch.tensor([e.ids[:length] + [0] * (length - len(e.ids)) for e in encoded])
            attention = torch.tensor(
                [e.attention_mask[:length] + [0] * (length - len(e.ids)) for e in encoded]
            )
            mask = attention.numpy().astype(bool)
            model(input_ids=ids, attention_mask=attention, token_type_ids=torch.zeros_like(ids))
    return {name: _blocks(name, weights[name], *seen[name]) for name in weights if name in seen}


def _blocks(name: str, weights: np.ndarray, calibration: np.ndarray, inputs: np.ndarray):
    """Row blocks of at most one tile, equal as `aimc-partition` makes them."""
    rows = weights.shape[0]
    count = -(-rows // TILE)
    edges = np.linspace(0, rows, count + 1).astype(int)
    return [
        Block(name, weights[a:b], calibration[:, a:b], inputs[:, a:b])
        for a, b in itertools.pairwise(edges)
    ]


def some(array: np.ndarray, count: int, axis: int) -> np.ndarray:
    """`count` evenly spaced slices, the same at every run."""
    size = array.shape[axis]
    return np.take(array, np.linspace(0, size - 1, min(count, size)).astype(int), axis)


def codes(inputs: np.ndarray, levels: int = 127) -> np.ndarray:
    """Signed ticks of each vector over its own range."""
    top = np.abs(inputs).max(1, keepdims=True)
    return np.rint(inputs / np.where(top > 0, top, 1) * levels)


def relative(got: np.ndarray, wanted: np.ndarray) -> float:
    """Root mean square of the difference over that of the wanted values."""
    return float(np.sqrt(np.mean(np.square(got - wanted)) / np.mean(np.square(wanted))))
