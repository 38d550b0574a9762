# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Seeds and words for the fuzzers from what the repository has for other reasons.

Modules of the lit tests, presets, node tests of the onnx package, and the words that each reader's
source compares with: nothing of it is written down a second time.
"""

from __future__ import annotations

import importlib.util
import pathlib
import re
from collections.abc import Iterator

from common import ROOT

LARGEST = 4096  # bytes of a seed
EXEC = ROOT / "runtime" / "exec" / "lib"
TARGET = [EXEC / "Target.cpp", EXEC / "DeviceTable.cpp"]
TRAIN = ROOT / "runtime" / "torch" / "train"
IR = ROOT / "dialect" / "include" / "aimc" / "IR"
DIALECT = sorted(IR.glob("*.td"))
# Where the words of a reader's language stand.
SOURCES = {
    "manifest": [EXEC / "Manifest.cpp", *TARGET],
    "options": [EXEC / "Options.cpp", *TARGET],
    "device": TARGET[1:],
    "device-mlir": TARGET[1:],
    "target": TARGET,
    "safetensors": [EXEC / "Safetensors.cpp"],
    "chip": [EXEC / "ChipFile.cpp", EXEC / "ChipParts.h", EXEC / "Options.cpp", *TARGET],
    "calibration-record": [ROOT / "passes" / "lib" / "Analysis" / "Calibration.cpp"],
    "noise-spec": [TRAIN / "SpecJson.cpp", TRAIN / "TensorFile.cpp", *TARGET],
    "checkpoint": [TRAIN / "Checkpoint.cpp", TRAIN / "TensorFile.cpp"],
    "command-lines": [ROOT / "tools" / f"aimc-{tool}" / "Arguments.cpp"
                      for tool in ("run", "chip", "compile", "finetune")],
    "target-mlir": DIALECT,
    "mlir": DIALECT,
    "npy": [ROOT / "tools" / "support" / "Npz.cpp"],
    "external-data": [ROOT / "frontend" / "onnx" / "lib" / "Tensors.cpp"],
}  # fmt: skip
WORD = re.compile(r'"([-<|A-Za-z_][A-Za-z0-9_.|:+-]{1,40})"')


def words(reader: str) -> list[str]:
    """What the reader's source has between quotation marks."""
    found = set()
    for path in SOURCES.get(reader, []):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.lstrip().startswith(("#include", "//")):
                found |= set(WORD.findall(line))
    return sorted(found)


def modules() -> Iterator[tuple[str, str]]:
    """Modules of the lit tests, without what FileCheck reads."""
    for path in sorted((ROOT / "test").rglob("*.mlir")):
        for i, part in enumerate(path.read_text(encoding="utf-8").split("// -----")):
            lines = [line for line in part.splitlines() if not line.lstrip().startswith("//")]
            yield f"{path.stem}-{i}", "\n".join(lines).strip() + "\n"


def presets() -> Iterator[tuple[str, str]]:
    """Targets as they are installed."""
    for path in sorted((ROOT / "targets").glob("*.mlir")):
        yield path.stem, path.read_text(encoding="utf-8")


def node_tests() -> Iterator[tuple[str, bytes]]:
    """Models of one node each, which the onnx package brings."""
    spec = importlib.util.find_spec("onnx")
    if spec is None or spec.origin is None:
        return
    folder = pathlib.Path(spec.origin).parent / "backend" / "test" / "data" / "node"
    for path in sorted(folder.glob("test_*/model.onnx")):
        yield path.parent.name, path.read_bytes()


def derive(build: pathlib.Path) -> None:
    """Write seeds/<reader>/ and dictionaries/<reader>.dict into a build folder."""

    def put(reader: str, name: str, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        if len(data) <= LARGEST:
            folder = build / "seeds" / reader
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    for name, text in [*modules(), *presets()]:
        put("mlir", name, text)
    for name, text in presets():
        put("target-mlir", name, text)
    for name, model in node_tests():
        put("onnx", name, model)
    for reader in SOURCES:
        folder = build / "dictionaries"
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(f'"{word}"\n' for word in words(reader))
        (folder / f"{reader}.dict").write_text(lines, encoding="utf-8")
