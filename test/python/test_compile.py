# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`aimc.compile()`: paths, options, and the compiler's own line in the exception."""

import json
import os

import pytest

import aimc
from aimc.testing import models


def test_default_output_is_beside_the_model(tmp_path):
    model = models.linear(tmp_path / "net.onnx")
    package = aimc.compile(model, dims={"batch": 1})
    assert package == tmp_path / "net.aimc"
    assert (package / "manifest.json").exists()


def test_relative_paths(tmp_path, monkeypatch):
    models.linear(tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    package = aimc.compile("net.onnx", dims={"batch": 1}, output="o.aimc")
    with aimc.Session(package, ideal=True) as session:
        assert session.get_inputs() == [aimc.NodeArg("x", "tensor(float)", [1, 96])]


def test_error_carries_the_compilers_line(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(aimc.CompileError, match=r"error: .*bad\.onnx") as raised:
        aimc.compile(tmp_path / "bad.onnx")
    assert "\n" not in str(raised.value)


def test_same_input_same_package(tmp_path):
    """A package depends on its inputs alone: not on time, folder or chance."""
    model = models.mlp(tmp_path / "net.onnx")
    first, second = (
        aimc.compile(model, dims={"batch": 2}, output=tmp_path / name) for name in ("a", "b")
    )
    assert sorted(os.listdir(first)) == sorted(os.listdir(second))
    for name in os.listdir(first):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_processor_is_recorded_and_refused(tmp_path):
    """Code for a processor with less runs here; the manifest says what it was made for."""
    model = models.linear(tmp_path / "net.onnx")
    package = aimc.compile(model, dims={"batch": 1}, mcpu="haswell", output=tmp_path / "h.aimc")
    manifest = json.loads((package / "manifest.json").read_text())
    assert "avx2" in manifest["isa"]["features"]
    assert "avx512f" not in manifest["isa"]["features"]
    with pytest.raises(aimc.CompileError, match="warpcore9"):
        aimc.compile(model, dims={"batch": 1}, mcpu="warpcore9", output=tmp_path / "w.aimc")


def test_missing_program_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("AIMC_BIN_DIR", str(tmp_path))
    with pytest.raises(aimc.Error, match="aimc-compile"):
        aimc.compile("x.onnx")
