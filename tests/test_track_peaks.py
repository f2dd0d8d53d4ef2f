"""Track ``peaks``: hand-made maps, hand-computed distances, and what must not count as a peak."""

import json

import h5py
import numpy as np
import pytest
from tiny_complex import make_atoms

from benchmarks.entries import MAPS, Benchmark, Entry, Site, write_truth
from benchmarks.prepared_files import write_receptor
from benchmarks.submissions.stored_maps import DATASET, POCKET
from benchmarks.submissions.submission import INFO, Submission
from benchmarks.tracks import peaks
from benchmarks.tracks.peaks import CAP, CLEARANCE, find_peaks, random_peaks
from pocketvox.channels import CHANNELS, CORE
from pocketvox.voxel import Grid

GRID = Grid.around(np.array([[-9.0, -9, -9], [9, 9, 9]]), 0, 0.75)
FAR = [[30.0, 30, 30]]


def make_site(coord, points=(), name="L:LIG 1") -> Site:
    """A ligand of some atoms, with interaction points as (channel, position)."""
    channel = np.array([CHANNELS.index(c) for c, _ in points], np.uint8)
    position = np.array([xyz for _, xyz in points], np.float32).reshape(-1, 3)
    empty = np.empty((0, 3), np.float32), np.empty(0, np.uint8)
    return Site(name, "", "", np.array(coord, np.float32).reshape(-1, 3), position, channel, *empty)


def make_entry(id, *sites, clusters=None, free=True, ignored=()) -> Entry:
    """An entry of the test split; its receptor is written by :func:`make_benchmark`."""
    ignored = np.array(ignored, np.float32).reshape(-1, 3)
    return Entry(id, MAPS, "test", "holo", "", clusters or (id,), 2.0, 0.1, free, None, ignored, sites)


def make_benchmark(folder, entries, receptor=FAR) -> Benchmark:
    """A prepared folder of these entries, all with a receptor of these atoms."""
    (folder / "receptors").mkdir(parents=True)
    atoms = make_atoms(*(("ALA", {"CA": xyz}) for xyz in receptor))
    for entry in entries:
        path = folder / "receptors" / f"{entry.id}.cif.gz"
        write_receptor(path, entry.id, atoms, np.empty((0, 2), int))
    write_truth(folder, entries)
    return Benchmark(folder)


def make_submission(folder, maps, channels=CORE, pockets=None, failures=(), **info) -> Submission:
    """A submission of maps by id: (values of every channel, Grid, ranks of pockets or None); pockets by id."""
    folder.mkdir()
    for id, (values, grid, ranks) in maps.items():
        (folder / id).mkdir()
        with h5py.File(folder / id / "map.h5", "w") as h5:
            h5[DATASET] = np.asarray(values, np.float32)
            h5.attrs.update(origin=grid.origin, spacing=grid.spacing, channels=list(channels))
            if ranks is not None:
                h5[POCKET] = ranks.astype(np.uint16)
    for id, centers in (pockets or {}).items():
        (folder / id).mkdir(exist_ok=True)
        rows = ["center_x,center_y,center_z", *(",".join(map(str, xyz)) for xyz in centers)]
        (folder / id / "pockets.csv").write_text("\n".join(rows) + "\n")
    about = {"name": "hand-made", "channels": list(channels), "failures": dict.fromkeys(failures, "broke"), **info}
    (folder / INFO).write_text(json.dumps(about))
    return Submission(folder)


def peaked(**tops) -> tuple:
    """Map that is 0 but at the given positions: ``channel=[(value, (x, y, z)), ...]``."""
    values = np.zeros((*GRID.shape, len(CORE)), np.float32)
    for name, marks in tops.items():
        for value, xyz in marks:
            values[(*np.rint(GRID.to_index(xyz)).astype(int), CORE.index(name))] = value
    return values, GRID, None


def cube(*marks, size=11, fill=0.0) -> np.ndarray:
    """Voxels of a cube, set as (index, value)."""
    values = np.full((size,) * 3, fill, np.float32)
    for index, value in marks:
        values[index] = value
    return values


EVERYWHERE = np.ones((11, 11, 11), bool)


def found_in(values, region=EVERYWHERE) -> list:
    return [tuple(p) for p in find_peaks(values, region).tolist()]


def test_peaks_are_ranked_by_value():
    """Local maxima best first; their lower neighbours are none."""
    values = cube(((2, 2, 2), 0.3), ((2, 2, 3), 0.2), ((8, 8, 8), 0.9), ((7, 7, 7), 0.8))
    assert found_in(values) == [(8, 8, 8), (2, 2, 2)]
    plateau = cube((np.s_[1:6, 1:6, 1:6], 0.5), ((8, 8, 8), 0.6))
    assert found_in(plateau) == [(8, 8, 8), (3, 3, 3)]  # however deep a lower one is


def test_a_slope_that_rises_out_of_the_region_is_no_peak():
    """The highest voxel inside the region has a higher neighbour outside."""
    region = EVERYWHERE.copy()
    region[6:] = False
    values = cube(((5, 5, 5), 0.5), ((6, 6, 6), 0.6))
    assert found_in(values, region) == []
    assert found_in(cube(((5, 5, 5), 0.5), ((7, 6, 6), 0.6)), region) == [(5, 5, 5)]


@pytest.mark.parametrize("second, count", [((5, 5, 7), 1), ((5, 6, 7), 2)])
def test_peaks_near_a_higher_one_are_dropped(second, count):
    """1.5 A away, two voxels, is too near; the square root of five voxels, 1.68 A, is not."""
    assert len(found_in(cube(((5, 5, 5), 0.9), (second, 0.8)))) == count


@pytest.mark.parametrize("radius", [1.25, 2.5])
def test_a_plateau_has_its_peak_in_the_middle(radius):
    """A ball of ones, as labels are, gives its centre and nothing else, however large it is."""
    distance = np.linalg.norm(np.indices((11, 11, 11)).T - np.array([5, 4, 6]), axis=-1).T * 0.75
    assert found_in((distance <= radius).astype(np.float32)) == [(5, 4, 6)]


def test_a_long_plateau_has_several_peaks():
    """Nine voxels in a row, all equally deep: one peak every 2.25 A, from the first on."""
    assert found_in(cube((np.s_[5, 5, 1:10], 0.7))) == [(5, 5, 1), (5, 5, 4), (5, 5, 7)]


def test_a_terrace_is_no_peak():
    """One voxel beyond the far end of a plateau is higher: only that one is a peak, the other end too."""
    assert found_in(cube((np.s_[5, 5, 1:8], 0.7), ((5, 5, 8), 0.71))) == [(5, 5, 8)]


@pytest.mark.parametrize("fill", [0.0, 0.5])
def test_a_constant_map_has_no_peaks(fill):
    """Nothing is higher than anything else."""
    assert found_in(cube(fill=fill)) == []


def test_only_the_highest_peaks_count():
    """Of 27 peaks the lowest are left out."""
    places = [(i, j, k) for i in (1, 5, 9) for j in (1, 5, 9) for k in (1, 5, 9)]
    values = cube(*((place, 0.1 + n / 100) for n, place in enumerate(places)))
    assert found_in(values) == places[::-1][:CAP]


def test_distances_by_hand(tmp_path):
    """Points 1.5 and 1.51 A from a peak: one found. Nearest peak counts, of the same channel only."""
    one = make_site([[0.0, 0, 0]], [("hbond_donor", (1.5, 0, 0)), ("hydrophobic", (0, 0, 0.25))])
    two = make_site([[0.0, 0, 0]], [("hbond_donor", (0, 1.51, 0)), ("hbond_donor", (0, 0, -2.25))])
    benchmark = make_benchmark(tmp_path / "b", [make_entry("1abc", one), make_entry("2abc", two)])
    low = peaked(hbond_donor=[(0.2, (0, 0, 0)), (0.1, (0, 0, -3))], hydrophobic=[(0.9, (0, 0, 3))])
    submission = make_submission(tmp_path / "s", {"1abc": low, "2abc": low})
    result = peaks.score(benchmark, submission)
    summary = {key: row["value"] for key, row in result["summary"].items()}
    assert summary["median_distance_hbond_donor"] == pytest.approx(1.5)  # of 0.75, 1.5 and 1.51
    assert summary["within_1.5_hbond_donor"] == pytest.approx(2 / 3)
    assert summary["median_distance_hydrophobic"] == pytest.approx(2.75)
    assert summary["within_1.5_hydrophobic"] == 0
    assert summary["peaks_offered"] == pytest.approx(3 / 4)
    assert np.isnan(summary["mean_within_1.5"])  # no acceptor in this benchmark
    assert result["entries"][1]["found"]["hbond_donor"] == 1
    assert result["entries"][1]["median_distance"]["hbond_donor"] == pytest.approx((1.51 + 0.75) / 2)


def all_types(at) -> list:
    return [(c, at) for c in CORE]


def test_no_peak_is_a_miss(tmp_path):
    """A map of zeros, and one that failed, offer nothing: no median, none found, but the points count."""
    names = ["1abc", "2abc", "3abc"]
    benchmark = make_benchmark(
        tmp_path / "b", [make_entry(n, make_site([[0.0, 0, 0]], all_types((0, 0, 0)))) for n in names]
    )
    good = peaked(**{c: [(0.5, (0, 0, 1.5))] for c in CORE})
    maps = {"1abc": good, "2abc": peaked(), "3abc": good}
    result = peaks.score(benchmark, make_submission(tmp_path / "s", maps, failures=["3abc"]))
    assert result["points"]["hbond_donor"] == 3
    assert result["summary"]["mean_within_1.5"]["value"] == pytest.approx(1 / 3)
    assert np.isnan(result["summary"]["median_distance_pi_stacking"]["value"])
    assert [row["median_distance"]["hydrophobic"] for row in result["entries"]] == [1.5, None, None]
    assert [row["peaks"]["hydrophobic"] for row in result["entries"]] == [1, 0, 0]
    whole = peaks.score(benchmark, make_submission(tmp_path / "t", maps))
    assert whole["summary"]["median_distance_pi_stacking"]["value"] == 1.5  # two of three
    assert np.isnan(whole["summary"]["median_distance_pi_stacking"]["high"])
    ceiling = peaks.score(benchmark, make_submission(tmp_path / "u", maps, failures=["2abc"], kind="ceiling"))
    assert ceiling["points"]["hbond_donor"] == 2 and ceiling["summary"]["mean_within_1.5"]["value"] == 1


def test_entries_with_homologues_are_listed_but_not_counted(tmp_path):
    """A perfect entry that the training split knows does not raise the summary."""
    entries = [
        make_entry(n, make_site([[0.0, 0, 0]], all_types((0, 0, 0))), free=n == "1abc") for n in ("1abc", "2abc")
    ]
    submission = make_submission(tmp_path / "s", {"1abc": peaked(), "2abc": peaked(hydrophobic=[(1, (0, 0, 0))])})
    result = peaks.score(make_benchmark(tmp_path / "b", entries), submission)
    assert result["sites"] == 1 and result["summary"]["within_1.5_hydrophobic"]["value"] == 0
    assert [row["found"]["hydrophobic"] for row in result["entries"]] == [0, 1]


def test_peaks_end_at_the_region(tmp_path):
    """A peak 4.0 A from the ligand is offered, one at 4.05 A is not."""
    benchmark = make_benchmark(tmp_path / "b", [make_entry("1abc", make_site([[0.25, 0, 0]]))])
    submission = make_submission(
        tmp_path / "s", {"1abc": peaked(hydrophobic=[(0.5, (-3.75, 0, 0)), (0.9, (0, 4.5, 0))])}
    )
    assert peaks.score(benchmark, submission)["entries"][0]["peaks"]["hydrophobic"] == 1
    shifted = make_benchmark(tmp_path / "c", [make_entry("1abc", make_site([[0.3, 0, 0]]))])
    assert peaks.score(shifted, submission)["entries"][0]["peaks"]["hydrophobic"] == 0


def test_chance_is_random_but_the_same_each_time():
    """Distinct voxels, apart like peaks, the same for one seed and others for another."""
    voxels = np.argwhere(EVERYWHERE)
    drawn = random_peaks(voxels, 8, "a")
    assert np.array_equal(drawn, random_peaks(voxels, 8, "a"))
    assert not np.array_equal(drawn, random_peaks(voxels, 8, "b"))
    apart = np.linalg.norm(drawn[:, None] - drawn, axis=-1)[~np.eye(8, dtype=bool)]
    assert apart.min() > 2
    assert len(random_peaks(voxels[:3], 8, "a")) == 1  # three neighbours: room for one


def test_chance_offers_as_many_peaks_outside_the_receptor(tmp_path):
    """Random peaks, as many as the method's, never come nearer to a receptor atom than a ligand would."""
    atom = (0, 2.0, 0)
    sites = [make_site([[0.0, 0, 0]], [("hydrophobic", atom)], f"L:LIG {n}") for n in range(20)]
    benchmark = make_benchmark(tmp_path / "b", [make_entry("1abc", *sites)], receptor=[atom, *FAR])
    marks = [(0.5, (x, 0, z)) for x in (-3, 0, 3) for z in (-2.25, 0, 2.25)]
    submission = make_submission(tmp_path / "s", {"1abc": peaked(hydrophobic=marks)})
    entry = benchmark.entry("1abc")
    pairs = [peaks.score_site(entry, site, submission) for site in entry.sites]
    assert all(real.offered == random.offered for real, random in pairs)
    nearest = np.array([random.distance["hydrophobic"][0] for _, random in pairs])
    assert nearest.min() >= CLEARANCE and nearest.min() < CLEARANCE + 0.5
    assert len(set(nearest)) > 1
    again = [peaks.score_site(entry, site, submission)[1].distance["hydrophobic"][0] for site in entry.sites]
    assert again == nearest.tolist()
    assert peaks.score(benchmark, submission)["chance"]["within_1.5_hydrophobic"]["value"] == 0


def test_submissions_without_the_core_channels_are_not_scored(tmp_path):
    """A method of pockets takes no part."""
    benchmark = make_benchmark(tmp_path / "b", [make_entry("1abc", make_site([[0.0, 0, 0]]))])
    assert peaks.score(benchmark, make_submission(tmp_path / "s", {}, channels=CORE[:3])) is None
