# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs models through the LibTorch executor, many in one process."""

import dataclasses
import pathlib
import subprocess

import numpy as np
from onnx_case import program


@dataclasses.dataclass
class Case:
    """A model with its inputs; outputs are read with the types and shapes of `expected`."""

    model: pathlib.Path
    feeds: dict
    expected: list
    dims: dict = dataclasses.field(default_factory=dict)
    gradients: bool = False

    @property
    def folder(self):
        return self.model.parent / (self.model.stem + "-run")

    def arguments(self):
        self.folder.mkdir(exist_ok=True)
        words = [str(self.model)] + [f"--dim={n}={s}" for n, s in self.dims.items()]
        for i, array in enumerate(self.feeds.values()):
            path = self.folder / f"in{i}.bin"
            path.write_bytes(np.ascontiguousarray(array).tobytes())
            words.append(f"--in={path}")
        words += [f"--out={self.folder / f'out{i}.bin'}" for i in range(len(self.expected))]
        if self.gradients:
            words.append(f"--grads={self.folder}")
        return words

    def outputs(self):
        return [
            np.frombuffer((self.folder / f"out{i}.bin").read_bytes(), e.dtype).reshape(e.shape)
            for i, e in enumerate(self.expected)
        ]

    def gradient(self, shapes):
        """Gradient of each parameter, shaped as `shapes` says."""
        names = (self.folder / "names").read_text().splitlines()
        return {
            name: np.frombuffer((self.folder / str(i)).read_bytes(), np.float32).reshape(
                shapes[name]
            )
            for i, name in enumerate(names)
        }


def run_all(cases, folder):
    """One process for all cases; what each of them said on failure by its model's path."""
    listing = folder / "cases.txt"
    listing.write_text("".join("\t".join(case.arguments()) + "\n" for case in cases))
    command = [program("aimc-graph-run"), "--batch", str(listing)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stderr.splitlines()
