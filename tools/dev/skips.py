# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which tests a run left out, against the list of those that it may: test/expected-skips.txt.

A test that is skipped proves nothing and looks like one that passed. So each skip is on the list
with its reason, and one that is not counts as a failure.
"""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import pathlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable

from common import ROOT

LIST = ROOT / "test" / "expected-skips.txt"


@dataclasses.dataclass(frozen=True)
class Skip:
    """A test, or a pattern of tests, and the reason or a pattern of reasons."""

    suite: str
    test: str
    reason: str

    def covers(self, other: Skip) -> bool:
        """Whether a line of the list means a skip of a run."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return all(fnmatch.fnmatchcase(found, pattern) for pattern, found in pairs)


def of_report(suite: str, root: ElementTree.Element) -> list[Skip]:
    """The skips of a JUnit report."""
    found = []
    for case in root.iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None:
            place = case.get("classname") or case.get("name") or ""
            found.append(Skip(suite, place, skipped.get("message") or "no reason given"))
    return found


def expected(path: pathlib.Path = LIST) -> list[Skip]:
    """The list: suite, test and reason between bars; lines with # say why."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [
        Skip(*(part.strip() for part in line.split("|", 2)))
        for line in lines
        if line and not line.startswith("#")
    ]


def report(found: Iterable[Skip], allowed: Iterable[Skip]) -> tuple[list[str], int]:
    """Lines that name every skip with its count, and how many of them nobody expected."""
    counts = collections.Counter(found)
    allowed = list(allowed)
    lines, unexpected = [], 0
    for skip, count in sorted(counts.items(), key=lambda pair: dataclasses.astuple(pair[0])):
        known = any(line.covers(skip) for line in allowed)
        unexpected += 0 if known else count
        word = "skipped" if known else "SKIPPED, NOT EXPECTED"
        lines.append(f"{word}: {skip.suite} {skip.test} ({count}): {skip.reason}")
    return lines, unexpected
