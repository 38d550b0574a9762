# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `make bench` measures: tile reads, whole models, compilation. Every comparison is made in one
process with turns taken, so that a slow minute of the machine hits both sides."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import aimc
from aimc.locate import find_program
from aimc.testing import exports, measure, models

QUIET = {"read_noise": False}
SIDES = ("ideal", "circuit", "circuit and read noise")


@dataclasses.dataclass
class Comparison:
    """Several ways to do one thing, timed in turns; ratios are to `base`."""

    what: str
    threads: int
    base: str
    timings: dict[str, measure.Timing]

    def ratio(self, side: str) -> float:
        """Median over turns of side / base."""
        return measure.ratio(self.timings, side, self.base)

    def as_json(self) -> dict[str, Any]:
        """Medians and ratios."""
        return {
            "what": self.what,
            "threads": self.threads,
            "base": self.base,
            "median_ms": {k: t.median * 1e3 for k, t in self.timings.items()},
            "spread": {k: t.spread for k, t in self.timings.items()},
            "ratio": {k: self.ratio(k) for k in self.timings},
        }


def sessions(package: pathlib.Path, threads: int) -> dict[str, aimc.Session]:
    """The same package exact, with the deterministic circuit, and with all noise."""
    return {
        SIDES[0]: aimc.Session(package, ideal=True, threads=threads),
        SIDES[1]: aimc.Session(package, threads=threads, effects=QUIET),
        SIDES[2]: aimc.Session(package, threads=threads),
    }


def tile_reads(folder: pathlib.Path) -> Iterator[Comparison]:
    """A 512 x 512 tile read by 128 vectors: torch's product, our plain product, our tile."""
    import torch

    rows = cols = 512
    batch = 128
    model = models.linear(folder / "tile.onnx", rows, cols)
    package = aimc.compile(model, dims={"batch": batch}, output=folder / "tile.aimc")
    x = np.random.default_rng(0).standard_normal((batch, rows)).astype(np.float32)
    tx, tw, ty = torch.from_numpy(x), torch.from_numpy(models.weight(rows, cols)), torch.empty(
        batch, cols
    )  # fmt: skip
    for threads in (1, 2):
        torch.set_num_threads(threads)
        held = sessions(package, threads)
        # One read takes tens of microseconds: repeat it so that the clock and Python vanish.
        times = 50

        def repeated(run: Any, times: int = times) -> Any:
            def loop() -> None:
                for _ in range(times):
                    run()

            return loop

        sides = {"torch": repeated(lambda: torch.mm(tx, tw, out=ty))}
        for name, session in held.items():
            sides[name] = repeated(lambda s=session: s.run(None, {"x": x}))
        timings = measure.interleaved(sides, repeats=25, budget_s=20)
        per_run = {
            name: measure.Timing(tuple(s / times for s in t.seconds)) for name, t in timings.items()
        }
        yield Comparison("tile 512x512, 128 vectors", threads, "ideal", per_run)


def transformer(folder: pathlib.Path, name: str, batch: int, seq: int) -> Iterator[Comparison]:
    """A whole encoder against onnxruntime fp32, on one and two threads."""
    import onnxruntime

    model = exports.ensure(name, "dynamo")
    package = folder / f"{name}-{batch}x{seq}.aimc"
    aimc.compile(model, dims={"batch": batch, "seq": seq}, output=package)
    ids = np.random.default_rng(0).integers(5, 1000, (batch, seq))
    mask = np.ones_like(ids)
    mask[-1, seq // 2 :] = 0
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    for threads in (1, 2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        theirs = onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
        runs: dict[str, Any] = {"onnxruntime": theirs, **sessions(package, threads)}
        sides = {k: (lambda s=session: s.run(None, feeds)) for k, session in runs.items()}
        timings = measure.interleaved(sides, repeats=15, budget_s=30)
        yield Comparison(f"{name}, batch {batch}, seq {seq}", threads, "onnxruntime", timings)


LAUNCHER = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclasses.dataclass
class Compilation:
    """What compiling one model took."""

    what: str
    seconds: float
    peak_bytes: int
    weight_bytes: int
    package_bytes: int
    program_s: float

    @property
    def peak_ratio(self) -> float:
        """Peak resident memory over the bytes of the weights."""
        return self.peak_bytes / self.weight_bytes


def weight_bytes(model: pathlib.Path) -> int:
    """Bytes of the model's initializers, wherever they are stored."""
    import onnx

    graph = onnx.load(str(model), load_external_data=False).graph
    total = 0
    for tensor in graph.initializer:
        width = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
        total += int(np.prod(tensor.dims, dtype=np.int64)) * width
    return total


def compilation(folder: pathlib.Path, name: str, batch: int, seq: int) -> Compilation:
    """Time and peak memory of the compiler as a process of its own."""
    model = exports.ensure(name, "dynamo")
    package = folder / f"{name}-compile.aimc"
    command = [find_program("aimc-compile"), str(model), "--dim", f"batch={batch}", "--dim",
               f"seq={seq}", "--target", "pcm", "-o", str(package)]  # fmt: skip
    # A process starts with the peak of the one that made it, and this one holds torch and models:
    # a small one in between is what getrusage must see.
    done = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCHER, *command],
        check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    seconds, peak_kib = map(float, done.stdout.split())
    with aimc.Session(package) as session:
        program_s = float(session.statistics()["create_s"])
    return Compilation(
        f"{name}, batch {batch}, seq {seq}",
        seconds,
        int(peak_kib) * 1024,
        weight_bytes(model),
        sum(file.stat().st_size for file in package.iterdir()),
        program_s,
    )


def kernels(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The kernels' own benchmarks (Google Benchmark), without session and Python around them."""
    output = folder / "kernels.json"
    command = [find_program("aimc-bench-kernels"), f"--benchmark_out={output}",
               "--benchmark_out_format=json", "--benchmark_repetitions=5",
               "--benchmark_enable_random_interleaving=true",
               "--benchmark_report_aggregates_only=true"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows: list[dict[str, Any]] = json.loads(output.read_text())["benchmarks"]
    medians = [row for row in rows if row.get("aggregate_name") == "median"]
    return sorted(medians, key=lambda row: str(row["run_name"]))
