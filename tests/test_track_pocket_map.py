"""The headline track, on sites small enough to count voxels by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import statistics
from benchmarks.entries import Benchmark, Entry, Site, write_truth
from benchmarks.submissions.submission import Submission
from benchmarks.tracks import pocket_map
from benchmarks.tracks.counts import voxels_per_point
from benchmarks.tracks.envelopes import envelope_labels
from pocketvox import metrics
from pocketvox.channels import CHANNELS, CORE, HEADLINE, TYPED
from pocketvox.report.maps import write_maps
from pocketvox.voxel import Grid, Volume

#: Voxels within 1.25 and 1.5 angstrom of a lattice point of 0.75 angstrom: (0), (1), (1, 1), (1, 1, 1); and (2).
LABELLED, ENVELOPE = 1 + 6 + 12, 1 + 6 + 12 + 8 + 6


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals are tested in test_statistics.py; here a few resamples do."""
    weights = statistics.cluster_weights
    monkeypatch.setattr(statistics, "cluster_weights", lambda clusters, samples, seed: weights(clusters, 20, seed))


def site(name="A:LIG 1", points=((0, 0, 0, "hydrophobic"),), atoms=((0, 0, 0),), role="") -> Site:
    coord = np.array([p[:3] for p in points], np.float32).reshape(-1, 3)
    channel = np.array([CHANNELS.index(p[3]) for p in points], np.uint8)
    return Site(name, role, f"ligands/{name}.sdf", np.array(atoms, np.float32), coord, channel, coord, channel)


def entry(id, split="test", sites=None, cluster=None, homology_free=True, set="maps", state="holo", pair="") -> Entry:
    return Entry(
        id=id,
        set=set,
        split=split,
        state=state,
        pair=pair,
        clusters=(cluster or id,),
        resolution=1.8,
        identity=0.12,
        homology_free=homology_free,
        receptor=None,
        ignored_coord=np.empty((0, 3), np.float32),
        sites=tuple(sites or [site()]),
    )


def benchmark(folder, *entries) -> Benchmark:
    folder.mkdir()
    write_truth(folder, list(entries))
    return Benchmark(folder)


def submit(folder, bench: Benchmark, values, kind="method", channels=TYPED, failures=None) -> Submission:
    """A submission whose values on a box around each site are ``values(entry, grid) -> (x, y, z, channel)``."""
    for e in bench.entries():
        if e.id in (failures or {}):
            continue
        (folder / e.id).mkdir(parents=True)
        for number, s in enumerate(e.sites):
            grid = Grid.around(s.coord, 3.0, 0.75)
            volume = Volume(values(e, s, grid).astype(np.float32), grid, channels)
            write_maps(folder / e.id / f"map{number}.h5", volume, calibrated=False, floor=0)
    info = {"name": "m", "task": "pocket", "kind": kind, "channels": list(channels), "failures": failures or {}}
    (folder / "submission.json").write_text(json.dumps(info))
    return Submission(folder)


def labels(e, s, grid) -> np.ndarray:
    from pocketvox.voxel import label_volume

    return label_volume(s.point_coord, s.point_channel, s.coord, grid).values[..., : len(TYPED)].astype(float)


EVERY = tuple((3.0 * i, 0, 0, name) for i, name in enumerate(CORE))


def several(n=4):
    """A validation entry and test entries, each with one point of every core channel on a chain of atoms."""
    atoms = [p[:3] for p in EVERY]
    sites = [site(points=EVERY, atoms=atoms)]
    return [entry("v0", "val", sites), *(entry(f"t{i}", sites=sites) for i in range(n))]


def test_an_envelope_has_the_voxels_counted_by_hand():
    """One atom on a lattice point: 33 voxels within 1.5 angstrom, 19 of them within 1.25."""
    scored = envelope_labels(entry("a"), site())
    assert len(scored.voxels) == ENVELOPE
    assert scored.labels.sum(axis=0).tolist() == [LABELLED if c == "hydrophobic" else 0 for c in TYPED]


def test_the_answer_as_prediction_scores_one(tmp_path):
    """Labels submitted as a map reach 1 in every score."""
    bench = benchmark(tmp_path / "b", *several())
    result = pocket_map.score(bench, submit(tmp_path / "s", bench, labels))
    for name in (
        "headline",
        "headline_best",
        "set_jaccard",
        "core_jaccard",
        "core_average_precision",
        "macro_headline",
    ):
        assert result["summary"][name]["value"] == 1.0, name
    assert all(result["channels"][name]["brier"]["value"] == 0 for name in CORE)
    assert all(result["counts"][name]["bias"] == pytest.approx(0) for name in CORE)
    assert result["sites"] == 4 and result["entries_scored"] == 4 and result["clusters"] == 4


def test_shuffled_values_score_at_prevalence(tmp_path):
    """The labels' values at random voxels know nothing: average precision is the prevalence."""
    bench = benchmark(tmp_path / "b", *several(12))
    rng = np.random.default_rng(0)
    result = pocket_map.score(
        bench, submit(tmp_path / "s", bench, lambda e, s, grid: rng.permuted(rng.random((*grid.shape, 10)), axis=0))
    )
    for name in CORE:
        channel = result["channels"][name]
        assert channel["average_precision"]["value"] == pytest.approx(channel["prevalence"], abs=0.03)
        assert channel["best_jaccard"] == pytest.approx(channel["prevalence"], abs=0.02)


def test_a_half_right_map_by_hand(tmp_path):
    """Predicting the whole envelope of one atom hydrophobic: 19 of 33 voxels are right."""
    bench = benchmark(tmp_path / "b", entry("v", "val"), entry("t"))
    result = pocket_map.score(bench, submit(tmp_path / "s", bench, lambda e, s, grid: np.full((*grid.shape, 10), 0.5)))
    hydrophobic = result["classes"]["hydrophobic"]
    assert hydrophobic["jaccard"]["value"] == pytest.approx(LABELLED / ENVELOPE)
    assert hydrophobic["dice"]["value"] == pytest.approx(2 * LABELLED / (LABELLED + ENVELOPE))
    assert result["channels"]["hydrophobic"]["brier"]["value"] == pytest.approx(0.25)
    assert result["channels"]["hydrophobic"]["calibration_error"]["value"] == pytest.approx(LABELLED / ENVELOPE - 0.5)
    row = result["entries"][0]
    assert row["counts"]["hydrophobic"] == [LABELLED, ENVELOPE - LABELLED, 0]
    # no other core channel has a threshold, having no positives to choose one by, so only hydrophobic is predicted
    assert row["set_jaccard"] == pytest.approx(LABELLED / ENVELOPE)
    assert result["counts"]["hydrophobic"]["bias"] == pytest.approx(ENVELOPE / LABELLED - 1)


def test_thresholds_come_from_validation(tmp_path):
    """A threshold that suits the test entry only is not found."""
    bench = benchmark(tmp_path / "b", entry("v", "val"), entry("t"))

    def values(e, s, grid):
        return labels(e, s, grid) * (0.9 if e.split == "val" else 0.3)

    result = pocket_map.score(bench, submit(tmp_path / "s", bench, values))
    assert result["classes"]["hydrophobic"]["threshold"] == pytest.approx(0.45, abs=1e-3)
    assert result["classes"]["hydrophobic"]["jaccard"]["value"] == 0
    assert result["classes"]["hydrophobic"]["best_jaccard"] == 1


def test_homologous_entries_are_listed_and_do_not_count(tmp_path):
    """An entry with a homologue in training stands in the rows and the homology stratum, not in the summary."""
    bench = benchmark(
        tmp_path / "b",
        *several(3),
        entry("h", homology_free=False, sites=[site(points=EVERY, atoms=[p[:3] for p in EVERY])]),
    )
    result = pocket_map.score(bench, submit(tmp_path / "s", bench, lambda e, s, g: labels(e, s, g) * (e.id != "h")))
    assert result["summary"]["headline"]["value"] == 1.0
    assert [row["homology_free"] for row in result["entries"]] == [False, True, True, True]
    homology = {row["name"]: row for row in result["strata"]["homology"]}
    assert homology["none detectable"]["sites"] == 3
    assert homology["to a training chain (not in the headline)"]["headline"]["value"] == 0


def test_a_failed_entry_counts_as_zeros_but_for_ceilings(tmp_path):
    """A method's failure lowers its score; a ceiling is scored on what it has."""
    bench = benchmark(tmp_path / "b", *several(2))
    failed = {"t1": "no maps"}
    assert pocket_map.score(bench, submit(tmp_path / "s", bench, labels, failures=failed))["summary"]["headline"][
        "value"
    ] == pytest.approx(0.5)
    ceiling = pocket_map.score(bench, submit(tmp_path / "c", bench, labels, "ceiling", failures=failed))
    assert ceiling["partial"] and ceiling["sites"] == 1
    assert ceiling["summary"]["headline"]["value"] == 1.0


def test_apo_structures_are_compared_on_the_ligands_of_the_pairs(tmp_path):
    """Pairs are scored apart: right in holo and empty in apo."""
    fragment = site("f", points=EVERY, atoms=[p[:3] for p in EVERY], role="fragment")
    pair = dict(set="pairs", pair="P")
    bench = benchmark(
        tmp_path / "b",
        *several(2),
        entry("01-fragment", sites=[fragment], **pair),
        entry("01-apo", sites=[fragment], state="apo", **pair),
    )
    result = pocket_map.score(
        bench, submit(tmp_path / "s", bench, lambda e, s, g: labels(e, s, g) * (e.state != "apo"))
    )
    state = {row["name"]: row["headline"]["value"] for row in result["strata"]["state"]}
    assert state["holo, fragment and lead pairs"] == 1.0
    assert state["apo, the same pairs"] == 0.0
    assert state["predicted model"] is None


def test_precision_recall_points_by_hand():
    """Scores 0.9 (true), 0.8 (false), 0.7 (true): precision 1 at recall 1/2, 2/3 at recall 1."""
    points = pocket_map.precision_recall(np.array([1, 0, 1], bool), np.array([0.9, 0.8, 0.7]))
    assert points == [[0.5, 1.0], [1.0, pytest.approx(2 / 3)]]
    assert pocket_map.precision_recall(np.zeros(3, bool), np.ones(3)) == []


def test_set_jaccard_agrees_with_scikit_learn(tmp_path):
    """Where neither set is empty, it is scikit-learn's samples average."""
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra: bench)")
    rng = np.random.default_rng(1)
    truth, values = rng.random((200, 4)) < 0.5, rng.random((200, 4))
    padded = np.zeros((200, len(TYPED)), bool)
    padded[:, :4] = truth
    scores = pocket_map.SiteScores(entry("a"), site(), padded, values.astype(np.float32), CORE)
    total, n = pocket_map._set_jaccard(scores, dict.fromkeys(CORE, 0.5))
    predicted = values.astype(np.float32) >= 0.5
    known = (truth | predicted).any(axis=1)
    assert n == known.sum() < 200
    assert total / n == pytest.approx(sklearn.jaccard_score(truth[known], predicted[known], average="samples"))


def test_voxels_per_point_is_the_volume_of_a_label():
    """One point on a lattice point marks 19 voxels; two distant ones 19 each."""
    far = site(points=((0, 0, 0, "hydrophobic"), (6, 0, 0, "hydrophobic")), atoms=((0, 0, 0), (6, 0, 0)))
    sites = []
    for s in (site(), far):
        scored = envelope_labels(entry("a", sites=[s]), s)
        sites.append(
            pocket_map.SiteScores(entry("a", sites=[s]), s, scored.labels, scored.labels.astype(np.float32), TYPED)
        )
    assert voxels_per_point(sites, "hydrophobic") == LABELLED
    assert np.isnan(voxels_per_point(sites, "pi_stacking"))


def test_classes_are_unions(tmp_path):
    """Hydrogen bond is donor or acceptor, with the higher of their values."""
    scored = pocket_map.SiteScores(
        entry("a"), site(), np.eye(1, len(TYPED), 1, bool), np.array([[0.5, 0.75, 0, 0]], np.float32), CORE
    )
    assert scored.truth("hbond").tolist() == [True]
    assert scored.score("hbond").tolist() == [0.75]
    assert set(HEADLINE) <= set(pocket_map.names_of(CORE))
    assert metrics.jaccard(scored.truth("hbond"), scored.score("hbond"), 0.7) == 1.0
