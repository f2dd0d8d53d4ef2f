"""What the documents say of reliability is what is stored, and what SECURITY.md names exists."""

import ast
import re

from conftest import ROOT

from benchmarks.reliability import BEGIN, DOCUMENT, markdown


def test_the_tables_are_those_of_the_stored_results():
    assert f"{BEGIN}\n{markdown()}\n" in DOCUMENT.read_text(encoding="utf-8"), "run: python -m benchmarks.reliability"


def test_every_guarantee_has_its_test():
    """Names of files, and of functions in them; ``::name`` is in the file named before it."""
    text, file, found = (ROOT / "SECURITY.md").read_text(encoding="utf-8"), None, 0
    for name, function in re.findall(r"`(test_\w+\.py)?(?:::(test_\w+))?`", text):
        file = name or file
        if not (name or function):
            continue
        code = (ROOT / "tests" / file).read_text(encoding="utf-8")
        names = {node.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)}
        assert not function or function in names, f"{file}::{function}"
        found += 1
    assert found > 20
