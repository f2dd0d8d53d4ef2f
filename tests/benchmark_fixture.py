"""A benchmark of seven real but small entries, and a submission that knows all their labels."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from rdkit import Chem

from benchmarks.entries import BENCHMARK_VERSION, MAPS, PAIRS, SCREENING, Benchmark
from benchmarks.frozen import Row
from benchmarks.prepare import fingerprint, heavy_formula, prepare, prepare_row
from pocketvox.channels import CHANNELS
from pocketvox.report.maps import write_maps
from pocketvox.structure import read_complex
from pocketvox.voxel import Grid, Volume, label_volume

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "pocketvox" / "demo" / "1hvr.pdb.gz"
DNA = ROOT / "tests" / "data" / "1pfe.cif.gz"
#: Of 1HVR, what is nearer than this to the ligand (angstrom).
CUT = 9.0

_BUILT: dict[Path, bytes] = {}


def tiny_data(folder: Path) -> list[Row]:
    """Write a folder of structures, and return its frozen list.

    HIV protease around its ligand (``1hvr``, val; ``1hvr-piece``, test, with a naphthylmethyl group of the ligand),
    DNA with echinomycin (``1pfe``, test), a pair of that fragment and the whole ligand with the apo structure, and
    posed molecules: the ligand and its piece as actives, shifted copies as decoys.
    """
    folder.mkdir(parents=True)
    complex_ = read_complex(DEMO)
    ligand = complex_.ligands[0]
    _write_cut(folder / "1hvr.pdb", ligand.coord, "")
    _write_cut(folder / "protein.pdb", ligand.coord, "XK2")
    _write_mol2(folder / "protein.mol2.gz", folder / "protein.pdb")
    shutil.copy(DNA, folder / "1pfe.cif.gz")
    whole, piece = _named(ligand.mol, "lead"), _piece(ligand.mol)
    _write_sdf(folder / "lead.sdf", whole)
    _write_sdf(folder / "piece.sdf", piece)
    _write_sdf(folder / "actives.sdf.gz", whole, piece)
    shifts = np.array([[3.0, 0, 0], [0, 4, 0], [0, 0, 5], [-4, 0, 0], [0, -3, 3]])
    _write_sdf(folder / "decoys.sdf.gz", *(_shifted(piece, shift) for shift in shifts))
    echinomycin = read_complex(DNA).ligands[0]
    base = Row(
        id="1hvr",
        set=MAPS,
        split="val",
        state="holo",
        pair="",
        pdb_id="1hvr",
        receptor="1hvr.pdb",
        ligands=(),
        sites=(f"{ligand.name}|{heavy_formula(ligand.mol)}",),
        clusters=("H1",),
        resolution=1.8,
        identity=0.25,
        homology_free=True,
    )
    dna = f"{echinomycin.name}|{heavy_formula(echinomycin.mol)}"
    with_file = replace(base, receptor="protein.pdb", sites=())
    of_pair = replace(with_file, set=PAIRS, split="test", pair="P1", clusters=("P01",))
    files = ("crystal=lead.sdf", "actives=actives.sdf.gz", "decoys=decoys.sdf.gz")
    rows = [
        base,
        replace(with_file, id="1hvr-piece", split="test", ligands=("=piece.sdf",), clusters=("H2", "H3")),
        replace(base, id="1pfe", split="test", pdb_id="1pfe", receptor="1pfe.cif.gz", sites=(dna,), clusters=("H4",)),
        replace(of_pair, id="P1-apo", state="apo"),
        replace(of_pair, id="P1-fragment", ligands=("fragment=piece.sdf",)),
        replace(of_pair, id="P1-lead", ligands=("lead=lead.sdf",)),
        replace(of_pair, id="tiny", set=SCREENING, pair="", receptor="protein.mol2.gz", ligands=files),
    ]
    return [replace(row, sha256=fingerprint(prepare_row(row, folder))) for row in rows]


def tiny_benchmark(folder: Path) -> Benchmark:
    """The prepared benchmark of :func:`tiny_data` in a new folder; built once in a process, then copied."""
    if not _BUILT:
        data = folder.with_name(f"{folder.name}-data")
        prepare(tiny_data(data), folder, data, workers=1)
        _BUILT.update({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    for name, content in _BUILT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return Benchmark(folder)


def labels_submission(benchmark: Benchmark, folder: Path, noise: str | None = None) -> Path:
    """A submission whose maps are the labels, and whose pockets are the ligands' centroids.

    Maps are boxes of 6 angstrom around each ligand, and whole receptors in the ``pairs`` set.

    Parameters
    ----------
    benchmark : Benchmark
    folder : Path
        New.
    noise : str, optional
        ``shuffled``: the values of each channel are permuted within each box.
    """
    rng = np.random.default_rng(0)
    for entry in benchmark.entries():
        (folder / entry.id).mkdir(parents=True)
        points = np.concatenate([site.point_coord for site in entry.sites])
        channel = np.concatenate([site.point_channel for site in entry.sites])
        atoms = np.concatenate([site.coord for site in entry.sites])
        around = [site.coord for site in entry.sites]
        if entry.set == PAIRS:
            around = [np.concatenate([entry.atoms.coord, *around])]
        for number, coord in enumerate(around):
            grid = Grid.around(coord, 6.0, 0.75)
            values = label_volume(points, channel, atoms, grid).values.astype(np.float32)
            if noise == "shuffled":
                values = rng.permuted(values.reshape(-1, len(CHANNELS)), axis=0).reshape(values.shape)
            path = folder / entry.id / f"map{number}.h5"
            write_maps(path, Volume(values, grid, CHANNELS), calibrated=False, floor=0.0)
        centers = [",".join(f"{v:.3f}" for v in site.coord.mean(axis=0)) for site in entry.sites]
        lines = ["rank,center_x,center_y,center_z", *(f"{n},{text}" for n, text in enumerate(centers, 1))]
        (folder / entry.id / "pockets.csv").write_text("\n".join(lines) + "\n")
    write_info(folder)
    return folder


def write_info(folder: Path, **changes) -> None:
    """Write ``submission.json``; a field that is None is left out."""
    info = {
        "name": "labels",
        "title": "labels",
        "description": "The labels themselves.",
        "task": "pocket",
        "scope": "site",
        "kind": "ceiling",
        "channels": list(CHANNELS),
        "benchmark_version": BENCHMARK_VERSION,
        "failures": {},
        **changes,
    }
    text = json.dumps({key: value for key, value in info.items() if value is not None})
    (folder / "submission.json").write_text(text)


def _write_cut(path: Path, ligand: np.ndarray, without: str) -> None:
    """Residues of 1HVR with an atom near the ligand, those of one name left out."""
    lines = gzip.decompress(DEMO.read_bytes()).decode().splitlines()
    atoms = [line for line in lines if line[:6] in ("ATOM  ", "HETATM")]
    coord = np.array([[float(line[a : a + 8]) for a in (30, 38, 46)] for line in atoms])
    near = np.linalg.norm(coord[:, None] - ligand, axis=2).min(axis=1) < CUT
    residues = {line[17:27] for line, is_near in zip(atoms, near, strict=True) if is_near}
    kept = [line for line in atoms if line[17:27] in residues and line[17:20] != without]
    path.write_text("\n".join(kept) + "\nEND\n")


def _write_mol2(path: Path, source: Path) -> None:
    """The protein of a PDB file as MOL2; a chain's residue numbers follow the other's."""
    receptor = read_complex(source).receptor
    rows = [
        f"{i + 1} {receptor.name[i]} {x:.3f} {y:.3f} {z:.3f} {receptor.element[i]}.3 {receptor.residue[i] + 1} {code}"
        for i, ((x, y, z), code) in enumerate(zip(receptor.coord.tolist(), receptor.res_name, strict=True))
    ]
    text = "@<TRIPOS>MOLECULE\nprotein\n@<TRIPOS>ATOM\n" + "\n".join(rows) + "\n@<TRIPOS>BOND\n"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _piece(mol: Chem.Mol) -> Chem.Mol:
    """A naphthalene of the ligand and the carbon that bears it."""
    match = mol.GetSubstructMatch(Chem.MolFromSmarts("[CX4]c1ccc2ccccc2c1"))
    piece = Chem.RWMol(mol)
    for index in sorted(set(range(mol.GetNumAtoms())) - set(match), reverse=True):
        piece.RemoveAtom(index)
    for atom in piece.GetAtoms():
        atom.SetNoImplicit(False)
        atom.SetNumExplicitHs(0)
    Chem.SanitizeMol(piece)
    return _named(piece.GetMol(), "piece")


def _named(mol: Chem.Mol, name: str) -> Chem.Mol:
    mol = Chem.Mol(mol)
    mol.SetProp("_Name", name)
    return mol


def _shifted(mol: Chem.Mol, shift: np.ndarray) -> Chem.Mol:
    mol = _named(mol, "decoy")
    conformer = mol.GetConformer()
    for i, xyz in enumerate(conformer.GetPositions() + shift):
        conformer.SetAtomPosition(i, xyz.tolist())
    return mol


def _write_sdf(path: Path, *mols: Chem.Mol) -> None:
    text = "".join(f"{Chem.MolToMolBlock(mol)}$$$$\n" for mol in mols)
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())
