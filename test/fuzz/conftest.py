# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lets the tests of this folder share its graphs."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
