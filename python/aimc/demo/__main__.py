# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Export MiniLM-L6, compile it to tiles, run it on sentences, say what the tiles cost.

Every number is measured in this run. The analog run carries the whole deterministic circuit and
all noise of the target; the ideal run is the same package with every effect switched off.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import aimc
from aimc.demo import encode, report
from aimc.demo.sentences import PAIRS
from aimc.locate import find_program
from aimc.testing import exports, measure

OUTPUT = exports.OUTPUTS[0]


@dataclasses.dataclass
class Run:
    """One way to run the model: hidden states and embeddings of every sentence."""

    name: str
    hidden: encode.Floats
    embeddings: encode.Floats

    def similarities(self) -> encode.Floats:
        """Cosine of the two sentences of each pair."""
        first, second = self.embeddings[0::2], self.embeddings[1::2]
        return np.asarray((first * second).sum(1))


def step(text: str) -> None:
    """Say what is going on, on a terminal only: a log wants results."""
    if sys.stderr.isatty():
        print(f"... {text}", file=sys.stderr, flush=True)


def compile_model(model: pathlib.Path, package: pathlib.Path, args: argparse.Namespace) -> float:
    """Run the compiler as a user would; seconds it took."""
    command = [find_program("aimc-compile"), str(model), "--target", args.target]
    command += ["--dim", f"batch={args.batch}", "--dim", f"seq={args.seq}", "-o", str(package)]
    print("$ " + " ".join(["aimc-compile", *command[1:]]), flush=True)
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


def run_tool(package: pathlib.Path, feeds: encode.Feeds, args: argparse.Namespace) -> encode.Floats:
    """Run one batch with aimc-run as a user would."""
    folder = package.parent
    np.savez(folder / "x.npz", **feeds)  # type: ignore[arg-type]
    command = [find_program("aimc-run"), str(package), "--input", str(folder / "x.npz")]
    command += ["--output", str(folder / "y.npz"), "--seed", str(args.seed)]
    print("$ " + " ".join(["aimc-run", *command[1:]]), flush=True)
    subprocess.run(command, check=True)
    with np.load(folder / "y.npz") as file:
        return np.asarray(file[OUTPUT])


def onnxruntime_session(model: pathlib.Path, threads: int) -> Any:
    """The digital reference, on as many threads as we use."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="aimc.demo", description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("build/demo"))
    parser.add_argument("--target", default="pcm", help="preset or .mlir file")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seq", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0, help="of the chip instance")
    parser.add_argument("--threads", type=int, default=measure.processors())
    parser.add_argument("--repeats", type=int, default=15, help="of the latency measurement")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the job and print the tables."""
    args = parse(argv)
    step("exporting MiniLM-L6 (kept for the next time)")
    model = exports.ensure("minilm", "dynamo", args.output)
    package = args.output / "minilm.aimc"
    compile_s = compile_model(model, package, args)

    sentences = [text for _, a, b in PAIRS for text in (a, b)]
    batches = encode.tokenize(sentences, exports.minilm_folder(), args.batch, args.seq)
    from_tool = run_tool(package, batches[0], args)

    step("programming a chip and running every sentence")
    reference = onnxruntime_session(model, args.threads)
    ideal = aimc.Session(package, ideal=True, threads=args.threads)
    analog = aimc.Session(package, seed=args.seed, threads=args.threads)
    probe = aimc.Session(package, seed=args.seed, threads=args.threads, compare_ideal=True)
    sides: dict[str, Any] = {"onnxruntime": reference, "ideal": ideal, "analog": analog}
    runs = {}
    for name, session in sides.items():
        states = encode.embed(runner(session), batches, len(sentences))
        runs[name] = Run(name, *states)
    if not np.array_equal(from_tool, runs["analog"].hidden[: args.batch]):
        raise SystemExit("error: aimc-run and aimc.Session disagree for the same seed")
    encode.embed(runner(probe), batches, len(sentences))

    step("measuring latency")
    quiet = aimc.Session(package, seed=args.seed, threads=args.threads,
                         effects={"read_noise": False})  # fmt: skip
    timed = {**sides, "analog, no read noise": quiet}
    turns = {name: functools.partial(run.run, None, batches[0]) for name, run in timed.items()}
    timings = measure.interleaved(turns, args.repeats, budget_s=20.0)
    grades = np.array([grade for grade, _, _ in PAIRS])
    print()
    print(report.package(model, package, analog.manifest, compile_s, args))
    print(report.accuracy(list(runs.values()), grades))
    print(report.layers(analog.manifest, probe.statistics()))
    print(report.latency(timings, args))
    figures = report.figures(list(runs.values()), grades)
    (args.output / "results.json").write_text(json.dumps(figures, indent=1))
    return 0


def runner(session: Any) -> Callable[[encode.Feeds], encode.Floats]:
    """The model's hidden states as a function of its inputs."""
    return lambda feeds: np.asarray(session.run([OUTPUT], feeds)[0])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except aimc.Error as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        # The tool has said why in its own line.
        sys.exit(error.returncode if error.returncode > 0 else 130)
    except KeyboardInterrupt:
        sys.exit(130)
