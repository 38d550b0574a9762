# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Targets as Python values: what they print is what the dialect parses and verifies."""

import dataclasses
import hashlib
import json
import re

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
    aimc.Target(geometry=aimc.Geometry(pairs=3, significance=(1, 4.0, 16.0))),
    aimc.Target(device=aimc.Device(kind="reram_cmo", g_min_us=9, g_max_us=88,
                                   acceptance_percent=0.2)),
    aimc.Target(device=aimc.Device(kind="hermes1", g_max_us=10.35, drift_scale=0.5, stuck_off=0.01,
                                   stuck_on=0.02, chip_spread=0.1, tile_spread=0.2,
                                   column_spread=0.3, device_spread=0.4)),
    aimc.Target(device=aimc.Device(kind="table", table={"format": "aimc-device", "a key": [1, True],
                                                        "name": 'a "quoted\\"\nname é'})),
    aimc.Target(wire=aimc.Wire(idle="open", adc_ohm=3.0, spread=0.1, fidelity="segments")),
    aimc.Target(wire=aimc.Wire(row_ohm=0.5, driver_ohm=30)),
    aimc.Target(adc=aimc.Adc(gain_spread=0.02, offset_spread_lsb=0.5, calibrated=False,
                             v_off_v=-0.01)),
    aimc.Target(adc=aimc.Adc(kind="ideal", v_off_v=0.01)),
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
def test_text_verifies_and_round_trips(target, tmp_path):
    path = tmp_path / "target.mlir"
    path.write_text(target.to_mlir())
    once = run_program("aimc-opt", path)
    assert once.status == 0, once.stderr
    path.write_text(once.stdout)
    assert run_program("aimc-opt", path).stdout == once.stdout


FULL = aimc.Target(
    name="full",
    geometry=aimc.Geometry(rows=40, cols=33, pairs=2, significance=(1.0, 4.0)),
    device=aimc.Device(
        kind="table",
        g_min_us=1.0,
        g_max_us=50.0,
        drift_scale=0.5,
        device_spread=0.05,
        table={
            "format": "aimc-device",
            "version": 1,
            "g_min_us": 1.0,
            "g_max_us": 50.0,
            "programming": {"std": 0.5},
        },
    ),
    wire=aimc.Wire(column_ohm=0.7, row_ohm=0.3, driver_ohm=20.0, adc_ohm=10.0, spread=0.1),
    dac=aimc.Dac(mode="split", lsb_bits=3),
    adc=aimc.Adc(kind="linear", lsb_fc=2.5, bits=11, gain_spread=0.02, calibrated=False),
)


def test_a_package_records_every_key(linear_model, tmp_path):
    package = aimc.compile(
        linear_model, dims={"batch": 2}, target=FULL, output=tmp_path / "full.aimc"
    )
    manifest = json.loads((package / "manifest.json").read_text())
    assert aimc.Target.from_manifest("full", manifest["targets"]["full"]) == FULL


def test_neutral_keys_are_left_out(linear_model, tmp_path):
    package = aimc.compile(linear_model, dims={"batch": 2}, output=tmp_path / "p.aimc")
    target = json.loads((package / "manifest.json").read_text())["targets"]["pcm"]
    assert {part: set(keys) for part, keys in target.items()} == {
        "geometry": {"rows", "cols", "pairs", "readout"},
        "device": {"kind", "g_min_us", "g_max_us"},
        "wire": {"column_ohm", "row_ohm", "idle"},
        "dac": {"bits", "mode", "v_read_v", "tick_ns"},
        "adc": {"kind", "lsb_fc", "bits"},
    }


def test_the_manifest_carries_its_own_hash(linear_model, tmp_path):
    package = aimc.compile(linear_model, dims={"batch": 2}, output=tmp_path / "p.aimc")
    text = (package / "manifest.json").read_text()
    own = json.loads(text)["manifest_sha256"]
    assert hashlib.sha256(text.replace(own, "0" * 64).encode()).hexdigest() == own


def test_a_device_file_becomes_a_device(linear_model, tmp_path):
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(FULL.device.table))
    device = aimc.Device.from_file(path, drift_scale=0.5, device_spread=0.05)
    assert device == FULL.device
    path.write_text("[1]")
    with pytest.raises(aimc.InvalidArgumentError, match=r"dev\.json: expected a JSON object"):
        aimc.Device.from_file(path)
    path.write_text("{")
    with pytest.raises(aimc.InvalidArgumentError, match=r"dev\.json: expected JSON"):
        aimc.Device.from_file(path)
    with pytest.raises(aimc.InvalidArgumentError, match=r"none\.json: cannot read"):
        aimc.Device.from_file(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("table", "cause"),
    [
        ({}, "format: expected a string"),
        ({"format": "aimc-device", "version": 1, "std": 1}, "unknown key 'std'"),
        (
            {"format": "aimc-device", "version": 1, "drift": {"nu_mean": 3}},
            "drift.nu_mean: expected a number from 0 to 1, but got 3",
        ),
        (
            {
                "format": "aimc-device",
                "version": 1,
                "programming": {"g_us": [1, 50], "std": [0.1, 0.2]},
            },
            "g_min_us: expected conductances from 1 to 50 uS",
        ),
    ],
)
def test_a_mistake_in_a_device_file_names_the_file(linear_model, tmp_path, table, cause):
    """From Python, from the command line, and from a target file."""
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(table))
    with pytest.raises(aimc.InvalidArgumentError, match=rf"dev\.json: .*{re.escape(cause)}"):
        aimc.Device.from_file(path)
    done = run_program("aimc-compile", linear_model, "--dim", "batch=2", "--device", path, "-o",
                       tmp_path / "p.aimc")  # fmt: skip
    assert_one_error(done, cause)
    assert "dev.json" in done.stderr
    text = aimc.Target().to_mlir().replace("<pcm,", '<table, file = "dev.json",')
    (tmp_path / "target.mlir").write_text(text)
    done = run_program("aimc-compile", linear_model, "--dim", "batch=2", "--target",
                       tmp_path / "target.mlir", "-o", tmp_path / "p.aimc")  # fmt: skip
    assert_one_error(done, cause)
    assert "dev.json" in done.stderr


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


@pytest.mark.parametrize("target", [t for t in TARGETS if t.device.kind != "table"], ids=str)
def test_load_reads_what_is_printed(target, tmp_path):
    path = tmp_path / "target.mlir"
    path.write_text(target.to_mlir())
    loaded = aimc.Target.load(path)
    if target.adc.kind == "ideal":  # which has neither
        loaded = loaded.replace(adc=dataclasses.replace(target.adc, kind=loaded.adc.kind))
    assert loaded == target
    path = tmp_path / f"{target.name}.json"
    path.write_text(json.dumps(target.parts()))
    assert aimc.Target.load(str(path)) == target


def test_load_knows_presets_and_device_files(tmp_path):
    pcm = aimc.Target.load("pcm")
    assert (pcm.name, pcm.device.kind, pcm.adc.bits) == ("pcm", "pcm", 12)
    assert aimc.Target.load("pcm-open").wire.idle == "open"
    device = {**FULL.device.table, "g_min_us": 0.5, "g_max_us": 20.0}
    (tmp_path / "dev.json").write_text(json.dumps(device))
    given = {"device": {"kind": "table", "file": "dev.json", "g_min_us": 0.5, "g_max_us": 20.0}}
    (tmp_path / "t.json").write_text(json.dumps(given))
    text = aimc.Target(name="t").to_mlir()
    text = text.replace("<pcm,", '<table, file = "dev.json",').replace(
        "g_min_us = 0.1", "g_min_us = 0.5"
    )
    (tmp_path / "t.mlir").write_text(text.replace("g_max_us = 25.0", "g_max_us = 20.0"))
    loaded = [aimc.Target.load(tmp_path / name) for name in ("t.json", "t.mlir")]
    assert loaded[0].device.table == device
    assert loaded[0] == loaded[1]


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("pmc", None, "a preset or a .mlir or .json file, but got 'pmc'; presets are pcm, "),
        ("", None, "expected a preset or a target file, but got ''"),
        ("--help", None, "but got '--help'; presets are "),
        ("none.mlir", None, "expected a target file, but found none at"),
        ("none.json", None, "cannot read the target file"),
        ("t.mlir", "aimc.target @x {", "t.mlir:1:15: expected attribute name"),
        ("t.mlir", aimc.Target(geometry=aimc.Geometry(rows=0)).to_mlir(), "expected `rows` in"),
        ("t.mlir", "", "expected one aimc.target"),
        ("t.json", "{", "t.json: expected JSON"),
        ("t.json", "[]", "t.json: expected a JSON object"),
        ("t.json", '{"wires": {}}', "t.json: unknown key 'wires'"),
        ("t.json", '{"wire": {"ohm": 1}}', "t.json: wire: unknown key 'ohm'"),
        ("t.json", '{"adc": {"bits": 99}}', "t.json: adc.bits: expected"),
        ("t.json", '{"device": {"kind": "table", "file": "no.json"}}', "cannot read device file '"),
    ],
)
def test_load_says_in_one_line_what_is_wrong(name, text, cause, tmp_path):
    source = name
    if name.endswith((".mlir", ".json")):
        source = tmp_path / name
        if text is not None:
            source.write_text(text)
    with pytest.raises(aimc.InvalidArgumentError) as error:
        aimc.Target.load(source)
    assert cause in str(error.value)
    assert "\n" not in str(error.value)
    assert "aimc-target-" not in str(error.value)  # the compiler's own model


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
