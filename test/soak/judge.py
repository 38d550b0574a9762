# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What must hold of a command's files, however it ended."""

import dataclasses
import re
import signal

from stage import expect
from trades import contents, digest, part, whole_state

import aimc

# What a shell reports of a program that Ctrl-C ended: by the signal, or by its own handler.
INTERRUPTED = {-signal.SIGINT, 130}
# Nobody can tidy after a kill, nor on a disk that takes no change any more.
KILLS = {"kill", "kill at a call", "read-only in between"}
# What main() puts in place says something else; a library's own start has only this.
BEFORE_MAIN = "terminate called after throwing an instance of 'std::bad_alloc'"
LEFTOVER = re.compile(r"\.tmp-\d+-\d+(/|$)")


@dataclasses.dataclass
class End:
    """How a command ended."""

    status: int
    stderr: str


class Judge:
    """Of one folder, over several runs of one command."""

    def __init__(self, trade, out, temporaries, old):
        self.trade, self.out, self.temporaries = trade, out, temporaries
        self.old = trade.old if old else {}
        self.is_tidy = True  # no kill since the last good end
        self.is_log_whole = True  # no line was lost on a full disk, which the command says

    def after(self, blow, end):
        """What must hold after one blow."""
        kind = blow.sort
        undone = kind == "fault at a call" and blow.kind.endswith(("unlink", "unlinkat", "rmdir"))
        self.is_tidy &= kind not in KILLS and not undone
        self.is_log_whole &= "cannot write the log" not in end.stderr
        self._status(kind, end)
        found = contents(self.out)
        for output in self.trade.outputs:
            self._output(found, output, blow)
        if end.status == 0:
            self._all_new(found)
        for name in set(self.trade.resumes) & set(found):
            whole_state(self.out / name)
        for name in set(self.trade.grows) & set(found):
            self._log(name, found[name])
        strangers = [name for name in found if name not in {**self.trade.new, **self.old}]
        strangers += self.temporaries()
        if not self.is_tidy:  # under names that the next run knows
            strangers = [name for name in strangers if not LEFTOVER.search(name)]
        expect(not strangers, f"expected nothing but the outputs, but found {strangers}")

    def at_last(self, end):
        """What must hold after a run that nothing disturbed."""
        expect(end.status == 0, f"expected the next run to work, but got {end}")
        found = contents(self.out)
        self._all_new(found)
        strangers = [name for name in found if name not in {**self.trade.new, **self.old}]
        strangers += self.temporaries()
        expect(not strangers, f"expected the next run to tidy, but found {strangers}")

    def _all_new(self, found):
        for name, data in self.trade.new.items():
            if name in self.trade.grows and not self.is_log_whole:
                continue
            expect(
                name in found and found[name] == data,
                f"expected {digest(self.trade.new)} of a good end, but found {digest(found)}",
            )

    def _output(self, found, output, blow):
        """The old files or the new ones, whole; of several that belong together all of one run, or,
        in the moment between them, without the one that names the others."""
        names = output if isinstance(output, tuple) else (output,)
        here, new, old = (
            {name: part(files, name) for name in names}
            for files in (found, self.trade.new, self.old)
        )
        first = names[0]
        said = f"expected {_digests(old)} or {_digests(new)}, but found {_digests(here)}"
        if here[first] == new[first]:
            expect(all(here[name] == new[name] for name in names), said)
        elif here[first]:
            expect(here == old, said)
        else:
            # Or where the disk gives way just then, after all that needs room is done.
            fails = blow.kind in ("fault at a call: rename", "fault at a call: unlink")
            between = blow.sort.startswith(("kill", "interrupt")) or fails
            expect(not old[first] or (between and len(names) > 1), said)
            expect(all(here[name] in (new[name], old[name], {}) for name in names), said)

    def _log(self, name, text):
        """The whole run's log from its begin, as far as it got."""
        whole = self.trade.new[name]
        expect(
            whole.startswith(text) or not self.is_log_whole,
            f"expected the first lines of {name}, but found {text[-600:]!r}",
        )

    def _status(self, kind, end):
        said = f"but got {end.status}: {end.stderr[-2000:]!r}"
        if end.status == 0 or (kind.startswith("kill") and end.status == -signal.SIGKILL):
            return
        if kind.startswith("interrupt") and end.status in INTERRUPTED:
            return
        if "error while loading shared libraries" in end.stderr:
            return  # before the program is there
        if kind == "memory" and (end.status == 127 or BEFORE_MAIN in end.stderr):
            return
        expect(end.status > 0, f"expected an exit code, {said}")
        lines = end.stderr.strip().splitlines()
        if self.trade.is_python:  # an exception that says what is wrong
            known = {f"{kind.__module__}.{kind.__name__}" for kind in _kinds(aimc.errors.Error)}
            known |= {"OSError", "RuntimeError", "PermissionError"}
            last = lines[-1].split(":")[0] if lines else ""
            expect(last in known, f"expected an exception of ours, {said}")
            return
        errors = [line for line in lines if ": error: " in line]
        rest = [line for line in lines if not re.search(": (error|warning|note): ", line)]
        expect(len(errors) == 1 and not rest, f"expected one error line, {said}")


def _digests(files):
    return {name: digest(found) for name, found in files.items()}


def _kinds(base):
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)
