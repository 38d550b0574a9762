# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What every Python object that owns a handle of the runtime does with it."""

from __future__ import annotations

import ctypes
from types import TracebackType
from typing import ClassVar, NoReturn, Self

from aimc import abi
from aimc.errors import InvalidArgumentError


class Owner:
    """Closes its handle at the end of a `with`, or when nobody holds the object any more.

    The handle stays what it was: the runtime knows which ones are open, and calls with a closed one
    are errors there. So closing may be done twice, by any thread, also while another one runs.
    """

    _handle: ctypes.c_void_p
    _destroy: ClassVar[str]  # the function of the C API that frees the handle
    _again: ClassVar[str]  # how a user makes another one

    def close(self) -> None:
        """Free what the object holds; it cannot be used afterwards. Once is enough, and a call
        that another thread is in ends as it would have."""
        getattr(abi.library(), self._destroy)(self._handle)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """A copy, or what a pickle holds, would be of a handle: the first to go closes it for all.

        Raises:
            InvalidArgumentError: always, with the remedy.
        """
        raise InvalidArgumentError(
            f"expected values to copy or pickle, but got aimc.{type(self).__name__}, which holds "
            f"what the runtime has made; {self._again} makes another"
        )

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
