# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`make bench`: measure, and write docs/Performance.md and the table of README.md."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import pathlib
import shutil
import sys
import tempfile

import measurements
import page
import tiles
import torch_step

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = (("minilm", 1), ("minilm", 8), ("bert-base", 1), ("bert-base", 8))
SEQ = 128


def say(text: str) -> None:
    """Progress on standard error."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run every measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "Performance.md")
    parser.add_argument("--demo", type=pathlib.Path, help="results.json of the demo")
    parser.add_argument("--readme", type=pathlib.Path, help="front page to update")
    parser.add_argument("--keep", type=pathlib.Path, default=ROOT / "build" / "bench")
    args = parser.parse_args()
    if not importlib.util.find_spec("aihwkit"):  # the page would lose its section
        parser.exit(1, "bench: error: expected the package aihwkit: tools/dev/setup\n")
    args.keep.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="packages-", dir=args.keep))
    try:
        say("kernels")
        kernels = measurements.kernels(folder)
        say("tile reads")
        read = list(measurements.tile_reads(folder))
        say("tiles beside plain products")
        products = list(tiles.against_products())
        say("tiles beside AIHWKIT")
        peer = tiles.against_aihwkit()
        say("scaling")
        scaling = tiles.scaling(folder)
        folds = tiles.programming()
        say("training steps")
        trained = torch_step.steps(folder)
        say("compilation")
        compiled = [measurements.compilation(folder, "bert-base", 8, SEQ)]
        compiled.append(measurements.compilation(folder, "minilm", 8, SEQ))
        models = []
        for name, batch in MODELS:
            say(f"{name}, batch {batch}")
            models += list(measurements.transformer(folder, name, batch, SEQ))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results = {
        "tiles": [c.as_json() for c in read],
        "models": [c.as_json() for c in models],
        "compilation": [dataclasses.asdict(c) for c in compiled],
        "kernels": kernels,
        "products": [c.as_json() for c in products],
        "aihwkit": peer,
        "scaling": scaling,
        "programming_ms": folds,
        "training": trained,
    }
    tiles.draw(scaling, args.output.parent / "plots" / "performance-scaling.svg")
    (args.keep / "results.json").write_text(json.dumps(results, indent=1))
    args.output.write_text(
        page.page(
            read,
            models,
            compiled,
            kernels,
            load,
            page.circuit(products, peer, folds),
            page.training(trained),
        )
    )
    if args.readme and args.demo:
        demo = json.loads(args.demo.read_text())
        page.front_page(args.readme, demo, read, models, compiled)
    say(f"wrote {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
