# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How `make validate` writes: tables, plots, and sections that can be made anew one by one."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aimc.testing.plots import STYLE

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLOTS = ROOT / "docs" / "plots"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in lines) + "\n"


def short(value: float) -> str:
    """A small number as people say it."""
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e+")


def verdict(value: float, bound: float) -> str:
    """A number, the bound that is promised for it, and whether it holds."""
    return f"{short(value)} (<= {short(bound)}: {'yes' if value <= bound else '**no**'})"


def plot(name: str, draw: Callable[[Any], None], size: tuple[float, float] = (6.4, 3.2)) -> str:
    """Draw on one pair of axes, save as docs/plots/<name>.svg, return the Markdown that shows it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=size, layout="constrained")
        draw(axes)
        PLOTS.mkdir(parents=True, exist_ok=True)
        figure.savefig(PLOTS / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)
    return f"![{name}](plots/{name}.svg)\n"


def markers(name: str) -> tuple[str, str]:
    """What a section lies between."""
    return f"<!-- section {name}: begin -->", f"<!-- section {name}: end -->"


def stored(page: pathlib.Path, name: str) -> str | None:
    """A section's text as the page has it."""
    if not page.exists():
        return None
    begin, end = markers(name)
    found = re.search(
        re.escape(begin) + r"\n(.*?)" + re.escape(end), page.read_text(encoding="utf-8"), re.DOTALL
    )
    return found[1] if found else None


def write(page: pathlib.Path, head: str, sections: dict[str, str]) -> None:
    """The whole page."""
    parts = [head]
    for name, text in sections.items():
        begin, end = markers(name)
        parts.append(f"{begin}\n{text.rstrip()}\n{end}\n")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts), encoding="utf-8")
