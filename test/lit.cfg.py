# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One lit suite for every file with RUN lines.

`lit --param verify-roundtrip=1` runs it again with each module printed and parsed in between.

Substitutions beside lit's own: %plugin (libAIMCPlugin.so), %targets (folder of hardware presets),
%python, %aimc_lib. Features: each program of this build by its name, `plugin`, each room of this
build by its name (`passes`), `no-sanitizer`.
"""

# mypy: ignore-errors

import os
import pathlib

import lit.formats

config.name = "AIMC"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "integration", "python", "benchmark", "downstream"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.aimc_exec_root

path = [config.aimc_bin, config.llvm_bin, config.environment.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
for name in ("HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

root = pathlib.Path(config.test_source_root).parent
config.substitutions += [
    ("%plugin", os.path.join(config.aimc_lib, "libAIMCPlugin.so")),
    ("%python", f'"{config.python}"'),
    ("%targets", str(root / "targets")),
    ("%aimc_lib", config.aimc_lib),
    ("%llvm_lib", os.path.join(os.path.dirname(config.llvm_bin), "lib")),
]
if lit_config.params.get("verify-roundtrip", "0") not in ("", "0"):
    config.substitutions.append((r"\baimc-opt\b", "aimc-opt --verify-roundtrip"))

tools = [tool for tool in config.aimc_tools.split(";") if tool]
config.available_features.update(tools)
config.available_features.update(config.aimc_rooms.split(";"))
if "AIMCPlugin" in tools:
    config.available_features.add("plugin")
# A sanitizer's runtime must come first in a process; a stock program does not load it.
if "-fsanitize" not in config.sanitizers:
    config.available_features.add("no-sanitizer")
