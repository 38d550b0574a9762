# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Charges of programmed tiles against node equations and ngspice: the cheap half of `make validate`."""

import json
import re
import shutil

import numpy as np
import pytest
from circuits import Setting, circuit_of, error, patterns, pulses_of, tile_of
from nodal import Circuit, column_currents, network_currents, read_charges

from aimc import InvalidArgumentError, Tile, spice
from aimc.testing.programs import assert_one_error, run_program

SETTINGS = [
    Setting("midrail", 24, 10),
    Setting("midrail, far", 24, 10, used=9, at_row=2),
    Setting("midrail, alternating", 13, 7, readout="alternating", spread=0.2, v_off_v=0.003),
    Setting("row and column", 16, 12, row_ohm=0.7, driver_ohm=20.0, adc_ohm=3.0),
    Setting("row, spread", 9, 11, row_ohm=2.0, spread=0.3, readout="alternating", v_off_v=0.002),
    Setting("row, partly", 16, 8, row_ohm=1.0, used=5, at_row=7),
    Setting("open", 24, 10, idle="open"),
    Setting("open, alternating", 13, 7, idle="open", readout="alternating", adc_ohm=3.0, spread=0.2),
    Setting("open, partly", 24, 6, idle="open", used=9, at_row=3, v_off_v=0.003),
    Setting("split", 12, 6, mode="split", lsb_bits=3),
    Setting("split, open", 12, 6, mode="split", lsb_bits=2, bits=6, idle="open"),
    Setting("bit serial", 12, 6, mode="bit_serial", bits=5, row_ohm=0.5),
    Setting("bit serial, open", 12, 6, mode="bit_serial", bits=5, idle="open"),
    Setting("one row", 1, 5),
    Setting("one column", 7, 1, row_ohm=1.0),
    Setting("no wire", 8, 5, column_ohm=0.0),
    Setting("no wire but terminals", 8, 5, column_ohm=0.0, driver_ohm=50.0, adc_ohm=5.0),
]  # fmt: skip
TOLERANCE = {"midrail": 1e-9, "row": 1e-6, "open": 1e-9}


def kind(setting):
    if setting.row_ohm or setting.driver_ohm:
        return "row"
    return setting.idle


def block(setting, ticks):
    """The part of the array's pulses that belongs to the block."""
    return ticks[setting.at_row : setting.at_row + (setting.used or setting.rows)]


def test_oracles_agree_with_each_other_and_with_ohms_law():
    """A single cell has a closed form; a column is a network without row wires."""
    one = Circuit(np.array([[8.0]]), np.array([[3.0]]), column_ohm=2.0, adc_ohm=1.0)
    expected = 0.2 * (8 - 3) / (1 + 11 * 2e-6)  # behind 1 + 1 ohm
    assert network_currents(one, np.array([1.0]))[0] == pytest.approx(expected, rel=1e-12)
    rng = np.random.default_rng(5)
    for open_rows in (False, True):
        cells = rng.uniform(0.1, 25, (2, 17, 4))
        factor = rng.uniform(0.5, 1.5, (17, 4))
        c = Circuit(*cells, 3.0, adc_ohm=2.0, column_factor=factor, alternating=True,
                    open_rows=open_rows, v_off_v=0.01)  # fmt: skip
        signs = rng.integers(-1, 2, (6, 17)).astype(float)
        assert column_currents(c, signs) == pytest.approx(network_currents(c, signs), rel=1e-9)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_charges_are_those_of_the_node_equations(setting):
    tile = tile_of(setting, seed=3)
    circuit = circuit_of(tile)
    for name, codes in patterns(setting, seed=4).items():
        for ticks, _, window in pulses_of(setting, codes):
            # The window of an ADC is that of the DAC's longest pass; one pass has its own.
            if setting.v_off_v and setting.mode != "one_pass":
                continue
            wanted = read_charges(circuit, ticks, window, sparse=True)
            got = tile.charges(block(setting, ticks)[None])[0, 0]
            assert error(got, wanted) < TOLERANCE[kind(setting)], name


@pytest.mark.skipif(not shutil.which("ngspice"), reason="ngspice is not installed")
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_charges_are_those_of_ngspice(setting):
    tile = tile_of(setting, seed=7)
    for name, codes in patterns(setting, seed=8).items():
        ticks, _, window = pulses_of(setting, codes)[-1]
        wanted = spice.charges(tile, ticks, window=window)
        if setting.v_off_v and setting.mode != "one_pass":
            continue
        got = tile.charges(block(setting, ticks)[None])[0, 0]
        assert error(got, wanted) < (1e-5 if setting.idle == "open" else 1e-6), name


def test_dac_modes_give_the_same_charge_where_idle_rows_are_driven():
    """A linear network adds up: one pass equals the weighted sum of the other modes' passes."""
    tile = tile_of(Setting("modes", 20, 6), seed=9)
    codes = patterns(Setting("modes", 20, 6), seed=9)["random"]
    sums = []
    for mode, low in (("one_pass", 0), ("split", 3), ("bit_serial", 0)):
        setting = Setting("modes", 20, 6, mode=mode, lsb_bits=low)
        sums.append(sum(f * tile.charges(t[None])[0, 0] for t, f, _ in pulses_of(setting, codes)))
    assert sums[1] == pytest.approx(sums[0], rel=1e-10)
    assert sums[2] == pytest.approx(sums[0], rel=1e-10)


@pytest.mark.parametrize(
    "ohm, one_product, segments", [(0.15, 2.5e-3, 5e-4), (0.35, 5e-3, 5e-4), (1.0, 1.1e-2, 1e-3)]
)
def test_fidelities_of_open_rows_stay_within_their_error(ohm, one_product, segments):
    setting = Setting("open", 512, 16, column_ohm=ohm, idle="open")
    tile = tile_of(setting, seed=2)
    rng = np.random.default_rng(11)
    ticks = np.clip(np.rint(rng.normal(size=(8, 512)) * 127 / 3), -127, 127)
    exact = tile.charges(ticks, "exact")
    for fidelity, bound in (("one_product", one_product), ("segments", segments)):
        rest = tile.charges(ticks, fidelity) - exact
        relative = np.sqrt(np.mean(np.square(rest)) / np.mean(np.square(exact)))
        assert 1e-7 < relative < bound, fidelity


MODULE = """
aimc.target @pcm {{
  geometry = #aimc.geometry<rows = 12, cols = 8, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 1.0, row_ohm = 0.5, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<cco, lsb_fc = 1.03, bits = 12>}}
aimc.weight @q : tensor<4x3xf32> = dense<{q}>
aimc.weight @k transposed : tensor<2x3xf32> = dense<{k}>
aimc.tile @q.r0.c0 of @q rows [0, 4] cols [0, 3] on @pcm
  at #aimc.place<chip = 0, tile = 5, row = 2, col = 1>
aimc.tile @k.r0.c0 of @k rows [0, 2] cols [0, 3] on @pcm
  at #aimc.place<chip = 0, tile = 5, row = 6, col = 1>
"""
Q = [[1.0, -2.0, 0.5], [0.1, 0.2, 0.3], [-1.0, -2.0, -3.0], [0.0, 1.0, 0.0]]
K = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "tiled.mlir"
    path.write_text(MODULE.format(q=Q, k=K))
    return path


def resistances(text):
    """Conductance in uS of every device of a netlist by its name."""
    found = re.findall(r"^(R[pm]\d+_\d+) \S+ \S+ (\S+)$", text, re.MULTILINE)
    return {name: 1e6 / float(ohm) for name, ohm in found}


def test_exported_tile_holds_all_its_blocks_and_their_devices(module):
    """Without noise every conductance of the netlist follows from the weights by hand."""
    done = run_program("aimc-translate", "--export-spice", module, "--tile=@q.r0.c0",
                       "--input=1,-3,0.5,2", "--no-noise")  # fmt: skip
    assert done.status == 0, done.stderr
    plus, minus = np.full((12, 8), 0.1), np.full((12, 8), 0.1)
    for row, col, w in ((2, 1, np.array(Q)), (6, 1, np.array(K).T)):
        u = w / np.abs(w).max(0)
        plus[row : row + len(w), col : col + 3] += 24.9 * np.maximum(u, 0)
        minus[row : row + len(w), col : col + 3] += 24.9 * np.maximum(-u, 0)
    found = resistances(done.stdout)
    assert len(found) == 2 * 12 * 8
    for i in range(12):
        for j in range(8):
            assert found[f"Rp{i}_{j}"] == pytest.approx(plus[i, j], rel=1e-6)
            assert found[f"Rm{i}_{j}"] == pytest.approx(minus[i, j], rel=1e-6)
    # The DAC's range is the vector's own: 3 is 127 ticks, 0.5 is 21, and the sign swaps the lines.
    levels = dict(re.findall(r"^Vp(\d+) \S+ 0 PWL\(0 0.4 \S+ 0.4 \S+ (\S+) ", done.stdout, re.M))
    assert levels == {"2": "0.6", "3": "0.2", "4": "0.6", "5": "0.6"}
    ends = re.findall(r"^Vp\d+ .* (\S+) 0\.4\)$", done.stdout, re.M)
    ticks = [round(float(end) * 1e9 - 1.25, 3) for end in ends]
    assert ticks == [42.0, 127.0, 21.0, 85.0]


READS = """
func.func @main(%x: tensor<1x4xf32>, %y: tensor<1x3xf32>) -> tensor<1x3xf32> {{
  %0 = aimc.mvm @q.r0.c0 ins(%x : tensor<1x4xf32>) outs(%y : tensor<1x3xf32>)
    {{input_range = {first} : f32}} -> tensor<1x3xf32>
  %1 = aimc.mvm @q.r0.c0 ins(%x : tensor<1x4xf32>) outs(%0 : tensor<1x3xf32>)
    {{input_range = {second} : f32}} -> tensor<1x3xf32>
  return %1 : tensor<1x3xf32>
}}
"""


def test_exported_pulses_follow_the_range_of_the_calls_that_read_the_block(module):
    text = module.read_text()
    module.write_text(text + READS.format(first="12.0", second="12.0"))
    arguments = ("--export-spice", module, "--tile=@q.r0.c0", "--input=1,-3,0.5,2")
    done = run_program("aimc-translate", *arguments)
    assert done.status == 0, done.stderr
    ends = re.findall(r"^Vp\d+ .* (\S+) 0\.4\)$", done.stdout, re.M)
    # round(127 |x| / 12)
    assert [round(float(end) * 1e9 - 1.25, 3) for end in ends] == [11.0, 32.0, 5.0, 21.0]
    module.write_text(text + READS.format(first="12.0", second="6.0"))
    assert_one_error(run_program("aimc-translate", *arguments), "input range", "--ticks")


@pytest.mark.skipif(not shutil.which("ngspice"), reason="ngspice is not installed")
def test_exported_netlist_simulates_to_the_charges_of_the_node_equations(module, tmp_path):
    netlist = tmp_path / "q.cir"
    done = run_program("aimc-translate", "--export-spice", module, "--tile=@q.r0.c0", "--ticks",
                       "--input=3,-60,0,127", "--seed=9", "--time=3600", "-o", netlist)  # fmt: skip
    assert done.status == 0, done.stderr
    found = resistances(netlist.read_text())
    cells = np.zeros((2, 12, 8))
    for name, g in found.items():
        i, j = map(int, name[2:].split("_"))
        cells["pm".index(name[1]), i, j] = g
    ticks = np.zeros(12)
    ticks[2:6] = [3, -60, 0, 127]
    wanted = read_charges(Circuit(*cells, 1.0, row_ohm=0.5), ticks, 127, sparse=True)
    assert error(spice.simulate(netlist), wanted) < 1e-8
    again = run_program("aimc-translate", "--export-spice", module, "--tile=@q.r0.c0", "--ticks",
                        "--input=3,-60,0,127", "--seed=9")  # fmt: skip
    assert resistances(again.stdout) != found  # an hour of drift


def test_exported_tile_is_the_one_that_a_session_programs(module):
    """The single block @q.r0.c0 as `aimc.Tile` programs it: same seed, place and tile number."""
    module.write_text(re.sub(r"aimc\.tile @k.*\n.*\n", "", module.read_text()))
    done = run_program("aimc-translate", "--export-spice", module, "--tile=@q.r0.c0",
                       "--input=1,0,0,0", "--seed=4")  # fmt: skip
    assert done.status == 0, done.stderr
    target = {
        "geometry": {"rows": 12, "cols": 8},
        "wire": {"column_ohm": 1.0, "row_ohm": 0.5},
        "adc": {"kind": "cco", "lsb_fc": 1.03, "bits": 12},
    }
    tile = Tile(np.array(Q), target, seed=4, at_row=2, at_col=1, tile=5)
    plus = tile.array("tile_plus")[0]
    found = resistances(done.stdout)
    for i in range(12):
        for j in range(8):
            if plus[i, j] > 0:
                assert found[f"Rp{i}_{j}"] == pytest.approx(plus[i, j], rel=1e-6)
            else:
                assert f"Rp{i}_{j}" not in found


@pytest.mark.parametrize(
    "flags, causes",
    [
        (["--tile=@x", "--input=1"], ["--tile", "@x", "it has q.r0.c0, k.r0.c0"]),
        (["--tile=@k.r0", "--input=1"], ["it has k.r0.c0, q.r0.c0"]),
        (["--tile=@q.r0.c0", "--input=1"], ["4 values", "1"]),
        (["--tile=@q.r0.c0", "--input=1,x,3,4"], ["--input", "'x'"]),
        (["--tile=@q.r0.c0", "--input=1,2,3,4", "--pass=1"], ["--pass", "[0, 0]"]),
        (["--tile=@q.r0.c0", "--input=1,2,3,4", "--pair=-1"], ["--pair", "[0, 0]"]),
        (["--tile=@q.r0.c0", "--input=999,2,3,4", "--ticks"], ["127", "999"]),
        (["--tile=@q.r0.c0", "--input=nan,2,3,4"], ["finite", "nan"]),
        (["--tile=@q.r0.c0", "--input=absent.npy"], ["absent.npy"]),
    ],
)
def test_refusals_of_the_export_name_their_cause(module, flags, causes):
    assert_one_error(run_program("aimc-translate", "--export-spice", module, *flags), *causes)


def test_files_without_tiles_or_weights_say_how_to_make_one(linear_model, linear_package, tmp_path):
    (tmp_path / "empty.mlir").write_text("module {}")
    manifest = json.loads((linear_package / "manifest.json").read_text())
    tile = f"--tile=@{manifest['weights'][0]['blocks'][0]['name']}"
    for file in (linear_model, tmp_path / "empty.mlir", linear_package / "module.mlirbc"):
        done = run_program("aimc-translate", "--export-spice", file, tile, "--input=1")
        assert_one_error(done, "aimc-compile --emit tiled")


def test_vectors_come_from_npy_and_npz(module, tmp_path):
    x = np.array([[9, 9, 9, 9], [1, -3, 0.5, 2]], np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", a=x[1], b=x)
    flags = ["--export-spice", module, "--tile=@q.r0.c0"]
    wanted = run_program("aimc-translate", *flags, "--input=1,-3,0.5,2").stdout
    assert "PWL" in wanted
    for source in ("x.npy", "x.npz:b"):
        given = [f"--input={tmp_path / source}", "--vector=1"]
        assert run_program("aimc-translate", *flags, *given).stdout == wanted
    given = f"--input={tmp_path / 'x.npz'}:a"
    assert run_program("aimc-translate", *flags, given).stdout == wanted


def test_netlists_of_python_refuse_what_does_not_fit(tmp_path):
    tile = tile_of(Setting("small", 4, 3), seed=0)
    with pytest.raises(InvalidArgumentError, match="at most 4 rows"):
        spice.write(tile, np.zeros(5), tmp_path / "x.cir")
    with pytest.raises(InvalidArgumentError, match="window of 127"):
        spice.write(tile, [128.0, 0, 0, 0], tmp_path / "x.cir")
    with pytest.raises(InvalidArgumentError, match="file"):
        spice.write(tile, [1.0, 0, 0, 0], tmp_path / "absent" / "x.cir")


@pytest.mark.parametrize("fidelity", ["exact", "segments", "one_product"])
def test_predistorted_pulses_reach_every_fidelity(fidelity):
    """Pulses are chosen in front of the DAC: how the circuit is then computed cannot matter."""
    rng = np.random.default_rng(0)
    weights, x = rng.normal(size=(512, 8)), rng.normal(size=(8, 512)).clip(-3, 3)
    quiet = {"programming": False, "variation": False, "read_noise": False, "adc": False}
    errors = {}
    for mode in ("weights", "weights+pulses"):
        target = {"wire": {"idle": "open", "column_ohm": 0.35, "fidelity": fidelity}}
        tile = Tile(weights, target, effects=quiet, compensate=mode, scale="max", input_range=3.0)
        y = tile.read(x)
        errors[mode] = np.sqrt(np.mean((y - x @ weights) ** 2) / np.mean((x @ weights) ** 2))
    assert errors["weights+pulses"] < 0.4 * errors["weights"]
