# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Targets as Python values: what they print is what the dialect parses and verifies."""

import pytest

import aimc
from aimc.testing.programs import assert_one_error, run_program

TARGETS = [
    aimc.Target(),
    aimc.Target(name="tiny", geometry=aimc.Geometry(rows=3, cols=1, readout="alternating")),
    aimc.Target(name="my-chip 2"),
    aimc.Target(adc=aimc.Adc(kind="ideal", lsb_fc=0.0, bits=0)),
    aimc.Target(adc=aimc.Adc(kind="linear", lsb_fc=1.25, bits=10)),
    aimc.Target(dac=aimc.Dac(mode="split", lsb_bits=3)),
    aimc.Target(device=aimc.Device(kind="ideal", g_min_us=0.0)),
    aimc.Target(device=aimc.Device(read_noise_scale=0.0, programming_noise_scale=2.5)),
    aimc.Target(wire=aimc.Wire(column_ohm=1e-7)),
]


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
def test_text_verifies_and_round_trips(target, tmp_path):
    path = tmp_path / "target.mlir"
    path.write_text(target.to_mlir())
    once = run_program("aimc-opt", path)
    assert once.status == 0, once.stderr
    path.write_text(once.stdout)
    assert run_program("aimc-opt", path).stdout == once.stdout


def test_the_verifier_judges_and_not_python(tmp_path):
    path = tmp_path / "target.mlir"
    path.write_text(aimc.Target(geometry=aimc.Geometry(rows=0)).to_mlir())
    done = run_program("aimc-opt", path)
    assert done.status == 1
    assert "rows" in done.error_lines[0]


def test_a_package_records_its_target(linear_model, tmp_path):
    target = aimc.Target(
        name="odd",
        geometry=aimc.Geometry(rows=40, cols=33),
        device=aimc.Device(read_noise_scale=0.0),
        wire=aimc.Wire(column_ohm=0.7),
        adc=aimc.Adc(kind="linear", lsb_fc=2.5, bits=11),
    )
    package = aimc.compile(
        linear_model, dims={"batch": 2}, target=target, output=tmp_path / "odd.aimc"
    )
    with aimc.Session(package) as session:
        assert session.targets() == {"odd": target}
        blocks = session.manifest["weights"][0]["blocks"]
    # 96 x 80 on tiles of 40 x 33: three row blocks by three column blocks
    assert len(blocks) == 9


def test_replace_changes_one_part():
    target = aimc.Target().replace(wire=aimc.Wire(column_ohm=2.0))
    assert target.wire.column_ohm == 2.0
    assert target.device == aimc.Target().device


def test_a_target_that_cannot_be_built_stops_compilation(linear_model, tmp_path):
    target = aimc.Target(device=aimc.Device(g_min_us=30.0, g_max_us=25.0))
    with pytest.raises(aimc.CompileError, match="g_min_us"):
        aimc.compile(linear_model, dims={"batch": 2}, target=target, output=tmp_path / "o.aimc")
    path = tmp_path / "t.mlir"
    path.write_text(target.to_mlir())
    done = run_program("aimc-compile", linear_model, "--dim", "batch=2", "--target", path, "-o",
                       tmp_path / "o.aimc")  # fmt: skip
    assert_one_error(done, "g_min_us")
