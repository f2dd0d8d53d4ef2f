"""Results in notebooks: the quick start runs from top to bottom, and shows what it should."""

from __future__ import annotations

import html
import json
import re

import numpy as np
import pytest
from conftest import ROOT
from test_report import hotspot, pocket, result

from pocketvox.report.notebook import MOST_ROWS
from pocketvox.report.page import page_html


def test_tables_of_a_result():
    """Pockets and the best hot-spots, escaped; how many more there are."""
    many = pocket(hotspots=tuple(hotspot(score=0.01 * k, partners=("<b>",)) for k in range(MOST_ROWS + 3)))
    text = result(pockets=(many,))._repr_html_()
    assert text.count("<tr>") == 2 + 1 + MOST_ROWS
    assert f"The best {MOST_ROWS} of {MOST_ROWS + 3}" in text
    assert "&lt;b&gt;" in text and "<b>" not in text
    assert "The best" not in result()._repr_html_()


def test_a_result_is_one_line():
    """The arrays of a map have no place in a console."""
    assert repr(result()) == "<Result 1abc: 2 pockets, 1 hot-spots, test>"


def test_the_view_is_the_report_in_a_frame():
    frame = result().view(height=300)._repr_html_()
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])
    assert page == page_html(result()) and 'height="300"' in frame


def test_data_frames_are_the_tables():
    """Names of types and numbers as in the CSV files."""
    pytest.importorskip("pandas")
    pockets, hotspots = result().to_pandas()
    assert list(pockets["name"]) == ["pocket1", "pocket2"] and pockets["probability"].dtype == float
    assert hotspots.loc[0, ["x", "y", "z"]].tolist() == [1.0, -2.5, 3.142]
    assert hotspots.loc[0, "partners"] == "A:ASP 25:OD1;B:GLY -3A:O"


@pytest.mark.slow
def test_the_quick_start_runs(tmp_path):
    """In a fresh kernel; each cell that should show something does."""
    nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not kept in the file"
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    shown = [json.dumps(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]
    assert "pocket1" in shown[0] and "<table" in shown[0]
    assert "srcdoc" in shown[1]
    assert "hbond_donor" in shown[2]
    value = float(re.search(r"([\d.]+) at", shown[3])[1])
    assert 0.3 < value < 1
    distances = [float(d) for d in re.findall(r"type: ([\d.]+) angstrom", shown[4])]
    assert len(distances) >= 3 and np.min(distances) < 1
    assert "Result 1hvr" in shown[5]
