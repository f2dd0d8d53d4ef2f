"""Track ``sites`` and fpocket's submission: hand-made pockets, overlaps counted by hand, near misses."""

import numpy as np
import pytest
from test_track_peaks import FAR, make_benchmark, make_entry, make_site, make_submission

from benchmarks.submissions.submission import Submission
from benchmarks.tools import fpocket
from benchmarks.tracks import sites
from pocketvox import metrics
from pocketvox.channels import LIGAND
from pocketvox.errors import InputError
from pocketvox.voxel import Grid

GRID = Grid.around(np.array([[-9.0, -9, -9], [9, 9, 9]]), 0, 0.75)
#: Voxels of the scoring lattice within 1.7 A, 2.267 voxels, of a voxel: 1 + 6 + 12 + 8 + 6 + 24.
BALL = 57


def values_of(result) -> dict:
    return {key: row["value"] for key, row in result["summary"].items()}


def test_success_by_hand(tmp_path):
    """Centres 4.0 and 4.01 A from the closest atom; of one of them the ligand's middle is 3.9 A away."""
    ligand = [[0.0, 0, 0], [4, 0, 0]]  # its middle is (2, 0, 0)
    entries = [make_entry(n, make_site(ligand)) for n in ("1abc", "2abc", "3abc", "4abc")]
    centers = {"1abc": [(-4.0, 0, 0)], "2abc": [(-4.01, 0, 0)], "3abc": [(2.0, 3.9, 0)], "4abc": [(9.0, 0, 0)] * 2}
    centers["4abc"].append((2.0, 4.01, 0))  # third of one ligand: for top-(n+2) only
    submission = make_submission(tmp_path / "s", {}, channels=(), pockets=centers)
    result = sites.score(make_benchmark(tmp_path / "b", entries), submission)
    far = np.hypot(2, 4.01)
    assert values_of(result)["dca_top_n"] == 1 / 4  # 4.0; then 4.01, hypot(2, 3.9) = 4.38, 5
    assert values_of(result)["dcc_top_n"] == 1 / 4  # 3.9
    assert [row["dca_top_n"] for row in result["entries"]] == pytest.approx([4, 4.01, np.hypot(2, 3.9), 5])
    assert [row["dca_top_n_plus_2"] for row in result["entries"]] == pytest.approx([4, 4.01, np.hypot(2, 3.9), far])
    assert [row["dcc_top_n_plus_2"] for row in result["entries"]] == pytest.approx([6, 6.01, 3.9, 4.01])
    assert result["curve"][7:11] == [[3.5, 0.0], [4.0, 0.25], [4.5, 1.0], [5.0, 1.0]]
    assert len(result["curve"]) == 21


def test_pockets_are_counted_by_the_ligands_of_the_structure(tmp_path):
    """Two ligands: two and four pockets count, and means over ligands and entries differ."""
    two = [make_site([[0.0, 0, 0]]), make_site([[20.0, 0, 0]])]
    entries = [make_entry("1abc", *two), make_entry("2abc", make_site([[0.0, 0, 0]]))]
    away = (50.0, 0, 0)
    pockets = {"1abc": [away, (0, 0, 1), away, (20, 0, 2), (20, 0, 0)], "2abc": [(0, 0, 1)]}
    submission = make_submission(tmp_path / "s", {}, channels=(), pockets=pockets)
    result = sites.score(make_benchmark(tmp_path / "b", entries), submission)
    values = values_of(result)
    assert values["dca_top_n"] == pytest.approx(2 / 3) and values["dca_top_n_entries"] == 3 / 4
    assert values["dca_top_n_plus_2"] == 1
    assert result["entries"][1]["dcc_top_n_plus_2"] == 2  # the fifth does not count


def test_failures_and_missing_pockets_find_nothing(tmp_path):
    """Of four entries one has a pocket, one failed, one has no file, one an empty list; homologues do not count."""
    names = ["1abc", "2abc", "3abc", "4abc", "5abc"]
    entries = [make_entry(n, make_site([[0.0, 0, 0]]), free=n != "5abc") for n in names]
    pockets = {"1abc": [(0, 0, 0)], "2abc": [(0, 0, 0)], "4abc": [], "5abc": [(0, 0, 0)]}
    benchmark = make_benchmark(tmp_path / "b", entries)
    result = sites.score(benchmark, make_submission(tmp_path / "s", {}, (), pockets, ["2abc"]))
    assert result["sites"] == 4 and values_of(result)["dca_top_n"] == 1 / 4
    assert [row["dca_top_n"] for row in result["entries"]] == [0, None, None, None, 0]
    assert sites.score(benchmark, make_submission(tmp_path / "t", {}, (), pockets, ["2abc"]), ["5abc"])["sites"] == 0
    assert sites.score(benchmark, make_submission(tmp_path / "u", {}, (), {}, ["2abc"])) is None


def cubes(*places) -> np.ndarray:
    """Ranks of pockets that are cubes: half an edge and a centre in voxels from the middle of the grid, best first."""
    ranks = np.zeros(GRID.shape, int)
    for rank, (half, center) in enumerate(places, 1):
        low = np.array(center) + np.array(GRID.shape) // 2 - half
        ranks[tuple(slice(a, a + 2 * half + 1) for a in low)] = rank
    return ranks


def overlap_of(tmp_path, name, maps, pockets, ligand=(0.0, 0, 0), **options):
    benchmark = make_benchmark(tmp_path / f"b{name}", [make_entry("1abc", make_site([ligand]))])
    submission = make_submission(tmp_path / f"s{name}", maps, ("hydrophobic",), {"1abc": pockets}, **options)
    return sites.score(benchmark, submission)["entries"][0]["volume_overlap"]


def test_volume_overlap_by_hand(tmp_path):
    """A cube of 27 voxels inside a ball of 57, a cube of 729 around it; of two pockets the nearer one counts."""
    values = np.zeros((*GRID.shape, 1))
    small, large = cubes((1, (0, 0, 0))), cubes((1, (9, 9, 9)), (4, (0, 0, 0)))
    assert overlap_of(tmp_path, 1, {"1abc": (values, GRID, small)}, [(0, 0, 0)]) == pytest.approx(27 / BALL)
    away, here = (6.75, 6.75, 6.75), (0, 0, 0)
    assert overlap_of(tmp_path, 2, {"1abc": (values, GRID, large)}, [away, here]) == pytest.approx(BALL / 729)
    assert overlap_of(tmp_path, 3, {"1abc": (values, GRID, large)}, [away]) == 0
    assert overlap_of(tmp_path, 4, {"1abc": (values, GRID, small)}, []) == 0


def test_volume_overlap_outside_the_map_counts_as_ligand(tmp_path):
    """Ligand beyond the last voxel of the map: its whole ball is in the union."""
    values = np.zeros((*GRID.shape, 1))
    edge = cubes((1, (11, 0, 0)))
    got = overlap_of(tmp_path, 1, {"1abc": (values, GRID, edge)}, [(8.25, 0, 0)], ligand=(9.75, 0, 0))
    # of the cube at x = 7.5, 8.25 and 9.0: at 9 A the 9 voxels are within (1, 1, 1) of the ball's centre, at 8.25 A
    # (2, 1, 1) is 1.84 A away: the middle and 4 sides are within
    assert got == pytest.approx((9 + 5) / (27 + BALL - 14))


def test_volume_overlap_of_a_coarse_map(tmp_path):
    """A map of 1.5 A: the one voxel of its pocket is the nearest of 8 voxels of the lattice, on its lower side."""
    grid = Grid((-15.0, -15, -15), (21, 21, 21), 1.5)
    ranks = np.zeros(grid.shape, int)
    ranks[10, 10, 10] = 1
    maps = {"1abc": (np.zeros((*grid.shape, 1)), grid, ranks)}
    assert overlap_of(tmp_path, 1, maps, [(0, 0, 0)]) == pytest.approx(8 / BALL)
    # of the 8 all 4 at x = -0.75 A are near this ligand, and at x = 0 all but the one 1.84 A away
    beside = overlap_of(tmp_path, 2, maps, [(0, 0, 0)], ligand=(-1.5, 0, 0))
    assert beside == pytest.approx(7 / (8 + BALL - 7))


def test_volume_overlap_is_of_the_pocket_nearest_to_an_atom(tmp_path):
    """Of a long ligand: the first pocket lies at an atom, the second at its middle but far from its atoms."""
    values, ranks = np.zeros((*GRID.shape, 1)), cubes((1, (0, 0, 0)), (1, (4, 0, 4)))
    centers = [(0, 0, 0), (3, 0, 2.5)]
    long = [(0, 0, 0), (6, 0, 0)]
    got = overlap_of(tmp_path, 1, {"1abc": (values, GRID, ranks)}, centers, ligand=long)
    assert got == pytest.approx(27 / (2 * BALL))


def test_without_voxels_of_pockets_there_is_no_overlap(tmp_path):
    """Null, not 0; but 0 for the failure of a method that gives them elsewhere."""
    values = np.zeros((*GRID.shape, 1))
    assert overlap_of(tmp_path, 1, {"1abc": (values, GRID, None)}, [(0, 0, 0)]) is None
    entries = [make_entry(n, make_site([[0.0, 0, 0]])) for n in ("1abc", "2abc")]
    maps = {"1abc": (values, GRID, cubes((1, (0, 0, 0))))}
    submission = make_submission(tmp_path / "s", maps, ("hydrophobic",), {"1abc": [(0, 0, 0)]}, ["2abc"])
    result = sites.score(make_benchmark(tmp_path / "b", entries), submission)
    assert values_of(result)["volume_overlap"] == pytest.approx(27 / BALL / 2)


@pytest.fixture
def labelled(tmp_path):
    """Two proteins of three atoms; of every voxel of their box, by brute force, the truth and whether it is known."""
    receptor = np.array([[-3.0, 0, 0], [3, 2, 0], [0, 0, 4]])
    ligand, ignored = np.array([[0.2, 0.1, 0.3], [1.4, 0.3, 0.2]]), np.array([[2.9, 0.3, 0.4]])
    entries = [make_entry(n, make_site(ligand), ignored=ignored) for n in ("1abc", "2abc")]
    grid = Grid.around(receptor, 6.0, 0.75)
    voxels = grid.to_coord(np.indices(grid.shape).reshape(3, -1).T)
    truth = np.linalg.norm(voxels[:, None] - ligand, axis=-1).min(axis=1) <= 1.25
    known = truth | (np.linalg.norm(voxels - ignored[0], axis=1) > 2.5)
    assert 0 < (~known).sum() and (truth & (np.linalg.norm(voxels - ignored[0], axis=1) <= 2.5)).any()
    return make_benchmark(tmp_path / "b", entries, receptor=receptor), grid, truth, known


def test_ligand_average_precision_equals_the_exact_one(labelled, tmp_path):
    """All known voxels of both maps, of which most are 0, ties and all; a larger grid changes nothing."""
    benchmark, grid, truth, known = labelled
    rng = np.random.default_rng(3)
    values = np.float32(rng.integers(0, 40, (2, truth.size)) / 40 * (truth + 0.4) / 1.4)
    values[:, rng.random(truth.size) < 0.7] = 0
    expected = metrics.average_precision(np.tile(truth[known], 2), values[:, known].ravel())
    assert 0.02 < expected < 0.9
    maps = {id: (v.reshape(*grid.shape, 1), grid, None) for id, v in zip(("1abc", "2abc"), values, strict=True)}
    pockets = {"1abc": [(0, 0, 0)], "2abc": [(0, 0, 0)]}
    submission = make_submission(tmp_path / "s", maps, (LIGAND,), pockets)
    got = sites.score(benchmark, submission)["summary"]["ligand_average_precision"]
    assert got["value"] == pytest.approx(expected, abs=1e-4)
    assert got["low"] <= got["value"] + 1e-3 and got["value"] <= got["high"] + 1e-3
    assert sites.ligand_histogram(benchmark.entry("1abc"), submission).count == known.sum()
    wide = Grid(tuple(grid.to_coord((-2, -1, -3))), tuple(n + 5 for n in grid.shape), 0.75)
    padded = {
        id: (np.pad(v, ((2, 3), (1, 4), (3, 2), (0, 0)), constant_values=0.9), wide, None)
        for id, (v, *_) in maps.items()
    }
    larger = sites.score(benchmark, make_submission(tmp_path / "t", padded, (LIGAND,), pockets))
    assert larger["summary"]["ligand_average_precision"]["value"] == pytest.approx(got["value"], abs=1e-12)


def test_ligand_channel_of_a_failure_is_zero(labelled, tmp_path):
    """The prevalence is what a map of zeros scores; a method told where the ligand is does not take part."""
    benchmark, _, truth, known = labelled
    pockets, failures = {"2abc": [(0, 0, 0)]}, ["1abc"]
    submission = make_submission(tmp_path / "s", {}, (LIGAND,), pockets, failures)
    value = values_of(sites.score(benchmark, submission))["ligand_average_precision"]
    assert value == pytest.approx(truth.sum() / known.sum())
    site = make_submission(tmp_path / "t", {}, (LIGAND,), pockets, failures, scope="site")
    assert sites.score(benchmark, site) is None


def test_fpocket_becomes_a_submission(tmp_path):
    """Pockets by rank, a suffixed id by its kind, what the table lacks as a failure."""
    ids = ["1abc", "2abc-complex", "2abc-entry", "3abc"]
    benchmark = make_benchmark(tmp_path / "b", [make_entry(n, make_site([[0.0, 0, 0]])) for n in ids])
    table = tmp_path / "table.csv"
    rows = ["id,kind,rank,x,y,z,volume", "1abc,entry,2,0,3,0,9", "1abc,entry,1,7,0,0,9", "2abc,complex,1,0,0,2,9"]
    table.write_text("\n".join([*rows, "2abc,entry,1,0,0,5,9"]) + "\n")
    out = tmp_path / "s"
    assert fpocket.main([str(table), "-o", str(out), "--benchmark", str(tmp_path / "b")]) == 0
    submission = Submission(out)
    assert list(submission.failures) == ["3abc"] and not submission.has("1abc")
    result = sites.score(benchmark, submission)
    assert [row["dca_top_n"] for row in result["entries"]] == [7, 2, 5, None]
    assert [row["dca_top_n_plus_2"] for row in result["entries"]] == [3, 2, 5, None]
    assert result["entries"][0]["volume_overlap"] is None


def test_fpocket_of_two_kinds_is_refused(tmp_path):
    """Which of the two structures the entry is cannot be known."""
    benchmark = make_benchmark(tmp_path / "b", [make_entry("1abc", make_site(FAR))])
    table = tmp_path / "table.csv"
    table.write_text("id,kind,rank,x,y,z\n1abc,entry,1,0,0,0\n1abc,complex,1,0,0,0\n")
    with pytest.raises(InputError, match="one kind for 1abc"):
        fpocket.write_submission(table, benchmark, tmp_path / "s")
    assert (
        fpocket.main([str(tmp_path / "none.csv"), "-o", str(tmp_path / "t"), "--benchmark", str(tmp_path / "b")]) == 1
    )
