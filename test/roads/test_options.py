# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every key of a target and every option of tiles, sessions and training counts: with a value off
its default an output changes, or a warning says that it cannot.

Keys and options are what the product names itself, so that a new one without a row here fails.
"""

import dataclasses
import pickle
import re
import warnings

import numpy as np
import pytest
import torch
from cases import KEYS, TABLES, changed
from torch import nn

import aimc
import aimc.torch as at
from aimc.testing import models

ROWS, COLS, VECTORS = 24, 10, 12
TILE = {"geometry": {"rows": 40, "cols": 16}, "wire": {"column_ohm": 20.0}}
OPEN = {"wire": {"idle": "open", "fidelity": "one_product", "column_ohm": 20.0}}
SPLIT = {"dac": {"mode": "split", "lsb_bits": 2}}
LINEAR = {"adc": {"kind": "linear", "bits": 8}}
LATER = {"time_s": 86400.0}

# What has to be there for a key to count, its value, and a tile's options.
TARGET_ROWS = {
    ("geometry", "rows"): ({}, 64, {"at_row": 0}),
    ("geometry", "cols"): ({"wire": {"row_ohm": 200.0}, "adc": {"kind": "ideal"}}, 64, {}),
    ("geometry", "pairs"): ({}, 2, {}),
    ("geometry", "significance"): ({"geometry": {"pairs": 2}}, [1.0, 4.0], {}),
    ("geometry", "readout"): ({}, "alternating", {}),
    ("device", "kind"): ({}, "ideal", {}),
    ("device", "table"): ({}, TABLES[0], {}),
    ("device", "g_min_us"): ({}, 1.0, {}),
    ("device", "g_max_us"): ({}, 20.0, {}),
    ("device", "programming_noise_scale"): ({}, 0.5, {}),
    ("device", "read_noise_scale"): ({}, 4.0, {}),
    ("device", "drift_scale"): ({}, 0.5, LATER),
    ("device", "acceptance_percent"): (
        {"device": {"kind": "reram_cmo", "g_min_us": 9.0, "g_max_us": 88.0}}, 0.2, {},
    ),
    ("device", "chip_spread"): ({}, 0.1, {}),
    ("device", "tile_spread"): ({}, 0.1, {}),
    ("device", "column_spread"): ({}, 0.1, {}),
    ("device", "device_spread"): ({}, 0.1, {}),
    ("device", "stuck_off"): ({}, 0.1, {}),
    ("device", "stuck_on"): ({}, 0.1, {}),
    ("wire", "column_ohm"): ({}, 30.0, {}),
    ("wire", "row_ohm"): ({}, 5.0, {}),
    ("wire", "driver_ohm"): ({}, 50.0, {}),
    ("wire", "adc_ohm"): ({}, 50.0, {}),
    ("wire", "idle"): ({}, "open", {}),
    ("wire", "fidelity"): (OPEN, "exact", {}),
    ("wire", "spread"): ({}, 0.2, {}),
    ("dac", "bits"): ({}, 5, {}),
    ("dac", "mode"): ({}, "bit_serial", {}),
    ("dac", "lsb_bits"): (SPLIT, 4, {}),
    ("dac", "v_read_v"): ({}, 0.1, {}),
    ("dac", "tick_ns"): ({}, 2.0, {}),
    ("adc", "kind"): ({}, "linear", {}),
    ("adc", "bits"): ({}, 6, {}),
    ("adc", "lsb_fc"): ({}, 60.0, {}),
    ("adc", "gain_spread"): (LINEAR | {"adc": {"kind": "linear", "calibrated": False}}, 0.1, {}),
    ("adc", "offset_spread_lsb"): ({"adc": {"kind": "linear", "calibrated": False}}, 3.0, {}),
    ("adc", "calibrated"): ({"adc": {"gain_spread": 0.1}}, False, {}),
    ("adc", "v_off_v"): ({}, 0.05, {}),
}  # fmt: skip


def weight(rows: int = ROWS, cols: int = COLS) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((rows, cols)).astype(np.float32)


def inputs() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((VECTORS, ROWS)).astype(np.float32)


def told(call):
    """What a call gives and what it warns of, as one value that is compared."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        given = call()
    return pickle.dumps(given), sorted(str(w.message) for w in caught)


def read(target, **options):
    def call():
        with aimc.Tile(weight(), target, **options) as tile:
            y = tile.read(inputs())
            return y.tobytes(), tile.place, tile.statistics()["read"]["weights"]

    return told(call)


def with_parts(*parts):
    made = {}
    for more in parts:
        made = changed(
            made, [(part, key, value) for part, keys in more.items() for key, value in keys.items()]
        )
    return made


def test_every_key_of_a_target_has_a_row():
    assert set(TARGET_ROWS) == set(KEYS)


@pytest.mark.parametrize(("part", "key"), TARGET_ROWS)
def test_keys_of_a_target_count(part, key):
    context, value, options = TARGET_ROWS[part, key]
    base = with_parts(TILE, context)
    assert aimc.abi.read_target(base)[part].get(key) != value
    assert read(base, **options) == read(base, **options)
    assert read(base, **options) != read(changed(base, [(part, key, value)]), **options)


def known(make):
    """The options that a refusal of an unknown one names."""
    with pytest.raises(aimc.InvalidArgumentError, match="unknown key 'no_such'") as caught:
        make(no_such=1)
    return re.findall(r"\w+", str(caught.value).partition("one of: ")[2])


HISTOGRAM = np.eye(32)[np.zeros(ROWS, int)].tolist()
TILE_ROWS = {
    "seed": ({}, {}, 7),
    "time_s": ({}, {}, 86400.0),
    "effects": ({}, {}, {"programming": False}),
    "compensate": ({}, {}, "weights"),
    "scale": ({}, {}, "sigma:1.0"),
    "drift_compensation": ({}, LATER, "column"),
    "compare_exact": (OPEN, {"compare_exact": 0}, 4),
    "at_row": ({}, {}, 2),
    "at_col": ({}, {}, 3),
    "chip": ({}, {}, 1),
    "tile": ({}, {}, 1),
    "activity": (OPEN, {}, HISTOGRAM),
    "input_range": ({}, {}, 1.5),
    "compat": ({}, {}, "aihwkit"),
}


def test_every_option_of_a_tile_has_a_row():
    """But for `threads`, which by contract changes nothing."""
    options = known(lambda **options: aimc.Tile(weight(), **options))
    assert {*TILE_ROWS, "threads"} == set(options)
    assert read(TILE, threads=1) == read(TILE, threads=3)


@pytest.mark.parametrize("option", TILE_ROWS)
def test_options_of_a_tile_count(option):
    context, given, value = TILE_ROWS[option]
    base = with_parts(TILE, context)
    assert read(base, **given) != read(base, **(given | {option: value}))


EFFECTS = {"programming": {}, "wire": {}, "dac": {}, "adc": {}, "read_noise": {},
           "variation": {"device": {"device_spread": 0.1}}}  # fmt: skip


def test_every_effect_has_a_row():
    with pytest.raises(aimc.InvalidArgumentError, match="unknown key") as caught:
        aimc.Tile(weight(), effects={"no_such": False})
    assert set(re.findall(r"\w+", str(caught.value).partition("one of: ")[2])) == set(EFFECTS)


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_count(effect):
    base = with_parts(TILE, EFFECTS[effect])
    assert read(base) != read(base, effects={effect: False})


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A product whose options all count, and a chip of it."""
    folder = tmp_path_factory.mktemp("options")
    model = models.linear(folder / "m.onnx")
    target = folder / "t.mlir"
    target.write_text(
        aimc.Target.from_manifest("t", with_parts(OPEN, {"wire": {"column_ohm": 2.0}})).to_mlir()
    )
    return aimc.compile(model, dims={"batch": 4}, target=target)


SESSION_ROWS = {
    "seed": ({}, 7),
    "threads": ({"threads": 1}, 2),
    "ideal": ({}, True),
    "time_s": ({}, 86400.0),
    "effects": ({}, {"programming": False}),
    "target": ({}, {"adc": {"bits": 5}}),
    "targets": ({}, {"t": {"adc": {"bits": 5}}}),
    "compare_ideal": ({}, True),
    "compensate": ({}, "weights"),
    "scale": ({}, "sigma:1.0"),
    "drift_compensation": (LATER, "column"),
    "chip": ({}, "the chip of seed 3"),
    "record": ({}, True),
    "compare_exact": ({}, 2),
}


def run(package, **options):
    def call():
        with aimc.Session(package, **options) as session:
            (y,) = session.run(None, {"x": np.ones((4, 96), np.float32)})
            statistics = session.statistics()
            figures = [weight for grid in statistics["grids"] for weight in grid["weights"]]
            return y.tobytes(), statistics["threads"], figures

    return told(call)


def test_every_option_of_a_session_has_a_row(package):
    assert set(SESSION_ROWS) == set(known(lambda **options: aimc.Session(package, **options)))


@pytest.mark.parametrize("option", SESSION_ROWS)
def test_options_of_a_session_count(package, option, tmp_path):
    given, value = SESSION_ROWS[option]
    if option == "chip":
        value = tmp_path / "chip.safetensors"
        with aimc.Session(package, seed=3) as session:
            session.save_chip(value)
    assert run(package, **given) != run(package, **(given | {option: value}))


# Training: recipes by their fields, functions by their arguments.

TARGET = aimc.Target(geometry=aimc.Geometry(rows=32, cols=16), wire=aimc.Wire(column_ohm=50.0))
AGED = at.Circuit() + at.Device(times_s=(86400.0,))
RECIPE_ROWS = {
    (at.Circuit, "wire"): (at.Circuit(), at.Circuit(wire=0.5)),
    (at.Circuit, "dac"): (at.Circuit(), at.Circuit(dac=False)),
    (at.Circuit, "adc"): (at.Circuit(), at.Circuit(adc=False)),
    (at.Circuit, "input_range"): (at.Circuit(), at.Circuit(input_range="learned")),
    (at.Circuit, "adc_range"): (at.Circuit(), at.Circuit(adc_range="learned")),
    (at.Circuit, "compensate"): (at.Circuit(), at.Circuit(compensate="weights")),
    (at.Circuit, "scale"): (at.Circuit(), at.Circuit(scale="sigma:1.0")),
    (at.Circuit, "refresh"): (at.Circuit(scale="optimal"), at.Circuit(scale="optimal", refresh=1)),
    (at.Device, "programming"): (at.Device(), at.Device(programming=0.5)),
    (at.Device, "read"): (at.Device(), at.Device(read=0.5)),
    (at.Device, "drift"): (AGED, at.Circuit() + at.Device(drift=0.5, times_s=(86400.0,))),
    (at.Device, "times_s"): (at.Device(), at.Device(times_s=(86400.0,))),
    (at.Device, "compensate_drift"): (AGED, at.Circuit() + at.Device(times_s=(86400.0,), compensate_drift=True)),
    (at.Device, "variation"): (at.Device(), at.Device(variation=False)),
    (at.Device, "joint"): (at.Device(), at.Device(joint=True)),
    (at.Gaussian, "std"): (at.Gaussian(0.1), at.Gaussian(0.2)),
    (at.Gaussian, "per"): (at.Gaussian(0.1), at.Gaussian(0.1, per="tensor")),
    (at.Gaussian, "clip"): (at.Gaussian(0.1), at.Gaussian(0.1, clip=1.0)),
    (at.Ramp, "end"): (at.Gaussian(at.Ramp(0.1, 4)), at.Gaussian(at.Ramp(0.2, 4))),
    (at.Ramp, "steps"): (at.Gaussian(at.Ramp(0.1, 4)), at.Gaussian(at.Ramp(0.1, 2))),
    (at.Ramp, "start"): (at.Gaussian(at.Ramp(0.1, 4)), at.Gaussian(at.Ramp(0.1, 4, start=0.05))),
    (at.Ramp, "delay"): (at.Gaussian(at.Ramp(0.1, 4)), at.Gaussian(at.Ramp(0.1, 4, delay=1))),
    (at.Ramp, "levels"): (at.Gaussian(at.Ramp(0.1, 4)), at.Gaussian(at.Ramp(0.1, 4, levels=2))),
}  # fmt: skip


def train(recipe):
    """Outputs of some steps, and what learns."""

    def call():
        torch.manual_seed(0)
        varied = TARGET.replace(device=aimc.Device(device_spread=0.1))
        model = at.convert(nn.Linear(ROWS, COLS), varied, recipe=recipe)
        at.calibrate(model, [torch.from_numpy(inputs())])
        optimizer = torch.optim.SGD(model.parameters(), 0.05)
        outputs = []
        for _ in range(4):
            y = model(torch.from_numpy(inputs()))
            optimizer.zero_grad()
            y.square().mean().backward()
            optimizer.step()
            outputs.append(y.detach().numpy().tobytes())
        return outputs, sorted(name for name, _ in model.named_parameters()), model.range_mode

    return told(call)


def fields(part):
    return {(part, field.name) for field in dataclasses.fields(part)}


def test_every_field_of_a_recipe_has_a_row():
    parts = (at.Circuit, at.Device, at.Gaussian, at.Ramp)
    assert set(RECIPE_ROWS) == set().union(*map(fields, parts))


@pytest.mark.parametrize("row", RECIPE_ROWS, ids=lambda row: f"{row[0].__name__}.{row[1]}")
def test_fields_of_a_recipe_count(row):
    base, other = RECIPE_ROWS[row]
    assert train(base) != train(other)
