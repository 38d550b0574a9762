# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An installed tree works by itself: with checkout, build and environment hidden from it."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

import aimc
from aimc.locate import find_program
from aimc.testing import models

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AIMC_BUILD_DIR", ROOT / "build" / "release"))
VENV = pathlib.Path(os.environ.get("AIMC_VENV", ROOT / ".venv"))
HIDDEN = [path.resolve() for path in (ROOT, BUILD, VENV) if path.exists()]
# A mount namespace of its own, in which nothing that the tree came from is to be seen.
SHELL = "".join(f"test ! -d {path} || mount -t tmpfs none {path}; " for path in HIDDEN)
UNSHARE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def allowed():
    done = subprocess.run(
        [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return done.returncode == 0


pytestmark = [
    pytest.mark.skipif(not (BUILD / "cmake_install.cmake").exists(), reason="no build to install"),
    pytest.mark.skipif(not allowed(), reason="mounts are not allowed here"),
]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """A prefix that configure did not know."""
    folder = tmp_path_factory.mktemp("prefix") / "usr"
    done = subprocess.run(
        ["cmake", "--install", str(BUILD), "--prefix", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def hidden(*command, folder, status=0):
    """Run a command with an empty environment and nothing of the checkout."""
    done = subprocess.run(
        [*UNSHARE, "sh", "-ec", SHELL + 'exec "$@"', "sh", *map(str, command)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, f"{command[0]}: {done.returncode}: {done.stderr}"
    return done


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return models.mlp(tmp_path_factory.mktemp("installed") / "mlp.onnx")


def test_a_model_is_compiled_run_and_kept_on_a_chip(prefix, model):
    folder, bin_dir = model.parent, prefix / "bin"
    np.savez(folder / "x.npz", x=np.random.default_rng(0).standard_normal((4, 64)).astype("f"))
    hidden(
        bin_dir / "aimc-compile", model, "--dim", "batch=4", "--target", "hermes2",
        "-o", "mlp.aimc", folder=folder,
    )  # fmt: skip
    hidden(
        bin_dir / "aimc-run", "mlp.aimc", "--input", "x.npz", "--output", "y.npz", "--seed", "3",
        folder=folder,
    )  # fmt: skip
    # the build's own programs are the oracle
    package = aimc.compile(model, output=folder / "own.aimc", dims={"batch": 4}, target="hermes2")
    x = np.load(folder / "x.npz")["x"]
    with aimc.Session(package, seed=3) as session:
        (own,) = session.run(None, {"x": x})
    (installed,) = np.load(folder / "y.npz").values()
    np.testing.assert_array_equal(installed, own)
    hidden(bin_dir / "aimc-chip", "program", "mlp.aimc", "-o", "a.chip", folder=folder)
    assert "hermes2" in hidden(bin_dir / "aimc-chip", "info", "a.chip", folder=folder).stdout


def test_presets_are_those_of_the_tree(prefix, model):
    folder, preset = model.parent, prefix / "share/aimc/targets/pcm.mlir"
    moved = prefix / "share/aimc/targets/only-installed.mlir"
    moved.write_text(preset.read_text().replace("@pcm", "@only_installed"))
    source = folder / "empty.mlir"
    source.write_text("module {}\n")
    done = hidden(
        prefix / "bin/aimc-opt", source, "--aimc-set-target=target=only-installed", folder=folder
    )
    assert "aimc.target @only_installed" in done.stdout
    plugin = prefix / "lib/libAIMCPlugin.so"
    done = hidden(
        "/usr/lib/llvm-22/bin/mlir-opt", source, f"--load-dialect-plugin={plugin}",
        f"--load-pass-plugin={plugin}",
        "--pass-pipeline=builtin.module(aimc-set-target{target=only-installed})", folder=folder,
    )  # fmt: skip
    assert "aimc.target @only_installed" in done.stdout


def test_translating_and_serving_need_nothing_else(prefix, model):
    done = hidden(prefix / "bin/aimc-translate", "--import-onnx", model,
                  "--dim=batch=4", folder=model.parent)  # fmt: skip
    assert "linalg.matmul" in done.stdout
    hidden(prefix / "bin/aimc-lsp-server", "--help", folder=model.parent)


def test_training_brings_its_torch(prefix, model):
    if not (prefix / "bin/aimc-finetune").exists():
        pytest.skip("built without torch")
    folder = model.parent
    rng = np.random.default_rng(1)
    np.savez(
        folder / "data.npz",
        x=rng.standard_normal((8, 64)).astype("f"),
        labels=rng.integers(0, 32, 8),
    )
    hidden(
        prefix / "bin/aimc-finetune", model, "--data", "data.npz", "--target", "pcm", "--steps", "1",
        "--batch", "4", "--threads", "1", "-o", "tuned.onnx", folder=folder,
    )  # fmt: skip
    assert (folder / "tuned.onnx").stat().st_size > 0


def test_a_program_in_c_links_against_it(prefix, model):
    folder = model.parent
    (folder / "host.c").write_text(
        '#include "aimc/exec/runtime.h"\n#include <stdio.h>\n'
        "int main(void) { return puts(aimc_runtime_version()) < 0; }\n"
    )
    compiler = ["cc", "host.c", f"-I{prefix}/include", f"-L{prefix}/lib", "-laimc_runtime"]
    hidden(*compiler, f"-Wl,-rpath,{prefix}/lib", "-o", "host", folder=folder)
    assert "aimc-runtime" in hidden(folder / "host", folder=folder).stdout


def test_no_file_is_linked_to_the_build(prefix):
    for path in [*prefix.glob("bin/*"), *prefix.glob("lib/*.so*")]:
        dynamic = subprocess.run(
            ["readelf", "-d", str(path)], capture_output=True, text=True, check=True
        ).stdout
        paths = [line for line in dynamic.splitlines() if "RUNPATH" in line or "RPATH" in line]
        for place in HIDDEN:
            assert not any(str(place) in line for line in paths), f"{path.name}: {paths}"
    assert find_program("aimc-run").startswith(str(BUILD / "bin"))
