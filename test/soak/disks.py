# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Folders that become full or read-only, whoever writes: file systems of their own."""

import contextlib
import os
import subprocess
import tempfile

BLOCK = 4096


def _mount(*args):
    """Whether it worked. Root may everything in a folder of another mode, but not on such a disk."""
    return subprocess.run(["mount", *map(str, args)], capture_output=True).returncode == 0


def may_mount():
    """Whether this process may make file systems: root outside of most containers."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder, disk(folder, 1 << 16) as made:
        return made is not None


@contextlib.contextmanager
def disk(folder, size):
    """A file system of `size` bytes at a folder; None where there can be none."""
    if not _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder):
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Disk:
    """A small file system."""

    def __init__(self, folder):
        self.folder = folder
        self._ballast = None

    def fill(self, left):
        """So full that `left` bytes remain. The ballast has no name: nobody sees it."""
        room = os.statvfs(self.folder)
        size = max(0, room.f_bavail * room.f_frsize - left) // BLOCK * BLOCK
        self._ballast = os.open(self.folder, os.O_TMPFILE | os.O_RDWR, 0o600)
        os.posix_fallocate(self._ballast, 0, max(size, BLOCK))

    def empty(self):
        """Room again."""
        if self._ballast is not None:
            os.close(self._ballast)
            self._ballast = None

    def freeze(self):
        """Read-only from now on; False where somebody has a file open to write."""
        return _mount("-o", "remount,ro", self.folder)

    def thaw(self):
        """Writable again."""
        return _mount("-o", "remount,rw", self.folder)
