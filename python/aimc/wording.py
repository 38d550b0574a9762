# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `aimc-compile` says, in the words of those who called it as a function."""

from __future__ import annotations

import re

# Flags of arguments of aimc.compile that are named otherwise; the others differ in dashes alone.
_RENAMED = {"dim": "dims"}
_ARGUMENTS = ("dim", "target", "mcpu", "calibrate", "input-range", "compensate", "scale", "device",
              "fidelity", "emit-noise")  # fmt: skip
_DIMS = re.compile(r"--dim '(.*?)'=N((?: --dim '.*?'=N)*)")
_FLAG = re.compile(rf"(?<![\w-])--({'|'.join(_ARGUMENTS)})(?![\w-])")


def in_python(line: str) -> str:
    """The line with arguments where it has flags; other flags stay, which extra_args takes."""
    line = line.removesuffix("; see aimc-compile --help")
    line = line.replace("a preset or a .mlir file", "a preset or a .mlir or .json file")
    line = _DIMS.sub(_sizes, line)
    return _FLAG.sub(lambda flag: _RENAMED.get(flag[1], flag[1].replace("-", "_")), line)


def _sizes(flags: re.Match[str]) -> str:
    names = re.findall(r"--dim '(.*?)'=N", flags[0])
    return "dims={" + ", ".join(f"{name!r}: N" for name in names) + "}"
