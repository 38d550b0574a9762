# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Training through the tile circuit, for any PyTorch module.

>>> from aimc.torch import Circuit, Gaussian, convert, strip
>>> model = convert(model, aimc.Target(), recipe=Gaussian(0.03) + Circuit())
>>> ...  # train as ever
>>> model = strip(model)  # plain again, for export
"""

from aimc.torch.calibration import calibrate, learned_ranges, load_ranges, save_ranges
from aimc.torch.convert import (
    convert,
    on_chip,
    strip,
)
from aimc.torch.finite import check_loss, saturation
from aimc.torch.layer import AnalogLinear
from aimc.torch.layout import Block, Layout
from aimc.torch.recipes import Circuit, Device, Gaussian, Ramp, Recipe
from aimc.torch.spec import Spec, load_spec
from aimc.torch.state import compiled_state, load_compiled_state
from aimc.torch.steps import analog_layers, set_step
from aimc.torch.train import distillation_loss
from aimc.torch.trainer import trainer_callback

__all__ = [
    "AnalogLinear",
    "Block",
    "Circuit",
    "Device",
    "Gaussian",
    "Layout",
    "Ramp",
    "Recipe",
    "Spec",
    "analog_layers",
    "calibrate",
    "check_loss",
    "compiled_state",
    "convert",
    "distillation_loss",
    "learned_ranges",
    "load_compiled_state",
    "load_ranges",
    "load_spec",
    "on_chip",
    "saturation",
    "save_ranges",
    "set_step",
    "strip",
    "trainer_callback",
]
