# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`make validate`: measure everything, and write docs/Validation.md and docs/studies/Variation.md.

`--only fidelity scale` makes these sections anew and keeps the others as the page has them.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pathlib
import shutil
import sys
import time
from collections.abc import Sequence

import pages

from aimc.testing.measure import machine

SECTIONS = ("circuit", "statistics", "fidelity", "compensation", "scale", "aihwkit")
STUDY = "variation"
HEAD = """\
<!-- Written by test/validation/validate.py; run 'make validate' instead of editing. -->
# Validation

What the numbers of this project rest on, measured against programs that share no code with it. Limits
stand beside the numbers; where one is not met, the table says **no**. The cheap half of this runs in
`make test`. Law: [Physics](Physics.md). Study of variation: [Variation](studies/Variation.md).

Made on {machine}. Parts may be of different days; numbers do not depend on the machine, times do.
"""


def absent(wanted: Sequence[str]) -> list[str]:
    """What sections are measured with and this machine lacks: the page would lose a section."""
    missing = []
    if "circuit" in wanted and not shutil.which("ngspice"):
        missing.append("circuit: expected ngspice in PATH: tools/dev/setup")
    if "aihwkit" in wanted and not importlib.util.find_spec("aihwkit"):
        missing.append("aihwkit: expected the package aihwkit: tools/dev/setup")
    return missing


def say(text: str) -> None:
    """Progress on standard error."""
    print(f"validate: {text}", file=sys.stderr, flush=True)


def made(name: str) -> str:
    """One section, measured now."""
    start = time.monotonic()
    text: str = importlib.import_module(f"sections.{name}").section()
    say(f"{name}: {time.monotonic() - start:.0f} s")
    return text


def main() -> int:
    """Run the sections asked for; all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=pathlib.Path, default=pages.ROOT / "docs" / "Validation.md"
    )
    parser.add_argument("--only", nargs="+", choices=(*SECTIONS, STUDY), help="sections to make")
    args = parser.parse_args()
    wanted = args.only or (*SECTIONS, STUDY)
    if missing := absent(wanted):
        parser.exit(1, "".join(f"validate: error: {line}\n" for line in missing))
    done: dict[str, str] = {}
    for name in SECTIONS:
        if name in wanted:
            done[name] = made(name)
            # What is done is on the page even if a later section fails.
            rest = {n: pages.stored(args.output, n) or f"## {n}\nNot made.\n" for n in SECTIONS}
            pages.write(args.output, HEAD.format(machine=machine()), rest | done)
    if STUDY in wanted:
        study = args.output.parent / "studies" / "Variation.md"
        study.parent.mkdir(parents=True, exist_ok=True)
        study.write_text(made(STUDY), encoding="utf-8")
    say(f"wrote {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
