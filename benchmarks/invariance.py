"""What must not change a prediction, and what moves with it: ``python -m benchmarks.invariance FILE ... -o FILE``.

Each structure is written again in ways that mean the same: another format, packed, rows, atoms or chains in another
order, other names of chains and numbers of residues, hydrogens added. The hot-spots must be the same: of the same type,
at the same place, with the same probability. Then it is moved as a rigid body. The lattice of voxels stays where it is,
at multiples of the spacing along the axes of the file, so what is found moves along only as well as the network
resolves it: hot-spots are moved back and matched, and maps are compared at the voxels of the pockets.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
from rdkit import Chem
from scipy.ndimage import map_coordinates
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from benchmarks.environment import environment
from pocketvox.channels import LIGAND
from pocketvox.errors import PocketvoxError
from pocketvox.inference import Predictor, load_predictor
from pocketvox.pipeline import scan
from pocketvox.pockets import Hotspot, PocketConfig
from pocketvox.report import Result
from pocketvox.voxel import random_rotation

#: Hot-spots are the same within so much: what rounding of coordinates to the three digits of a file can do (angstrom).
SAME, SAME_PROBABILITY = 0.02, 0.005
#: A hot-spot that was moved is found again within a voxel's diagonal or so (angstrom).
FOUND = 1.5
#: The strongest hot-spots of a structure, by score.
STRONG = 5
#: Larger structures take too long (atoms).
MOST_ATOMS = 5000


# --------------------------------------------------------------------------------------------- the same, written again
def read(path: Path) -> gemmi.Structure:
    """First model of a PDB, mmCIF or BinaryCIF file, without alternate locations."""
    if ".bcif" in path.name:
        structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text_of_binary(path)).sole_block())
    else:
        structure = gemmi.read_structure(str(path))
    while len(structure) > 1:
        del structure[-1]
    structure.remove_alternative_conformations()
    structure.remove_hydrogens()
    structure.entities.clear()
    for chain in structure[0]:
        for residue in chain:
            residue.subchain = residue.entity_id = ""
            residue.label_seq, residue.entity_type = None, gemmi.EntityType.Unknown
    structure.setup_entities()
    return structure


def text_of_binary(path: Path) -> str:
    """BinaryCIF as mmCIF, by biotite."""
    from biotite.structure.io import pdbx

    data = path.read_bytes()
    with tempfile.TemporaryFile() as file:
        file.write(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)
        file.seek(0)
        binary = pdbx.BinaryCIFFile.read(file)
    blocks = {}
    for name, block in binary.items():
        categories = {}
        for key, category in block.items():
            categories[key] = pdbx.CIFCategory({
                column: pdbx.CIFColumn(
                    pdbx.CIFData(values.data.array.astype(str)),
                    None if values.mask is None else pdbx.CIFData(values.mask.array, np.uint8),
                )
                for column, values in category.items()
            })  # fmt: skip
        blocks[name] = pdbx.CIFBlock(categories)
    return pdbx.CIFFile(blocks).serialize()


def mmcif(structure: gemmi.Structure) -> bytes:
    """The structure as an mmCIF file."""
    return structure.make_mmcif_document().as_string().encode()


def pdb(structure: gemmi.Structure, rng: np.random.Generator) -> bytes:
    """The structure as a PDB file."""
    if any(len(chain.name) > 1 for chain in structure[0]):
        raise ImpossibleError("names of chains with more than one letter")
    return structure.make_pdb_string().encode()


def packed(structure: gemmi.Structure, rng: np.random.Generator) -> bytes:
    """The structure as an mmCIF file, packed by gzip."""
    return gzip.compress(mmcif(structure))


def rows_shuffled(structure: gemmi.Structure, rng: np.random.Generator) -> bytes:
    """All atoms of the file in random order."""
    document = structure.make_mmcif_document()
    table = document.sole_block().find_mmcif_category("_atom_site.")
    rows = [list(row) for row in table]
    for k, at in enumerate(rng.permutation(len(rows))):
        for j, value in enumerate(rows[at]):
            table[k][j] = value
    return document.as_string().encode()


def atoms_shuffled(structure: gemmi.Structure, rng: np.random.Generator) -> bytes:
    """The atoms of each residue in random order."""
    for chain in structure[0]:
        for residue in chain:
            atoms = [atom.clone() for atom in residue]
            for k, at in enumerate(rng.permutation(len(atoms))):
                residue[k].name, residue[k].pos = atoms[at].name, atoms[at].pos
                residue[k].element, residue[k].b_iso = atoms[at].element, atoms[at].b_iso
                residue[k].occ, residue[k].charge = atoms[at].occ, atoms[at].charge
    return mmcif(structure)


def chains_shuffled(structure: gemmi.Structure, rng: np.random.Generator) -> bytes:
    """The chains in another order."""
    model = structure[0]
    chains = [chain.clone() for chain in model]
    while len(model):
        del model[0]
    for k in rng.permutation(len(chains))[::-1]:
        model.add_chain(chains[k])
    return mmcif(structure)


def chains_renamed(structure: gemmi.Structure, rng: np.random.Generator) -> bytes:
    """Every chain with another name, of two letters."""
    names = list(dict.fromkeys(chain.name for chain in structure[0]))
    for name in names:
        structure.rename_chain(name, f"_{name}")
    for name, new in zip(names, rng.permutation([f"X{k}" for k in range(len(names))]).tolist(), strict=True):
        structure.rename_chain(f"_{name}", new)
    return mmcif(structure)


def renumbered(structure: gemmi.Structure, rng: np.random.Generator) -> bytes:
    """Residues numbered from one in each chain, without insertion codes."""
    new: dict[tuple[str, str], int] = {}
    for chain in structure[0]:
        for k, residue in enumerate(chain, 1):
            new[chain.name, str(residue.seqid)] = k
            residue.seqid = gemmi.SeqId(k, " ")
    for link in structure.connections:
        for partner in (link.partner1, link.partner2):
            k = new.get((partner.chain_name, str(partner.res_id.seqid)))
            if k is not None:
                partner.res_id.seqid = gemmi.SeqId(k, " ")
    return mmcif(structure)


def with_hydrogens(structure: gemmi.Structure, rng: np.random.Generator) -> bytes:
    """Hydrogens on proteins and nucleic acids, placed by RDKit."""
    polymer = structure.clone()
    polymer.remove_ligands_and_waters()
    polymer.connections.clear()
    mol = Chem.MolFromPDBBlock(polymer.make_pdb_string(), sanitize=False, removeHs=False)
    if mol is None or any(len(chain.name) > 1 for chain in structure[0]):
        raise ImpossibleError("RDKit reads no molecule")
    mol.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(mol)
    mol = Chem.AddHs(mol, addCoords=True)
    residues = {(c.name, r.seqid.num, r.seqid.icode.strip(), r.name): r for c in structure[0] for r in c}
    coord = mol.GetConformer().GetPositions()
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() != 1 or not np.isfinite(coord[atom.GetIdx()]).all():
            continue
        info = atom.GetNeighbors()[0].GetPDBResidueInfo()
        key = (
            info.GetChainId(),
            info.GetResidueNumber(),
            info.GetInsertionCode().strip(),
            info.GetResidueName().strip(),
        )
        added = gemmi.Atom()
        added.name, added.element = f"H{len(residues[key])}", gemmi.Element("H")
        added.pos, added.occ = gemmi.Position(*coord[atom.GetIdx()]), 1.0
        residues[key].add_atom(added)
    return mmcif(structure)


class ImpossibleError(Exception):
    """The structure cannot be written so."""


#: Ways of writing a structure that mean the same.
REWRITTEN: dict[str, Callable[[gemmi.Structure, np.random.Generator], bytes]] = {
    "PDB for mmCIF": pdb,
    "gzip": packed,
    "order of rows": rows_shuffled,
    "order of atoms in residues": atoms_shuffled,
    "order of chains": chains_shuffled,
    "names of chains": chains_renamed,
    "numbers of residues": renumbered,
    "hydrogens added": with_hydrogens,
}


#: Rigid motions, from exact on the lattice to arbitrary.
MOTIONS = ("moved by whole voxels", "moved by parts of a voxel", "turned by 90 degrees", "turned and moved at random")


def motions(spacing: float, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rotation and translation (angstrom) by kind."""
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    found = (
        (np.eye(3), spacing * np.array([8.0, -12.0, 4.0])),
        (np.eye(3), spacing * rng.uniform(0.2, 0.8, 3)),
        (quarter, np.zeros(3)),
        (random_rotation(rng), rng.uniform(-50, 50, 3)),
    )
    return dict(zip(MOTIONS, found, strict=True))


def moved(structure: gemmi.Structure, turn: np.ndarray, shift: np.ndarray) -> bytes:
    """The structure turned, then moved, as an mmCIF file."""
    transform = gemmi.Transform(gemmi.Mat33(turn.tolist()), gemmi.Vec3(*shift))
    structure[0].transform_pos_and_adp(transform)
    return mmcif(structure)


# ------------------------------------------------------------------------------------------------------- what was found
def matched(
    first: Sequence[Hotspot], second: Sequence[Hotspot], away: float, change: float = np.inf
) -> tuple[int, np.ndarray]:
    """Hot-spots of one type matched one to one: how many, and their distances (angstrom)."""
    if not first or not second:
        return 0, np.empty(0)
    distance = cdist([h.coord for h in first], [h.coord for h in second])
    probability = np.abs(np.subtract.outer([h.probability for h in first], [h.probability for h in second]))
    other = np.array([[a.type != b.type for b in second] for a in first])
    cost = np.where(other | (probability > change) | (distance > away), 1e6, distance)
    i, j = linear_sum_assignment(cost)
    found = cost[i, j] < 1e6
    return int(found.sum()), distance[i[found], j[found]]


def moved_back(hotspots: Sequence[Hotspot], turn: np.ndarray, shift: np.ndarray) -> list[Hotspot]:
    """Hot-spots of a moved structure, where those of the structure itself should be."""
    return [replace(h, coord=tuple((np.array(h.coord) - shift) @ turn)) for h in hotspots]


def map_change(first: Result, second: Result, turn: np.ndarray, shift: np.ndarray, threshold: float) -> np.ndarray:
    """Differences of all channels at the voxels of the pockets of ``first``, shape=(n,)."""
    inside = np.argwhere(first.maps.values[..., first.maps.channels.index(LIGAND)] >= threshold)
    index = second.maps.grid.to_index(first.maps.grid.to_coord(inside) @ turn.T + shift)
    changes = []
    for k in range(len(first.maps.channels)):
        there = map_coordinates(second.maps.values[..., k].astype(np.float32), index.T, order=1, mode="nearest")
        changes.append(there - first.maps.values[tuple(inside.T)][:, k])
    return np.concatenate(changes) if len(inside) else np.empty(0)


def measure(paths: Sequence[Path], predictor: Predictor, rotations: int = 1) -> dict:
    """All variants of all structures; counts are summed over them."""
    threshold = PocketConfig.from_dict(predictor.preset.config.pockets).threshold
    rows: dict[str, dict] = {}
    changed = {}
    for done, path in enumerate(paths, 1):
        with tempfile.TemporaryDirectory() as folder:
            scans = scan_variants(path, Path(folder), predictor, rotations)
            _, base, *_ = next(scans)
            for kind, result, turn, shift in scans:
                back = moved_back(result.hotspots, turn, shift)
                count = max(len(base.hotspots), len(back))
                same, _ = matched(base.hotspots, back, SAME, SAME_PROBABILITY)
                found, far = matched(base.hotspots, back, FOUND)
                best = sorted(base.hotspots, key=lambda hotspot: -hotspot.score)[:STRONG]
                strong = sum(matched([hotspot], back, FOUND)[0] for hotspot in best)
                counts = {"structures": 1, "hotspots": count, "same": same, "found": found}
                counts |= {"strong": len(best), "strong_found": strong}
                row = rows.setdefault(kind, dict.fromkeys(counts, 0))
                for name, value in counts.items():
                    row[name] += value
                row.setdefault("far", []).append(far)
                row.setdefault("maps", []).append(map_change(base, result, turn, shift, threshold))
                if same < count and kind not in MOTIONS:
                    changed[f"{path.name}: {kind}"] = f"{same} of {count}"
        print(f"{done} of {len(paths)}: {path.name}, {len(base.hotspots)} hot-spots", file=sys.stderr)
    return {
        "preset": predictor.preset.name,
        "rotations": rotations,
        "same_within": {"angstrom": SAME, "probability": SAME_PROBABILITY},
        "found_within": {"angstrom": FOUND},
        "rows": {kind: summary(row) for kind, row in rows.items()},
        "changed": changed,
        "structures": [path.name for path in paths],
    }


def scan_variants(
    path: Path, folder: Path, predictor: Predictor, rotations: int = 1, kinds: Collection[str] | None = None
) -> Iterator[tuple[str, Result, np.ndarray, np.ndarray]]:
    """Kind, result, rotation and translation: of the structure itself first, then of some kinds or all."""
    rng = np.random.default_rng(0)
    structure, still = read(path), (np.eye(3), np.zeros(3))

    def look(data: bytes, ending: str = ".cif") -> Result:
        file = folder / f"structure{ending}"
        file.write_bytes(data)
        return scan(file, predictor=predictor, rotations=rotations)

    yield "itself", look(mmcif(structure.clone())), *still
    for kind, write in REWRITTEN.items():
        if kinds is not None and kind not in kinds:
            continue
        try:
            data = write(structure.clone(), rng)
        except ImpossibleError:
            continue
        yield kind, look(data, ".pdb" if write is pdb else ".cif"), *still
    if ".bcif" in path.name and kinds is None:
        yield "BinaryCIF as found", look(path.read_bytes(), ".bcif.gz"), *still
    for kind, (turn, shift) in motions(predictor.preset.spacing, rng).items():
        if kinds is None or kind in kinds:
            yield kind, look(moved(structure.clone(), turn, shift)), turn, shift


def summary(row: dict) -> dict:
    """One row of the table: parts of the hot-spots, distances, changes of the maps."""
    far, maps = np.concatenate(row["far"]), np.concatenate(row["maps"])
    return {
        "structures": row["structures"],
        "hotspots": row["hotspots"],
        "same": round(row["same"] / row["hotspots"], 4),
        "found": round(row["found"] / row["hotspots"], 4),
        "strong_found": round(row["strong_found"] / row["strong"], 4),
        "median_distance": round(float(np.median(far)), 3),
        "map_rms": round(float(np.sqrt(np.mean(maps**2))), 4),
        "map_largest": round(float(np.abs(maps).max()), 4),
    }


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.invariance", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="PDB, mmCIF or BinaryCIF files")
    parser.add_argument("--most", type=int, default=50, help="structures (default: 50)")
    parser.add_argument("--preset", help="name or folder; the newest shipped one if not given")
    parser.add_argument("--rotations", type=int, default=1, help="orientations averaged over (default: 1)")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(argv)
    chosen = []
    for path in sorted(args.files):
        try:
            if read(path)[0].count_atom_sites() <= MOST_ATOMS:
                chosen.append(path)
        except (RuntimeError, ValueError, PocketvoxError) as error:
            print(f"{path}: left out ({error})", file=sys.stderr)
        if len(chosen) == args.most:
            break
    found = measure(chosen, load_predictor(args.preset), args.rotations) | {"environment": environment()}
    args.output.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
