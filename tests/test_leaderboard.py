"""The leaderboard: numbers and ranks, the same sites on both sides of a comparison, escaping, the same bytes."""

from __future__ import annotations

import argparse
import copy
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.board import comparisons, leaderboard, svg
from benchmarks.board.page import render_page
from benchmarks.board.tables_text import interval, number, probability
from benchmarks.entries import BENCHMARK_VERSION
from benchmarks.score import RESULTS
from benchmarks.statistics import holm, paired_counts_test
from pocketvox.channels import CORE, HEADLINE, TYPED
from pocketvox.errors import InputError, OutputError

NASTY = "<script>alert(1)</script> a|b *c* `d` [e](http://f.g) www.h.i j@k.l \u202egnp \x07\n\"m' $n$"
CURVE = [[0.5, 0.9], [1.0, 0.25]]


def within(value: float | None, width: float = 0.05) -> dict:
    """An interval."""
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": value - width, "high": value + width}


def site(number: int, counts: list, free: bool = True) -> dict:
    """A row of a map track; the classes have the same counts plus their number in the first place."""
    counts = {name: [counts[0] + k, *counts[1:]] for k, name in enumerate(HEADLINE)}
    jaccard = {name: tp / (tp + fp + fn) for name, (tp, fp, fn) in counts.items()}
    same = {"id": f"e{number}", "site": "A:LIG 1", "clusters": [f"c{number // 2}"], "homology_free": free}
    return {**same, "voxels": 500, "set_jaccard": 0.3, "counts": counts, "jaccard": jaccard}


def map_track(headline: float | None, rows: list[dict]) -> dict:
    """Scores of a map track."""
    one = {"positives": 150, "prevalence": 0.0123, "threshold": 0.4, "best_jaccard": 0.5}
    one |= {"jaccard": within(0.25), "dice": within(0.4), "average_precision": within(0.3)}
    many = {**one, "positives": 12345, "brier": within(0.1), "calibration_error": within(0.02)}
    many |= {"precision_recall": CURVE, "reliability": [[0.1, 0.2, 500], [0.9, 0.8, 2]]}
    keys = ("headline_best", "set_jaccard", "core_average_precision", "core_jaccard", "macro_headline")
    channels = {name: many for name in CORE} | {"metal": {**many, "positives": 199}}
    return {
        **{"version": 1, "split": "test", "threshold_split": "val", "partial": False},
        **{"sites": 6, "entries_scored": 6, "clusters": 3, "voxels": 3000},
        "summary": {"headline": within(headline), **{key: within(0.3) for key in keys}},
        "classes": {name: {**one, "jaccard": within(0.2 + k / 10)} for k, name in enumerate(HEADLINE)},
        "channels": channels,
        "counts": {
            name: {"n": 6, "bias": -0.5, "sd": 1.0, "lower": -2.46, "upper": 1.46, "kappa": 0.4} for name in CORE
        },
        "strata": {"resolution": [{"name": "below 2.0 A", "sites": 4, "headline": within(0.222)}]},
        "entries": rows,
    }


def result(name: str, headline: float | None, rows: list[dict], **method) -> dict:
    """Results of a method on all tracks of its task."""
    about = {"name": name, "title": name, "description": "What it is.", "task": "pocket", "scope": "protein"}
    about |= {"kind": "baseline", "fingerprint": "0123456789abcdef", "channels": list(CORE), **method}
    hotspots = {f"{r}s_{s}": within(90.0, 2) for r in ("fragment", "lead") for s in ("holo", "apo")}
    sites = {"dca_top_n": within(0.6), "dca_top_n_plus_2": within(0.7), "later": within(0.123)}
    ranking = {"roc_auc": within(0.6), "ef1": within(2.0), "bedroc": within(0.1)}
    tracks = {
        "pocket-map": map_track(headline, rows),
        "hotspots": {"version": 1, "pairs": 21, "summary": hotspots, "entries": []},
        "peaks": {"version": 1, "sites": 6, "summary": {"mean_within_1.5": within(0.5)}, "entries": []},
        "sites": {"version": 1, "sites": 6, "summary": sites, "curve": [[0.0, 0.0], [4.0, 0.6]], "entries": []},
        "screening": {"version": 1, "summary": ranking, "controls": {"heavy atoms": ranking}, "roc": [[0, 0], [1, 1]]},
    }
    if about["task"] == "complex":
        tracks = {"complex-map": tracks["pocket-map"]}
    return {
        **{"schema_version": 1, "benchmark_version": BENCHMARK_VERSION, "method": about, "tracks": tracks},
        "prepared": {"entries": 9, "identical": 9},
        "environment": {"hardware": {"cpu": "Some CPU", "cores": 2}, "versions": {"numpy": "2.0"}},
        "coverage": {"entries": 9, "predicted": 8, "failed": {"e9": "no <b>ligand</b>"}},
    }


SHIPPED = [site(n, [6, 2, 4]) for n in range(6)] + [site(6, [99, 0, 0], free=False)]


def results() -> list[dict]:
    """A shipped preset, a better baseline, a ceiling of the complex task that leaves sites out, a control of nulls."""
    return [
        result("shipped", 0.3, SHIPPED, kind="method", title=NASTY),
        result("worse", 0.2, [site(n, [2, 5, 8]) for n in range(6)], kind="method"),
        result("rule-field", 0.35, [site(n, [5 + n % 2, 2, 4]) for n in range(6)]),
        result("tool", 0.8, [site(n, [9, 1, 1]) for n in (0, 2)], kind="ceiling", task="complex"),
        nothing(),
    ]


def nothing() -> dict:
    """A control all of whose numbers are null."""

    def void(value):
        if isinstance(value, dict):
            return {key: void(item) for key, item in value.items()}
        if isinstance(value, list):
            return [void(item) for item in value]
        return None

    out = result("nothing", None, [], kind="control")
    return {**out, "tracks": void(out["tracks"]), "coverage": void(out["coverage"])}


@pytest.fixture(autouse=True)
def models(tmp_path_factory, monkeypatch):
    """The preset named "shipped" is one."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "shipped").mkdir()
    (folder / "shipped" / "metadata.json").write_text("{}")
    monkeypatch.setattr(comparisons, "MODELS", folder)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The results, as files."""
    for one in results():
        store(tmp_path / "results", one)
    return tmp_path / "results"


def store(folder: Path, one: dict) -> None:
    """Write a result."""
    folder.mkdir(exist_ok=True)
    (folder / f"{one['method']['name']}.json").write_text(json.dumps(one))


def run(folder: Path, root: Path, check: bool = False) -> int:
    """The command."""
    parser = argparse.ArgumentParser()
    leaderboard.add_arguments(parser)
    words = ["--results", str(folder), "-o", str(root), *(["--check"] if check else [])]
    return leaderboard.main(parser.parse_args(words))


def table(text: str, title: str, section: str = "pocket-map") -> list[list[str]]:
    """Cells of the rows of a table of LEADERBOARD.md."""
    part = text[text.index(f"\n## {section}\n") :]
    part = part[part.index(f"\n### {title}\n") :].split("\n\n")[1]
    return [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in part.splitlines()[2:]]


@pytest.fixture
def markdown(folder, tmp_path) -> str:
    """LEADERBOARD.md."""
    run(folder, tmp_path)
    return (tmp_path / "LEADERBOARD.md").read_text()


def test_methods_are_ranked_by_the_headline(markdown):
    rows = table(markdown, "Methods")
    assert [(row[0], row[1]) for row in rows][0::2] == [("1", "rule-field"), ("3", "worse")]
    assert rows[0][2:] == [
        *("baseline", "0.350 (0.300 to 0.400)", "0.200", "0.300", "0.400", "0.300 (0.250 to 0.350)"),
        *("0.300 (0.250 to 0.350)", "0.020", "8 of 9, 1 failed"),
    ]


def test_a_partial_ceiling_stands_beside_the_shipped_preset_on_its_own_sites(markdown):
    # sites e0 and e2 alone: 12, 14, 16 true positives, 4 false positives, 8 false negatives
    same = np.mean([12 / 24, 14 / 26, 16 / 28])
    rows = {row[0]: row for row in table(markdown, "Ceilings and controls")}
    assert rows["tool"][-3:] == ["2 of 6", f"{same:.3f}", "8 of 9, 1 failed"]
    assert rows["tool"][2] == "sees the answer: receptor and ligand"
    assert rows["nothing"][3:-1] == ["-"] * 7 + ["0 of 6", "-"]


def test_comparisons_are_with_the_shipped_preset_and_adjusted(markdown):
    rows = {row[0]: row for row in table(markdown, "Paired comparisons with the shipped preset")}
    assert set(rows) == {"worse", "rule-field", "tool"}  # the control has no sites, the preset is not its own rival
    mine = comparisons.counts_of(SHIPPED[:6])
    clusters = ["c0", "c0", "c1", "c1", "c2", "c2"]
    counts = {"rule-field": [[5, 2, 4], [6, 2, 4]] * 3, "worse": [[2, 5, 8]] * 6}
    p = {}
    for name, values in counts.items():
        theirs = comparisons.counts_of([site(n, one) for n, one in enumerate(values)])
        test = paired_counts_test(theirs, mine, clusters)
        p[name] = test["p_value"]
        assert rows[name][2:4] == ["6", "3"]
        assert rows[name][6:8] == [f"{test['difference']:.3f}", f"{test['p_value']:.3f}"]
    p["tool"] = paired_counts_test(comparisons.counts_of([site(0, [9, 1, 1])] * 2), mine[:2], "ab")["p_value"]
    adjusted = dict(zip(p, holm(list(p.values())), strict=True))
    assert {name: row[8] for name, row in rows.items()} == {name: f"{value:.3f}" for name, value in adjusted.items()}
    assert adjusted["worse"] > p["worse"]


def test_the_shipped_preset_is_one_of_the_models_folder():
    """Neither the best result nor another method with a better headline takes its place."""
    better = result("better", 0.9, SHIPPED, kind="method")
    assert comparisons.shipped([better, *results()])["method"]["name"] == "shipped"
    assert comparisons.shipped([better, *results()[1:]]) is None


def test_the_newest_preset_is_the_shipped_one(monkeypatch, tmp_path):
    """Not the one with the best headline: what users get by default."""
    for name in ("model-2", "model-10"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metadata.json").touch()
    monkeypatch.setattr(comparisons, "MODELS", tmp_path)
    both = [result(name, value, SHIPPED, kind="method") for name, value in (("model-2", 0.5), ("model-10", 0.4))]
    assert comparisons.shipped(both)["method"]["name"] == "model-10"


def test_homologues_and_unknown_counts_are_not_pooled():
    unknown = site(7, [1, 1, 1])
    unknown["counts"]["hydrophobic"] = None
    rows = comparisons.site_rows({"entries": [*SHIPPED, SHIPPED[0], unknown]})
    assert len(rows) == 7  # six sites, and the first again: a second ligand of the same name
    found = comparisons.pool(list(rows.values())[:6])
    assert found.jaccard == {"hbond": 36 / 72, "hydrophobic": 42 / 78, "pi_stacking": 48 / 84}
    assert (found.sites, found.clusters) == (6, 3)


def test_rare_channels_are_marked(markdown):
    names = {row[0] for row in table(markdown, "Channels")}
    assert names == {*CORE, "metal (few)"} and "metal" in TYPED


def test_published_numbers_and_controls_are_rows(markdown):
    assert table(markdown, "All pairs, with homologues in the training split", "hotspots")[-1] == [
        *("-", "Fragment Hotspot Maps, as published", "published", "21", "97", "72", "-", "-"),
    ]
    last = table(markdown, "Ranking of compounds", "screening")[-1]
    assert last == [
        "-",
        "heavy atoms",
        "control",
        *(f"{v:.3f} ({v - 0.05:.3f} to {v + 0.05:.3f})" for v in (0.6, 2, 0.1)),
    ]


def test_markdown_of_submissions_is_inert(markdown):
    assert "<script" not in markdown and "\u202e" not in markdown and "\x07" not in markdown
    assert "http://" not in markdown and "www.h" not in markdown and "j@k" not in markdown
    assert r"&lt;script&gt;alert(1)&lt;/script&gt; a\|b \*c\* \`d\` \[e\](http:<!-- -->//f.g)" in markdown
    for block in markdown.split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


class Page(HTMLParser):
    """Counts tags; fails on one that is not closed."""

    VOID = ("meta", "link", "input", "br", "hr", "img")

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.attributes, self.loose = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes {self.open[-3:]}"

    def handle_data(self, data):
        self.loose.append(data)


def test_page_is_balanced_escaped_and_asks_for_nothing(folder, tmp_path):
    run(folder, tmp_path)
    text = (tmp_path / "docs" / "leaderboard.html").read_text()
    page = Page(text)
    assert page.open == [] and page.tags.count("script") == 1 and "b" not in page.tags
    assert any("<script>alert(1)</script>" in data for data in page.loose)  # shown, as text
    assert any("no <b>ligand</b>" in data for data in page.loose)
    addresses = {value for name, value in page.attributes if name in ("href", "src", "action", "xlink:href", "data")}
    assert addresses and all(re.fullmatch(r"#[a-z-]+|data:,", value) for value in addresses)
    assert not any(name.startswith("on") or name == "style" for name, _ in page.attributes)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    named = {word for name, value in page.attributes if name == "aria-labelledby" for word in value.split()}
    assert named <= set(ids)


def test_every_header_can_be_sorted_and_every_row_is_complete(folder, tmp_path):
    run(folder, tmp_path)
    text = (tmp_path / "docs" / "leaderboard.html").read_text()
    tables = re.findall(r"<table>.*?</table>", text, re.S)
    assert len(tables) > 10
    for part in tables:
        columns = part.count("<th ")
        assert columns == part.count('aria-sort="none"') == part.count('<button type="button">')
        for row in re.findall(r"<tr data.*?</tr>", part, re.S):
            assert row.count("<td") == columns
    assert 'data-sort="0.35">0.350 (0.300 to 0.400)</td>' in text


def test_plots_are_xml_and_their_text_is_escaped(folder, tmp_path):
    run(folder, tmp_path)
    plots = re.findall(r"<svg.*?</svg>", (tmp_path / "docs" / "leaderboard.html").read_text(), re.S)
    # of each map track: the headline, two times four panels and a legend, sites and a legend; two curves with legends
    assert len(plots) == 2 * 13 + 4
    for plot in plots:
        root = ElementTree.fromstring(plot)
        assert root.find("{*}title").text and root.find("{*}desc").text
        assert not root.findall(".//{*}script")
    assert any(NASTY[:25] in text for text in ElementTree.fromstring(plots[0]).itertext())


def test_a_curve_is_drawn_where_its_numbers_are():
    one = svg.Series("a", ((0.0, 0.0), (0.5, 1.0), (2.0, -1.0)), style=1)
    root = ElementTree.fromstring(svg.curves("k", "t", "d", [one], (svg.Axis("x"), svg.Axis("y"))))
    path = next(p for p in root.findall(".//{*}path") if p.get("stroke-dasharray"))
    assert path.get("d") == "M48 280L173 30L298 280"  # what lies outside is drawn at the edge
    assert svg.ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1] and svg.ticks(-5, 100) == [0, 20, 40, 60, 80, 100]


def test_series_are_told_apart_without_colour():
    looks = {(i % len(svg.DASHES), i % len(svg.MARKERS)) for i in range(30)}
    assert len(looks) == 30


def test_the_same_results_give_the_same_bytes(folder, tmp_path):
    assert run(folder, tmp_path / "a") == 0
    (tmp_path / "other").mkdir()
    for number_of, one in enumerate(reversed(results())):  # other order of files, other order of keys
        (tmp_path / "other" / f"{number_of}.json").write_text(json.dumps(dict(reversed(one.items()))))
    assert run(tmp_path / "other", tmp_path / "b") == 0
    for place in (leaderboard.MARKDOWN, leaderboard.PAGE):
        assert (tmp_path / "a" / place).read_bytes() == (tmp_path / "b" / place).read_bytes()


def test_check_finds_a_changed_digit(folder, tmp_path, capsys):
    run(folder, tmp_path)
    assert run(folder, tmp_path, check=True) == 0
    path = tmp_path / "LEADERBOARD.md"
    text = path.read_text()
    path.write_text(text.replace("0.350 (0.300", "0.360 (0.300", 1))
    assert run(folder, tmp_path, check=True) == 1
    said = capsys.readouterr().err
    assert str(path) in said and "pocketvox benchmark leaderboard" in said and "leaderboard.html is" not in said
    assert path.read_text() != text  # nothing written
    (tmp_path / "docs" / "leaderboard.html").unlink()
    assert run(folder, tmp_path, check=True) == 1
    assert "leaderboard.html is" in capsys.readouterr().err


def change(one: dict, path: str, value) -> dict:
    """A copy with something else at a place."""
    one = copy.deepcopy(one)
    *above, last = path.split(".")
    at = one
    for key in above:
        at = at[key]
    at[last] = value
    return one


@pytest.mark.parametrize(
    "path, value, said",
    [
        ("schema_version", 2, "expected schema_version 1. Received: 2"),
        ("benchmark_version", "0.9", "expected benchmark_version"),
        ("method.kind", "winner", "kind 'winner'"),
        ("method.title", None, "without a name or title"),
        ("method.name", "worse", "one file per method"),
        ("tracks.pocket-map.entries", [{"id": "e1"}], "row 0 of entries"),
        ("tracks", None, "no tracks"),
    ],
)
def test_unsuitable_results_are_refused_by_name(folder, tmp_path, path, value, said):
    one = change(results()[0], path, value)
    (folder / "zzz.json").write_text(json.dumps(one))
    (folder / "shipped.json").unlink()
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        run(folder, tmp_path)
    assert "zzz.json" in str(caught.value)
    assert not (tmp_path / "LEADERBOARD.md").exists() and not (tmp_path / "docs").exists()


def test_no_results_and_broken_files_are_errors(tmp_path):
    with pytest.raises(InputError, match="Received: none"):
        run(tmp_path, tmp_path)
    (tmp_path / "a.json").write_text('{"schema_version": 1,')
    with pytest.raises(InputError, match=r"a\.json: expected results as JSON"):
        run(tmp_path, tmp_path)


def test_nothing_is_half_written(folder, tmp_path):
    (tmp_path / "docs").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="writable"):
        run(folder, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "results"]


def test_titles_that_two_methods_share_are_told_apart(tmp_path):
    for one in (result("a", 0.1, [], title="same"), result("b", 0.2, [], title="same")):
        store(tmp_path, one)
    assert [r["method"]["title"] for r in leaderboard.load_results(tmp_path)] == ["same (a)", "same (b)"]


def test_numbers_have_three_digits_and_no_minus_zero():
    assert [number(v).text for v in (0.1235, -0.0001, None, math.nan, True, 12)] == [
        *("0.123", "0.000", "-", "-", "-", "12.000"),
    ]
    assert interval({"value": 0.5, "low": None, "high": 1}).text == "0.500"
    assert probability(0.0001).text == "< 0.001"


def test_page_without_plots():
    assert Page(render_page([], [])).open == []


def test_leaderboard_is_current(monkeypatch):
    monkeypatch.setattr(comparisons, "MODELS", leaderboard.ROOT / "models")
    if not list(RESULTS.glob("*.json")):
        pytest.skip(f"no results in {RESULTS}")
    assert leaderboard.stale(RESULTS) == [], "run `pocketvox benchmark leaderboard`"
