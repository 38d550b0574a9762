# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tools/dev/fuzz counts what libFuzzer has done, sees what it has found, and feeds every reader."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "dev"))

import fuzz_seeds  # noqa: E402
import fuzzers  # noqa: E402

FIRST = """\
INFO: seed corpus: files: 4 min: 167b max: 226b total: 702b rss: 60Mb
#5	INITED cov: 800 ft: 900 corp: 4/702b exec/s: 0 rss: 62Mb
#64	NEW    cov: 803 ft: 905 corp: 5/900b lim: 226 exec/s: 0 rss: 62Mb L: 198/226
#128	REDUCE cov: 803 ft: 905 corp: 5/890b lim: 226 exec/s: 0 rss: 62Mb L: 188/226
#20000	DONE   cov: 803 ft: 905 corp: 5/890b lim: 226 exec/s: 10000 rss: 64Mb
stat::number_of_executed_units: 20000
""".splitlines()
SECOND = """\
#6	INITED cov: 803 ft: 905 corp: 5/890b exec/s: 0 rss: 62Mb
#500	NEW    cov: 810 ft: 950 corp: 6/1000b lim: 226 exec/s: 0 rss: 62Mb L: 110/226
finding: expected one line without control characters, but got: a
==7== ERROR: libFuzzer: deadly signal
SUMMARY: libFuzzer: deadly signal
artifact_prefix='findings/onnx-'; Test unit written to findings/onnx-crash-1
stat::number_of_executed_units: 600
""".splitlines()


def test_runs_add_up():
    first = fuzzers.Progress().after(FIRST, 2.0)
    assert (first.executions, first.edges, first.last_edge) == (20000, 803, 64)
    assert first.findings == 0
    assert first.flat()
    both = first.after(SECOND, 1.0)
    assert (both.executions, both.edges, both.last_edge) == (20600, 810, 20500)
    assert both.findings == 1
    assert both.seconds == 3.0
    assert not both.flat()


@pytest.mark.parametrize("last,reached", [(0.89, True), (0.91, False)])
def test_goal_needs_executions_and_no_late_edge(last, reached):
    done = fuzzers.Progress(fuzzers.GOAL, 800, int(last * fuzzers.GOAL))
    assert done.reached("onnx") is reached
    assert not fuzzers.Progress(fuzzers.GOAL // 2, 800, 0).reached("onnx")


def test_every_reader_has_known_inputs_and_seeds_lead_to_readers():
    text = (ROOT / "test" / "fuzz" / "CMakeLists.txt").read_text()
    readers = {p.name for p in fuzzers.CORPUS.iterdir()}
    assert len(readers) >= 18
    for reader in readers | set(fuzz_seeds.SOURCES):
        assert f"aimc_add_fuzzer({reader} " in text or f"{reader}=" in text, reader
        assert reader in readers, reader
        assert reader not in fuzz_seeds.SOURCES or fuzz_seeds.words(reader), reader


def test_seeds_are_of_what_the_repository_has(tmp_path):
    fuzz_seeds.derive(tmp_path)
    assert (tmp_path / "seeds" / "target-mlir" / "pcm").read_text().count("aimc.target") == 1
    assert len(list((tmp_path / "seeds" / "mlir").iterdir())) > 100
    assert len(list((tmp_path / "seeds" / "onnx").iterdir())) > 100
    assert '"programming"\n' in (tmp_path / "dictionaries" / "device.dict").read_text()
