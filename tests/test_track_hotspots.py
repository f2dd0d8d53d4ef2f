"""Track hotspots: percentiles of ligand atoms within the whole map, on receptors of five atoms and maps set by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from tiny_complex import make_atoms

from benchmarks.entries import PAIRS, Benchmark, Entry, Site, write_truth
from benchmarks.prepared_files import write_receptor
from benchmarks.submissions.submission import Submission
from benchmarks.tracks import hotspots
from benchmarks.tracks.hotspots import INNER, OUTER, TYPES
from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.report.maps import write_maps
from pocketvox.voxel import Grid, Volume

ALA = {"N": (0, 0, 0), "CA": (1.458, 0, 0), "C": (2.0, 1.42, 0), "O": (1.3, 2.4, 0), "CB": (2.0, -0.8, 1.2)}
GRID = Grid.around(np.array(list(ALA.values())), OUTER, 0.75)
#: Voxel centres at which atoms are put: between 3 and 6 A from the residue.
PLACES = 0.75 * np.array([[-5, 0, 0], [0, -6, 0], [0, 0, -6], [-4, -3, 0], [-4, 0, -4], [0, -4, -4]], float)
DONOR, ACCEPTOR, APOLAR = TYPES


def site(roles: list[tuple[str, ...]], role: str = "fragment", places=PLACES, extra=()) -> Site:
    """A ligand whose atoms, at ``places``, have these roles; ``extra`` are further (channel, position)."""
    coord = np.asarray(places, np.float32)[: len(roles)]
    points = [(c, xyz) for xyz, own in zip(coord, roles, strict=True) for c in own] + list(extra)
    return Site(
        name=role,
        role=role,
        file="",
        coord=coord,
        point_coord=np.empty((0, 3), np.float32),
        point_channel=np.empty(0, np.uint8),
        role_coord=np.array([xyz for _, xyz in points], np.float32).reshape(-1, 3),
        role_channel=np.array([CHANNELS.index(c) for c, _ in points], np.uint8),
    )


def make_benchmark(folder: Path, **entries: dict) -> Benchmark:
    """Entries given as fields that differ from those of a holo fragment; ids with ``_`` for ``-``."""
    (folder / "receptors").mkdir()
    made = []
    for id, changes in entries.items():
        id = id.replace("_", "-")
        path = folder / "receptors" / f"{id}.cif.gz"
        write_receptor(path, id, make_atoms(("ALA", ALA)), np.empty((0, 2), int), "X-RAY DIFFRACTION")
        fields = {"set": PAIRS, "split": "test", "state": "holo", "pair": id[:2], "clusters": ("P00",)}
        fields |= {"resolution": 2.0, "identity": 0.1, "homology_free": False, "ignored_coord": np.empty((0, 3))}
        made.append(Entry(id=id, receptor=path, **(fields | changes)))
    write_truth(folder, made)
    return Benchmark(folder)


def make_submission(
    folder: Path, channels: tuple[str, ...], maps: dict[str, dict], box=slice(None), **info
) -> Submission:
    """Maps given as ``{entry: {channel: values}}``, values of shape (x, y, z) or one number; ``box`` along x only."""
    folder.mkdir(parents=True)
    for id, values in maps.items():
        (folder / id).mkdir()
        full = np.zeros((*GRID.shape, len(channels)), np.float32)
        for k, name in enumerate(channels):
            full[..., k] = values.get(name, 0.0)
        full = full[box]
        grid = GRID.window((box.start or 0, 0, 0), full.shape[:3])
        write_maps(folder / id / "map0.h5", Volume(full, grid, channels), calibrated=False, floor=0.0)
    (folder / "submission.json").write_text(json.dumps({"name": "m", "channels": channels, **info}))
    return Submission(folder)


def spots(*marks: tuple[np.ndarray, float], background: float = 0.0) -> np.ndarray:
    """A map of one background with other values at some voxel centres."""
    out = np.full(GRID.shape, background, np.float32)
    for place, value in marks:
        out[tuple(np.rint(GRID.to_index(place)).astype(int))] = value
    return out


def shell() -> np.ndarray:
    """The whole map, by the distance of every voxel to every atom."""
    voxels = GRID.to_coord(np.indices(GRID.shape).reshape(3, -1).T)
    nearest = cdist(voxels, np.array(list(ALA.values()))).min(axis=1)
    return voxels[(nearest > INNER) & (nearest <= OUTER)]


N = len(shell())
ONE_EACH = [(DONOR,), (ACCEPTOR,), (APOLAR,)]


@pytest.fixture
def tiny(tmp_path) -> Benchmark:
    """One fragment of a donor, an acceptor and a hydrophobic atom."""
    (tmp_path / "benchmark").mkdir()
    return make_benchmark(tmp_path / "benchmark", **{"01_fragment": {"sites": (site(ONE_EACH),)}})


def ranks(benchmark: Benchmark, submission: Submission, id: str = "01-fragment", number: int = 0):
    return hotspots.rank_entry(benchmark.entry(id), submission)[number]


def test_percentiles_of_a_pool_with_ties_by_hand():
    pool = np.array([0.0, 0.25, 0.25, 0.25, 0.5])
    values = np.array([-1.0, 0.0, 0.1, 0.25, 0.5, 0.75])
    assert hotspots.percentiles(pool, values).tolist() == [0.0, 10.0, 20.0, 50.0, 90.0, 100.0]
    assert hotspots.percentiles(np.full(7, 0.3), np.array([0.3])).tolist() == [50.0]


def test_the_whole_map_is_the_shell_around_the_receptor(tiny):
    found = hotspots.whole_map(tiny.entry("01-fragment"))
    assert sorted(map(tuple, found.round(3))) == sorted(map(tuple, shell().round(3)))
    assert 0.2 < N / np.prod(GRID.shape) < 0.8
    assert cdist(PLACES, shell()).min(axis=1).max() == 0  # the places of the atoms below are among its voxels


def test_a_perfect_map_ranks_every_atom_first_and_in_its_own_channel_only(tiny, tmp_path):
    perfect = {channel: spots((place, 1.0)) for channel, place in zip(TYPES, PLACES, strict=False)}
    submission = make_submission(tmp_path / "m", TYPES, {"01-fragment": perfect})
    summary = hotspots.score(tiny, submission)["summary"]
    first, tied = 100 * (N - 0.5) / N, 100 * (N - 1) / 2 / N  # above all others; one of N - 1 zeros
    assert summary["fragments_holo"]["value"] == pytest.approx(first)
    assert summary["shuffled_fragments_holo"]["value"] == pytest.approx(tied)
    assert summary["specificity"]["value"] == summary["specificity_fragments_holo"]["value"] == 1
    assert first > 99.9 and tied < 50


def test_an_inverted_map_ranks_every_atom_last(tiny, tmp_path):
    inverted = {c: spots((place, 0.0), background=1.0) for c, place in zip(TYPES, PLACES, strict=False)}
    summary = hotspots.score(tiny, make_submission(tmp_path / "m", TYPES, {"01-fragment": inverted}))["summary"]
    assert summary["fragments_holo"]["value"] == pytest.approx(50 / N) and 50 / N < 0.1
    assert summary["shuffled_fragments_holo"]["value"] == pytest.approx(100 * (N + 1) / 2 / N)
    assert summary["specificity"]["value"] == 0


def test_the_shuffled_control_uses_the_channel_of_the_next_type(tiny, tmp_path):
    """Atom 0 is a donor. The voxels at z < 0 are 0, the others 0.625; at the atom it is 0.25, as hydrophobic 0.75."""
    upper = np.zeros(GRID.shape, np.float32)
    upper[:, :, np.arange(GRID.shape[2]) > GRID.to_index([0, 0, -0.1])[2]] = 0.625
    at = tuple(np.rint(GRID.to_index(PLACES[0])).astype(int))
    maps = {channel: upper.copy() for channel in TYPES}
    for channel, value in {DONOR: 0.25, ACCEPTOR: 0.5, APOLAR: 0.75}.items():
        maps[channel][at] = value
    found = ranks(tiny, make_submission(tmp_path / "m", TYPES, {"01-fragment": maps}))
    some, most = 100 * ((shell()[:, 2] < -0.1).sum() + 0.5) / N, 100 * (N - 0.5) / N
    assert found.percentile[0] == pytest.approx([some, some, most])
    assert found.matching()[0] == pytest.approx(some) and found.shuffled()[0] == pytest.approx(most)
    assert 20 < some < 80


def test_ranks_by_the_joint_value_and_without_ligand_by_the_typed_one(tiny, tmp_path):
    """Conditional values rank atom 0 above atom 1, the product the other way."""
    channels = (*TYPES, LIGAND)
    typed = dict.fromkeys(TYPES, spots((PLACES[0], 1.0), (PLACES[1], 0.5), background=0.25))
    ligand = {LIGAND: spots((PLACES[0], 0.25), (PLACES[1], 1.0), background=0.5)}
    joint = make_submission(tmp_path / "joint", channels, {"01-fragment": typed | ligand})
    assert ranks(tiny, joint).matching()[:2] == pytest.approx([100 * (N - 1.5) / N, 100 * (N - 0.5) / N])
    alone = make_submission(tmp_path / "typed", TYPES, {"01-fragment": typed})
    assert ranks(tiny, alone).matching()[:2] == pytest.approx([100 * (N - 0.5) / N, 100 * (N - 1.5) / N])
    only = make_submission(tmp_path / "ligand", (LIGAND,), {"01-fragment": ligand})
    assert ranks(tiny, only).matching() == pytest.approx(100 / N * np.array([0.5, N - 0.5, N / 2]))
    assert hotspots.score(tiny, only)["summary"]["specificity"]["value"] == pytest.approx(1 / 3)


def test_atoms_between_voxels_are_interpolated(tmp_path):
    folder = tmp_path / "benchmark"
    folder.mkdir()
    between = PLACES[:1] + [0.1875, 0, 0]  # a quarter of the way to the next voxel
    benchmark = make_benchmark(folder, **{"01_fragment": {"sites": (site([(DONOR,)], places=between),)}})
    maps = {DONOR: spots((PLACES[0], 1.0), (PLACES[1], 0.75), (PLACES[2], 0.8125), (PLACES[3], 0.6875))}
    submission = make_submission(tmp_path / "m", TYPES, {"01-fragment": maps})
    # 0.75 there, as at one voxel; 1.0 and 0.8125 are above
    assert ranks(benchmark, submission).matching() == pytest.approx([100 * (N - 2.5) / N])


def test_where_no_map_reaches_it_counts_as_zero_and_is_reported(tiny, tmp_path):
    """A map of 0.5 from x = 0 on; atom 0 is outside."""
    start = int(np.rint(GRID.to_index([0, 0, 0])[0]))
    maps = {"01-fragment": dict.fromkeys(TYPES, 0.5)}
    submission = make_submission(tmp_path / "m", TYPES, maps, box=slice(start, None))
    reached = int((shell()[:, 0] > -0.1).sum())
    (row,) = hotspots.score(tiny, submission)["entries"]
    assert (row["voxels"], row["reached"]) == (N, reached) and 0.3 < reached / N < 0.9
    outside, inside = 50 * (N - reached) / N, 100 * (N - reached / 2) / N
    assert ranks(tiny, submission).matching() == pytest.approx([outside, inside, inside])


def test_roles_of_atoms(tmp_path):
    """Ring centroids are no atoms, atoms without a role are counted, of several roles the best counts."""
    centroid = ("pi_stacking", PLACES[2])
    ligand = site([(DONOR, ACCEPTOR), (), (), (APOLAR,)], extra=[centroid, (DONOR, PLACES[1] + 0.01)])
    assert hotspots.atom_roles(ligand).tolist() == [[True, True, False], [False] * 3, [False] * 3, [False, False, True]]
    (tmp_path / "benchmark").mkdir()
    benchmark = make_benchmark(tmp_path / "benchmark", **{"01_fragment": {"sites": (ligand,)}})
    apolar = spots((PLACES[0], 0.5), (PLACES[1], 1.0), (PLACES[2], 0.75))
    maps = {DONOR: spots((PLACES[0], 1.0)), ACCEPTOR: 0.5, APOLAR: apolar}
    result = hotspots.score(benchmark, make_submission(tmp_path / "m", TYPES, {"01-fragment": maps}))
    (row,) = result["entries"]
    assert (row["n_atoms"], row["n_unmatched"], row["voxels"]) == (2, 2, N)
    first, second, third, zero = (100 / N * k for k in (N - 0.5, N - 1.5, N - 2.5, (N - 3) / 2))
    assert row["percentile"] == pytest.approx((first + zero) / 2)
    assert row["shuffled"] == pytest.approx((third + 50) / 2)  # atom 0 as hydrophobic, atom 3 as acceptor
    every = result["summary"]["all_atoms_fragments_holo"]["value"]
    assert every == pytest.approx((first + second) / 2)  # first, first, second, zero
    assert row["specificity"] == 0  # of atom 3 alone: the constant channel has the highest percentile


def test_where_a_map_is_zero_it_is_not_specific(tiny, tmp_path):
    """Atom 0 has 0 in all channels, the donor channel nothing else, so 50 there: a tie all the same."""
    maps = {ACCEPTOR: spots((PLACES[4], 1.0)), APOLAR: spots(*((place, 0.0) for place in PLACES), background=1.0)}
    found = ranks(tiny, make_submission(tmp_path / "m", TYPES, {"01-fragment": maps}))
    assert found.percentile[0].argmax() == TYPES.index(DONOR) and found.percentile[0, 2] < 1
    assert found.specific() == pytest.approx([1 / 3] * 3)


@pytest.fixture
def two_pairs(tmp_path) -> Benchmark:
    """Donors only: pair 01 with a fragment of one atom and a lead of two, pair 02 (homology-free) of three and one."""
    (tmp_path / "benchmark").mkdir()
    sites = {
        "01": (site([(DONOR,)]), site([(DONOR,)] * 2, "lead")),
        "02": (site([(DONOR,)] * 3, places=PLACES[1:]), site([(DONOR,)], "lead")),
    }
    entries = {}
    for pair, (fragment, lead) in sites.items():
        common = {"clusters": (f"P{pair}",), "homology_free": pair == "02"}
        entries[f"{pair}_fragment"] = {"sites": (fragment,), **common}
        entries[f"{pair}_lead"] = {"sites": (lead,), **common}
        entries[f"{pair}_apo"] = {"sites": (fragment, lead), "state": "apo", **common}
    return make_benchmark(tmp_path / "benchmark", **entries)


def rising(*places) -> dict:
    """Donor map of zeros but for places ranked first, second, ..."""
    return {DONOR: spots(*((place, 1 - k / 16) for k, place in enumerate(places)))}


def test_medians_are_over_the_atoms_of_all_ligands(two_pairs, tmp_path):
    """Fragments: one atom of pair 01 at rank 4, three of pair 02 at ranks 1 to 3; the apo maps know other atoms."""
    maps = dict.fromkeys(["01-fragment", "01-lead", "02-fragment", "02-lead"], rising(*PLACES[1:4], PLACES[0]))
    maps |= {"01-apo": rising(PLACES[5], PLACES[0]), "02-apo": rising(PLACES[1])}
    result = hotspots.score(two_pairs, make_submission(tmp_path / "m", TYPES, maps))
    summary = {key: value["value"] for key, value in result["summary"].items()}
    rank = [100 * (N - k + 0.5) / N for k in range(5)]
    assert summary["fragments_holo"] == pytest.approx((rank[2] + rank[3]) / 2)
    assert summary["fragments_holo_free"] == pytest.approx(rank[2])
    assert summary["leads_holo"] == pytest.approx(rank[4])  # ranks 4 and 1, and 4
    assert summary["fragments_apo"] == pytest.approx((rank[2] + 100 * (N - 1) / 2 / N) / 2)  # 2; 1, none, none
    assert summary["leads_apo"] == pytest.approx(100 * (N - 1) / 2 / N)  # 2, none; none
    assert result["summary"]["fragments_holo"]["low"] < rank[3] < result["summary"]["fragments_holo"]["high"]
    assert (result["pairs"], result["pairs_free"], result["clusters"], result["failed"]) == (2, 1, 2, [])
    states = [(row["id"], row["role"]) for row in result["entries"]]
    assert states[:3] == [("01-apo", "fragment"), ("01-apo", "lead"), ("01-fragment", "fragment")] and len(states) == 8
    few = hotspots.score(two_pairs, Submission(tmp_path / "m"), entries=["02-apo", "02-lead"])
    assert [row["id"] for row in few["entries"]] == ["02-apo", "02-apo", "02-lead"]


def test_failed_and_absent_entries_count_as_zero(two_pairs, tmp_path):
    perfect = rising(*PLACES)
    ids = [e.id for e in two_pairs.entries()]
    maps = {id: perfect for id in ids if id != "01-lead"}  # absent
    failing = make_submission(tmp_path / "m", TYPES, maps, failures={"02-fragment": "stopped"})
    result = hotspots.score(two_pairs, failing)
    assert result["failed"] == ["01-lead", "02-fragment"] and not result["partial"]
    assert result["summary"]["fragments_holo"]["value"] == 0  # three of four atoms
    assert result["summary"]["specificity"]["value"] == pytest.approx(2 / 7)  # one atom each of 01-fragment and 02-lead
    ceiling = make_submission(tmp_path / "c", TYPES, maps, failures={"02-fragment": "no second ligand"}, kind="ceiling")
    result = hotspots.score(two_pairs, ceiling)
    assert result["partial"] and result["summary"]["fragments_holo"]["value"] > 99
    assert not {"01-lead", "02-fragment"} & {row["id"] for row in result["entries"]}
    nothing = make_submission(tmp_path / "n", TYPES, {}, failures=dict.fromkeys(ids, "no"), kind="ceiling")
    assert hotspots.score(two_pairs, nothing) is None


def test_a_method_without_the_types_does_not_take_part(tiny, tmp_path):
    assert hotspots.score(tiny, make_submission(tmp_path / "m", ("metal",), {"01-fragment": {"metal": 0.5}})) is None
