# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`convert` puts a module's linear layers on tiles, `strip` takes them off again."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import warnings
from collections.abc import Iterable, Iterator

from torch import nn

from aimc.errors import HardwareWarning, InvalidArgumentError
from aimc.target import Hardware, Target
from aimc.torch import adapters, linears
from aimc.torch.calls import count_calls, forget_calls
from aimc.torch.doubts import asked_of, warn_of_clipped_weights, warn_without_effect
from aimc.torch.layer import AnalogLinear
from aimc.torch.recipes import Circuit, Part, Recipe, check_number
from aimc.torch.report import tell, tell_skipped, within
from aimc.torch.spec import Spec, load_spec
from aimc.torch.steps import (
    analog_layers,
    check_module,
    converted_layers,
    count_steps,
    forget_steps,
)


def convert(
    module: nn.Module,
    target: Hardware | None = None,
    *,
    recipe: Part | Recipe | None = None,
    spec: Spec | str | os.PathLike[str] | None = None,
    skip: Iterable[str] = (),
    seed: int = 0,
) -> nn.Module:
    """Replace each nn.Linear and transformers' Conv1D of `module` by an :class:`AnalogLinear`.

    The parameters stay the module's own, so optimizers, tied weights and checkpoints go on
    working. With a `spec` (from ``aimc-compile --emit-noise``) only the layers that it names are
    replaced, each placed as it was mapped; without one every layer is, placed by the target's
    geometry.

    What else multiplies by weights stays digital, and one warning counts it by type and names the
    first of each: convolutions, recurrent layers, modules with matrices of their own, subclasses of
    nn.Linear, weights that are computed from others, and the projections of nn.MultiheadAttention,
    which reads its weights itself. So do adapters of peft, unless a spec names them, without a
    warning; the layers that they adapt go on tiles. The logger ``aimc.torch`` has what became of
    everything as a line of level INFO. A module may be converted part by part: each layer keeps its
    first target and recipe, and passes of the whole are counted once.

    Args:
        module: changed in place, and returned (a bare nn.Linear is replaced and returned).
        target: the hardware, an :class:`aimc.Target`, its parts as in a manifest, or what
            :meth:`aimc.Target.load` takes: a preset or a file; a spec brings its own.
        recipe: what training sees of it; default ``Circuit()``.
        spec: a noise spec or the path of one.
        skip: names of layers that stay digital, with what is inside of them, and are not warned
            about, unless a spec names them; ``*`` and ``?`` match as in file names.
        seed: of all draws; ranks of a process group draw differently from one seed.

    Warns:
        HardwareWarning: for what stays digital; for what of the recipe can do nothing on these
            targets; and where a scale `sigma:<q>` leaves too little of the weights.

    Raises:
        InvalidArgumentError: for layers of a spec or names to skip that the module does not have,
            for other shapes, and for a module without linear layers.
        UnsupportedError: for hardware that training has no model of.
    """
    check_module(module)
    if spec is not None and not isinstance(spec, Spec):
        spec = load_spec(spec)
    if (spec is None) == (target is None):
        raise InvalidArgumentError("expected a target or a spec, but got both or neither")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InvalidArgumentError(f"seed: expected an integer from 0 to 2^63 - 1, but got {seed}")
    chosen = Recipe.of(recipe) if recipe is not None else Recipe.of(Circuit())
    hardware = _target(target)
    there = list(analog_layers(module))
    first = 1 + max((layer.site for layer in there), default=-1)
    found, reasons = linears.find(module)
    if spec is None:  # a spec that names adapters puts them on tiles
        for name in adapters.parts(module):
            found.pop(name, None)
            reasons.pop(name, None)
    if not found:
        kind = type(module).__name__
        if there:
            raise InvalidArgumentError(
                f"{kind}: expected linear layers that are not on tiles yet, but got a module that "
                "is converted already; aimc.torch.strip(model) first to convert it otherwise"
            )
        raise InvalidArgumentError(
            f"{kind}: expected a module with nn.Linear or Conv1D, but got none"
        )
    layers = None
    skipped = _skipped(module, skip)
    if spec is not None:
        shapes = {name: linears.shape(m) for name, m in found.items()}
        others = linears.others(module)
        left = {name for name in others if within(name, skipped)}
        layers = spec.match(shapes, adapters.unwrapped(module), others, left)
        reasons = {name: why for name, why in reasons.items() if name in layers}
    made: dict[int, AnalogLinear] = {}
    for site, (name, linear) in enumerate(found.items(), first):
        sites = layers.get(name, ()) if layers is not None else ()
        if within(name, skipped) or name in reasons or (layers is not None and not sites):
            continue
        entry = sites[0] if sites else None
        layer = made[id(linear)] = AnalogLinear(
            linear.weight,
            linear.bias,
            transposed=bool(linears.orientation(linear)),
            target=entry.target if entry else hardware,
            recipe=chosen,
            layout=entry.layout if entry else None,
            input_range=[site.input_range for site in sites] or None,
            activity=entry.activity if entry else None,
            name=name,
            site=site,
            seed=seed,
            grids=[site.reads for site in sites] or (None,),
        )
        linears.carry(linear, layer)
    if id(module) in made:
        module = made[id(module)]
    else:
        linears.replace(module, made)
    steps = count_steps(module)
    for layer in made.values():
        layer.steps_key = steps.key
        layer.set_step(steps.step)
    if any(layer.calls.expected > 1 for layer in made.values()):
        count_calls(module)
    linears.leave_fast_paths(module)
    tell(module, made.values(), reasons, skipped, spec is not None)
    tell_skipped(name for name in layers or () if within(name, skipped))
    timed = chosen.device is not None and bool(chosen.device.times_s)
    warn_without_effect(made.values(), asked_of(chosen), timed=timed, level=2)
    if chosen.circuit is not None:
        warn_of_clipped_weights(made.values(), chosen.circuit.scale, level=2)
    return module


def _skipped(module: nn.Module, skip: Iterable[str]) -> set[str]:
    """The names that patterns mean, with what is inside of them."""
    names = [name for name, _ in module.named_modules()]
    skipped: set[str] = set()
    for pattern in [skip] if isinstance(skip, str) else skip:
        fits = fnmatch.filter(names, pattern)
        if not fits:
            known = ", ".join(name for name in names if name)
            raise InvalidArgumentError(
                f"skip: expected a name in the module, but got {pattern!r} (it has: {known})"
            )
        skipped.update(fits)
    return skipped


def strip(module: nn.Module) -> nn.Module:
    """The plain module back, in place: the same parameters in nn.Linear and Conv1D. A module that
    is plain stays as it is."""
    check_module(module)
    for part in module.modules():
        forget_steps(part)
        forget_calls(part)
    linears.allow_fast_paths(module)
    made: dict[int, nn.Module] = {id(m): linears.plain(m) for m in analog_layers(module)}
    if id(module) in made:
        return made[id(module)]
    linears.replace(module, made)
    return module


def _target(given: Hardware | None) -> Target:
    """None where a spec brings its own."""
    made = Target.of(given if given is not None else {})
    if isinstance(given, Target):
        made.check(training=True)
    return made


@contextlib.contextmanager
def on_chip(module: nn.Module, chip: int, time_s: float | None = None) -> Iterator[nn.Module]:
    """Evaluate on one chip instance, `time_s` after programming.

    Devices are drawn from the seed `chip` as the runtime draws them. So is the
    noise of reads, anew for each vector: what is read first is read 0. With a spec, which says on
    which tile each block lies, it is the same chip as in :class:`aimc.Session` with that seed, and
    reads that come in the session's order are its own. To enter again is to reset: reads start
    from 0.

    Warns:
        HardwareWarning: where nothing in the recipe differs from chip to chip, and for a time that
            changes nothing, as none of the devices ages.

    Raises:
        InvalidArgumentError: for a module without layers on tiles, and for a time with recipes
            without a device, which nothing ages in.
    """
    layers = converted_layers(module)
    if isinstance(chip, bool) or not isinstance(chip, int) or not 0 <= chip < 2**63:
        raise InvalidArgumentError(f"chip: expected an integer from 0 to 2^63 - 1, but got {chip}")
    if time_s is not None:
        check_number("time_s", time_s)
        if not any(layer.recipe.device for layer in layers):
            raise InvalidArgumentError(
                "time_s: expected a recipe with Device(), which ages, but got one without"
            )
    if not any(layer.recipe.device or layer.recipe.gaussian for layer in layers):
        warnings.warn(
            "chip: expected a recipe with Device(), but got one in which all chips are alike",
            HardwareWarning,
            stacklevel=3,
        )
    if time_s is not None:  # the recipe's own was told when it was given
        aged = [layer for layer in layers if layer.recipe.device]
        warn_without_effect(aged, [("time_s", "time")], timed=True, level=3)
    before = [(layer.chip, layer.time_s, layer.reads.clone()) for layer in layers]
    try:
        for layer in layers:
            layer.chip = chip
            layer.reads.zero_()
            layer.age(time_s)
            layer.prepare(int(layer.clock[2]) + 1)
        yield module
    finally:
        for layer, (old, time, reads) in zip(layers, before, strict=True):
            layer.chip = old
            layer.reads.copy_(reads)
            layer.age(time)
            layer.prepare(int(layer.clock[2]) + 1)
