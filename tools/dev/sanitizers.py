# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the programs of a sanitized build need around them: the one home of sanitizers' options.

A finding ends the program with a status that no test expects, so a test that passed is clean.
"""

from __future__ import annotations

import functools
import pathlib
import subprocess

# Each option with its reason.
ADDRESS_OPTIONS = {
    # LLVM's allocators poison what they have not handed out, but only in inline functions that were
    # compiled here: what the distribution's libLLVM hands out stays poisoned.
    "allow_user_poisoning": "0",
    # The distribution's LLVM, protobuf and torch grow containers without telling the sanitizer.
    "detect_container_overflow": "0",
    "detect_stack_use_after_return": "1",
    "strict_string_checks": "1",
    # `malloc` of what nobody has is a null pointer, as without a sanitizer.
    "allocator_may_return_null": "1",
}
UNDEFINED_OPTIONS = {"print_stacktrace": "1"}
THREAD_OPTIONS = {
    # Sessions go on in a child of a process with threads; the tests fork.
    "die_after_fork": "0",
    "second_deadlock_stack": "1",
    "history_size": "4",
}


def cached(build: pathlib.Path, name: str) -> str:
    """What CMake remembers of one variable of a build; nothing where it has none."""
    cache = build / "CMakeCache.txt"
    for line in cache.read_text().splitlines() if cache.exists() else []:
        key, _, value = line.partition("=")
        if key.partition(":")[0] == name:
            return value
    return ""


def sanitizer(build: pathlib.Path) -> str:
    """`address`, `thread`, or nothing: what the build was compiled for."""
    flags = cached(build, "CMAKE_CXX_FLAGS")
    return next((kind for kind in ("address", "thread") if f"-fsanitize={kind}" in flags), "")


def joined(options: dict[str, str]) -> str:
    """Options as a sanitizer reads them."""
    return ":".join(f"{name}={value}" for name, value in options.items())


def environment(build: pathlib.Path) -> dict[str, str]:
    """Variables for a build's own programs. `AIMC_SANITIZER` tells tests which build they judge."""
    kind = sanitizer(build)
    if not kind:
        return {}
    chosen = {"AIMC_SANITIZER": kind}
    if kind == "thread":
        return chosen | {"TSAN_OPTIONS": joined(THREAD_OPTIONS)}
    return chosen | {
        "ASAN_OPTIONS": joined(ADDRESS_OPTIONS),
        "UBSAN_OPTIONS": joined(UNDEFINED_OPTIONS),
    }


def preloaded(build: pathlib.Path) -> str:
    """What a stock program loads before a sanitized library: the sanitizer's runtime comes first in
    a process, and the C++ library, whose functions it wraps, with it."""
    if sanitizer(build) != "address":
        return ""
    compiler = cached(build, "CMAKE_CXX_COMPILER")
    return " ".join(library(compiler, name) for name in ("libasan.so", "libstdc++.so.6"))


@functools.cache
def library(compiler: str, name: str) -> str:
    """Where a compiler keeps one of its libraries."""
    find = [compiler, f"-print-file-name={name}"]
    return subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip()


def python_environment(build: pathlib.Path) -> dict[str, str]:
    """`environment` for a stock Python, with the libraries that it has to load first."""
    variables = environment(build)
    if preload := preloaded(build):
        # Python keeps what it interned to its end, and so do packages of others.
        variables["ASAN_OPTIONS"] += ":detect_leaks=0"
        variables["LD_PRELOAD"] = preload
    return variables
