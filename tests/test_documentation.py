"""The documentation site builds without a broken link, and its generated pages are what the code says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import ROOT, environment

import pocketvox
from docs.update_reference import command_line, definitions, formats
from pocketvox.cli import VERBS, build_parser
from pocketvox.report import Result

DOCS = ROOT / "docs"


def test_every_verb_and_option_is_in_the_reference():
    """Made by docs/update_reference.py; how help is wrapped depends on the version of Python."""
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    words = set(re.findall(r"--[a-z][a-z0-9-]*", command_line()))
    assert words <= set(re.findall(r"--[a-z][a-z0-9-]*", page)), "run: python docs/update_reference.py"
    assert len(re.findall("^## ", page, re.M)) >= len(VERBS)
    assert build_parser().prog == "pocketvox"


def test_definitions_are_those_of_the_code():
    assert definitions() in (DOCS / "science.md").read_text(encoding="utf-8"), "run: python docs/update_reference.py"


def test_every_format_is_in_the_page_of_exports():
    assert formats() in (DOCS / "exports.md").read_text(encoding="utf-8"), "run: python docs/update_reference.py"


def test_public_names_are_in_the_reference():
    """Whatever `import pocketvox as pv` offers, and a scan returns."""
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    for name in {*pocketvox._PUBLIC, Result.__name__} - {"PocketvoxError", "CHANNELS"}:
        assert re.search(rf"\b{name}\b", page), name


def test_every_verb_is_a_page_of_its_own_or_in_the_reference():
    """Verbs that the table of features names exist."""
    page = (DOCS / "features.md").read_text(encoding="utf-8")
    choices = next(action.choices for action in build_parser()._actions if action.dest == "verb")
    assert set(re.findall(r"`pocketvox ([a-z]+)", page)) <= set(choices)


@pytest.mark.slow
def test_the_site_builds(tmp_path):
    """No link without a target, no page without a place, no docstring that cannot be rendered."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'pocketvox[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(NO_MKDOCS_2_WARNING="1"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "site" / "reference" / "python" / "index.html").read_text(encoding="utf-8")
    assert "probability: if a ligand atom" not in reference and "Orientations of the receptor" in reference
