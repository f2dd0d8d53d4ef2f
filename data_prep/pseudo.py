"""Pseudo-ligands: pieces cut out of proteins, as further training data.

``python -m data_prep.pseudo --manifest FILE -o STORE [--per-structure N] [--workers N] [--limit N] [--seed N]``

What holds a protein together also holds a ligand in its pocket. One to three residues of a chain, or one long side
chain, are taken as the ligand and what remains as the receptor (the idea of ProFSA: Gao et al., ICLR 2024,
arXiv:2310.07229). The neighbours along the chain are dropped, since their bonds would give the piece away. Features,
interactions and curation are those of real ligands. No piece touches a ligand or additive of the entry, whose
interactions would be missing; none is at a chain's end or bonded across the chain. Only training structures are used,
and none with a chain of a held-out family.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
from rdkit import Chem, RDLogger
from scipy.spatial import cKDTree

from data_prep import curate, sources
from data_prep.build import check_output, store_item, write_rejected
from data_prep.sources import Source
from pocketvox.chemistry.elements import METALS, VDW_RADIUS
from pocketvox.chemistry.residues import NEGATIVE_GROUPS, POSITIVE_GROUPS, RINGS
from pocketvox.data.store import PSEUDO, StoreItem, create_store, write_item
from pocketvox.errors import InputError, PocketvoxError
from pocketvox.features import FEATURES, FeaturePoints, receptor_points
from pocketvox.interactions import Interactions, find_interactions
from pocketvox.interactions.definitions import DEFINITIONS
from pocketvox.interactions.detect import residues_near
from pocketvox.structure import read_complex
from pocketvox.structure.atoms import OTHER, PROTEIN, WATER, Atoms, Complex, residue_label
from pocketvox.structure.bonds import bonds_between_residues
from pocketvox.structure.components import component_atoms
from pocketvox.structure.ligand_mol import ligand_mol
from pocketvox.voxel.kernels import SUPPORT

#: Heavy atoms of a piece, residues of the longest one, and residues dropped on either side of it.
MIN_ATOMS, MAX_ATOMS, LONGEST, DROPPED = 6, 25, 3, 3
#: Longest peptide bond (angstrom); a longer distance is a gap in the model.
PEPTIDE_BOND = 1.8
#: Coordination distance that makes a residue's neighbourhood that of a metal (angstrom).
NEAR_METAL = 3.0
#: How often a residue is wanted in a piece, relative to those not listed: rare interactions more often.
WEIGHTS = (
    dict.fromkeys(("PHE", "TYR", "TRP", "HIS"), 6.0)
    | dict.fromkeys(("ASP", "GLU"), 5.0)
    | dict.fromkeys(("LYS", "ARG", "MET"), 2.0)
    | dict.fromkeys(("ALA", "GLY", "LEU"), 0.5)
)
#: Factors for residues that bind a metal, that have an atom of a rare pair, that touch another chain; for side chains.
METAL_WEIGHT, PAIR_WEIGHT, INTERFACE_WEIGHT, SIDE_CHAIN_WEIGHT = 15.0, 4.0, 2.0, 5.0
#: Pairs of neighbouring atoms, by role, that few residues have: rings on rings, rings on cations, salt bridges.
RARE_PAIRS = frozenset({("ring", "ring"), ("positive", "ring"), ("negative", "positive")})
#: Receptor atoms within curate.CONTACT around a real ligand of n heavy atoms: medians of the training set (sizes 8 to
#: 24: 33, 38, 41, 48, 53) are this constant and this slope. A piece with the given part of that is taken with the given
#: chance: the ratio of both distributions, at most 1.
TYPICAL_CONTACTS = (20.0, 1.45)
ACCEPTED = ((0.2, 0.3, 0.5, 0.7, 0.9, 1.1), (0.0, 0.01, 0.03, 0.1, 0.35, 1.0))
#: Edge of the widest crop and largest jitter that the store is meant for (angstrom).
CROP, JITTER = 24.0, 6.0
#: Features of an atom depend on nothing farther away than this (angstrom).
_FEATURE_REACH = 8.0

_BACKBONE = frozenset({"N", "CA", "C", "O"})

#: Role of an atom, by parent residue and atom name.
ROLES = {
    (code, name): role
    for role, table in (("ring", RINGS), ("positive", POSITIVE_GROUPS), ("negative", NEGATIVE_GROUPS))
    for code, groups in table.items()
    for name in " ".join(groups).split()
}

log = logging.getLogger("data_prep")


@dataclass(frozen=True)
class Piece:
    """A part of a receptor to be its ligand.

    Attributes
    ----------
    name : str
        ``chain:resname resnum``, ``+n`` for ``n`` further residues, or ``side chain``.
    atoms, caps, removed : ndarray, dtype=int
        Atoms of the receptor: the piece's own; those that complete the peptide groups at its ends (or carry the side
        chain), so that these are typed as such; all that leaves the receptor, these and the dropped neighbours.
    residues : frozenset of (str, int, str)
        Name, number and insertion code: copies of a piece in other chains have the same.
    weight : float
        How often it is wanted: the sum over its residues.
    """

    name: str
    atoms: np.ndarray
    caps: np.ndarray
    removed: np.ndarray
    residues: frozenset[tuple[str, int, str]]
    weight: float


def find_pieces(complex_: Complex) -> list[Piece]:
    """Every piece of complete residues that could be cut out of a receptor without hydrogens, in file order."""
    atoms = complex_.receptor
    protein = np.flatnonzero(atoms.kind == PROTEIN)
    rows = np.split(protein, np.flatnonzero(np.diff(atoms.residue[protein])) + 1) if len(protein) else []
    places = [dict(zip(atoms.name[r].tolist(), r.tolist(), strict=True)) for r in rows]
    joined = [_peptide(atoms, a, b) for a, b in zip(places, places[1:], strict=False)] + [False]
    crossed = _bonded_across(complex_)
    whole = [_is_whole(atoms, r, p) and atoms.residue[r[0]] not in crossed for r, p in zip(rows, places, strict=True)]
    wanted = _residue_weights(atoms, rows)
    pieces = []

    def add(own: np.ndarray, first: int, last: int, caps: list[int], factor: float = 1.0, note: str = ""):
        if not MIN_ATOMS <= len(own) <= MAX_ATOMS:
            return
        gone = np.concatenate([rows[k] for k in _stretch(joined, first, last)])
        first_atoms = [rows[k][0] for k in range(first, last + 1)]
        label = residue_label(atoms, first_atoms[0]) + (f"+{last - first}" if last > first else "") + note
        keys = frozenset((str(atoms.res_name[i]), int(atoms.res_id[i]), str(atoms.ins_code[i])) for i in first_atoms)
        weight = factor * sum(wanted[first : last + 1])
        pieces.append(Piece(label, own, np.array(sorted(caps)), gone, keys, weight))

    for first in range(len(rows)):
        if whole[first]:
            side = [i for name, i in places[first].items() if name not in _BACKBONE]
            add(np.array(side, int), first, first, [places[first]["CA"]], SIDE_CHAIN_WEIGHT, " side chain")
        for last in range(first, first + LONGEST):
            if first == 0 or not (joined[first - 1] and whole[last] and joined[last]):
                break
            caps = [places[first - 1].get(n) for n in ("CA", "C", "O")] + [places[last + 1].get(n) for n in ("N", "CA")]
            if None not in caps:
                add(np.concatenate(rows[first : last + 1]), first, last, caps)
    return pieces


def _peptide(atoms: Atoms, before: dict[str, int], after: dict[str, int]) -> bool:
    if "C" not in before or "N" not in after:
        return False
    i, j = before["C"], after["N"]
    return bool(
        atoms.chain_id[i] == atoms.chain_id[j] and np.linalg.norm(atoms.coord[i] - atoms.coord[j]) < PEPTIDE_BOND
    )


def _stretch(joined: list[bool], first: int, last: int) -> range:
    """Residues from ``DROPPED`` before to ``DROPPED`` after the piece, as far as the chain goes unbroken."""
    start, stop = first, last
    while start > 0 and joined[start - 1] and first - start < DROPPED:
        start -= 1
    while joined[stop] and stop - last < DROPPED:
        stop += 1
    return range(start, stop + 1)


def _is_whole(atoms: Atoms, rows: np.ndarray, places: dict[str, int]) -> bool:
    """Whether an amino acid has every heavy atom of its component and no other; a carboxylate's OXT is other."""
    entry = component_atoms(str(atoms.res_name[rows[0]]))
    if entry is None or len(places) < len(rows) or not _BACKBONE <= places.keys():
        return False
    return {name for name, (element, _) in entry[0].items() if element not in ("H", "D")} - {"OXT"} == places.keys()


def _bonded_across(complex_: Complex) -> set[int]:
    """Residues with a covalent bond other than peptide bonds: disulfides, glycans, covalent ligands, declared links."""
    atoms = complex_.structure.atoms
    protein, solid = np.flatnonzero(atoms.kind == PROTEIN), np.flatnonzero(atoms.kind != WATER)
    pairs = bonds_between_residues(atoms.coord, atoms.element, atoms.residue, protein, solid)
    pairs = np.concatenate([pairs, complex_.structure.links])
    names = np.sort(atoms.name[pairs], axis=1)
    across = pairs[(names != ["C", "N"]).any(axis=1)]
    return set(atoms.residue[across].ravel().tolist())


def _residue_weights(atoms: Atoms, rows: list[np.ndarray]) -> list[float]:
    """How often each residue is wanted: by type, more at metals, in rare pairs and where it touches another chain."""
    roles = np.array([ROLES.get(key, "") for key in zip(atoms.parent.tolist(), atoms.name.tolist(), strict=True)])
    polymer = np.flatnonzero(atoms.kind < OTHER)
    near = polymer[cKDTree(atoms.coord[polymer]).query_pairs(curate.CONTACT, output_type="ndarray")]
    across = atoms.chain_id[near[:, 0]] != atoms.chain_id[near[:, 1]]
    typed = near[(np.ptp(atoms.residue[near], axis=1) > DROPPED) & (roles[near] != "").all(axis=1)]
    rare = [tuple(sorted(pair)) in RARE_PAIRS for pair in roles[typed].tolist()]
    factors = np.ones((3, len(atoms)))
    factors[0, _at_metals(atoms)] = METAL_WEIGHT
    factors[1, typed[np.array(rare, bool)]] = PAIR_WEIGHT
    factors[2, near[across]] = INTERFACE_WEIGHT
    return [WEIGHTS.get(str(atoms.parent[r[0]]), 1.0) * float(factors[:, r].max(axis=1).prod()) for r in rows]


def _at_metals(atoms: Atoms) -> np.ndarray:
    metal = atoms.coord[np.isin(atoms.element, list(METALS)) & (atoms.kind == OTHER)]
    distance, _ = cKDTree(metal.reshape(-1, 3)).query(atoms.coord)
    return np.isin(atoms.element, ("N", "O", "S")) & (distance <= NEAR_METAL)


def cut_out(complex_: Complex, piece: Piece, reach: float = np.inf) -> tuple[Complex, np.ndarray]:
    """Make a piece the ligand of what remains of its receptor.

    Parameters
    ----------
    complex_ : Complex
        Its receptor without hydrogens.
    piece : Piece
    reach : float, optional
        Keep residues with an atom this near to the piece (angstrom).

    Returns
    -------
    complex_ : Complex
        Ligand molecules hold the piece and its caps; there are two if it has histidines, one with each tautomer.
    own : ndarray, shape=(n,), dtype=bool
        Which heavy atoms of the ligands are the piece's own.
    """
    atoms = complex_.receptor
    index = np.union1d(piece.atoms, piece.caps)
    ligand, _ = ligand_mol(replace(complex_.structure, atoms=atoms, links=np.empty((0, 2), np.int32)), index)
    ligands = tuple(replace(ligand, name=piece.name, mol=mol) for mol in _tautomers(ligand.mol))
    rest = np.ones(len(atoms), bool)
    rest[piece.removed] = False
    receptor = atoms[rest]
    receptor = receptor[residues_near(receptor, atoms.coord[piece.atoms], reach)]
    return replace(complex_, receptor=receptor, ligands=ligands), np.isin(index, piece.atoms)


def _tautomers(mol: Chem.Mol) -> list[Chem.Mol]:
    """Both neutral forms of histidine, as in the residue table; the component dictionary has it protonated."""
    forms = []
    for protonated in ("ND1", "NE2"):
        form = Chem.RWMol(mol)
        imidazole = [a for a in form.GetAtoms() if a.GetIsAromatic() and a.GetProp("name") in ("ND1", "NE2")]
        for atom in imidazole:
            atom.SetFormalCharge(0)
            atom.SetNoImplicit(True)
            atom.SetNumExplicitHs(int(atom.GetProp("name") == protonated))
        try:
            Chem.SanitizeMol(form)
        except Chem.MolSanitizeException:  # modified histidines have one form, or none
            continue
        forms.append(form.GetMol())
    return forms if imidazole and forms else [mol]


def own_interactions(found: Interactions, own: np.ndarray) -> Interactions:
    """The interactions whose ligand atoms are all the piece's own, those of all tautomers as of one ligand."""
    keep = [k for k, atoms in enumerate(found.ligand_atoms) if own[atoms].all()]
    columns = {f.name: getattr(found, f.name) for f in fields(found)}
    kept = {n: tuple(c[k] for k in keep) if isinstance(c, tuple) else c[keep] for n, c in columns.items()}
    return Interactions(**kept | {"ligand": np.zeros(len(keep), np.int32)})


def crop_reach(crop: float = CROP, jitter: float = JITTER) -> float:
    """How far from a ligand atom a crop centred on it can see receptor atoms (angstrom).

    Half the diagonal of a cube of edge ``crop``, the jitter and the kernel of the largest atom.
    """
    return float(np.sqrt(3) / 2 * crop + jitter + SUPPORT * max(VDW_RADIUS.values()))


def pseudo_items(
    source: Source, *, per_structure: int = 6, seed: int = 0, reach: float | None = None
) -> list[StoreItem]:
    """Items of one structure, the same for the same seed and id.

    Parameters
    ----------
    source : Source
    per_structure : int
        As many pseudo-ligands at most; no two share a residue or its copy in another chain.
    seed : int
    reach : float, optional
        Feature points farther from the piece are left out (angstrom); :func:`crop_reach` if not given.

    Returns
    -------
    list of StoreItem
        What else would bind to such a receptor is unknown, so there are no surface points, and ``ignored_coord`` holds
        the dropped neighbours and the entry's ligands and additives.
    """
    reach = crop_reach() if reach is None else reach
    complex_ = read_complex(source.structure, ligand=source.ligand or None)
    if source.resolution is not None:
        complex_ = replace(complex_, structure=replace(complex_.structure, resolution=source.resolution))
    ignored, ligands = complex_.ignored, complex_.ligands
    foreign = np.concatenate([ignored.coord[ignored.heavy], *(ligand.coord for ligand in ligands)])
    complex_ = replace(complex_, receptor=complex_.receptor[complex_.receptor.heavy], ligands=())
    rng = np.random.default_rng(list(hashlib.sha256(f"{seed} {source.id}".encode()).digest()))
    items: list[StoreItem] = []
    taken: set[tuple[str, int, str]] = set()
    for piece in _drawn(complex_.receptor, find_pieces(complex_), foreign, rng):
        if len(items) == per_structure:
            break
        if taken.isdisjoint(piece.residues):
            named = replace(source, id=f"{source.id}_p{len(items)}", origin=PSEUDO)
            item = _item(named, complex_, piece, foreign, reach)
            if item is not None:
                items.append(item)
                taken |= piece.residues
    return items


def _drawn(atoms: Atoms, pieces: list[Piece], foreign: np.ndarray, rng: np.random.Generator) -> Iterator[Piece]:
    """Pieces in random order, without those that touch ``foreign`` and most of those less buried than real ligands."""
    order = np.argsort(rng.exponential(size=len(pieces)) / [piece.weight for piece in pieces])  # by weight
    chances = rng.random(len(pieces))
    tree, others = cKDTree(atoms.coord), cKDTree(foreign)
    for piece, chance in zip([pieces[i] for i in order], chances, strict=True):
        coord = atoms.coord[piece.atoms]
        near = np.concatenate(tree.query_ball_point(coord, curate.CONTACT)).astype(int)
        contacts = len(np.setdiff1d(near, piece.removed))
        burial = contacts / (TYPICAL_CONTACTS[0] + TYPICAL_CONTACTS[1] * len(coord))
        if chance < np.interp(burial, *ACCEPTED) and others.query(coord)[0].min() > curate.CONTACT:
            yield piece


def _item(source: Source, complex_: Complex, piece: Piece, foreign: np.ndarray, reach: float) -> StoreItem | None:
    """Item of one pseudo-ligand; None if it would be unfit as a ligand."""
    near, own = cut_out(complex_, piece, reach + _FEATURE_REACH)
    ligand = replace(near.ligands[0], coord=complex_.receptor.coord[piece.atoms])
    if curate.rejection(near, ligand) is not None:
        return None
    points, tree = receptor_points(near.receptor), cKDTree(ligand.coord)
    seen = tree.query(points.coord)[0] <= reach
    points = FeaturePoints(points.coord[seen], points.features[seen], points.radius[seen])
    unknown = np.concatenate([foreign, complex_.receptor.coord[np.setdiff1d(piece.removed, piece.atoms)]])
    unknown = unknown[tree.query(unknown)[0] <= reach]
    found = own_interactions(find_interactions(near), own)
    return store_item(source, (ligand,), points, found, ignored=unknown, surface=np.empty((0, 3)))


def train_sources(manifest: str | Path) -> tuple[list[Source], frozenset[str], int]:
    """Training structures of a manifest, with or without ligands; see :func:`data_prep.sources.from_manifest`.

    Returns
    -------
    entries : list of Source
        ``clusters`` are those of the column ``all_clusters``.
    held_out : frozenset of str
        Clusters of validation and test pockets.
    skipped : int
        Training rows left out because a chain of theirs is of a held-out cluster, or of none that is known.
    """
    found = sources.from_manifest(manifest)
    with Path(manifest).open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    if "all_clusters" not in rows[0]:
        raise InputError(f"{manifest}: expected the column all_clusters. Received: {sorted(rows[0])}.")
    held_out = frozenset(c for s in found if s.split != "train" for c in s.clusters)
    train = [
        replace(s, clusters=tuple(row["all_clusters"].replace(";", " ").replace(",", " ").split()))
        for s, row in zip(found, rows, strict=True)
        if s.split == "train"
    ]
    entries = [s for s in train if s.clusters and held_out.isdisjoint(s.clusters)]
    return entries, held_out, len(train) - len(entries)


def build(
    entries: list[Source],
    out: Path,
    *,
    held_out: frozenset[str] = frozenset(),
    per_structure: int = 6,
    workers: int = 2,
    seed: int = 0,
    reach: float | None = None,
) -> Counter:
    """Build a store of pseudo-ligands; returns the count of each reason for which a structure gave none.

    Raises
    ------
    InputError
        Before anything is read, if an entry is not of the training split or of a cluster in ``held_out``, or ``out``
        exists or its folder does not.
    """
    check_output(out)
    for s in entries:
        if s.split != "train" or not held_out.isdisjoint(s.clusters):
            raise InputError(f"Expected training structures without held-out clusters. Received: {s.id} ({s.split}).")
    rejected: list[tuple[str, str, str]] = []
    items_of = partial(_quietly, per_structure=per_structure, seed=seed, reach=reach)
    with ProcessPoolExecutor(workers) as pool, create_store(out, FEATURES, DEFINITIONS.to_dict()) as h5:
        for number, (source, (items, reason)) in enumerate(
            zip(entries, pool.map(items_of, entries, chunksize=4), strict=True), 1
        ):
            for item in items:
                write_item(h5, item)
            rejected += [(source.id, "", reason)] if reason else []
            if number % 100 == 0 or number == len(entries):
                log.info("%d of %d structures read, %d pseudo-ligands", number, len(entries), len(h5["structures"]))
    return write_rejected(out, rejected)


def _quietly(source: Source, **options) -> tuple[list[StoreItem], str]:
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    try:
        items = pseudo_items(source, **options)
    except PocketvoxError as error:
        return [], str(error)
    except Exception as error:  # one defective structure must not end a build of thousands; it is named in the report
        return [], f"internal error: {type(error).__name__}: {error}"
    return items, "" if items else "no suitable piece"


def main(argv: list[str] | None = None) -> int:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.pseudo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--manifest", required=True, help="CSV with ids, kinds, paths, splits and clusters")
    parser.add_argument("-o", "--output", required=True, type=Path, help="HDF5 store to write")
    parser.add_argument("--per-structure", type=int, default=6, help="pseudo-ligands per structure, at most")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only the first N structures")
    parser.add_argument("--seed", type=int, default=0)
    reach = f"angstrom; by default right for crops {CROP:g} A wide and a jitter of {JITTER:g} A"
    parser.add_argument("--reach", type=float, help=f"leave out feature points farther from the piece ({reach})")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        entries, held_out, skipped = train_sources(args.manifest)
        log.info("%d training structures, %d skipped: held-out or unknown clusters", len(entries), skipped)
        options = {"per_structure": args.per_structure, "workers": args.workers, "seed": args.seed}
        options["reach"] = args.reach
        reasons = build(entries[: args.limit], args.output, held_out=held_out, **options)
    except PocketvoxError as error:
        log.error("error: %s", error)
        return 1
    for reason, count in reasons.most_common(20):
        log.info("%6d  %s", count, reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())
