# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Noise specs with one mistake each: both readers refuse what the other refuses, and say where."""

import copy
import hashlib
import json
import random

import numpy as np
import pytest
import test_finetune
import torch
from onnx_case import program
from safetensors.numpy import save_file
from torch import nn

import aimc
from aimc.testing import models
from aimc.torch import analog_layers, convert, load_spec

ROWS, COLS = 24, 16
BLOCK = ("layers", 0, "blocks", 0)
WIRE, ADC, DAC, DEVICE = (("targets", "t", part) for part in ("wire", "adc", "dac", "device"))


class Missing:
    """Takes a key away. As a class, since an object's place in memory would name the tests."""


MISSING = Missing


def spec_of():
    block = {"name": "w.0", "target": "t", "row": 0, "rows": ROWS, "col": 0, "cols": COLS, "chip": 0,
             "tile": 0, "at_row": 8, "at_col": 0, "lsb_fc": 4.0, "compensate": "gain",
             "scales": "s"}  # fmt: skip
    return {
        "format": "aimc-noise", "version": 1, "tensors": "spec.safetensors",
        "targets": {"t": {
            "geometry": {"rows": 32, "cols": 32, "pairs": 1, "readout": "single"},
            "device": {"kind": "pcm", "g_min_us": 0.1, "g_max_us": 25.0},
            "wire": {"column_ohm": 3.0, "row_ohm": 0.0, "idle": "midrail"},
            "dac": {"bits": 8, "mode": "one_pass", "v_read_v": 0.2, "tick_ns": 1.0},
            "adc": {"kind": "cco", "bits": 12, "lsb_fc": 16.03},
        }},
        "layers": [{
            "layer": "layer", "weight": "w", "initializer": "w", "transposed": False,
            "rows": ROWS, "cols": COLS, "input_range": 3.0, "activity": None, "blocks": [block],
        }],
    }  # fmt: skip


def write(folder, *changes):
    spec = spec_of()
    for path, value in changes:
        place = spec
        for key in path[:-1]:
            place = place[key]
        if value is MISSING:
            del place[path[-1]]
        else:
            place[path[-1]] = copy.deepcopy(value)
    scales = np.full(COLS, 0.5, np.float32)
    save_file({"s": scales, "short": scales[1:].copy(), "bad": -scales, "whole": scales.astype("i8"),
               "nan": scales * np.nan, "a": np.full((ROWS, 32), 1 / 32, np.float32)},
              folder / "spec.safetensors")  # fmt: skip
    file = folder / "spec.json"
    file.write_text(json.dumps(spec))
    return file


# The place of the mistake, the value, and what both readers say after the file's name.
LAYER, TARGET = "layer 'layer': ", "target 't': "
MISTAKES = [
    (("format",), "other", "format: expected 'aimc-noise', but got 'other'"),
    (("version",), 2, "version: expected version 1 of a noise spec, but got 2"),
    (("version",), "1", "version: expected version 1 of a noise spec, but got '1'"),
    (("version",), True, "version: expected version 1 of a noise spec, but got true"),
    (("version",), MISSING, "version: expected version 1 of a noise spec, but it is missing"),
    (("colour",), 1, "unknown key 'colour', expected one of: format, version, tensors, layers, "
                     "targets"),
    (("layers", 0, "colour"), 1, LAYER + "unknown key 'colour', expected one of: layer, weight, "
     "initializer, transposed, rows, cols, grid, input_range, activity, blocks"),
    ((*BLOCK, "lsbfc"), 4.0, LAYER + "blocks[0]: unknown key 'lsbfc', expected one of: name, target, "
     "row, rows, col, cols, chip, tile, at_row, at_col, scales, lsb_fc, compensate"),
    (("tensors",), 7, "tensors: expected a name, but got 7"),
    (("tensors",), "../s.safetensors",
     "tensors: expected the name of a file beside the spec, but got '../s.safetensors'"),
    (("tensors",), None,
     LAYER + "blocks[0].scales: expected a tensor 's', but the spec's file has none"),
    (("targets",), {}, "targets: expected an object of 1 to 16 targets, but got {}"),
    (("targets",), {str(n): spec_of()["targets"]["t"] for n in range(17)},
     "targets: expected an object of 1 to 16 targets, but got {"),
    (("layers",), [], "layers: expected a list of layers, but got []"),
    (("layers",), {}, "layers: expected a list of layers, but got {}"),
    (("layers", 0), 5, "layers[0]: expected an object, but got 5"),
    (("layers", 0, "layer"), 7, "layers[0].layer: expected a name, but got 7"),
    (("layers", 0, "weight"), MISSING, LAYER + "weight: expected a name, but it is missing"),
    (("layers", 0, "initializer"), 7, LAYER + "initializer: expected a name, but got 7"),
    (("layers", 0, "transposed"), "no", LAYER + "transposed: expected true or false, but got 'no'"),
    (("layers", 0, "rows"), 24.0, LAYER + "rows: expected an integer from 1 to 2147483647, but got 24"),
    (("layers", 0, "rows"), "24", LAYER + "rows: expected an integer from 1 to 2147483647, but got '24'"),
    (("layers", 0, "rows"), 23, LAYER + "expected blocks that cover the weight"),
    *((("layers", 0, "input_range"), value,
       LAYER + f"input_range: expected a number from 1e-30 to 1e+30, but got {said}")
      for value, said in [(-1, "-1"), (0, "0"), ("3", "'3'"), (True, "true")]),
    (("layers", 0, "activity"), "s",
     LAYER + "activity: tensor 's': expected shape [24, 32], but got [16]"),
    (("layers", 0, "activity"), 3, LAYER + "activity: expected a name, but got 3"),
    (("layers", 0, "blocks"), [], LAYER + "blocks: expected a list of blocks, but got []"),
    *(((*BLOCK, "lsb_fc"), value,
       LAYER + f"blocks[0].lsb_fc: expected a number from 1e-09 to 1e+09, but got {said}")
      for value, said in [(-3, "-3"), (0, "0"), ("x", "'x'")]),
    ((*BLOCK, "scales"), 5, LAYER + "blocks[0].scales: expected a name, but got 5"),
    ((*BLOCK, "scales"), "none",
     LAYER + "blocks[0].scales: expected a tensor 'none', but the spec's file has none"),
    ((*BLOCK, "scales"), "short",
     LAYER + "blocks[0].scales: tensor 'short': expected shape [16], but got [15]"),
    ((*BLOCK, "scales"), "whole", LAYER + "blocks[0].scales: tensor 'whole': expected elements of float"),
    *(((*BLOCK, "scales"), name, LAYER + f"blocks[0].scales: tensor '{name}': expected finite numbers")
      for name in ("bad", "nan")),
    ((*BLOCK, "compensate"), "bogus", LAYER + "blocks[0].compensate: expected one of: none, gain, "
     "weights, weights+pulses, but got 'bogus'"),
    ((*BLOCK, "compensate"), "weights+pulses", LAYER + "blocks[0].compensate: expected none, gain or "
     "weights with idle = midrail, but got 'weights+pulses'"),
    *(((*BLOCK, key), value,
       LAYER + f"blocks[0].{key}: expected an integer from 0 to 1073741823, but got {said}")
      for key, value, said in [("chip", -1, "-1"), ("chip", 1.5, "1.5"), ("chip", 2**30, "1073741824"),
                               ("tile", -1, "-1"), ("tile", 2**40, "1099511627776"),
                               ("tile", 2**64, "1")]),
    ((*BLOCK, "at_row"), -4,
     LAYER + "blocks[0].at_row: expected an integer from 0 to 2147483647, but got -4"),
    ((*BLOCK, "at_row"), 9, LAYER + "expected blocks that form bands and lie inside their tiles"),
    ((*BLOCK, "row"), 1, LAYER + "expected blocks that form bands and lie inside their tiles"),
    ((*BLOCK, "rows"), 10**9, LAYER + "expected blocks that form bands and lie inside their tiles"),
    ((*BLOCK, "target"), "zz", LAYER + "blocks[0].target: expected one of: t, but got 'zz'"),
    ((*BLOCK, "target"), ["t"], LAYER + "blocks[0].target: expected one of: t, but got [\"t\"]"),
    (("targets", "t"), 5, TARGET + "expected a JSON object, but got 5"),
    ((*WIRE,), MISSING, TARGET + "wire: expected an object, but the key is missing"),
    ((*WIRE,), 5, TARGET + "wire: expected an object, but got 5"),
    (("targets", "t", "newpart"), {"a": 1},
     TARGET + "unknown key 'newpart', expected one of: geometry, device, wire, dac, adc"),
    ((*WIRE, "colum_ohm"), 1, TARGET + "wire: unknown key 'colum_ohm', expected one of: column_ohm"),
    ((*WIRE, "column_ohm"), -5, TARGET + "wire.column_ohm: expected a number from 0 to 1000, but got -5"),
    ((*WIRE, "column_ohm"), MISSING, TARGET + "wire.column_ohm: expected a number, but the key is missing"),
    ((*WIRE, "idle"), "weird", TARGET + "wire.idle: expected one of: midrail, open, but got 'weird'"),
    ((*WIRE, "spread"), 0.1, TARGET + "wire.spread: training models 0"),
    ((*ADC, "kind"), "weird", TARGET + "adc.kind: expected one of: ideal, linear, cco, but got 'weird'"),
    ((*ADC, "bits"), 0, TARGET + "adc.bits: expected an integer from 2 to 24, but got 0"),
    ((*ADC, "lsb_fc"), 0, TARGET + "adc.lsb_fc: expected a number from 1e-09 to 1e+09, but got 0"),
    *(((*DAC, "bits"), bits, TARGET + f"dac.bits: expected an integer from 2 to 9, but got {bits}")
      for bits in (0, 99)),
    ((*DAC, "mode"), "weird",
     TARGET + "dac.mode: expected one of: one_pass, split, bit_serial, but got 'weird'"),
    ((*DEVICE, "g_max_us"), "x",
     TARGET + "device.g_max_us: expected a number from 1e-06 to 1000, but got the string 'x'"),
    ((*DEVICE, "g_max_us"), -1,
     TARGET + "device.g_max_us: expected a number from 1e-06 to 1000, but got -1"),
    ((*DEVICE, "kind"), "weird", TARGET + "device.kind: expected one of: pcm, ideal, hermes1, "),
    (("targets", "t", "geometry", "rows"), 0,
     TARGET + "geometry.rows: expected an integer from 1 to 16384, but got 0"),
    (("targets", "t", "geometry", "rows"), "a",
     TARGET + "geometry.rows: expected an integer from 1 to 16384, but got the string 'a'"),
]  # fmt: skip
SIXTEEN = (("targets",), {name: spec_of()["targets"]["t"] for name in "abcdefghijklmnot"})
MISTAKE = pytest.mark.parametrize("path, value, said", MISTAKES, ids=lambda v: str(v)[:40])


@MISTAKE
def test_load_spec_names_the_mistake(tmp_path, path, value, said):
    file = write(tmp_path, (path, value))
    with pytest.raises((aimc.InvalidArgumentError, aimc.UnsupportedError)) as caught:
        load_spec(file)
    assert str(caught.value).startswith(f"{file}: {said}") and "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def trainee(tmp_path_factory):
    """A model with one layer and examples for it."""
    folder = tmp_path_factory.mktemp("trainee")
    rng = np.random.default_rng(0)
    np.savez(folder / "d.npz", x=rng.standard_normal((4, ROWS), np.float32),
             labels=rng.standard_normal((4, COLS), np.float32))  # fmt: skip
    return models.mlp(folder / "m.onnx", (ROWS, COLS)), folder / "d.npz"


def finetune(trainee, file, status):
    return test_finetune.finetune(*trainee, file.with_name("x.onnx"), "--loss", "mse", "--steps", 1,
                                  "--spec", file, status=status)  # fmt: skip


TUNED = pytest.mark.skipif(not program("aimc-finetune"), reason="built without LibTorch")
NAMED = [(("layers", 0, key), name) for key, name in (("layer", "layer.0"), ("initializer", "w0"))]


@TUNED
@MISTAKE
def test_finetune_names_the_mistake(tmp_path, trainee, path, value, said):
    done = finetune(trainee, write(tmp_path, *NAMED, (path, value)), 1)
    said = said.replace("layer 'layer'", "layer 'layer.0'")
    assert f"{tmp_path / 'spec.json'}: {said}" in done.stderr and done.stderr.count("\n") == 1, (
        done.stderr
    )


@TUNED
def test_finetune_takes_what_is_right(tmp_path, trainee):
    finetune(trainee, write(tmp_path, *NAMED), 0)
    optional = [(("layers", 0, key), None) for key in ("input_range", "activity")]
    optional += [((*BLOCK, key), None) for key in ("lsb_fc", "compensate", "scales")]
    last = [((*BLOCK, key), 2**30 - 1) for key in ("chip", "tile")] + [SIXTEEN]
    finetune(trainee, write(tmp_path, *NAMED, *optional, *last), 0)


@TUNED
@pytest.mark.parametrize(
    "changes, said",
    [
        ([(("layers", 0, "layer"), "zzz")],
         "layer 'zzz': expected a layer of that name in the model, but it has none"),
        ([(("layers", 0, "initializer"), "zzz")],
         "layer 'layer.0': expected a product with the initializer 'zzz' in the model"),
        ([((*BLOCK, "lsb_fc"), float("nan"))], "expected JSON, but got a mistake"),
    ],
)  # fmt: skip
def test_finetune_names_what_the_model_has_not(tmp_path, trainee, changes, said):
    done = finetune(trainee, write(tmp_path, *NAMED, *changes), 1)
    assert f"{tmp_path / 'spec.json'}: {said}" in done.stderr and done.stderr.count("\n") == 1


@TUNED
def test_a_lost_name_is_the_weight_s(tmp_path, trainee):
    """The compiler names a layer by its weight where the product's place is lost."""
    finetune(trainee, write(tmp_path, *NAMED, (("layers", 0, "layer"), "w")), 0)


# JSON has no NaN, but Python reads it.
@pytest.mark.parametrize(
    "path, said",
    [
        (("layers", 0, "input_range"), "layer 'layer': input_range: expected a number from"),
        ((*BLOCK, "lsb_fc"), "layer 'layer': blocks[0].lsb_fc: expected a number from"),
        ((*WIRE, "column_ohm"), "target 't': wire.column_ohm: expected a finite number"),
    ],
)
def test_load_spec_refuses_nan(tmp_path, path, said):
    file = write(tmp_path, (path, float("nan")))
    with pytest.raises(aimc.InvalidArgumentError) as caught:
        load_spec(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: {said}") and message.lower().endswith("but got nan")


def test_the_spec_without_mistakes_is_read(tmp_path):
    """What the cases change is right before, at the ends of its ranges and where it is left out."""
    (site,) = load_spec(write(tmp_path)).layers
    (block,) = site.layout.blocks
    assert (site.input_range, block.lsb_fc, block.compensate, block.scales) == (
        3.0, 4.0, "gain", (0.5,) * COLS
    )  # fmt: skip
    optional = [(("layers", 0, key), None) for key in ("input_range", "activity", "initializer")]
    optional += [((*BLOCK, key), None) for key in ("lsb_fc", "compensate", "scales")]
    last = [((*BLOCK, key), 2**30 - 1) for key in ("chip", "tile")] + [SIXTEEN]
    (site,) = load_spec(write(tmp_path, *optional, *last, (("layers", 0, "activity"), "a"))).layers
    (block,) = site.layout.blocks
    assert (site.input_range, block.lsb_fc, block.compensate, block.scales) == (None,) * 4
    assert block.stream % 2**64 == 2**64 - 1 and site.activity.shape == (ROWS, 32)


def test_a_layer_without_inputs_or_outputs_stays_digital():
    module = nn.Sequential(nn.Linear(20, 4), nn.Linear(4, 0), nn.Linear(0, 3))
    convert(module, aimc.Target())
    assert [layer.name for layer in analog_layers(module)] == ["0"]
    x = torch.randn(5, 20)
    torch.testing.assert_close(module(x), module[2].bias.expand(5, 3))


def sealed(data, metadata):
    """The tensors with the hash that the compiler writes, by other means than its own."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length]) | {
        "__metadata__": metadata | {"aimc_sha256": "0" * 64}
    }
    text = json.dumps(header).encode()
    whole = len(text).to_bytes(8, "little") + text + data[8 + length :]
    at = whole.index(b"0" * 64)
    return whole[:at] + hashlib.sha256(whole).hexdigest().encode() + whole[at + 64 :]


@TUNED
def test_changed_tensors_are_refused(tmp_path, trainee):
    """Scales and activities that look like others: only the file's hash tells."""
    spec = write(tmp_path, *NAMED, (("layers", 0, "activity"), "a"))
    tensors = tmp_path / "spec.safetensors"
    good = sealed(tensors.read_bytes(), {"format": "aimc-noise"})
    tensors.write_bytes(good)
    finetune(trainee, spec, 0)
    load_spec(spec)
    rng = random.Random(4)
    key = good.index(b"aimc_sha256") + 3
    for place in [key, *rng.sample(range(8, len(good)), 40)]:
        tensors.write_bytes(
            good[:place] + bytes([good[place] ^ 1 << rng.randrange(7)]) + good[place + 1 :]
        )
        with pytest.raises(aimc.InvalidArgumentError, match=r"spec\.safetensors: ") as caught:
            load_spec(spec)
        assert "\n" not in str(caught.value)
        if place % 5 == 0 or place == key:  # a program takes a second
            done = finetune(trainee, spec, 1)
            assert str(tensors) in done.stderr and done.stderr.count("\n") == 1


@TUNED
@pytest.mark.parametrize("option", ["--spec", "--target", "--device"])
def test_deep_json_is_refused(tmp_path, trainee, option):
    file = tmp_path / "deep.json"
    file.write_text('{"a":' * 100_000)
    rest = ["--target", "pcm"] if option == "--device" else []
    done = test_finetune.finetune(*trainee, tmp_path / "x.onnx", "--loss", "mse", "--steps", 1, *rest,
                                  option, file, status=1)  # fmt: skip
    assert "deep.json" in done.stderr and "at most 64 levels" in done.stderr
    assert done.stderr.count("\n") == 1
    if option == "--spec":
        with pytest.raises(aimc.InvalidArgumentError, match=r"deep\.json: .*at most 64 levels"):
            load_spec(file)
