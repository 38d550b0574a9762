# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Libraries and programs come from known places, whatever lies in the current folder."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import aimc
from aimc import locate

PACKAGE = pathlib.Path(aimc.__file__).parent
TRAP = """
#include <stdio.h>
__attribute__((constructor)) static void loaded(void) { fclose(fopen("loaded", "w")); }
"""


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with a library of ours in name, and the Python package without a build."""
    package, folder = tmp_path / "site", tmp_path / "here"
    for name in ("bin", "lib"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(PACKAGE, package / "aimc", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "trap.c").write_text(TRAP)
    trap = folder / locate.LIBRARY
    subprocess.run(["cc", "-shared", "-fPIC", "-o", trap, tmp_path / "trap.c"], check=True)
    for place in (folder, folder / "lib"):
        for name in (locate.LIBRARY, locate.TORCH_LIBRARY):
            if place / name != trap:
                shutil.copy(trap, place / name)
    for name in ("aimc-run", "aimc-compile", "ngspice"):
        program = folder / "bin" / name
        program.write_text("#!/bin/sh\n: > ran\n")
        program.chmod(0o755)
        shutil.copy(program, folder / name)

    def run(code, **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AIMC_")}
        environment |= {"PYTHONPATH": str(package), "PATH": "", **variables}
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment,
                              capture_output=True, text=True)  # fmt: skip
        assert not (folder / "loaded").exists()
        assert not (folder / "ran").exists()
        return done.stderr.strip().splitlines()[-1]

    return run


@pytest.mark.parametrize("path", ["", ".", "bin", "bin::./bin"])
def test_nothing_of_the_current_folder_is_loaded_or_run(elsewhere, path):
    said = elsewhere("import aimc, numpy; aimc.Tile(numpy.eye(2))", PATH=path, LD_LIBRARY_PATH="")
    assert "Error: expected libaimc_runtime.so in AIMC_LIB_DIR, in build/release/lib or" in said
    said = elsewhere("import aimc; aimc.Target.load('pcm')", PATH=path)
    assert "Error: expected aimc-compile in AIMC_BIN_DIR, in build/release/bin or in PATH" in said
    said = elsewhere("import sys; from aimc import locate; sys.exit(locate.in_path('ngspice') or 'none')",
                     PATH=path)  # fmt: skip
    assert said == "none"


def test_operators_of_the_current_folder_are_not_loaded(elsewhere):
    pytest.importorskip("torch")
    said = elsewhere("import aimc.torch", PATH=".:bin")
    assert "Error: expected libaimc_torch.so in AIMC_LIB_DIR, in build/release/lib or" in said


def test_a_named_folder_stays_the_same_when_the_process_moves(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / locate.LIBRARY).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIMC_LIB_DIR", "lib")
    found = locate.find_library()
    assert found == str(tmp_path / "lib" / locate.LIBRARY)
    monkeypatch.setenv("AIMC_LIB_DIR", "other")
    with pytest.raises(aimc.Error, match=f"but {tmp_path}/other/{locate.LIBRARY} is not there"):
        locate.find_library()


@pytest.mark.skipif(not locate.has_torch_library(), reason="built without torch")
def test_operators_for_another_torch_name_both_versions(tmp_path):
    torch = pytest.importorskip("torch")
    here = re.match(r"\d+\.\d+\.\d+", torch.__version__).group()
    other = "9" + here[1:]
    built = pathlib.Path(locate.find_torch_library()).read_bytes()
    text = b"aimc operators for torch "
    assert built.count(text + here.encode() + b"\0") == 1
    changed = built.replace(text + here.encode(), text + other.encode())
    mismatch = (
        f"expected operators for torch {here}, which is installed, but got those for torch {other}; "
        f"build them anew with `make`, or install torch {other}"
    )
    # The last two do not load at all, as one with symbols that are gone.
    for name, data, words in (
        ("other", changed, mismatch),
        ("unloadable", text + other.encode() + b"\0", mismatch),
        ("broken", b"no library", f"expected operators for torch {here}, but got: "),
    ):
        folder = tmp_path / name
        folder.mkdir()
        library = folder / locate.TORCH_LIBRARY
        library.write_bytes(data)
        done = subprocess.run([sys.executable, "-c", "import aimc.torch"], capture_output=True,
                              text=True, env=os.environ | {"AIMC_LIB_DIR": str(folder)})  # fmt: skip
        said = done.stderr.strip().splitlines()[-1]
        assert said.startswith("aimc.errors.")
        assert f"{library}: {words}" in said
