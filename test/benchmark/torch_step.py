#!/usr/bin/env python3
# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a training step costs: plain torch against Gaussian noise and the circuit in the loop.

Times are the smallest of interleaved repetitions, so that a busy moment meets all alike. Peak
memory is what a process held at most while it stepped, above what it held when modules were loaded,
and the smallest of three processes.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import aimc
from aimc.torch import Circuit, Device, Gaussian, Recipe, convert

# The preset of a 512 x 512 PCM tile at 0.35 ohm, and what each variant sees of it.
TARGET = aimc.Target(
    wire=aimc.Wire(column_ohm=0.35), adc=aimc.Adc(kind="linear", bits=8, lsb_fc=150.0)
)
RECIPES: dict[str, Recipe | None] = {
    "plain": None,
    "gaussian": Recipe.of(Gaussian(0.05)),
    "circuit": Recipe.of(Circuit()),
    "circuit, ideal ADC": Recipe.of(Circuit(adc=False)),
    "circuit + gaussian": Recipe.of(Circuit(), Gaussian(0.05)),
    "device": Recipe.of(Device(times_s=(3600.0,))),
}


def linear(recipe: Recipe | None) -> Callable[[], None]:
    """A step of a 768 x 3072 linear layer on 1024 tokens."""
    torch.manual_seed(0)
    layer: nn.Module = nn.Linear(768, 3072)
    x = torch.randn(1024, 768, requires_grad=True)
    grad = torch.randn(1024, 3072)
    if recipe is not None:
        layer = convert(layer, TARGET, recipe=recipe)

    def step() -> None:
        x.grad = None
        layer.zero_grad()
        layer(x).backward(grad)

    return step


def minilm(recipe: Recipe | None) -> Callable[[], None]:
    """A step of a model of MiniLM-L6's shape, batch 32, 32 tokens."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
                        intermediate_size=1536)  # fmt: skip
    model: nn.Module = BertModel(config, add_pooling_layer=False)
    if recipe is not None:
        model = convert(model, TARGET, recipe=recipe)
    ids = torch.randint(0, 30000, (32, 32))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)

    def step() -> None:
        optimizer.zero_grad()
        model(ids).last_hidden_state.square().mean().backward()
        optimizer.step()

    return step


# Device noise costs six draws per weight: one case shows it.
_COSTLY = {"device"}
# Memory is measured for these; each takes processes of its own.
_WEIGHED = ("plain", "gaussian", "circuit")

CASES: dict[str, Callable[[Recipe | None], Callable[[], None]]] = {
    "linear 768x3072, 1024 tokens": linear,
    "MiniLM, batch 32, seq 32": minilm,
}


def times(case: str, repeat: int, clock: Callable[[], float]) -> dict[str, float]:
    """Milliseconds per step and variant."""
    steps = {
        name: CASES[case](recipe)
        for name, recipe in RECIPES.items()
        if CASES[case] is linear or name not in _COSTLY
    }
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeat + 1):
        for name, step in steps.items():
            start = clock()
            step()
            taken[name].append(1e3 * (clock() - start))
    return {name: min(values[1:]) for name, values in taken.items()}


def resident(key: str) -> int:
    """Bytes of this process by a key of the kernel's account: VmRSS now, VmHWM at most."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status: expected {key}")


def peak(case: str, variant: str) -> int:
    """Bytes that a model and its steps add to this process, which should be fresh."""
    torch.set_num_threads(1)
    CASES[case](RECIPES[variant])()  # whatever is loaded on demand is there
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what that held goes back to the system
    before = resident("VmRSS")
    step = CASES[case](RECIPES[variant])
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    for _ in range(3):
        step()
    return resident("VmHWM") - before


def measured_peak(case: str, variant: str) -> int:
    """`peak` in a process of its own."""
    command = [sys.executable, __file__, "--peak-of", case, variant]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(repeat: int, memory: bool) -> list[dict[str, Any]]:
    """One row per case and variant, with ratios to plain."""
    rows: list[dict[str, Any]] = []
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for case in CASES:
        milliseconds = times(case, repeat, clock)
        bytes_ = (
            {v: min(measured_peak(case, v) for _ in range(3)) for v in _WEIGHED} if memory else {}
        )
        for variant, ms in milliseconds.items():
            row = {"case": case, "variant": variant, "ms": ms, "ratio": ms / milliseconds["plain"]}
            if variant in bytes_:
                row["peak_mib"] = bytes_[variant] / 2**20
                row["peak_ratio"] = bytes_[variant] / bytes_["plain"]
            rows.append(row)
    return rows


def steps(folder: pathlib.Path) -> dict[str, Any]:
    """What a process of its own measures, so that nothing else of a benchmark is in its memory."""
    file = folder / "steps.json"
    subprocess.run([sys.executable, __file__, "--json", str(file)], check=True, stdout=sys.stderr)
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def main() -> int:
    """Print a table, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="write rows to this file")
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(),
                        help="with one, processor time is measured")  # fmt: skip
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak-of", nargs=2, metavar=("CASE", "VARIANT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak_of:
        print(peak(*args.peak_of))
        return 0
    torch.set_num_threads(args.threads)
    rows = measure(args.repeat, not args.no_memory)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"threads": args.threads, "rows": rows}, file, indent=1)
    for row in rows:
        memory = (
            f"{row['peak_mib']:8.0f} MiB {row['peak_ratio']:5.2f}x" if "peak_mib" in row else ""
        )
        print(
            f"{row['case']:32} {row['variant']:20} {row['ms']:8.1f} ms {row['ratio']:5.2f}x{memory}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
