# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One of several processes that train on parts of a batch: rank, number of processes, port."""

import contextlib
import json
import os
import sys

import torch
import torch.distributed as dist
from torch import nn

import aimc
from aimc.torch import Circuit, Gaussian, convert

TARGET = aimc.Target(geometry=aimc.Geometry(rows=32, cols=32), wire=aimc.Wire(column_ohm=5.0))


def run(recipe, rank, world):
    """Mean losses of six steps, some weights and some noise at the end."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 48), nn.GELU(), nn.Linear(48, 5))
    convert(model, TARGET, recipe=recipe, seed=5)
    parallel = nn.parallel.DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(parallel.parameters(), lr=0.1)
    x, labels = torch.randn(32, 40), torch.randint(0, 5, (32,))
    mine = slice(rank * 32 // world, (rank + 1) * 32 // world)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(parallel(x[mine]), labels[mine])
        loss.backward()
        optimizer.step()
        total = loss.detach().clone()
        if world > 1:
            dist.all_reduce(total)
        losses.append(total.item() / world)
    layer = model[0]
    noise = torch.ops.aimc.noise([3], layer.clock, 0)
    return {
        "losses": losses,
        "weights": layer.weight.flatten()[:5].tolist(),
        "noise": noise.tolist(),
    }


def main():
    torch.set_num_threads(1)
    rank, world, port = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    dist.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world
    )
    with contextlib.closing(sys.stdout):
        recipes = {"circuit": Circuit(), "first": Gaussian(0.05), "again": Gaussian(0.05)}
        print(json.dumps({name: run(recipe, rank, world) for name, recipe in recipes.items()}))
    dist.barrier()
    dist.destroy_process_group()
    # gloo's threads may still live when the interpreter takes the library down, which then aborts.
    os._exit(0)


if __name__ == "__main__":
    main()
