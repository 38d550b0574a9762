# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the dialect's descriptions promise, for tests.

descriptions.py examples DIALECT       print every example of every description as one module
descriptions.py untested DIALECT TEST  print each numbered constraint that no invalid test names
"""

from __future__ import annotations

import pathlib
import re
import sys

# What the examples refer to and do not show.
BEFORE = "aimc.tile @key.r0.c0 of @key rows [0, 384] cols [0, 512] on @pcm\n"
MATRIX = "tensor<256x512xf32>"
ARGUMENTS = f"%x: tensor<256x384xf32>, %init: {MATRIX}, %a: {MATRIX}, %b: {MATRIX}"

# An attribute's class name precedes its mnemonic.
DEFINITION = re.compile(
    r'^def AIMC_\w+\s*:\s*AIMC_(?:Attr<"\w+",\s*|\w*Op<)"(\w+)".*?description = \[\{(.*?)\}\];',
    re.DOTALL | re.MULTILINE,
)


def definitions(dialect: pathlib.Path) -> list[tuple[str, str]]:
    """(mnemonic, description) of every attribute and op."""
    found = []
    for source in sorted((dialect / "include" / "aimc" / "IR").glob("*.td")):
        found += DEFINITION.findall(source.read_text())
    return found


def examples(dialect: pathlib.Path) -> None:
    """Attributes go onto a module each, symbols to the top, ops with results into functions."""
    symbols, others = [BEFORE], []
    for name, description in definitions(dialect):
        blocks = re.findall(r"```mlir\n(.*?)```", description, re.DOTALL)
        if not blocks:
            sys.exit(f"{name} has no example")
        for number, block in enumerate(blocks):
            text = re.sub(r"^ {4}", "", block, flags=re.MULTILINE)
            if text.startswith("#"):
                lines = text.strip().splitlines()
                attributes = ", ".join(f"test.{name}{i} = {line}" for i, line in enumerate(lines))
                others.append(f"module attributes {{{attributes}}} {{}}\n")
            elif text.startswith("%"):
                others.append(f"func.func @{name}{number}({ARGUMENTS}) {{\n{text}  return\n}}\n")
            else:
                symbols.append(text)
    print("".join(symbols + others))


def untested(dialect: pathlib.Path, tests: pathlib.Path) -> None:
    """Tests say `// geometry C1` above a module or `@grid_c1_none` as a function's name."""
    text = "\n".join(path.read_text() for path in tests.glob("invalid*.mlir"))
    for name, description in definitions(dialect):
        for number in re.findall(r"- \(C(\d+)\)", description):
            named = rf"// {name} (C\d+, )*C{number}\b|@{name}_c{number}(_|\()"
            if not re.search(named, text):
                print(f"{name} C{number}")


if __name__ == "__main__":
    folders = [pathlib.Path(argument) for argument in sys.argv[2:]]
    if sys.argv[1] == "examples":
        examples(folders[0])
    else:
        untested(folders[0], folders[1])
