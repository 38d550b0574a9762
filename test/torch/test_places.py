# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What messages of training call a layer, and what they say helps."""

import pytest
import torch
from hardware_warnings import net, told
from torch import nn

import aimc
from aimc.torch import Circuit, calibrate, convert


def test_a_layer_without_a_name_has_a_place():
    x, root = torch.randn(8, 64), "the module itself (AnalogLinear)"
    few = aimc.Target(adc=aimc.Adc(bits=4, lsb_fc=10.0))
    torch.manual_seed(0)
    model = convert(nn.Linear(64, 8), few, recipe=Circuit())
    (line,) = told(lambda: calibrate(model, [x], adc=False))
    assert line.startswith(f"{root}: the ADC keeps ")
    narrow = convert(nn.Linear(64, 8), aimc.Target(), recipe=Circuit(input_range="fixed"))
    (line,) = [t for t in told(lambda: calibrate(narrow, [x], quantile=0.3)) if "range takes" in t]
    assert line.startswith(f"{root}: the input range takes ")
    fixed = convert(nn.Linear(64, 8), aimc.Target(), recipe=Circuit(input_range="fixed"))
    with pytest.raises(aimc.InvalidArgumentError) as caught:
        fixed(x)
    assert str(caught.value).startswith(f"{root}: expected an input range")


def test_few_bits_name_what_helps():
    x = torch.randn(64, 64, generator=torch.Generator().manual_seed(2))
    few = aimc.Target(adc=aimc.Adc("linear", bits=3, lsb_fc=10.0))
    model = convert(net((64, 8)), few, recipe=Circuit())
    (line,) = told(lambda: calibrate(model, [x], adc=False))
    assert "aimc.torch.calibrate with adc=True" in line and "more adc bits" in line
    (line,) = told(lambda: calibrate(model, [x]))  # which chose the range: bits are left
    assert line.endswith("; more adc bits keep more")
    wide = convert(net((64, 8)), aimc.Target(adc=aimc.Adc("linear", bits=8)), recipe=Circuit())
    assert told(lambda: calibrate(wide, [x])) == []  # and it is true
