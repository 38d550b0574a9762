# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run the command-line programs in tests, and judge how they fail."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import subprocess
from collections.abc import Callable

from aimc.locate import find_program


@dataclasses.dataclass(frozen=True)
class Done:
    """What a program left: exit code and text."""

    status: int
    stdout: str
    stderr: str

    @property
    def error_lines(self) -> list[str]:
        """Lines of standard error that state an error."""
        return [line for line in self.stderr.splitlines() if "error: " in line]


def run_program(
    name: str,
    *args: str | os.PathLike[str],
    timeout_s: float = 300.0,
    setup: Callable[[], None] | None = None,
) -> Done:
    """Run to the end without standard input. `setup` runs in the child before the program."""
    done = subprocess.run(
        [find_program(name), *(os.fspath(arg) for arg in args)],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        preexec_fn=setup,
        # Python ignores SIGXFSZ; children must see what a shell gives them unless setup says so.
        restore_signals=setup is None,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def assert_one_error(done: Done, *causes: str) -> str:
    """A refusal as the user must see it; returns the line.

    Exit code 1; exactly one error line and nothing else but notes on standard error; lower-case
    start, no full stop; every cause named.
    """
    assert done.status == 1, f"expected exit code 1, but got {done.status}: {done.stderr}"
    assert len(done.error_lines) == 1, f"expected one error line, but got: {done.stderr!r}"
    line = done.error_lines[0]
    others = [t for t in done.stderr.splitlines() if t.strip() and t != line and "note: " not in t]
    assert not others, f"expected no other text on standard error, but got: {others}"
    message = line.split("error: ", 1)[1]
    assert message, "expected a message after 'error: '"
    assert not re.match(r"[A-Z][a-z]+ ", message), f"expected a lower-case start: {message}"
    assert not message.endswith("."), f"expected no full stop: {message}"
    for cause in causes:
        assert cause in line, f"expected {cause!r} in: {line}"
    return line


def listing(folder: pathlib.Path) -> dict[str, int]:
    """Every file below a folder, hidden ones too, with its size."""
    return {
        str(path.relative_to(folder)): path.stat().st_size if path.is_file() else -1
        for path in folder.rglob("*")
    }
