# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the developer commands share: where files are, and how a check reports."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]
CXX_SUFFIXES = {".h", ".hpp", ".cpp", ".cc", ".c"}
PYTHON_SCRIPTS_FOLDER = ROOT / "tools" / "dev"


def repository_files() -> list[pathlib.Path]:
    """Tracked files and new ones that git does not ignore, as they are on disk."""
    out = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    paths = {ROOT / name for name in out.split("\0") if name}
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def cxx_files() -> list[pathlib.Path]:
    """C and C++ sources and headers."""
    return [path for path in repository_files() if path.suffix in CXX_SUFFIXES]


def python_files() -> list[pathlib.Path]:
    """Python modules, and scripts without a suffix that say they are Python."""
    return [path for path in repository_files() if path.suffix == ".py" or is_python_script(path)]


def is_python_script(path: pathlib.Path) -> bool:
    """Whether a file without suffix starts with a python shebang."""
    if path.suffix or path.parent != PYTHON_SCRIPTS_FOLDER:
        return False
    with path.open("rb") as file:
        return file.readline().startswith(b"#!/usr/bin/env python3")


def relative(path: pathlib.Path) -> str:
    """A path as a reader of the repository writes it."""
    return path.relative_to(ROOT).as_posix()


def lines_of(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a text file."""
    text = path.read_text(encoding="utf-8", errors="replace")
    yield from enumerate(text.splitlines(), start=1)


def chunks(items: Sequence[pathlib.Path], size: int = 64) -> Iterator[Sequence[pathlib.Path]]:
    """Split long argument lists."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def report(findings: Iterable[str]) -> int:
    """Print findings, one per line as file:line: text; the exit code of a check."""
    found = list(findings)
    for finding in found:
        print(finding, file=sys.stderr)
    return 1 if found else 0
