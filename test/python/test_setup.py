# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tools/dev/setup: quick when nothing is missing, one clear line when something cannot be had."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETUP = ROOT / "tools" / "dev" / "setup"


def run(path=None, **variables):
    env = os.environ | variables
    if path:
        env["PATH"] = f"{path}{os.pathsep}{env['PATH']}"
    return subprocess.run(
        [SETUP], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def stand_ins(tmp_path):
    """Programs of the system, replaced by ones that say what a test wants."""

    def make(**scripts):
        for name, body in scripts.items():
            path = tmp_path / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)
        return tmp_path

    return make


ours = pytest.mark.skipif(
    not (pathlib.Path(sys.prefix) / ".aimc-setup").exists(),
    reason="runs in an environment that setup did not make",
)


@ours
def test_second_time_is_quick_and_silent():
    start = time.monotonic()
    done = run(AIMC_VENV=sys.prefix)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - start < 5


def test_package_that_the_sources_do_not_offer(stand_ins):
    path = stand_ins(
        dpkg_query="exit 1",
        apt_get="exit 0",
        apt_cache='case $2 in llvm-22-dev) echo "  Candidate: (none)";; *) echo "  Candidate: 1";; esac',
        sudo='while [ "$1" = -n ]; do shift; done; exec "$@"',
    )
    done = run(path)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(errors) == 1
    assert "do not offer llvm-22-dev;" in errors[0]


@ours
def test_missing_packages_are_installed_and_only_those(stand_ins, tmp_path):
    path = stand_ins(
        dpkg_query='shift 2; for p in "$@"; do [ "$p" = ccache ] || echo "installed $p"; done',
        apt_get=f'echo "$@" >> {tmp_path}/calls',
        apt_cache='echo "  Candidate: 1"',
        sudo='while [ "$1" = -n ]; do shift; done; exec "$@"',
    )
    done = run(path, AIMC_VENV=sys.prefix)
    assert "installing 1 system packages: ccache" in done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0].endswith("update")
    assert calls[1].endswith("install ccache")


def test_installation_that_fails_shows_why(stand_ins):
    path = stand_ins(
        dpkg_query="exit 1",
        apt_get='case "$*" in *install*) echo "E: disk is on fire"; exit 100;; esac',
        apt_cache='echo "  Candidate: 1"',
        sudo='while [ "$1" = -n ]; do shift; done; exec "$@"',
    )
    done = run(path)
    assert done.returncode == 1
    assert "disk is on fire" in done.stderr


def test_system_without_apt(stand_ins, tmp_path):
    """The same line on another distribution, from the shell's own tools alone."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "mkdir", "flock", "grep", "sed", "sort", "comm", "env", "id"):
        (tools / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
    done = subprocess.run([SETUP], env={"PATH": str(tools)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "expected a Debian system" in done.stderr
