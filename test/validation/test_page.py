# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""docs/Validation.md is what validate.py writes, whole."""

import importlib.util
import re
import shutil
import sys

import pages
import pytest
import validate


def test_page_has_every_section_and_says_that_it_is_generated():
    page = pages.ROOT / "docs" / "Validation.md"
    text = page.read_text()
    assert "validate.py" in text.splitlines()[0]
    for name in validate.SECTIONS:
        stored = pages.stored(page, name)
        assert stored is not None and stored.startswith("## "), name
        assert "Not made." not in stored, f"run: make validate ONLY={name}"
    for plot in re.findall(r"\]\((plots/\S+\.svg)\)", text):
        assert (page.parent / plot).exists(), plot


def test_a_page_does_not_lose_a_section(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["validate", "--output", str(tmp_path / "page.md")])
    with pytest.raises(SystemExit) as ended:
        validate.main()
    assert ended.value.code == 1
    assert not (tmp_path / "page.md").exists()
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[2].strip() for line in said] == ["circuit", "aihwkit"]


def test_a_section_made_anew_leaves_the_others_as_they_are(tmp_path):
    page = tmp_path / "page.md"
    pages.write(page, "head", {"a": "## A\nold (1)\n", "b": "## B\n| x | y |\n"})
    kept = {name: pages.stored(page, name) for name in ("a", "b")}
    assert kept == {"a": "## A\nold (1)\n", "b": "## B\n| x | y |\n"}
    pages.write(page, "head", {"a": "## A\nnew\n", "b": kept["b"]})
    assert pages.stored(page, "a") == "## A\nnew\n"
    assert pages.stored(page, "b") == kept["b"]
    assert pages.stored(page, "c") is None


def test_numbers_read_as_people_say_them():
    assert pages.short(0) == "0"
    assert pages.short(1.23e-9) == "1.2e-9"
    assert pages.verdict(2e-6, 1e-6).endswith("**no**)")
    assert pages.verdict(1e-7, 1e-6).endswith("yes)")
