# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A test that is left out without being on the list is a failure of the run."""

import pathlib
import xml.etree.ElementTree as ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORT = """<testsuites><testsuite>
<testcase classname="test.a" name="one"/>
<testcase classname="test.a" name="two"><skipped message="no disk"/></testcase>
<testcase classname="test.b" name="three"><skipped message="no disk"/></testcase>
<testcase name="of ctest"><skipped message="Not Run"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def skips(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "dev"))
    import skips

    return skips


def found(skips):
    return skips.of_report("pytest", ElementTree.fromstring(REPORT))


def test_what_the_list_lacks_is_counted_and_named(skips):
    allowed = [skips.Skip("pytest", "test.a", "no *"), skips.Skip("lit", "*", "*")]
    lines, unexpected = skips.report(found(skips), allowed)
    assert unexpected == 2
    assert lines == [
        "SKIPPED, NOT EXPECTED: pytest of ctest (1): Not Run",
        "skipped: pytest test.a (1): no disk",
        "SKIPPED, NOT EXPECTED: pytest test.b (1): no disk",
    ]


def test_the_list_can_be_read_and_names_files_that_exist(skips, tmp_path):
    for line in skips.expected():
        assert line.reason, line
        if line.suite == "pytest" and line.test != "*":
            assert (ROOT / line.test.replace(".", "/")).with_suffix(".py").exists(), line
    path = tmp_path / "list.txt"
    path.write_text("# why\n\npytest | test.a | reads a | b\n")
    assert skips.expected(path) == [skips.Skip("pytest", "test.a", "reads a | b")]
