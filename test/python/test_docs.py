# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Documents keep their promises: examples run, generated pages are those the code would write."""

import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import aimc
from aimc.locate import find_library, find_program
from aimc.testing import exports, models

ROOT = pathlib.Path(__file__).resolve().parents[2]


def block(document, language, number=0):
    """A code block of a language in a document."""
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number]


def test_generated_pages_are_up_to_date():
    build = pathlib.Path(find_program("aimc-compile")).parents[1]
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "dev" / "docs", "--build", build, "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_c_example_of_the_runtime_abi(tmp_path):
    """It compiles as C without warnings, runs, and says what is wrong when the package is not there."""
    model = models.linear(tmp_path / "model.onnx")
    package = aimc.compile(model, dims={"batch": 4})
    (tmp_path / "main.c").write_text(block("docs/RuntimeABI.md", "c"))
    library = pathlib.Path(find_library())
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main",
         f"-I{ROOT / 'runtime' / 'exec' / 'include'}", f"-L{library.parent}", "-laimc_runtime",
         f"-Wl,-rpath,{library.parent}"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    shutil.rmtree(package)
    done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(r"error: .*model\.aimc.*\n", done.stderr)


def test_python_example_of_the_front_page(tmp_path, monkeypatch):
    model = exports.ensure("tiny-bert", "dynamo")
    for file in model.parent.iterdir():
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    ids = np.ones((8, 32), np.int64)
    feeds = {"input_ids": ids, "attention_mask": ids, "token_type_ids": ids * 0}
    names = {"feeds": feeds}
    exec(block("README.md", "python"), names)
    assert names["hidden"].shape == (8, 32, 48)
    assert names["pooled"].shape == (8, 48)
    exec(block("README.md", "python", 1), names)
    assert names["tile"].read(np.ones((1, 64))).shape == (1, 64)


def test_commands_of_the_front_page():
    """Every flag that the front page shows is one that the program knows."""
    text = (ROOT / "README.md").read_text()
    for name in ("aimc-compile", "aimc-run", "aimc-chip", "aimc-translate"):
        help_flag = "--help-all" if name == "aimc-chip" else "--help"
        known = subprocess.run(
            [find_program(name), help_flag], capture_output=True, text=True
        ).stdout
        for line in re.findall(rf"^{name} .*$", text, re.MULTILINE):
            for flag in re.findall(r"--[a-z-]+", line):
                assert flag in known, f"{name} {flag}"


def test_python_example_of_the_device_page(tmp_path, monkeypatch):
    """A device file becomes a tile and a package, as both examples of the page do."""
    models.linear(tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    for number in (0, 1):
        (tmp_path / "my-device.json").write_text(block("docs/Devices.md", "json", number))
        text = block("docs/Devices.md", "python").replace('"seq": 32', "").replace(", }", "}")
        names = {"aimc": aimc, "weights": np.eye(8)}
        exec(text, names)
        assert names["tile"].target["device"]["g_max_us"] == 50
        with aimc.Session(names["package"]) as session:
            assert session.run(None, {"x": np.ones((8, 96), np.float32)})[0].shape == (8, 80)


@pytest.mark.parametrize("document", sorted(p.name for p in (ROOT / "docs").glob("*.md")))
def test_files_that_documents_name_exist(document):
    """A path in code style is a path."""
    text = (ROOT / "docs" / document).read_text()
    rooms = "|".join(
        ("frontend", "dialect", "passes", "runtime", "tools", "targets", "python", "test")
    )
    for path in re.findall(rf"`((?:{rooms})/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), path
