# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tutorials run as they stand, block after block."""

import os
import pathlib
import re
import subprocess

import pytest

from aimc.locate import find_program, has_torch_library

pytest.importorskip("torch")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def blocks(page):
    text = (ROOT / "docs" / "tutorials" / page).read_text()
    return re.findall(r"```(python|bash)\n(.*?)```", text, re.DOTALL)


@pytest.mark.skipif(not has_torch_library(), reason="built without torch")
@pytest.mark.filterwarnings("ignore")  # of torch's exporter
def test_finetune(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    programs = pathlib.Path(find_program("aimc-compile")).parent
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    names = {"__name__": "tutorial"}
    for language, code in blocks("finetune.md"):
        if language == "python":
            exec(compile(code, "finetune.md", "exec"), names)
            continue
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", code],
            env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + (tmp_path / "compile.log").read_text()
    # ten classes: chance is a loss of 2.3
    assert names["before"] < 1.0
    assert names["after"] < names["before"]
    assert names["after_cpp"] < names["before"]
    said = capsys.readouterr().out
    assert "as compiled: " in said and "tuned in Python: " in said
