# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exceptions. Each carries the one line that the compiler or the runtime wrote."""


class Error(Exception):
    """Base of everything that this package raises on purpose."""


class CompileError(Error):
    """`aimc-compile` refused the model, the target or the output."""


class InvalidArgumentError(Error, ValueError):
    """A name, dtype, shape or option does not fit the package."""


class BadPackageError(Error):
    """The package is missing, truncated, altered or not ours."""


class UnsupportedError(Error):
    """The package is right, but not for this machine or this runtime."""


class RunError(Error):
    """Compiled code failed, or the runtime did."""
