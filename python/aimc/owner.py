# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every Python object that owns a handle of the runtime does with it."""

from __future__ import annotations

import ctypes
from types import TracebackType
from typing import Self


class Owner:
    """Closes its handle at the end of a `with`, or when nobody holds the object any more."""

    _handle: ctypes.c_void_p

    def close(self) -> None:
        """Free the handle; says what it frees where it is overridden."""
        self._handle = ctypes.c_void_p()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()
