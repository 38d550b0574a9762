# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The soak in small: a few seeds of each phase, what it has found once, and that it finds faults."""

import dataclasses
import os
import sys
import types

import chaos
import flatness
import orders
import pytest
import soak
from chaos import Blow
from stage import Stage, Violation
from trades import Trade, trades

from aimc.locate import has_torch_library

pytestmark = pytest.mark.filterwarnings("ignore::aimc.HardwareWarning")
TRACED = pytest.mark.skipif(not chaos.may_trace(), reason="strace may not trace here")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Few states, so that few fresh processes are needed."""
    return Stage(
        tmp_path_factory.mktemp("stage"), hidden=((), (12,)), options=("ideal", "plain", "drift"),
        seeds=1, times_s=(3600.0,),
    )  # fmt: skip


@pytest.fixture(scope="module")
def arena(tmp_path_factory):
    with chaos.arena(tmp_path_factory.mktemp("arena"), by_count=True) as made:
        yield made


@pytest.fixture(scope="module")
def known(tmp_path_factory, arena):
    """Every command by its name, with what it writes when it gets to."""
    folder = tmp_path_factory.mktemp("trades")
    made = {trade.name: trade for trade in trades(folder, has_torch_library())}

    def ready(name):
        return made[name] if made[name].new else made[name].prepare(arena.out)

    return ready


@pytest.mark.parametrize("threads", [1, 4])
def test_random_orders_give_what_fresh_processes_give(stage, tmp_path, threads):
    for seed in range(8 // threads):
        counts = orders.play(
            stage, tmp_path, seed, threads, weights=orders.WEIGHTS | {"compile": 1}
        )
        assert counts["run"] > 10
    assert stage.count >= 3


@pytest.mark.unsanitized(reason="a sanitizer's shadow is larger than any limit on memory")
@pytest.mark.parametrize("name", ["compile", "program", "map", "run", "record", "age"])
def test_blows_leave_whole_files(known, arena, name):
    for seed in range(3):
        chaos.trial(arena, known(name), seed)


# Each of these has left something that it must not, once.
FOUND = {
    "an interrupt between a map's columns": ("map", Blow("interrupt at a call: write", call=100)),
    "an interrupt while the old package goes":
        ("compile", Blow("interrupt at a call: unlinkat", call=2)),
    "an object that stayed in the package":
        ("compile", Blow("fault at a call: unlink", call=2, error="EIO")),
    "an interrupt before a file of MLIR has its name":
        ("emit linalg", Blow("interrupt at a call: linkat", call=1)),
    "a noise spec whose tensors were new":
        ("compile, calibrated", Blow("fault at a call: fsync", call=3, error="EIO")),
    "a noise spec between its files":
        ("compile, calibrated", Blow("kill at a call: rename", call=4)),
    "a model between its files":
        ("fine-tune, external data", Blow("kill at a call: rename", call=2)),
    "a noise spec that was gone before the disk was full":
        ("compile, calibrated", Blow("fault at a call: linkat", call=3)),
    "a log that goes on from an earlier checkpoint":
        ("fine-tune", Blow("kill at a call: fsync", call=4)),
    "a Python process that is killed while it waits for the compiler":
        ("aimc.compile", Blow("kill at a call: wait4", call=1)),
    "a pass that fails over an older result": ("opt", Blow("fault at a call: write", call=1)),
    "a netlist that is cut": ("aimc.spice", Blow("kill at a call: writev", call=3)),
    "an interrupt of a Python process alone":
        ("aimc.compile", Blow("interrupt at a call: wait4", call=1)),
}  # fmt: skip


@TRACED
@pytest.mark.unsanitized(reason="a sanitizer makes calls of its own")
@pytest.mark.parametrize("case", FOUND)
def test_what_was_found_once(known, arena, case):
    name, blow = FOUND[case]
    if name.startswith("fine-tune") and not has_torch_library():
        pytest.skip("built without LibTorch")
    counts = chaos.strike(arena, known(name), [blow], old=True)
    assert counts[blow.sort][1] == 1, "the blow had no effect"


# --- The soak finds faults ------------------------------------------------------------------------


def test_a_wrong_result_is_found_with_the_smallest_order(stage, tmp_path, monkeypatch):
    """A run that gives what another one should."""
    fresh = stage.fresh

    def other(state):
        return fresh(dataclasses.replace(state, reads=(state.reads + 1) % orders.MOST_READS))

    monkeypatch.setattr(stage, "options", ("plain",))
    monkeypatch.setattr(stage, "fresh", other)
    with pytest.raises(Violation, match=r"bits of a fresh process.*smallest order: \[\(") as raised:
        orders.play(stage, tmp_path, 1)
    assert str(raised.value).count("('") <= 2


def shell(name, text, before=None):
    return Trade(name, ["sh", "-c", text], ("f",), before and ["sh", "-c", before])


FAULTS = {
    "half a file": ("printf ab > {out}/f; printf cd >> {out}/f",
                    Blow("kill at a call: write", call=2), "but found"),
    # Whether a call that is interrupted takes place is the system's: here no later one does.
    "a temporary name": ("printf ab > {out}/g; sync {out}/g && mv {out}/g {out}/f",
                         Blow("interrupt at a call: fsync", call=1), "nothing but the outputs"),
    "no word": ("printf ab > {out}/g || exit 3; mv {out}/g {out}/f",
                Blow("fault at a call: write", call=1), "expected one error line"),
    "a good end without the new file": ("printf ab > {out}/g && mv {out}/g {out}/f || rm {out}/g",
                                        Blow("fault at a call: write", call=1), "of a good end"),
}  # fmt: skip


@TRACED
@pytest.mark.parametrize("fault", FAULTS)
def test_a_command_that_does_it_wrong_is_found(arena, fault):
    text, blow, said = FAULTS[fault]
    trade = shell(fault, text, before="printf old > {out}/f").prepare(arena.out)
    with pytest.raises(Violation, match=said):
        chaos.strike(arena, trade, [blow], old=True)


@pytest.mark.unsanitized(reason="a sanitizer keeps what was freed for a while")
def test_a_leak_is_found(monkeypatch):
    monkeypatch.setattr(flatness, "SAMPLES", 10)
    kept = []

    def leak():
        kept.append(bytearray(4000))

    with pytest.raises(Violation, match=r"leak: .* KiB of"):
        flatness.judge("leak", flatness.measure(leak, 2000))
    with pytest.raises(Violation, match="as many descriptors"):
        flatness.judge("open", flatness.measure(lambda: kept.append(os.dup(0)), 40))
    for number in kept:
        if isinstance(number, int):
            os.close(number)
    flatness.judge("flat", flatness.measure(lambda: bytearray(4000), 2000))


def test_a_violation_ends_it_with_the_command_that_shows_it_again(monkeypatch, capsys):
    def play(stage, folder, seed, *rest, **options):
        if seed == 5:
            raise Violation("planted")
        return {"run": 1}

    monkeypatch.setattr(soak, "Stage", lambda folder: types.SimpleNamespace(count=7))
    monkeypatch.setattr(orders, "play", play)
    for rounds, code in ((2, 0), (3, 1)):
        options = ["--phase", "threads", "--seed", "3", "--rounds", str(rounds)]
        monkeypatch.setattr(sys, "argv", ["soak", *options])
        assert soak.main() == code
        printed = capsys.readouterr()
        assert ("everything held" in printed.out) == (code == 0)
        assert "2 seeds from 3 on" in printed.out
        again = "planted; again: python test/soak/soak.py --phase threads --seed 5 --rounds 1"
        assert (again in printed.err) == (code == 1)
