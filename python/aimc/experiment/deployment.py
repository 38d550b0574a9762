# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From trained weights to chips: export, compile, run by the runtime, count what is right."""

from __future__ import annotations

import contextlib
import pathlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import aimc
from aimc.errors import HardwareWarning
from aimc.experiment import data
from aimc.experiment.methods import Adaptation, Row
from aimc.experiment.model import Classifier, export
from aimc.experiment.settings import Settings
from aimc.experiment.wordnet import Split
from aimc.target import Target
from aimc.torch import Spec, load_spec

Right = npt.NDArray[np.bool_]


@contextlib.contextmanager
def _coarse() -> Iterator[None]:
    """Nobody needs to be told here that ADCs are coarse: that is what the experiment is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HardwareWarning)
        yield


def compiled(
    model: Classifier,
    target: Target,
    adaptation: Adaptation,
    settings: Settings,
    folder: pathlib.Path,
    *extra: str,
) -> pathlib.Path:
    """The package of a model for a target."""
    onnx = folder / "model.onnx"
    if not onnx.exists():
        export(model, onnx, settings.evaluation_batch, settings.tokens)
    inputs = None
    if adaptation.calibrated:
        some = data.part(data.load(settings).train, slice(settings.calibration))
        inputs = {"input_ids": some.input_ids, "attention_mask": some.attention_mask}
    with _coarse():
        return aimc.compile(
        onnx, target=target, output=folder / "model.aimc", scale=adaptation.scale,
        compensate=adaptation.compensate, calibrate=inputs, extra_args=extra,
    )  # fmt: skip


def noise_spec(
    model: Classifier,
    target: Target,
    adaptation: Adaptation,
    settings: Settings,
    folder: pathlib.Path,
) -> Spec:
    """What the compiler has made of a model, for training."""
    path = folder / "spec.json"
    compiled(model, target, adaptation, settings, folder, "--emit-noise", str(path))
    return load_spec(path)


def packed(right: Right) -> str:
    """Which glosses are right, as hexadecimal digits."""
    return np.packbits(right).tobytes().hex()


def unpacked(text: str, count: int) -> Right:
    """The reverse of :func:`packed`."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8), count=count)
    return bits.astype(bool)


def feeds(split: Split, batch: int) -> Iterator[dict[str, npt.NDArray[np.int64]]]:
    """Batches of one shape; the last is filled up with its own first gloss."""
    for start in range(0, len(split), batch):
        some = data.part(split, slice(start, start + batch))
        lacking = batch - len(some)
        yield {
            "input_ids": np.concatenate([some.input_ids, some.input_ids[:1].repeat(lacking, 0)]),
            "attention_mask": np.concatenate(
                [some.attention_mask, some.attention_mask[:1].repeat(lacking, 0)]
            ),
        }


def answers(session: Any, split: Split, batch: int) -> Right:
    """Which glosses a session classifies right."""
    with _coarse():
        logits = np.concatenate([session.run(["logits"], feed)[0] for feed in feeds(split, batch)])
    right: Right = logits[: len(split)].argmax(1) == split.labels
    return right


def on_chips(
    package: pathlib.Path, row: Row, chips: int, split: Split, batch: int, threads: int
) -> list[dict[str, Any]]:
    """What every chip instance gets right at each time of a row."""
    found = []
    for chip in range(chips if row.noisy else 1):
        with aimc.Session(
            package, seed=chip, threads=threads, time_s=row.times_s[0], drift_compensation="column"
        ) as session:
            for time_s in row.times_s:
                if time_s is not None and time_s != row.times_s[0]:
                    session.age(time_s)
                right = answers(session, split, batch)
                found.append(
                    {"chip": chip, "time_s": time_s, "accuracy": float(right.mean()),
                     "right": packed(right)}
                )  # fmt: skip
    return found
