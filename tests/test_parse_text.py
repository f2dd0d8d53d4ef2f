"""The quick look at atom records never says other than the regular expressions that it spares."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketvox.structure.parse_text import _BAD_RECORD, _NUMBERED_LINES, _layout

LINE = "ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00  0.00           N  "
NUMBERED = LINE[:72] + "1ABC  12"


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(
        st.sampled_from([LINE, NUMBERED, LINE.rstrip(), LINE[:60], "HETATM" + LINE[6:], "TER", ""]), max_size=5
    ),
    at=st.integers(28, 80),
    text=st.sampled_from(["", " ", "-", ".", "x", "7", "\r", "--", "1.5", "   "]),
    end=st.sampled_from(["", "\n", "\r\n"]),
)
def test_what_it_passes_is_right(lines, at, text, end):
    """Whatever is changed in a line, of whatever length: unusual records and numbered lines are never missed."""
    changed = [line[:at] + text + line[at + len(text) :] if k == 0 else line for k, line in enumerate(lines)]
    data = ("\n".join(changed) + end).encode()
    usual, numbered = _layout(data)
    assert not (usual and _BAD_RECORD.search(data))
    assert numbered or not _NUMBERED_LINES.search(data)


@pytest.mark.parametrize(
    ("field", "usual"),
    [
        ("  11.104", True),
        ("-999.999", True),
        ("9999.999", True),
        ("   0.000", True),
        (" 1 1.104", False),
        ("  -1-104", False),
        (" 1-1.104", False),
        ("- 11.104", False),
        ("   .1040", False),
        ("  11.10 ", False),
        ("        ", False),
    ],
)
def test_usual_coordinates(field, usual):
    """Three decimals right-aligned in eight columns; what else may be a number is left to the regular expression."""
    line = LINE[:38] + field + LINE[46:]
    assert _layout(f"{LINE}\n{line}\n{LINE}\n".encode()) == (usual, False)
    assert _layout(f"{line}\n{NUMBERED}".encode()) == (usual, True)
