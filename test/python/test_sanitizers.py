# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The sanitizers' presets and options: planted faults are found, what is sound is left alone."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = shutil.which("g++")

HEAD = """
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>
volatile int one = 1;
volatile double many = 1e20;
"""
# Of each preset: bodies of functions, and what a sanitizer says of them.
FAULTS = {
    "asan": {
        "volatile int *p = new int(one); delete p; return *p == 2;": "heap-use-after-free",
        "volatile int a[4] = {}; a[4 * one] = 1; return 0;": "out of bounds",
        "std::vector<int> v; v.reserve(8); return v[3 * one] == 5;": "Assertion",
        "int n = 2147483647; n += one; return n == 5;": "signed integer overflow",
        "return int(many) == 5;": "outside the range",
        "return (one << (32 * one)) == 5;": "shift exponent",
        "std::memset(std::malloc(100), one, 100); return 0;": "detected memory leaks",
    },
    "tsan": {
        "int n = 0; std::thread t([&] { ++n; }); ++n; t.join(); return n == 5;": "data race",
    },
}
SOUND = """
std::atomic<int> n{0};
std::thread t([&] { ++n; });
++n;
t.join();
try { throw std::runtime_error("kept"); } catch (const std::exception &) {}
return n == 2 ? 0 : 1;
"""


@pytest.fixture
def sanitizers(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "dev"))
    import sanitizers

    return sanitizers


@pytest.fixture(params=FAULTS)
def preset(request, tmp_path):
    """A preset's name, its flags, and a folder that looks like a build of it."""
    presets = json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]
    variables = {}
    name = request.param
    while name:
        found = next(one for one in presets if one["name"] == name)
        variables = found.get("cacheVariables", {}) | variables
        name = found.get("inherits")
    flags = variables["CMAKE_CXX_FLAGS"]
    (tmp_path / "CMakeCache.txt").write_text(
        f"CMAKE_CXX_FLAGS:STRING={flags}\nCMAKE_CXX_COMPILER:FILEPATH={COMPILER}\n"
    )
    flags += " " + variables["CMAKE_CXX_FLAGS_RELWITHDEBINFO"]
    return request.param, flags.split(), tmp_path


def built(folder, flags, source, *more):
    (folder / "source.cpp").write_text(HEAD + source)
    program = folder / "program"
    command = [COMPILER, "-std=c++20", "-w", *flags, "source.cpp", "-o", str(program), *more]
    subprocess.run(command, check=True, cwd=folder)
    return program


def run(command, variables):
    kept = {k: v for k, v in os.environ.items() if not k.endswith("SAN_OPTIONS")}
    kept.pop("LD_PRELOAD", None)
    return subprocess.run(command, env=kept | variables, capture_output=True, text=True)


def test_planted_faults_end_a_program_and_what_is_sound_passes(preset, sanitizers):
    name, flags, folder = preset
    bodies = [SOUND, *FAULTS[name]]
    functions = "".join(f"int body{i}() {{ {body} }}\n" for i, body in enumerate(bodies))
    table = ", ".join(f"body{i}" for i in range(len(bodies)))
    main = f"int main(int, char **v) {{ int (*const all[])() = {{ {table} }}; "
    program = built(folder, flags, functions + main + "return all[std::atoi(v[1])](); }\n")
    variables = sanitizers.environment(folder)
    done = run([program, "0"], variables)
    assert (done.returncode, done.stderr) == (0, "")
    for number, (body, says) in enumerate(FAULTS[name].items(), start=1):
        done = run([program, str(number)], variables)
        assert done.returncode != 0 and says in done.stderr, (body, done.stderr)


@pytest.mark.parametrize("preset", ["asan"], indirect=True)  # Python runs under this one alone
def test_a_stock_python_loads_a_sanitized_library(preset, sanitizers):
    _, flags, folder = preset
    source = """
    extern "C" int sound() { try { throw 1; } catch (int n) { return n; } }
    extern "C" int freed() { volatile int *p = new int(one); delete p; return *p; }
    """
    library = built(folder, flags, source, "-shared", "-fPIC")
    variables = sanitizers.python_environment(folder)
    for call, fine in (("sound", True), ("freed", False)):
        script = f"import ctypes; print(ctypes.CDLL({str(library)!r}).{call}())"
        done = run([sys.executable, "-c", script], variables)
        assert (done.returncode == 0) == fine, done.stderr
        assert fine or "heap-use-after-free" in done.stderr


def test_a_build_without_sanitizers_needs_nothing(tmp_path, sanitizers):
    (tmp_path / "CMakeCache.txt").write_text("CMAKE_CXX_FLAGS:STRING=-O2\n")
    assert sanitizers.environment(tmp_path) == {}
    assert sanitizers.python_environment(tmp_path) == {}
    assert sanitizers.environment(tmp_path / "absent") == {}
