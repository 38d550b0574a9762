# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints the products of BERT-base (12 layers and the pooler) as aimc.linear on one input each."""

H, F = 768, 3072
SHAPES = [
    (f"l{layer}.{name}", k, n)
    for layer in range(12)
    for name, k, n in [
        ("query", H, H),
        ("key", H, H),
        ("value", H, H),
        ("output", H, H),
        ("up", H, F),
        ("down", F, H),
    ]
] + [("pooler", H, H)]

body, results, types = [], [], []
for name, k, n in SHAPES:
    print(f"aimc.weight @{name} : tensor<{k}x{n}xf32>")
    x, out = f"tensor<8x{k}xf32>", f"tensor<8x{n}xf32>"
    init = "%h" if n == H else "%f"
    value = f"%v{len(results)}"
    body.append(
        f"  {value} = aimc.linear @{name} ins({'%h' if k == H else '%f'} : {x}) "
        f"outs({init} : {out}) -> {out}"
    )
    results.append(value)
    types.append(out)
print(f"func.func @main(%h: tensor<8x{H}xf32>, %f: tensor<8x{F}xf32>) -> ({', '.join(types)}) {{")
print("\n".join(body))
print(f"  return {', '.join(results)} : {', '.join(types)}\n}}")
