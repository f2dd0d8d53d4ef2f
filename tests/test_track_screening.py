"""Track screening: map overlap of poses, by hand, on one receptor residue and a handful of molecules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_complex import make_atoms

from benchmarks.entries import SCREENING, Benchmark, Entry, write_truth
from benchmarks.prepared_files import write_receptor
from benchmarks.roles import Poses
from benchmarks.screening_metrics import bedroc, enrichment_factor, roc_auc, roc_curve
from benchmarks.submissions.submission import Submission
from benchmarks.tracks import screening
from pocketvox.channels import CHANNELS, CORE, LIGAND
from pocketvox.errors import InputError
from pocketvox.report.maps import write_maps
from pocketvox.voxel import Grid, Volume

DONOR, ACCEPTOR, APOLAR, PI = CORE
GRID = Grid((0.0, 0.0, 0.0), (5, 4, 3), 0.75)
ALL = (*CORE, LIGAND)
OUTSIDE = (-2.0, 0.0, 0.0)


def make_poses(*molecules: tuple[bool, list[tuple[str, tuple]]], mass=None, heavy_atoms=None) -> Poses:
    """Molecules given as (active, [(channel, position), ...])."""
    n = len(molecules)
    points = [(number, c, xyz) for number, (_, points) in enumerate(molecules) for c, xyz in points]
    return Poses(
        name=np.array([f"m{k}" for k in range(n)]),
        active=np.array([active for active, _ in molecules]),
        heavy_atoms=np.arange(n, dtype=np.int32) if heavy_atoms is None else np.array(heavy_atoms, np.int32),
        mass=np.arange(n, dtype=float) if mass is None else np.array(mass, float),
        role_coord=np.array([xyz for *_, xyz in points], np.float32).reshape(-1, 3),
        role_channel=np.array([CHANNELS.index(c) for _, c, _ in points], np.uint8),
        role_pose=np.array([number for number, *_ in points], np.int32),
    )


def make_benchmark(folder: Path, **poses: Poses) -> Benchmark:
    (folder / "receptors").mkdir(parents=True)
    entries = []
    for id in poses:
        path = folder / "receptors" / f"{id}.cif.gz"
        residue = ("ALA", {"CA": (0, 0, 0), "CB": (0, 1.5, 0)})
        write_receptor(path, id, make_atoms(residue), np.empty((0, 2), int), "X-RAY DIFFRACTION")
        fields = {"set": SCREENING, "split": "test", "state": "holo", "pair": "", "clusters": ("P00",)}
        fields |= {"resolution": 2.0, "identity": 0.1, "homology_free": True, "ignored_coord": np.empty((0, 3))}
        entries.append(Entry(id=id, receptor=path, sites=(), **fields))
    write_truth(folder, entries, poses)
    return Benchmark(folder)


def make_submission(folder: Path, values: dict[str, object], ids=("ache",), **info) -> Submission:
    """One map of the given channels, each of shape (x, y, z) or one number, for every entry."""
    channels = tuple(values)
    full = np.zeros((*GRID.shape, len(channels)), np.float32)
    for k, name in enumerate(channels):
        full[..., k] = values[name]
    for id in ids:
        (folder / id).mkdir(parents=True)
        write_maps(folder / id / "map0.h5", Volume(full, GRID, channels), calibrated=False, floor=0.0)
    folder.mkdir(exist_ok=True)
    (folder / "submission.json").write_text(json.dumps({"name": "m", "channels": channels, **info}))
    return Submission(folder)


def ramp() -> np.ndarray:
    """Rises along x by 0.125 a voxel, from 0."""
    return np.broadcast_to(np.arange(GRID.shape[0])[:, None, None] / 8, GRID.shape)


def at(x: float) -> tuple[float, float, float]:
    """Position ``x`` voxels along the grid's first row, where the ramp is x / 8."""
    return (0.75 * x, 0.0, 0.0)


def molecules(active: int, decoys: int, size=lambda k: 1, x=lambda k: 1.0) -> Poses:
    """Actives, then decoys, number k with ``size(k)`` donor points at ``x(k)``."""
    rows = [(k < active, [(DONOR, at(x(k)))] * size(k)) for k in range(active + decoys)]
    return make_poses(*rows)


HAND = make_poses(
    (True, [(DONOR, at(2)), (ACCEPTOR, at(2)), (PI, at(3.5))]),
    (False, [(DONOR, at(1)), (APOLAR, OUTSIDE)]),
    (False, []),
)
#: Donor channel: x / 8; acceptor 0.5; pi-stacking 1; ligand: x / 8 too.
MAPS = {DONOR: ramp(), ACCEPTOR: 0.5, APOLAR: 1.0, PI: 1.0, LIGAND: ramp()}


def test_scores_of_poses_by_hand(tmp_path):
    scores, points, outside = screening.pose_scores(make_submission(tmp_path / "m", MAPS), "ache", HAND)
    first = [0.25 * 0.25, 0.5 * 0.25, 1.0 * 0.4375]  # the last between two voxels
    second = [0.125 * 0.125, 0.0]
    assert scores["sum"] == pytest.approx([sum(first), sum(second), 0.0])
    assert scores["mean"] == pytest.approx([sum(first) / 3, sum(second) / 2, 0.0])
    assert scores["sum_conditional"] == pytest.approx([0.25 + 0.5 + 1.0, 0.125, 0.0])
    assert scores["mean_conditional"] == pytest.approx([1.75 / 3, 0.125 / 2, 0.0])
    assert (points, outside) == (5, 1)


def test_a_method_is_asked_only_for_what_it_gives(tmp_path):
    """Without ``ligand`` the typed value counts; points of a lacking type are left out; ``ligand`` alone serves all."""
    three = make_submission(tmp_path / "three", {name: MAPS[name] for name in (DONOR, ACCEPTOR, APOLAR)})
    scores, points, outside = screening.pose_scores(three, "ache", HAND)
    assert set(scores) == {"sum", "mean"} and (points, outside) == (4, 1)
    assert scores["sum"] == pytest.approx([0.75, 0.125, 0.0])
    assert scores["mean"] == pytest.approx([0.375, 0.0625, 0.0])
    alone = make_submission(tmp_path / "alone", {LIGAND: ramp()})
    scores, points, _ = screening.pose_scores(alone, "ache", HAND)
    assert set(scores) == {"sum", "mean"} and points == 5
    assert scores["sum"] == pytest.approx([0.25 + 0.25 + 0.4375, 0.125, 0.0])


def test_perfect_separation(tmp_path):
    """Actives in the upper half of the ramp, decoys in the lower; the decoys have more points, so that ``sum`` errs."""
    poses = molecules(4, 16, size=lambda k: 1 if k < 4 else 9, x=lambda k: 3.0 + k / 4 if k < 4 else 2.0 - k / 16)
    benchmark = make_benchmark(tmp_path / "b", ache=poses)
    result = screening.score(benchmark, make_submission(tmp_path / "m", {DONOR: ramp()}))
    perfect = {"value": 1.0, "low": 1.0, "high": 1.0}
    assert result["summary"]["roc_auc"] == perfect and result["summary"] == result["scores"]["mean"]
    assert result["summary"]["bedroc"] == pytest.approx(perfect)
    assert result["summary"]["ef1"] == {"value": 5.0, "low": 5.0, "high": 5.0}
    assert result["scores"]["sum"]["roc_auc"]["value"] < 0.2
    assert result["roc"][0] == [0, 0] and [0, 1] in result["roc"] and result["roc"][-1] == [1, 1]
    (row,) = result["entries"]
    assert row == {"id": "ache", "actives": 4, "decoys": 16, "points": 4 + 9 * 16, "points_outside": 0}


def test_a_constant_map_knows_the_number_of_points_alone(tmp_path):
    size = [3, 1, 2, 2, 1, 1, 4, 1, 2, 1]
    poses = molecules(4, 6, size=lambda k: size[k])
    benchmark = make_benchmark(tmp_path / "b", ache=poses)
    scores = screening.score(benchmark, make_submission(tmp_path / "m", {DONOR: 0.25}))["scores"]
    for name, metric in {"roc_auc": roc_auc, "ef1": enrichment_factor, "bedroc": bedroc}.items():
        assert scores["sum"][name]["value"] == pytest.approx(metric(poses.active, size))
    assert scores["sum"]["roc_auc"]["value"] == pytest.approx((5 + 2 + 4.5 + 4.5) / 24)
    assert scores["mean"]["roc_auc"] == {"value": 0.5, "low": 0.5, "high": 0.5}


def test_controls_are_size_alone(tmp_path):
    poses = molecules(3, 5)
    mass, heavy = [300.0, 100.0, 250.0, 200.0, 240.0, 150.0, 90.0, 400.0], [9, 8, 7, 6, 5, 4, 3, 2]
    poses = Poses(**{**vars(poses), "mass": np.array(mass), "heavy_atoms": np.array(heavy, np.int32)})
    benchmark = make_benchmark(tmp_path / "b", ache=poses)
    controls = screening.score(benchmark, make_submission(tmp_path / "m", {DONOR: ramp()}))["controls"]
    assert controls["molecular weight"]["roc_auc"]["value"] == pytest.approx((4 + 1 + 4) / 15)
    assert controls["molecular weight"]["bedroc"]["value"] == pytest.approx(bedroc(poses.active, mass))
    assert controls["heavy atoms"]["roc_auc"]["value"] == 1
    low, high = (controls["molecular weight"]["roc_auc"][key] for key in ("low", "high"))
    assert low < 9 / 15 < high


def test_failure_is_a_random_ranking(tmp_path):
    benchmark = make_benchmark(tmp_path / "b", ache=molecules(4, 16, x=lambda k: 4.0 if k < 4 else 1.0))
    failing = make_submission(tmp_path / "f", {DONOR: ramp()}, failures={"ache": "stopped"})
    absent = make_submission(tmp_path / "a", {DONOR: ramp()}, ids=())
    for submission in (failing, absent):
        result = screening.score(benchmark, submission)
        assert result["failed"] == ["ache"]
        assert result["summary"]["roc_auc"]["value"] == 0.5 and result["summary"]["ef1"]["value"] == 1
    ceiling = make_submission(tmp_path / "c", {DONOR: ramp()}, failures={"ache": "no"}, kind="ceiling")
    assert screening.score(benchmark, ceiling) is None


def test_resamples_keep_the_numbers_of_actives_and_decoys():
    active = np.array([False, True, False, True, False, False, True])
    drawn = screening.resamples(active, samples=50)
    assert drawn.shape == (50, 7)
    assert (active[drawn].sum(axis=1) == 3).all()
    assert len({tuple(sorted(row)) for row in drawn}) > 20
    assert (drawn == screening.resamples(active, samples=50)).all()
    assert (drawn != screening.resamples(active, samples=50, seed=1)).any()


def test_roc_points_lie_on_the_curve():
    random = np.random.default_rng(0)
    active, values = random.random(900) < 0.1, random.normal(size=900)
    points = screening.roc_points(active, values)
    assert 40 < len(points) <= 60
    assert points[0] == [0, 0] and points[-1] == [1, 1]
    false, true, _ = roc_curve(active, values)
    assert {tuple(p) for p in points} <= set(zip(false.tolist(), true.tolist(), strict=True))
    area = np.trapezoid([p[1] for p in points], [p[0] for p in points])
    assert area == pytest.approx(roc_auc(active, values), abs=0.02)


def test_who_takes_part(tmp_path):
    poses = molecules(1, 1)
    submission = make_submission(tmp_path / "m", {DONOR: ramp()}, ids=("ache", "other"))
    with pytest.raises(InputError, match="Expected one screening target. Received: ache, other"):
        screening.score(make_benchmark(tmp_path / "two", ache=poses, other=poses), submission)
    one = make_benchmark(tmp_path / "one", ache=poses)
    assert screening.score(one, submission)["entries"][0]["id"] == "ache"
    assert screening.score(one, submission, entries=["other"]) is None
    assert screening.score(one, make_submission(tmp_path / "metal", {"metal": 0.5})) is None
