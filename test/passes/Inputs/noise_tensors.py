# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints what a safetensors file holds, by a reader of its own."""

import json
import pathlib
import struct
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + length])
print("metadata", header.pop("__metadata__")["format"])
for name, tensor in sorted(header.items()):
    begin, end = tensor["data_offsets"]
    values = struct.unpack(f"<{(end - begin) // 4}f", data[8 + length :][begin:end])
    print(name, tensor["shape"], "sum", sum(values))
