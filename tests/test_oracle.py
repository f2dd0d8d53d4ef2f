"""The whole chain behind the network, with labels in the network's place: everything must come back.

An oracle returns the label volume of a complex as its probabilities. What the result folder then holds must be the
labels themselves (Jaccard 1.0), and a hot-spot for every interaction point.
"""

import csv

import numpy as np
import pytest

from pocketvox.channels import CHANNELS, LABEL_RADIUS, TYPED
from pocketvox.interactions import find_interactions
from pocketvox.pockets import find_pockets
from pocketvox.report import Result, read_maps, write_result
from pocketvox.structure import read_complex
from pocketvox.voxel import Grid, Volume, label_volume

#: CSV files have three decimals.
ROUNDING = 1e-3


def run_oracle(path, out):
    """Scan a complex with the oracle; returns interactions, label volume and the result folder."""
    complex_ = read_complex(path)
    found = find_interactions(complex_)
    ligand = np.concatenate([ligand.coord for ligand in complex_.ligands])
    grid = Grid.around(complex_.receptor.coord[complex_.receptor.heavy], 6.0, 0.75)
    labels = label_volume(found.point, found.channel, ligand, grid)
    maps = Volume(labels.values.astype(np.float32), grid, CHANNELS)
    pockets = find_pockets(maps, complex_.receptor)
    result = Result(name=complex_.name, pockets=pockets, maps=maps, structure=complex_.structure, engine="oracle")
    return complex_, found, labels, write_result(result, out / complex_.name)


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def hotspots_of(folder, channel: str) -> np.ndarray:
    with open(folder / "hotspots.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["type"] == channel]
    return np.array([[float(row[axis]) for axis in "xyz"] for row in rows]).reshape(-1, 3)


def check(found, labels: Volume, folder) -> int:
    """The two promises of the chain; returns the number of points compared."""
    maps = read_maps(folder / "maps.h5")
    assert (maps.grid, maps.channels) == (labels.grid, labels.channels)
    assert jaccard(maps.values >= 0.5, labels.values.astype(bool)) == 1.0
    compared = 0
    for k, channel in enumerate(TYPED):
        points, spots = found.point[found.channel == k], hotspots_of(folder, channel)
        assert (len(points) > 0) == (len(spots) > 0), channel
        if not len(points):
            continue
        distance = np.linalg.norm(points[:, None] - spots[None], axis=2)
        assert distance.min(axis=1).max() <= LABEL_RADIUS + ROUNDING, f"{channel}: a point without a hot-spot"
        assert distance.min(axis=0).max() <= LABEL_RADIUS + ROUNDING, f"{channel}: a hot-spot without a point"
        compared += len(points)
    return compared


@pytest.fixture(scope="module")
def oracle(demo_file, tmp_path_factory):
    return run_oracle(demo_file, tmp_path_factory.mktemp("oracle"))


def test_file_to_csv_is_exact(oracle):
    """From the bundled structure file to maps.h5 and hotspots.csv nothing is lost and nothing is added."""
    _, found, labels, folder = oracle
    assert check(found, labels, folder) > 20
    assert len({CHANNELS[k] for k in found.channel} & {"hbond_donor", "hbond_acceptor", "hydrophobic"}) == 3


def test_the_pocket_is_where_the_ligand_is(oracle):
    """One pocket, centred on the ligand, lined by the residues that the ligand touches."""
    complex_, _, _, folder = oracle
    with open(folder / "pockets.csv", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    ligand = complex_.ligands[0]
    center = np.array([float(row[f"center_{axis}"]) for axis in "xyz"])
    assert np.linalg.norm(center - ligand.coord.mean(axis=0)) < 0.5
    assert float(row["depth"]) > 3.0
    receptor = complex_.receptor
    distance = np.linalg.norm(receptor.coord[:, None] - ligand.coord[None], axis=2).min(axis=1)
    touched = {
        f"{receptor.chain_id[i]}_{receptor.res_id[i]}{receptor.ins_code[i]}" for i in np.flatnonzero(distance < 4)
    }
    assert touched <= set(row["residue_ids"].split())


def test_partners_are_those_of_the_interaction(oracle):
    """The detected partner of every hydrogen bond is among the partners of a hot-spot within the label radius."""
    complex_, found, _, folder = oracle
    with open(folder / "hotspots.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    checked = 0
    for k in range(len(found)):
        if CHANNELS[found.channel[k]] not in ("hbond_donor", "hbond_acceptor"):
            continue
        near = [
            row
            for row in rows
            if row["type"] == CHANNELS[found.channel[k]]
            and np.linalg.norm([float(row[a]) - p for a, p in zip("xyz", found.point[k], strict=True)]) <= LABEL_RADIUS
        ]
        partner = complex_.receptor.label(int(found.receptor_atoms[k][0]))
        assert any(partner in row["partners"].split(";") for row in near), partner
        checked += 1
    assert checked >= 4


def test_the_oracle_notices_a_shifted_map(oracle):
    """The comparison itself can fail: labels moved by one voxel are not equal, and far hot-spots are."""
    _, found, labels, folder = oracle
    moved = Volume(np.roll(labels.values, 1, axis=0), labels.grid, labels.channels)
    with pytest.raises(AssertionError):
        check(found, moved, folder)


def test_two_runs_write_the_same_bytes(oracle, demo_file, tmp_path):
    folder = oracle[-1]
    again = run_oracle(demo_file, tmp_path)[-1]
    for name in ("maps.h5", "pockets.csv", "hotspots.csv"):
        assert (folder / name).read_bytes() == (again / name).read_bytes(), name


#: Entries with several ligands, fused rings, phosphates, metals and water bridges.
ENTRIES = ("1aax", "1ao0", "1ayl", "1bs1", "1qkn", "1r8s", "2gj9", "2zec", "3hv8", "3kql", "11gs")


@pytest.mark.parametrize("entry", ENTRIES)
def test_real_entries(entry, data_root, tmp_path):
    """The same for structures chosen because simpler rules for hot-spots failed on them."""
    _, found, labels, folder = run_oracle(data_root / "entries" / f"{entry}.bcif.gz", tmp_path)
    assert check(found, labels, folder) > 0
