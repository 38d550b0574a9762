# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Blows at random moments, and what must hold after each.

Where strace is there a moment is a system call: the n-th write, rename, unlink, ... of the command,
before which it is killed, interrupted or told that the disk is full. Moments by the clock come beside:
they hit what makes no call.
"""

import contextlib
import dataclasses
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import time

from disks import disk
from judge import End, Judge
from stage import expect

# Calls that change what is on a disk.
CALLS = ("mkdir", "linkat", "rename", "renameat2", "unlink", "unlinkat", "rmdir", "fsync", "fchmod",
         "write", "writev", "pwrite64", "ftruncate", "flock", "openat", "close")  # fmt: skip
ERRORS = ("ENOSPC", "EDQUOT", "EIO", "EROFS")
KINDS = ("kill at a call", "interrupt at a call", "kill", "interrupt", "fault at a call", "full disk",
         "file limit", "read-only", "read-only in between", "memory")  # fmt: skip
# Those of which a seed gives the same again.
BY_COUNT = tuple(
    kind for kind in KINDS if kind not in ("kill", "interrupt", "read-only in between")
)
LEFTOVER_S = 10.0
DISK_BYTES = 64 << 20


@dataclasses.dataclass
class Blow:
    """What happens to one run of a command; `at` says when or how much, as a share of all."""

    kind: str
    at: float = 0.0
    call: int = 0
    error: str = "ENOSPC"

    @property
    def sort(self):
        """Its kind without the call."""
        return self.kind.split(":")[0]

    def __str__(self):
        return f"{self.kind} (at={self.at:.4f}, call={self.call}, error={self.error})"


def may_trace():
    """Whether there is strace, and it may do its work here."""
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-qqq", "-o", "/dev/null", "-e", "inject=close:signal=SIGKILL:when=1",
               "true"]  # fmt: skip
    return subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL


class Arena:
    """A folder, on a disk of its own where that is possible, with all that a trial needs."""

    def __init__(self, root, mounted, traced, by_count):
        self.root, self.disk, self.traced, self.by_count = root, mounted, traced, by_count
        self.out, self.temporary = root / "disk" / "out", root / "tmp"
        self.seconds, self.calls = {}, {}

    def kinds(self, trade):
        """Blows that are possible here."""
        for kind in BY_COUNT if self.by_count else KINDS:
            if ("call" in kind and not self.traced) or (
                kind in ("full disk", "read-only", "read-only in between") and self.disk is None
            ):
                continue
            if kind == "memory" and trade.is_python:
                continue  # an interpreter that has no memory for its modules says so at length
            yield kind

    def environment(self):
        """Of each command: its own folder for temporary files, and one thread."""
        return os.environ | {"TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"}

    def start(self, trade, old):
        """An empty folder, or one with what was there before."""
        for folder in (self.out, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        for name, data in trade.old.items() if old else ():
            path = self.out / name
            if data is None:
                path.mkdir(parents=True)
            else:
                path.write_bytes(data)

    def temporaries(self):
        """What is in the folder for temporary files. Torch keeps what it compiled there, and Python's
        tempfile tries the folder with a file that a disk may keep."""
        names = sorted(entry.name for entry in self.temporary.iterdir())
        return [n for n in names if not re.fullmatch(r"torchinductor_.*|[a-z0-9_]{8}", n)]

    def measure(self, trade):
        """Seconds and changing calls of an undisturbed run, once."""
        if trade.name in self.seconds:
            return
        self.start(trade, bool(trade.old))
        begin = time.monotonic()
        end = self.run(trade, None)
        self.seconds[trade.name] = time.monotonic() - begin
        expect(end.status == 0, f"expected an undisturbed run, but got {end}")
        self.calls[trade.name] = {}
        if self.traced:
            self.start(trade, bool(trade.old))
            counts = {}
            for call in self._trace(trade):
                counts[call] = counts.get(call, 0) + 1
            self.calls[trade.name] = counts

    def _trace(self, trade):
        log = self.root / "calls"
        command = ["strace", "-f", "--seccomp-bpf", "-o", str(log), "-e", "trace=" + ",".join(CALLS),
                   *trade.command_in(self.out)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, env=self.environment())
        expect(done.returncode == 0, f"expected an undisturbed run, but got {done}")
        first = None
        for line in log.read_text(errors="replace").splitlines():
            if found := re.match(r"(\d+)\s+(\w+)\(", line):
                first = first or found[1]
                if found[1] == first:
                    yield found[2]

    def draw(self, choice, trade):
        """A blow: rare calls are as likely as frequent ones."""
        kind = choice.choice(list(self.kinds(trade)))
        calls = self.calls[trade.name]
        blow = Blow(kind, choice.random() ** 2 if kind == "full disk" else choice.random())
        if "call" in kind:
            name = choice.choice(sorted(calls))
            blow.kind = f"{kind}: {name}"
            blow.call = choice.randint(1, calls[name])
            blow.error = choice.choice(ERRORS)
        return blow

    def run(self, trade, blow):
        """The command, with what happens to it."""
        kind = blow.sort if blow else ""
        command = trade.command_in(self.out)
        setup = None
        if "call" in kind:
            name = blow.kind.split(": ")[1]
            what = {
                "kill at a call": "signal=SIGKILL",
                "interrupt at a call": "signal=SIGINT",
                "fault at a call": f"error={blow.error}",
            }[kind]
            # Signals are given at a stop that the filter of --seccomp-bpf leaves out.
            fast = ["--seccomp-bpf"] if "error" in what else []
            command = ["strace", "-f", "-qqq", *fast, "-o", "/dev/null", "-e", f"trace={name}",
                       "-e", f"inject={name}:{what}:when={blow.call}", *command]  # fmt: skip
        size = sum(len(data or b"") for data in trade.new.values())
        if kind == "full disk":
            self.disk.fill(int(blow.at * 1.5 * size))
        elif kind == "file limit":
            limit = int(blow.at * 1.2 * size)
            setup = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
        elif kind == "memory":
            limit = int((16 << 20) * 40**blow.at)
            setup = lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # noqa: E731
        elif kind == "read-only":
            expect(self.disk.freeze(), "expected a disk that nobody writes to")
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="replace", env=self.environment(), start_new_session=True,
            preexec_fn=setup,
        )  # fmt: skip
        after_s = self.seconds.get(trade.name, 0) * (blow.at if blow else 0) * 1.1
        if kind in ("kill", "interrupt", "read-only in between"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(after_s)
            if kind == "read-only in between":
                self.disk.freeze()
            elif process.poll() is None:
                process.send_signal(signal.SIGKILL if kind == "kill" else signal.SIGINT)
        try:
            _, stderr = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            expect(False, f"expected an end within two minutes of {blow}")
        self._wait_for_group(process.pid)
        if self.disk is not None:
            self.disk.empty()
            self.disk.thaw()
        return End(process.returncode, stderr)

    def _wait_for_group(self, group):
        """What the command had started ends too, soon after it."""
        begin = time.monotonic()
        while time.monotonic() - begin < LEFTOVER_S:
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0.005)
        expect(False, "expected no process to stay, but the command's group still lives")


@contextlib.contextmanager
def arena(root, by_count=False):
    """Where trials take place: on a file system of its own where mounting is allowed. `by_count`:
    with no blow whose moment is the clock's."""
    root = pathlib.Path(root)
    (root / "disk").mkdir(parents=True, exist_ok=True)
    traced = may_trace()
    with disk(root / "disk", DISK_BYTES) as mounted:
        yield Arena(root, mounted, traced, by_count)


def trial(arena, trade, seed):
    """One to three blows that a seed gives, where something was before or nothing."""
    choice = random.Random(f"{trade.name}/{seed}")
    arena.measure(trade)
    old = bool(trade.old) and choice.random() < 0.7
    blows = [arena.draw(choice, trade) for _ in range(choice.choice((1, 1, 2, 3)))]
    return strike(arena, trade, blows, old)


def strike(arena, trade, blows, old):
    """Blows one after the other, then a run that nothing disturbs.

    Returns by kind how many blows there were, and how many had an effect.
    """
    arena.start(trade, old)
    judge, counts = Judge(trade, arena.out, arena.temporaries, old), {}
    try:
        for blow in blows:
            end = arena.run(trade, blow)
            judge.after(blow, end)
            done, hurt = counts.get(blow.sort, (0, 0))
            counts[blow.sort] = (done + 1, hurt + (end.status != 0))
        judge.at_last(arena.run(trade, None))
    except Exception as error:
        before = "old files there" if old else "nothing there"
        said = f"{trade.name}, {before}, after {sum(n for n, _ in counts.values())} of the blows "
        raise type(error)(f"{said}{[str(blow) for blow in blows]}: {error}") from error
    return counts
