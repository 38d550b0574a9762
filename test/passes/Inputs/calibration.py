# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a calibration file (docs/Contracts.md section 7), whole or with one fault.

calibration.py FILE [--scale S] [--range R] [--fault NAME]

One grid reads @a and @b (2 inputs each); tiles @a.r0.c0 and @b.r0.c0. Quantiles are 1, 2, 3, 4, 5
times S; the run had the input range R, or each vector its own. Charges of @a are 10 rms, 30, 35, 40 at most; of @b a hundredth of that.
"""

import argparse
import hashlib
import json
import struct

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--scale", type=float, default=1.0)
parser.add_argument("--range", type=float, default=None)
parser.add_argument("--fault", default="")
arguments = parser.parse_args()

# The body is spread evenly below the tail.
SHARES = [0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998]
half = [0.5, 0.5] + [0.0] * 30
tensors = {
    "grid.0.quantiles": ([5], [arguments.scale * k for k in (1, 2, 3, 4, 5)]),
    "grid.0.body": ([9], [arguments.scale * share / 0.99 for share in SHARES]),
    "block.a.r0.c0.body": ([9], [30 * share / 0.999 for share in SHARES]),
    "block.b.r0.c0.body": ([9], [0.3 * share / 0.999 for share in SHARES]),
    "weight.a.activity": ([2, 32], half + half[::-1]),
    "weight.b.activity": ([2, 32], half + half),
    "block.a.r0.c0.charge": ([4], [10, 30, 35, 40]),
    "block.b.r0.c0.charge": ([4], [0.1, 0.3, 0.35, 0.4]),
}
meta = {"version": 1, "grids": [{"layer": "l", "weights": ["a", "b"], "vectors": 64}]}
meta["grids"][0]["input_range"] = arguments.range
meta["blocks"] = ["a.r0.c0", "b.r0.c0"]
if arguments.fault == "shape":
    tensors["weight.a.activity"] = ([1, 32], half)
elif arguments.fault == "sum":
    tensors["weight.a.activity"] = ([2, 32], half + [0.1] + [0.0] * 31)
elif arguments.fault == "order":
    tensors["grid.0.quantiles"] = ([5], [5, 4, 3, 2, 1])
elif arguments.fault == "nan":
    tensors["block.a.r0.c0.charge"] = ([4], [10, float("nan"), 35, 40])
elif arguments.fault == "body":
    tensors["block.a.r0.c0.body"] = ([9], [31.0] * 9)
elif arguments.fault == "missing":
    del tensors["grid.0.quantiles"]
elif arguments.fault == "charge":
    del tensors["block.b.r0.c0.charge"]
elif arguments.fault == "version":
    meta["version"] = 2
elif arguments.fault == "other":
    meta["grids"][0]["weights"] = ["x"]

header, data = {"__metadata__": {"aimc": json.dumps(meta), "aimc_sha256": "0" * 64}}, b""
for name, (shape, values) in tensors.items():
    raw = struct.pack(f"<{len(values)}f", *values)
    header[name] = {
        "dtype": "F32",
        "shape": shape,
        "data_offsets": [len(data), len(data) + len(raw)],
    }
    data += raw
if arguments.fault == "cut":
    data = data[:-4]
text = json.dumps(header).encode()
length = len(text) + (1 << 40 if arguments.fault == "length" else 0)
if arguments.fault == "text":
    text = b"x" * len(text)
whole = struct.pack("<Q", length) + text + data
digits = b"0" * 64
if arguments.fault == "unsealed":
    whole = whole.replace(b"aimc_sha256", b"aimc_sha257")
elif arguments.fault != "text":
    whole = whole.replace(digits, hashlib.sha256(whole).hexdigest().encode(), 1)
if arguments.fault == "flip":
    whole = whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:]
with open(arguments.file, "wb") as file:
    file.write(whole)
