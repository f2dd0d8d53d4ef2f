"""Comparison of two structures: what is the same is kept, what was changed is found and named."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from conftest import DEMO, ROOT
from scipy.spatial.transform import Rotation

import pocketvox as pv
from pocketvox.comparison import compare
from pocketvox.comparison.result import GAINED, KEPT, LOST, NOT_COMPARABLE
from pocketvox.errors import SelectionError, StructureError, UsageError
from pocketvox.inference import load_predictor
from pocketvox.structure import read_structure
from pocketvox.structure.atoms import Structure

#: A turn about no special axis, and a shift (angstrom).
TURN = Rotation.from_rotvec([0.7, -1.1, 0.4]).as_matrix()
SHIFT = np.array([31.0, -12.5, 7.25])


@pytest.fixture(scope="module")
def tiny(preset):
    return load_predictor(preset, threads=1)


@pytest.fixture(scope="module")
def site():
    """Compare around the inhibitor with the preset that users get: it sees what the tiny one does not."""
    return partial(compare, predictor=load_predictor(threads=1), around="A:XK2")


@pytest.fixture(scope="module")
def protease() -> Structure:
    return read_structure(DEMO)


@pytest.fixture(scope="module")
def itself(protease, site):
    return site(protease, protease)


def changed(structure: Structure, keep=None, **columns) -> Structure:
    """A copy with other columns, or only some of its atoms."""
    atoms = replace(structure.atoms, **columns)
    return replace(structure, atoms=atoms if keep is None else atoms[keep], links=np.empty((0, 2), np.int32))


def moved(structure: Structure) -> Structure:
    """A copy in another frame, as precise as a file."""
    coord = np.round(structure.atoms.coord.astype(float) @ TURN.T + SHIFT, 3)
    return changed(structure, coord=coord.astype(np.float32))


def residue(structure: Structure, chain: str, number: int) -> np.ndarray:
    return (structure.atoms.chain_id == chain) & (structure.atoms.res_id == number) & (structure.atoms.kind == 0)


# ------------------------------------------------------------------------------------------------------------- the same
def test_a_structure_against_itself_has_no_differences(itself):
    assert not itself.difference.values.any()
    assert itself.comparable.all()
    assert {h.status for h in itself.hotspots} == {p.status for p in itself.pockets} == {KEPT}
    assert len(itself.hotspots) == len(itself.a.hotspots) > 5
    assert all(h.change == 0 and h.distance == 0 and h.reasons == () for h in itself.hotspots)
    assert all(p.overlap == 1 and p.distance == 0 for p in itself.pockets)
    assert (itself.matched, itself.correspondence.identity) == (198, 1.0)
    assert itself.warnings == (f"A: {itself.a.warnings[0]}", f"B: {itself.b.warnings[0]}")  # zero occupancies
    assert itself.rmsd < 1e-6


def test_a_copy_in_another_frame_is_brought_back(protease, site):
    """RMSD 0 up to the precision of files, everything kept, and positions are given in both frames."""
    found = site(protease, moved(protease))
    assert found.rmsd < 1e-3
    assert np.allclose(found.correspondence.motion.rotation, TURN.T, atol=1e-5)
    assert np.allclose(found.b.structure.atoms.coord, protease.atoms.coord, atol=2e-3)
    assert found.count(KEPT) >= 0.95 * len(found.hotspots)
    for spot in found.hotspots:
        there = np.array((spot.b or spot.a).coord) @ TURN.T + SHIFT
        assert np.allclose(spot.coord_b, there, atol=5e-3)
    assert np.abs(found.difference.values).max() < 0.05


def test_names_and_numbers_of_the_copy_do_not_matter(protease, site):
    """Chains exchanged and renamed, residues renumbered: pairs are found by sequence and place."""
    names = np.where(protease.atoms.chain_id == "A", "longB", "A")
    other = changed(moved(protease), chain_id=names, res_id=protease.atoms.res_id + 1000)
    found = site(protease, other)
    assert found.rmsd < 1e-3 and found.matched == 198
    assert {(c.a.name, c.b.name) for c in found.correspondence.chains} == {("A", "longB"), ("B", "A")}
    assert found.count(KEPT) >= 0.95 * len(found.hotspots)
    assert not any(h.reasons for h in found.hotspots)


def test_copies_under_one_chain_id_are_told_apart(protease, site):
    """As in files without chain ids: the terminal oxygen ends the first copy."""
    other = changed(protease, chain_id=np.full(len(protease.atoms), ""))
    found = site(protease, other)
    assert found.matched == 198 and found.correspondence.unpaired_a == found.correspondence.unpaired_b == ()


# --------------------------------------------------------------------------------------------------------- what changed
def test_lost_side_chain_atoms_are_a_loss_and_its_reason(protease, site):
    """Without their carboxylates the catalytic aspartates accept no hydrogen bond: donors of a ligand lose it."""
    lost = (residue(protease, "A", 25) | residue(protease, "B", 25)) & np.isin(
        protease.atoms.name, ("CG", "OD1", "OD2")
    )
    other = moved(changed(protease, ~lost))
    found = site(protease, other)
    assert found.rmsd < 1e-3 and found.comparable.all()
    center = protease.atoms.coord[lost].mean(axis=0)
    near = [h for h in found.hotspots if np.linalg.norm(np.array(h.coord) - center) < 5 and h.type == "hbond_donor"]
    worst = min(near, key=lambda h: h.change)
    assert worst.change < -0.2 and worst.status == LOST and worst.above_noise
    assert any("A:ASP 25:OD" in p for p in worst.a.partners)
    assert {f"{chain}:ASP 25: CG, OD1, OD2 not in B" for chain in "AB"} <= set(worst.reasons[:2])
    gone = found.difference["hbond_donor"].values[..., 0]
    place = found.difference.grid.to_coord(np.argwhere(gone < -0.1))
    assert len(place) and np.linalg.norm(place - center, axis=1).max() < 8
    back = site(other, protease)
    assert max(h.change for h in back.hotspots) > 0.2
    assert "A:ASP 25: CG, OD1, OD2 not in A" in {r for h in back.hotspots for r in h.reasons}


def test_a_mutation_is_named(protease, site):
    mutated = residue(protease, "A", 25)
    code = np.where(mutated, "ALA", protease.atoms.res_name)
    keep = ~(mutated & np.isin(protease.atoms.name, ("CG", "OD1", "OD2")))
    found = site(protease, changed(protease, keep, res_name=code, parent=code))
    assert found.correspondence.identity == pytest.approx(197 / 198)
    assert "A:ASP 25 -> A:ALA 25" in {r for h in found.hotspots for r in h.reasons if h.change < 0}


def test_what_one_structure_does_not_show_is_no_loss(protease, site):
    """A flap cut out of one chain: hot-spots there cannot be compared, and the maps are masked."""
    flap = np.zeros(len(protease.atoms), bool)
    for number in range(46, 56):
        flap |= residue(protease, "A", number)
    found = site(protease, changed(protease, ~flap))
    absent = protease.atoms.coord[flap & protease.atoms.heavy]

    def distance(points):
        return np.linalg.norm(np.asarray(points)[:, None] - absent, axis=-1).min(axis=1)

    masked = found.difference.grid.to_coord(np.argwhere(~found.comparable))
    assert len(masked) and distance(masked).max() <= 6.0 + 1e-3
    assert not found.difference.values[~found.comparable].any()
    alone = [h for h in found.hotspots if h.status != KEPT]
    assert {h.status for h in alone if distance([h.coord])[0] < 5.5} == {NOT_COMPARABLE}
    assert any(r.startswith("A A:GLY 49 not observed in B") for h in alone for r in h.reasons)
    assert [h.status == NOT_COMPARABLE for h in found.hotspots] == sorted(
        h.status == NOT_COMPARABLE for h in found.hotspots
    )


def test_gained_is_the_other_way_round(protease, site):
    lost = residue(protease, "A", 25) & np.isin(protease.atoms.name, ("CG", "OD1", "OD2"))
    other = changed(protease, ~lost)
    there, back = site(protease, other), site(other, protease)
    assert there.count(LOST) == back.count(GAINED) and there.count(GAINED) == back.count(LOST)
    assert there.count(KEPT) == back.count(KEPT)
    window = tuple(slice(0, n) for n in there.difference.grid.shape)
    assert there.difference.grid == back.difference.grid
    assert np.allclose(there.difference.values[window], -back.difference.values[window], atol=1e-6)


# -------------------------------------------------------------------------------------------------------------- options
def test_structures_that_are_not_to_be_aligned_stay_where_they_are(protease, tiny):
    found = compare(protease, moved(protease), predictor=tiny, align=False)
    assert found.fit == "none" and np.array_equal(found.correspondence.motion.rotation, np.eye(3))
    assert found.rmsd is None and found.matched == 0  # no chain lies near its counterpart
    assert any("no chain of A corresponds" in text for text in found.warnings)
    assert compare(protease, protease, predictor=tiny, align=False).count(KEPT) > 5


def test_fit_to_the_pocket(protease, tiny):
    """Chain B turned away: the global fit is a compromise, that to the pocket is too, but of fewer residues."""
    found = compare(protease, moved(protease), predictor=tiny, fit="pocket")
    assert found.rmsd < 1e-3
    assert 6 <= found.correspondence.fitted.sum() < 198
    lining = {int(name.split("_")[1]) for name in found.a.pockets[0].residue_ids}
    assert found.correspondence.fitted.sum() <= 2 * len(lining)


def test_the_whole_of_both_and_a_region(protease, tiny):
    """The grid holds all corresponding chains of both; or a box in the frame of A."""
    whole = compare(protease, moved(protease), predictor=tiny).difference.grid
    for axis in range(3):
        coord = protease.atoms.coord[(protease.atoms.kind == 0) & protease.atoms.heavy, axis]
        last = whole.origin[axis] + whole.spacing * (whole.shape[axis] - 1)
        assert whole.origin[axis] <= coord.min() - 6 and last >= coord.max() + 6
    box = compare(protease, moved(protease), predictor=tiny, center=(-9, 16, 28), size=12).difference.grid
    assert box.shape == (13, 13, 13) and np.allclose(box.origin, (-15, 10, 22))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"fit": "local"}, UsageError, "Received: local"),
        ({"fit": "pocket", "align": False}, UsageError, "have no fit"),
        ({"center": (900, 900, 900)}, SelectionError, "Check the centre"),
    ],
)
def test_bad_options(protease, tiny, options, error, message):
    with pytest.raises(error, match=message):
        compare(protease, protease, predictor=tiny, **options)


def test_too_large_a_grid_says_what_to_do(protease, tiny, monkeypatch):
    monkeypatch.setattr("pocketvox.comparison.run.DENSE", 1000)
    with pytest.raises(SelectionError, match=r"1hvr.*million voxels to compare.*--around"):
        compare(protease, protease, predictor=tiny)


@pytest.mark.parametrize("name", ["1orc.pdb.gz", "1pfe.cif.gz"])
def test_other_proteins_are_refused(protease, tiny, name):
    """Another fold, and nucleic acid: each error names the file, what was found and what to do."""
    with pytest.raises(StructureError, match=r"expected a structure that superposes on .*Received: .*--no-align"):
        compare(protease, ROOT / "tests" / "data" / name, predictor=tiny)


def test_dna_against_itself(tiny):
    path = ROOT / "tests" / "data" / "1pfe.cif.gz"
    with pytest.raises(StructureError, match="superposes"):
        compare(path, path, predictor=tiny)  # eight nucleotides are too few to be sure of


def test_the_public_name():
    assert pv.compare is compare


def test_frames_of_the_developers_pairs(data_root):
    """Holo and apo structures that others superposed: the motion found leaves them nearly where they are."""
    from pocketvox.comparison.pairing import correspond

    folders = sorted((data_root / "hotspots21").iterdir())
    assert len(folders) == 21
    moves = []
    for folder in folders:
        a, b = read_structure(folder / "lead_protein.pdb.gz"), read_structure(next(folder.glob("apo_*")))
        if folder.name == "11_JAK2":  # of its two copies the other one was superposed
            b = changed(b, b.atoms.chain_id == "B")
        coord = b.atoms.coord[b.atoms.kind == 0]
        found = correspond(a, b)
        moves.append(np.sqrt(((found.motion(coord) - coord) ** 2).sum(axis=1).mean()))
        away = changed(b, coord=(b.atoms.coord @ TURN.T + SHIFT).astype(np.float32))
        again = correspond(a, away)
        assert np.allclose(again.motion(away.atoms.coord), found.motion(b.atoms.coord), atol=0.01), folder.name
    assert np.median(moves) < 0.2 and max(moves) < 0.7
