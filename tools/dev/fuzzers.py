# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The fuzzers of a build, what bounds each input, and what their runs have done together."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import time

import sanitizers
from common import ROOT

CORPUS = ROOT / "test" / "fuzz" / "corpus"
# One input: what a reader takes more of than its bytes are worth is a finding.
MEMORY_MB, SECONDS, BYTES = 2048, 10, 4096
# Executions that each reader is owed, without a new edge in the last part of them. Those whose time
# goes into MLIR's own parsers and contexts are owed a hundredth.
GOAL, SLOW_GOAL, LAST_PART = 10_000_000, 100_000, 0.1
SLOW = {"mlir", "bytecode", "target-mlir", "device-mlir"}
# A search takes a third more inputs in its time without these; known inputs are replayed with them.
SEARCHING = {"detect_stack_use_after_return": "0", "malloc_context_size": "4"}
STATUS = re.compile(r"^#(\d+)\s+(\w+)\s+cov: (\d+)")
FINDING = re.compile(r"Test unit written to (\S+)|^finding: |ERROR: \w+Sanitizer|runtime error:")


@dataclasses.dataclass
class Progress:
    """What a reader's runs have done together."""

    executions: int = 0
    edges: int = 0
    last_edge: int = 0  # executions when the last new edge came
    seconds: float = 0.0
    findings: int = 0

    def flat(self) -> bool:
        """No new edge in the last part of the executions."""
        return self.executions > 0 and self.last_edge <= (1 - LAST_PART) * self.executions

    def reached(self, reader: str) -> bool:
        """The reader has what it is owed."""
        return self.executions >= (SLOW_GOAL if reader in SLOW else GOAL) and self.flat()

    def after(self, said: list[str], seconds: float) -> Progress:
        """With one more run, by what libFuzzer has said of it."""
        end = dataclasses.replace(self, seconds=self.seconds + seconds)
        for line in said:
            if found := STATUS.match(line):
                executions, what, edges = int(found[1]), found[2], int(found[3])
                end.executions = self.executions + executions
                if edges > end.edges:
                    end.edges = edges
                    # Before a run is under way it is about inputs that are known already.
                    end.last_edge = self.executions + (0 if what == "INITED" else executions)
            elif found := re.match(r"stat::number_of_executed_units:\s+(\d+)", line):
                end.executions = self.executions + int(found[1])
        end.findings += any(FINDING.search(line) for line in said)
        return end


class Fuzzer:
    """One reader's program and its folders."""

    def __init__(self, program: pathlib.Path, build: pathlib.Path):
        self.program = program
        self.reader = program.name.removeprefix("aimc-fuzz-")
        self.known = CORPUS / self.reader
        self.derived = build / "seeds" / self.reader
        self.dictionary = build / "dictionaries" / f"{self.reader}.dict"
        self.grown = build / "corpus" / self.reader
        self.findings = build / "findings"
        self.state = build / "progress" / f"{self.reader}.json"
        self.environment = os.environ | sanitizers.environment(build)
        for folder in (self.grown, self.findings, self.state.parent):
            folder.mkdir(parents=True, exist_ok=True)

    def progress(self) -> Progress:
        """What earlier runs have done."""
        if self.state.exists():
            return Progress(**json.loads(self.state.read_text(encoding="utf-8")))
        return Progress()

    def run(self, *flags: str, folders: list[pathlib.Path], **options: str) -> list[str]:
        """Run the program, with more options of the sanitizer; what it said, line by line."""
        env = dict(self.environment)
        env["ASAN_OPTIONS"] = ":".join(
            part for part in (env.get("ASAN_OPTIONS"), sanitizers.joined(options)) if part
        )
        command = [str(self.program), f"-rss_limit_mb={MEMORY_MB}", f"-timeout={SECONDS}",
                   f"-max_len={BYTES}", f"-artifact_prefix={self.findings}/{self.reader}-", *flags,
                   *(str(folder) for folder in folders if folder.exists())]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True,
                              errors="replace", env=env,
                              stdin=subprocess.DEVNULL)  # fmt: skip
        lines = done.stderr.splitlines()
        if done.returncode != 0 and not any(FINDING.search(line) for line in lines):
            lines.append(f"finding: exit code {done.returncode}")
        return lines

    def replay(self) -> list[str]:
        """Every known input once; what is wrong."""
        said = self.run("-runs=0", folders=[self.known])
        return [line for line in said if FINDING.search(line)]

    def search(self, seconds: float) -> list[str]:
        """New inputs for some time; what is wrong."""
        flags = [f"-max_total_time={max(1, round(seconds))}", "-reload=0", "-print_final_stats=1"]
        flags += [f"-dict={self.dictionary}"] if self.dictionary.exists() else []
        start = time.monotonic()
        said = self.run(*flags, folders=[self.grown, self.known, self.derived], **SEARCHING)
        after = self.progress().after(said, time.monotonic() - start)
        self.state.write_text(json.dumps(dataclasses.asdict(after)) + "\n", encoding="utf-8")
        return [line for line in said if FINDING.search(line)]


def of_build(build: pathlib.Path) -> list[Fuzzer]:
    """All fuzzers of a build, by name."""
    return [Fuzzer(path, build) for path in sorted((build / "bin").glob("aimc-fuzz-*"))]
