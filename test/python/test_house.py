# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The house's own checkers: the repository passes, and planted faults are found."""

import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEV = ROOT / "tools" / "dev"


def load(name, monkeypatch):
    monkeypatch.syspath_prepend(str(DEV))
    loader = importlib.machinery.SourceFileLoader(f"aimc_dev_{name}", str(DEV / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of its own for faults to be planted in."""
    monkeypatch.syspath_prepend(str(DEV))
    import common

    monkeypatch.setattr(common, "ROOT", tmp_path)

    def plant(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return plant


def test_layering_holds():
    done = subprocess.run([sys.executable, DEV / "layering"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("path", "include", "fault"),
    [
        ("frontend/onnx/lib/Reader.cpp", "mlir/IR/Builders.h", True),
        ("frontend/onnx/lib/Reader.cpp", "aimc/exec/abi.h", True),
        ("frontend/onnx/lib/Reader.cpp", "onnx/onnx_pb.h", False),
        ("dialect/lib/IR/Ops.cpp", "aimc/onnx/Graph.h", True),
        ("dialect/lib/IR/Ops.cpp", "mlir/IR/Builders.h", False),
        ("runtime/model/lib/Ladder.cpp", "aimc/exec/Package.h", True),
        ("runtime/model/lib/Ladder.cpp", "Eigen/Core", False),
        ("runtime/exec/lib/Chip.cpp", "llvm/Support/JSON.h", True),
        ("runtime/exec/lib/Chip.cpp", "torch/torch.h", True),
        ("runtime/exec/lib/Chip.cpp", "aimc/model/Ladder.h", False),
        ("passes/lib/Transforms/Place.cpp", "aimc/exec/abi.h", False),
        ("passes/lib/Transforms/Place.cpp", "aimc/exec/Package.h", True),
        ("passes/lib/Transforms/Place.cpp", "onnx/onnx_pb.h", True),
        ("passes/lib/Transforms/Place.cpp", "vector", False),
        ("passes/lib/Transforms/Place.cpp", "../Import/Ops.h", False),
        ("passes/lib/Transforms/Place.cpp", "../../../runtime/exec/lib/Chip.h", True),
    ],
)
def test_layering_finds_what_crosses_a_door(repository, monkeypatch, path, include, fault):
    layering = load("layering", monkeypatch)
    file = repository(path, f'#include "{include}"\n')
    found = list(layering.include_findings(file, layering.room_of(file)))
    assert bool(found) == fault
    assert all(include in line and path in line for line in found)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("target_link_libraries(x PRIVATE MLIR LLVM)\n", False),
        ("target_link_libraries(x PRIVATE MLIRFuncDialect)\n", True),
        ("target_compile_options(x PRIVATE -march=native)\n", True),
        ("# MLIRFuncDialect would be wrong here\n", False),
    ],
)
def test_layering_reads_link_lines(repository, monkeypatch, text, fault):
    layering = load("layering", monkeypatch)
    assert bool(list(layering.cmake_findings(repository("CMakeLists.txt", text)))) == fault


@pytest.mark.parametrize(
    ("rule", "path", "text", "fault"),
    [
        ("has_header", "a.cpp", "int x;\n", True),
        ("finished", "a.cpp", "// TO" + "DO: later\n", True),
        ("finished", "a.cpp", "// not " + "implemented\n", True),
        ("finished", "a.py", "path = '/ro" + "ot/x'\n", True),
        ("finished", "a.cpp", "// a method of work\n", False),
        ("not_too_long", "a.cpp", "x\n" * 801, True),
        ("not_too_long", "test/a.mlir", "x\n" * 251, True),
        ("not_too_long", "a.cpp", "x\n" * 300, False),
        ("lit_oracle", "test/a.mlir", "// RUN: aimc-opt %s\n", True),
        ("lit_oracle", "test/a.mlir", "// RUN: aimc-opt %s | FileCheck %s\n", False),
        ("lit_oracle", "test/a.mlir", "// CHECK: linalg.add %0\n", True),
        ("lit_oracle", "test/a.mlir", "// CHECK: linalg.add %[[X]]\n", False),
        ("lit_oracle", "test/a.mlir", "// CHECK: linalg.add %[[X:.*]], %[[Y]]\n", False),
        ("links_resolve", "a.md", "see [there](b.md)\n", True),
        ("links_resolve", "a.md", "see [there](https://example.org/x)\n", False),
        ("links_resolve", "a.md", "see [me](a.md#top)\n", False),
    ],
)
def test_house_rules(repository, monkeypatch, rule, path, text, fault):
    house = load("house", monkeypatch)
    monkeypatch.setattr(house, "relative", str)
    assert bool(list(getattr(house, rule)(repository(path, text)))) == fault
