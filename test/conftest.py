# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fixtures that every Python test may use: small compiled packages, shared by a whole run."""

import os
import pathlib

import pytest

import aimc
from aimc.testing import models


def pytest_collection_modifyitems(items):
    """Leave out what a sanitizer cannot run; tools/dev/test says which build is under test."""
    if not os.environ.get("AIMC_SANITIZER"):
        return
    for item in items:
        for mark in item.iter_markers("unsanitized"):
            item.add_marker(pytest.mark.skip(reason=mark.kwargs["reason"]))


@pytest.fixture(scope="session")
def linear_model(tmp_path_factory):
    return models.linear(tmp_path_factory.mktemp("linear") / "linear.onnx")


@pytest.fixture(scope="session")
def linear_package(linear_model) -> pathlib.Path:
    return aimc.compile(linear_model, dims={"batch": 4})


@pytest.fixture(scope="session")
def mlp_model(tmp_path_factory):
    return models.mlp(tmp_path_factory.mktemp("mlp") / "mlp.onnx")


@pytest.fixture(scope="session")
def mlp_package(mlp_model) -> pathlib.Path:
    return aimc.compile(mlp_model, dims={"batch": 4})
