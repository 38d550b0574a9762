# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files as the programs treat them (runtime/files): JSON of bounded depth, files that carry their
own hash, files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from aimc.errors import InvalidArgumentError

MAX_JSON_DEPTH = 64
"""As in runtime/files/include/aimc/files/JsonDepth.h."""

_JSON_MARK = re.compile(r'["\[\]{}]')
_JSON_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_SEAL = re.compile(rb'"aimc_sha256"[ \t\r\n]*:[ \t\r\n]*"([0-9a-f]{64})"')
_TAIL = re.compile(r"\.tmp-\d+-\d+")
_count = itertools.count()


def parse_json(text: str, where: str) -> Any:
    """The value of a text that nobody vouches for; `where` opens the message.

    Raises:
        InvalidArgumentError: where it is no JSON, or nests so deep that readers would run out of
            stack.
    """
    place = _too_deep(text)
    if place is not None:
        before = text[:place]
        raise InvalidArgumentError(
            f"{where}: expected JSON of at most {MAX_JSON_DEPTH} levels of lists and objects, but "
            f"got more at line {before.count(chr(10)) + 1}, column "
            f"{len(before) - before.rfind(chr(10))}; nothing that is read here needs as many"
        )
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidArgumentError(f"{where}: expected JSON, but got {error}") from None


def _too_deep(text: str) -> int | None:
    """Where a text first nests deeper than it may."""
    depth = at = 0
    while mark := _JSON_MARK.search(text, at):
        at = mark.end()
        if mark[0] == '"':
            string = _JSON_STRING.match(text, mark.start())
            at = string.end() if string else at
        elif mark[0] in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return mark.start()
        else:
            depth -= 1
    return None


def read_json(path: str | os.PathLike[str], what: str) -> Any:
    """The value that a file holds; `what` is the kind of file, for the message.

    Raises:
        InvalidArgumentError: names the file.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{path}: cannot read the {what}: {error}") from None
    return parse_json(text, str(path))


def has_seal_key(header: bytes) -> bool:
    """Whether the header of a safetensors file names a hash, whole or not."""
    return b'"aimc_sha256"' in header


def check_seal(data: Any, name: str, what: str, remedy: str) -> None:
    """Whether a safetensors file, given as bytes or an array of them, is as it was written.

    Raises:
        InvalidArgumentError: where a byte was changed, or the hash is missing.
    """
    length = int.from_bytes(bytes(data[:8]), "little")
    found = _SEAL.search(bytes(data[: 8 + min(length, len(data))]))
    if found is None:
        raise InvalidArgumentError(
            f"{name}: expected {what}, but got one without its hash; {remedy}"
        )
    digest = hashlib.sha256(data[: found.start(1)])
    digest.update(b"0" * 64)
    digest.update(data[found.end(1) :])
    expected, got = found[1].decode(), digest.hexdigest()
    if got != expected:
        raise InvalidArgumentError(
            f"{name}: the file was changed after it was saved, expected SHA-256 {expected}, but "
            f"got {got}; {remedy}"
        )


def check_zip(path: str | os.PathLike[str], what: str) -> None:
    """Whether what an archive holds (torch.save writes one) fits its checksums, which torch.load
    does not ask.

    Raises:
        InvalidArgumentError: names the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidArgumentError(f"{path}: expected {what}, but got: {error}") from None
    if damaged is not None:
        raise InvalidArgumentError(
            f"{path}: the file was changed after it was saved: {damaged} does not fit its checksum"
        )


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """A new file to write under a temporary name, which takes the place of `path` at the end.

    After an exception nothing is left of it, and after a kill the next writer of `path` removes it:
    the lock on it goes with the process (runtime/files/include/aimc/files/Leftovers.h).
    """
    target = pathlib.Path(path)
    if target.is_symlink():
        # As runtime/files/lib/FileWriter.cpp: who puts a link there would choose what is replaced.
        raise InvalidArgumentError(
            f"{target}: expected no link in the place of what is written, but got one to "
            f"{target.readlink()}; name what it leads to, or remove it"
        )
    made = _Temporary(target)
    try:
        made.create()
        yield made.path
        os.fsync(made.descriptor)
        made.path.replace(target)
    finally:
        made.remove()


@contextlib.contextmanager
def temporary_folder(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """A folder of this user's alone, of a temporary name beside `path`, which goes at the end.

    After a kill the next one of the same path removes it, as replacing() does.
    """
    made = _Temporary(pathlib.Path(path))
    try:
        made.create(folder=True)
        yield made.path
    finally:
        made.remove()


def scratch_folder(name: str) -> contextlib.AbstractContextManager[pathlib.Path]:
    """temporary_folder() among the system's temporary files, for what only this process reads."""
    return temporary_folder(pathlib.Path(tempfile.gettempdir()) / name)


class _Temporary:
    """A file or folder under a name that nobody has, and the descriptor that holds its lock."""

    def __init__(self, target: pathlib.Path) -> None:
        self.target = self.path = target
        self.descriptor = -1
        self._is_made = False

    def create(self, *, folder: bool = False) -> None:
        """Once what ended writers have left is removed."""
        _remove_leftovers(self.target)
        while True:
            name = f"{self.target.name}.tmp-{os.getpid()}-{next(_count)}"
            self.path = self.target.with_name(name)
            self._is_made = True  # before it is: an interrupt may come in between
            try:
                if folder:
                    self.path.mkdir(0o700)
                    self.descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
                else:
                    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
                    self.descriptor = os.open(self.path, flags, 0o666)
            except FileExistsError:
                self._is_made = False
                continue
            except FileNotFoundError:
                if not folder or not self.target.parent.is_dir():
                    raise
                continue  # taken for a leftover before it was locked
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            if os.fstat(self.descriptor).st_nlink > 0:
                return
            os.close(self.descriptor)  # taken for a leftover before it was locked
            self.descriptor = -1

    def remove(self) -> None:
        """Where it has not become what it was made for."""
        if self._is_made:
            _remove(self.path)
        if self.descriptor >= 0:
            os.close(self.descriptor)


def _remove(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_leftovers(target: pathlib.Path) -> None:
    """Files and folders of the form above whose writers have ended."""
    if not target.parent.is_dir():
        return
    for path in target.parent.iterdir():
        tail = path.name.removeprefix(target.name)
        if tail == path.name or not _TAIL.fullmatch(tail) or path.is_symlink():
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                held = os.fstat(descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if held.st_uid == os.geteuid() and os.path.samestat(held, os.lstat(path)):
                    _remove(path)
            finally:
                os.close(descriptor)
