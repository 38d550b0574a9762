# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trainings and evaluations as jobs that a pool of processes works off."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import pathlib
import time
from collections.abc import Sequence
from typing import Any

from aimc.experiment.methods import Evaluation, Training, digital
from aimc.experiment.settings import Settings
from aimc.experiment.store import Store, key_of
from aimc.files import scratch_folder

Job = Training | Evaluation


def missing(store: Store, settings: Settings, jobs: Sequence[Job]) -> list[Job]:
    """Jobs without a result, once each, each after what it needs."""
    found: dict[str, Job] = {}
    for job in jobs:
        for each in (*needs(settings, job), job):
            description = each.describe(settings)
            if store.get(description) is None:
                found.setdefault(key_of(description), each)
    return list(found.values())


def needs(settings: Settings, job: Job) -> list[Job]:
    """What must be there before a job can start."""
    first = digital(settings)
    if isinstance(job, Evaluation):
        return [first, job.training] if job.training != first else [first]
    return [first] if job.kind != "digital" else []


def title(job: Job) -> str:
    """A job in a line."""
    if isinstance(job, Training):
        where = f", {job.row.name}, {job.adaptation.name}" if job.row and job.adaptation else ""
        std = f" {job.std:g}" if job.std is not None else ""
        return f"train {job.kind}{std}{where}, rate {job.rate:g}, seed {job.seed}"
    trained = job.training.kind + (f" {job.training.seed}" if job.training.row else "")
    return f"evaluate {trained}, {job.row.name}, {job.adaptation.name}, {job.side} by {job.by}"


def perform(folder: pathlib.Path, settings: Settings, job: Job, threads: int) -> float:
    """Do one job in this process; returns its seconds."""
    import torch

    from aimc.experiment import data, deployment, training

    begun = time.monotonic()
    torch.set_num_threads(threads)
    store = Store(folder)
    if isinstance(job, Training):
        result = training.train(store, settings, job)
    else:
        split = data.load(settings).side(job.side)
        model = training.load_weights(store, settings, job.training)
        if job.by == "digital":
            right = training.digital_logits(model, split).argmax(1).numpy() == split.labels
            cells = [
                {"chip": 0, "time_s": None, "accuracy": float(right.mean()),
                 "right": deployment.packed(right)}
            ]  # fmt: skip
        elif job.by == "trainer":
            cells = training.on_chips(model, settings, job, split)
        else:
            with scratch_folder("aimc-experiment") as scratch:
                package = deployment.compiled(
                    model, job.row.target, job.adaptation, settings, scratch
                )
                cells = deployment.on_chips(
                    package, job.row, job.chips, split, settings.evaluation_batch, threads
                )
        result = {"cells": cells, "seconds": time.monotonic() - begun}
    store.put(job.describe(settings), result)
    return time.monotonic() - begun


class Progress:
    """Prints finished jobs and how long the rest will take, from the rates of this run."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        self.begun = time.monotonic()
        self.workers = workers
        self.total, self.done = len(jobs), 0
        self.spent: dict[str, list[float]] = {}

    def finished(self, job: Job, seconds: float, rest: Sequence[Job]) -> None:
        """One job is done, `rest` are not."""
        self.done += 1
        self.spent.setdefault(_sort(job), []).append(seconds / _size(job))
        means = {kind: sum(v) / len(v) for kind, v in self.spent.items()}
        known = [means[_sort(j)] * _size(j) for j in rest if _sort(j) in means]
        left = sum(known) * (len(rest) / len(known) if known else 1) / self.workers
        elapsed = time.monotonic() - self.begun
        print(
            f"[{self.done}/{self.total}] {elapsed / 60:5.1f} min, about {left / 60:.0f} to go: "
            f"{title(job)} ({seconds:.0f} s)",
            flush=True,
        )


def _sort(job: Job) -> str:
    """Jobs of a sort cost alike per unit of size."""
    if isinstance(job, Training):
        circuit = job.row is not None and (job.row.is_open, job.row.noisy)
        return f"training {job.kind} {circuit}"
    return f"evaluation {job.by} {job.row.is_open} {job.row.noisy} {job.adaptation.name}"


def _size(job: Job) -> float:
    if isinstance(job, Training):
        return job.steps
    return (job.chips if job.row.noisy else 1) * len(job.row.times_s) + 2.0


def run(folder: pathlib.Path, settings: Settings, jobs: Sequence[Job], workers: int) -> None:
    """Work off all jobs that have no result yet."""
    # Threads that spin at barriers take the cores from the process beside.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    store = Store(folder)
    waiting = missing(store, settings, jobs)
    if not waiting:
        return
    processors = len(os.sched_getaffinity(0))
    progress = Progress(waiting, min(workers, len(waiting)))
    context = multiprocessing.get_context("spawn")
    running: dict[concurrent.futures.Future[float], Job] = {}
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            while waiting or running:
                ready = [job for job in waiting if _ready(store, settings, job)]
                free = workers - len(running)
                # A job that others wait for takes the whole machine.
                alone = not running and len(ready) == 1
                for job in ready[:free]:
                    waiting.remove(job)
                    threads = max(1, processors // (1 if alone else workers))
                    running[pool.submit(perform, folder, settings, job, threads)] = job
                done, _ = concurrent.futures.wait(
                    running, return_when=concurrent.futures.FIRST_COMPLETED
                )
                for future in done:
                    job = running.pop(future)
                    progress.finished(job, future.result(), [*waiting, *running.values()])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _ready(store: Store, settings: Settings, job: Job) -> bool:
    return all(store.get(need.describe(settings)) is not None for need in needs(settings, job))


def results(store: Store, settings: Settings, job: Evaluation) -> list[dict[str, Any]] | None:
    """The cells of an evaluation, or None while they are missing."""
    found = store.get(job.describe(settings))
    if found is None:
        return None
    cells: list[dict[str, Any]] = found["cells"]
    return cells
