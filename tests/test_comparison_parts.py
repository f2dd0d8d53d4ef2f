"""Parts of a comparison: superposition, chains, matching, what is absent, reasons and differences, by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT
from scipy.spatial.transform import Rotation
from test_pockets import make_atoms
from test_report import hotspot, pocket

from pocketvox.comparison.chains import Chain, chains_of, corresponding, identity
from pocketvox.comparison.difference import changed_volumes, joint_difference
from pocketvox.comparison.matching import SAME_HOTSPOT, match_hotspots, match_pockets
from pocketvox.comparison.noise import NOISE, NoiseFloor, noise_floor
from pocketvox.comparison.observed import Unmatched, comparable_voxels, unmatched
from pocketvox.comparison.pairing import ChainPair, Correspondence, correspond
from pocketvox.comparison.reasons import MOVED_BACKBONE, MOVED_SIDE_CHAIN, NEAR, differences, displacement, reasons
from pocketvox.structure.atoms import PROTEIN, Structure
from pocketvox.structure.superpose import Motion, fit_core, fit_motion
from pocketvox.voxel.grid import Grid, Volume

TURN = Rotation.from_rotvec([0.3, 2.0, -0.9]).as_matrix()
NOTHING = np.empty(0, int)


# -------------------------------------------------------------------------------------------------------- superposition
def test_a_motion_is_found_and_undone():
    coord = np.random.default_rng(0).normal(0, 10, (30, 3))
    motion = Motion(TURN, np.array([1.0, -2.0, 3.0]))
    found = fit_motion(coord, motion(coord))
    assert np.allclose(found.rotation, TURN) and np.allclose(found.shift, motion.shift)
    assert np.allclose(motion.inverse()(motion(coord)), coord)
    assert np.linalg.det(fit_motion(coord, coord * [-1, 1, 1]).rotation) == pytest.approx(1)  # never a reflection


def test_what_moved_is_left_out_of_the_fit():
    """A third of the atoms as another rigid body: the fit is that of the larger one, exactly."""
    coord = np.random.default_rng(1).normal(0, 10, (90, 3))
    target = Motion(TURN, np.ones(3))(coord)
    target[60:] = Motion(TURN.T, np.full(3, 12.0))(coord[60:])
    motion, kept = fit_core(coord, target)
    assert kept.tolist() == [True] * 60 + [False] * 30
    assert np.allclose(motion.rotation, TURN)


@pytest.mark.parametrize(("shift", "kept"), [(1.9, 41), (2.2, 40)])
def test_an_outlier_just_inside_and_just_outside(shift, kept):
    coord = np.random.default_rng(2).normal(0, 10, (41, 3))
    target = coord.copy()
    target[0, 0] += shift
    assert fit_core(coord, target)[1].sum() == kept


# --------------------------------------------------------------------------------------------------------------- chains
def chain(letters: str, numbers=None, name="A", coord=None) -> Chain:
    numbers = range(1, len(letters) + 1) if numbers is None else numbers
    coord = np.column_stack([3.8 * np.arange(len(letters)), *np.zeros((2, len(letters)))]) if coord is None else coord
    return Chain(
        name, PROTEIN, letters, coord, np.arange(len(letters), dtype=np.int32), tuple((n, "") for n in numbers)
    )


def test_residues_at_a_gap_are_paired_by_number():
    """ACDEAAAGHIK without residues 6 and 7: which A is missing the sequence does not tell, the numbers do."""
    full = chain("MKWVTFACDEAAAGHIKLMNPQRSTVWY")
    keep = [k for k in range(28) if k not in (10, 11)]
    cut = chain("".join(full.letters[k] for k in keep), [full.numbers[k][0] for k in keep])
    assert corresponding(full, cut).tolist() == [[k, i] for i, k in enumerate(keep)]
    renumbered = chain(cut.letters, [n + 500 for n, _ in cut.numbers])
    assert corresponding(full, renumbered).tolist() == [[k, i] for i, k in enumerate(keep)]


def test_identity_counts_known_letters_only():
    a, b = chain("ACDEFGHIKLMX"), chain("ACDEFGHIKLWX")
    pairs = np.repeat(np.arange(12)[:, None], 2, axis=1)
    assert identity(a, b, pairs) == pytest.approx(10 / 12)
    assert identity(a, b, pairs[:0]) == 0.0


def test_selenocysteine_and_pyrrolysine_align():
    assert len(corresponding(chain("MKWVTFUCDEOAAGHIK"), chain("MKWVTFCCDEKAAGHIK"))) == 17


def test_short_chains_are_left_out_and_residues_need_an_anchor():
    coord = np.column_stack([3.8 * np.arange(24), np.zeros(24), np.zeros(24)])
    names = ["A"] * 15 + ["B"] * 9
    atoms = make_atoms(coord, chain_id=names, name=["CA"] * 23 + ["CB"])
    assert [(c.name, len(c)) for c in chains_of(atoms)] == [("A", 15)]


# ------------------------------------------------------------------------------------------------ absent and inserted
def paired(a: Chain, b: Chain, pairs) -> Correspondence:
    pair = ChainPair(a, b, np.array(pairs), 1.0)
    return Correspondence((pair,), Motion.identity(), np.ones(len(pairs), bool))


def test_a_gap_is_absent_if_the_other_chain_is_broken_and_an_insertion_if_not():
    """A has residues 3 and 4 more than B; B's neighbours 2 and 5 are bonded, or 11 angstrom apart."""
    a = chain("ACDEFGHIKL")
    pairs = [(0, 0), (1, 1), *((k, k - 2) for k in range(4, 10))]
    keep = [0, 1, *range(4, 10)]
    whole, broken = chain("ACFGHIKL"), chain("ACFGHIKL", coord=a.coord[keep])
    found = unmatched(paired(a, whole, pairs))
    assert (found.absent_a.tolist(), found.inserted_a.tolist()) == ([], [2, 3])
    found = unmatched(paired(a, broken, pairs))
    assert (found.absent_a.tolist(), found.inserted_a.tolist()) == ([2, 3], [])
    back = unmatched(paired(broken, a, [(j, i) for i, j in pairs]))
    assert (back.absent_b.tolist(), back.absent_a.tolist()) == ([2, 3], [])


def test_ends_and_whole_chains_are_absent():
    a, b, extra = chain("ACDEFGHIKL"), chain("DEFGHI"), chain("MMMMMMMMMMMM", name="C")
    found = replace(paired(a, b, [(k, k - 2) for k in range(2, 8)]), unpaired_b=(extra,))
    missing = unmatched(found)
    assert missing.absent_a.tolist() == [0, 1, 8, 9]
    assert missing.absent_b.tolist() == extra.residue.tolist()


def test_voxels_near_absent_residues_are_masked():
    """Six angstrom around an absent atom: a voxel at 6.0 is masked, one at 6.5 is not."""
    atoms = make_atoms([[0.0, 0, 0], [30, 0, 0]])
    grid = Grid((0.0, 0.0, 0.0), (62, 1, 1), 0.5)
    missing = Unmatched(np.array([0]), NOTHING, NOTHING, NOTHING)
    comparable = comparable_voxels(grid, atoms, atoms, missing)[:, 0, 0]
    assert not comparable[:13].any() and comparable[13:].all()
    assert comparable_voxels(grid, atoms, atoms, Unmatched(*[NOTHING] * 4)).all()


# ------------------------------------------------------------------------------------------------------------- matching
def at(x: float, **changes):
    return hotspot(coord=(x, 0.0, 0.0), **changes)


@pytest.mark.parametrize(("x", "matched"), [(SAME_HOTSPOT - 0.01, 1), (SAME_HOTSPOT + 0.01, 0)])
def test_hotspots_match_within_two_label_radii(x, matched):
    assert SAME_HOTSPOT == 2.5
    assert len(match_hotspots([at(0)], [at(x)])) == matched


def test_hotspots_of_other_types_never_match():
    assert match_hotspots([at(0)], [at(0, type="hydrophobic")]) == []


def test_as_many_hotspots_as_possible_are_matched_and_then_as_near_as_possible():
    """0 and 0.9 are nearest, but would leave 2.4 and -1.0 alone: 0 with -1.0 and 2.4 with 0.9 match both."""
    pairs = match_hotspots([at(0), at(2.4)], [at(0.9), at(-1.0)])
    assert [(i, j) for i, j, _ in pairs] == [(0, 1), (1, 0)]
    assert [d for *_, d in pairs] == pytest.approx([1.0, 1.5])
    assert [(i, j) for i, j, _ in match_hotspots([at(0), at(1)], [at(0.9), at(0.2)])] == [(0, 1), (1, 0)]


def block(start: int, stop: int, center: float):
    return pocket(voxels=np.array([[x, 0, 0] for x in range(start, stop)]), center=(center, 0.0, 0.0))


def test_pockets_match_by_shared_voxels_or_centres():
    grid = Grid((0.0, 0.0, 0.0), (200, 1, 1), 1.0)
    quarter = match_pockets([block(0, 40, 20)], [block(30, 90, 60)], grid)  # 10 of 40
    assert quarter == [(0, 0, pytest.approx(10 / 90))]
    assert match_pockets([block(0, 40, 20)], [block(31, 90, 60)], grid) == []  # 9 of 40
    assert match_pockets([block(0, 4, 2)], [block(10, 14, 6)], grid) == [(0, 0, 0.0)]  # centres 4 apart
    assert match_pockets([block(0, 4, 2)], [block(10, 14, 6.1)], grid) == []


def test_pockets_are_matched_one_to_one_by_the_best_sum():
    """A pocket that falls into two goes with the larger part; the other is alone."""
    grid = Grid((0.0, 0.0, 0.0), (200, 1, 1), 1.0)
    pairs = match_pockets([block(0, 100, 50)], [block(0, 30, 15), block(35, 100, 67)], grid)
    assert pairs == [(0, 1, pytest.approx(0.65))]
    assert match_pockets([], [block(0, 3, 1)], grid) == []


# -------------------------------------------------------------------------------------------------------------- reasons
def phenylalanine(side: float = 0.0, swapped: bool = False) -> dict[str, np.ndarray]:
    """CA, CB and a ring; the ring shifted along z, its equivalent atoms exchanged."""
    atoms = {"CA": [0, 0, 0], "CB": [1.5, 0, 0], "CG": [3, 0, side], "CD1": [3.7, 1.2, side], "CD2": [3.7, -1.2, side]}
    atoms |= {"CE1": [5.1, 1.2, side], "CE2": [5.1, -1.2, side], "CZ": [5.8, 0, side]}
    names = {"CD1": "CD2", "CD2": "CD1", "CE1": "CE2", "CE2": "CE1"} if swapped else {}
    return {names.get(name, name): np.array(xyz, float) for name, xyz in atoms.items()}


def test_displacement_ignores_names_that_mean_nothing():
    assert displacement(phenylalanine(), phenylalanine(1.5), "PHE") == (1.5, 0.0)
    assert displacement(phenylalanine(), phenylalanine(swapped=True), "PHE") == (0.0, 0.0)
    assert displacement(phenylalanine(), phenylalanine(swapped=True), "XXX")[0] == pytest.approx(2.4)


def one_residue(atoms: dict[str, np.ndarray], code: str = "PHE"):
    n = len(atoms)
    same = {"res_name": [code] * n, "parent": [code] * n, "res_id": np.full(n, 7, np.int32)}
    return make_atoms(list(atoms.values()), name=list(atoms), residue=np.zeros(n, np.int32), **same)


def compared(a, b) -> list[tuple[str, str]]:
    found = paired(chain("F"), chain("F"), [(0, 0)])
    return [(d.kind, d.text) for d in differences(a, b, found, Unmatched(*[NOTHING] * 4))]


def test_differences_of_a_residue():
    """Each kind, and moves just inside and just outside."""
    plain = one_residue(phenylalanine())
    assert compared(plain, plain) == []
    assert compared(plain, one_residue(phenylalanine(MOVED_SIDE_CHAIN - 0.01))) == []
    text = f"A:PHE 7: side chain moved {MOVED_SIDE_CHAIN + 0.04:.1f} A"
    assert compared(plain, one_residue(phenylalanine(MOVED_SIDE_CHAIN + 0.04))) == [("moved", text)]
    for size, kinds in ((MOVED_BACKBONE - 0.01, []), (MOVED_BACKBONE + 0.01, ["moved"])):
        bent = phenylalanine() | {"CA": np.array([0.0, size, 0.0])}
        assert [kind for kind, _ in compared(plain, one_residue(bent))] == kinds
    cut = {name: xyz for name, xyz in phenylalanine().items() if name not in ("CZ", "CE1")}
    assert compared(plain, one_residue(cut)) == [("missing atoms", "A:PHE 7: CE1, CZ not in B")]
    assert compared(one_residue(cut), plain) == [("missing atoms", "A:PHE 7: CE1, CZ not in A")]
    assert compared(plain, one_residue(phenylalanine(), "TYR")) == [("mutation", "A:PHE 7 -> A:TYR 7")]
    variant = replace(plain, res_name=np.array(["PHX"] * len(plain)))
    assert compared(plain, variant) == [("renamed", "A:PHE 7 -> A:PHX 7")]


def test_reasons_are_near_and_partners_come_first():
    plain, cut = one_residue(phenylalanine()), one_residue({"CA": np.zeros(3)})
    found = differences(plain, cut, paired(chain("F"), chain("F"), [(0, 0)]), Unmatched(*[NOTHING] * 4))
    inside, outside = (0, 0, NEAR - 0.01), (0, 0, NEAR + 0.01)
    assert reasons(found, inside, ((), ())) and not reasons(found, outside, ((), ()))
    nearer = replace(found[0], text="nearer", labels=("A:GLY 9", "A:GLY 9"), coord=np.array([[0.0, 0, 1]]))
    assert reasons((found[0], nearer), (0, 0, 2), ((), ()))[0] == "nearer"
    assert reasons((found[0], nearer), (0, 0, 2), (("A:PHE 7:CZ",), ()))[0] == found[0].text


# ------------------------------------------------------------------------------------------------ differences and noise
def test_difference_of_joint_values_by_hand():
    """0.5 x 0.4 becomes 0.8 x 0.5: +0.2; ligand itself +0.1; nothing where not comparable."""
    grid = Grid((0.0, 0.0, 0.0), (2, 1, 1), 0.5)
    a = Volume(np.array([[0.5, 0.4], [0.5, 0.4]], np.float32).reshape(2, 1, 1, 2), grid, ("metal", "ligand"))
    b = Volume(np.array([[0.8, 0.5], [0.8, 0.5]], np.float32).reshape(2, 1, 1, 2), grid, ("metal", "ligand"))
    comparable = np.array([True, False]).reshape(2, 1, 1)
    found = joint_difference(a, b, comparable)
    assert np.allclose(found.values[:, 0, 0], [[0.2, 0.1], [0, 0]])
    noise = NoiseFloor(hotspot={}, map={"metal": 0.15, "ligand": 0.15}, kept=1.0)
    assert changed_volumes(found, noise) == {"metal": (0.125, 0.0), "ligand": (0.0, 0.0)}
    assert changed_volumes(joint_difference(b, a, comparable), noise)["metal"] == (0.0, 0.125)


def test_the_noise_of_presets_is_what_was_measured():
    """The table in the package and the stored measurement are the same numbers."""
    stored = json.loads((ROOT / "benchmarks" / "comparison_noise.json").read_text())
    noise = NOISE[stored["preset"]]
    assert noise.hotspot == stored["noise"]["hotspot"]
    assert noise.map == stored["noise"]["map"]
    assert noise.kept == stored["noise"]["kept"]
    assert noise_floor("tiny-v1") is None


# ------------------------------------------------------------------------------------------------------------ oligomers
def helix(n: int, seed: int) -> np.ndarray:
    """CA atoms of a chain with no symmetry (angstrom)."""
    steps = np.random.default_rng(seed).normal(0, 1, (n, 3))
    return np.cumsum(3.8 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)


def structure_of(coords: dict[str, np.ndarray], name: str = "s") -> Structure:
    letters = np.random.default_rng(3).choice(["ALA", "LEU", "GLU", "LYS", "GLY", "SER", "PHE", "ASP"], 60)
    codes = np.tile(letters, len(coords))
    n = sum(map(len, coords.values()))
    numbers = np.concatenate([np.arange(1, len(c) + 1) for c in coords.values()]).astype(np.int32)
    names = np.repeat(list(coords), [len(c) for c in coords.values()])
    return Structure(
        name,
        make_atoms(
            np.concatenate(list(coords.values())), res_name=codes[:n], parent=codes[:n], res_id=numbers, chain_id=names
        ),
    )


def test_copies_are_paired_as_they_lie():
    """Two different conformers of one sequence; in B their names are exchanged."""
    one, two = helix(60, 0), helix(60, 1) + [40, 0, 0]
    motion = Motion(TURN, np.array([5.0, 5.0, 5.0]))
    found = correspond(structure_of({"A": one, "B": two}), structure_of({"A": motion(two), "B": motion(one)}))
    assert {(p.a.name, p.b.name) for p in found.chains} == {("A", "B"), ("B", "A")}
    assert found.distances.max() < 1e-4 and found.fitted.all()


def test_a_chain_too_many_is_left_over():
    one, two = helix(60, 0), helix(60, 1) + [40, 0, 0]
    found = correspond(structure_of({"A": one, "B": two}), structure_of({"X": two}))
    assert [(p.a.name, p.b.name) for p in found.chains] == [("B", "X")]
    assert [c.name for c in found.unpaired_a] == ["A"] and found.unpaired_b == ()
