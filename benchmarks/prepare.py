"""Prepares the benchmark: receptors, ligands and truth of every frozen entry.

``pocketvox benchmark prepare -o FOLDER (--data FOLDER | --download)``

With ``--data`` the structures are read from a folder laid out as the paths in ``entries.csv`` say. With ``--download``
the entries of the ``maps`` set are fetched from the PDB by id, and of each the ligands that the list names; the sets
``pairs`` and ``screening``, whose structures are superposed or docked, cannot be had that way and are left out. Each
entry's sha256 is compared with the frozen one; what differs, and how, goes to ``report.csv``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import logging
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import gemmi
import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from benchmarks.entries import (
    BENCHMARK_VERSION,
    MAPS,
    SCREENING,
    Entry,
    Site,
    write_truth,
)
from benchmarks.frozen import FROZEN, Row, read_rows
from benchmarks.prepared_files import write_ligand, write_receptor
from benchmarks.roles import Poses, ligand_roles, read_poses
from pocketvox.errors import InputError, PocketvoxError
from pocketvox.interactions import find_interactions
from pocketvox.structure import read_complex, read_structure
from pocketvox.structure.atoms import Atoms, Complex, Structure

IDENTICAL, DIFFERS, ABSENT = "identical", "differs", "absent"

log = logging.getLogger("benchmarks")


@dataclass(frozen=True)
class Prepared:
    """An entry with what its files are written from."""

    entry: Entry
    structure: Structure
    receptor: Atoms
    links: np.ndarray
    ligands: tuple
    poses: Poses | None = None


# ------------------------------------------------------------------------------------------------------------ entries
def prepare_row(row: Row, data: Path | None, cache: Path | None = None) -> Prepared:
    """Read one entry.

    Parameters
    ----------
    row : Row
    data : Path or None
        Folder of the structures; None downloads the entry.
    cache : Path, optional
        Folder for downloads.

    Raises
    ------
    PocketvoxError
        If a file is absent or unreadable, or a ligand of the list is not in it.
    """
    if data is None and row.set != MAPS:
        raise InputError(f"{row.id}: superposed and docked structures cannot be downloaded. Prepare them with --data.")
    if row.set == SCREENING:
        return _screening(row, data)
    source = row.pdb_id if data is None else data / row.receptor
    if row.state == "apo":
        complexes, ignored = [("", read_complex(source, cache=cache))], []
    elif row.ligands and data is not None:
        complexes = [(role, read_complex(source, ligand=data / path)) for role, path in map(_role_path, row.ligands)]
        ignored = []
    else:
        complexes, ignored = _in_structure(row, source, cache)
    first = complexes[0][1]
    sites = [] if row.state == "apo" else [_site(row, n, *pair) for n, pair in enumerate(complexes)]
    ignored = np.concatenate([first.ignored.coord[first.ignored.heavy], *ignored])
    ligands = [complex_.ligands[0] for _, complex_ in complexes] if sites else []
    return _prepared(_entry(row, sites, ignored), first.structure, first.receptor, ligands)


def _in_structure(row: Row, source, cache):
    """One complex per ligand of the list, and the positions of ligands that are not on it."""
    complex_ = read_complex(source, cache=cache)
    wanted = [site.split("|") for site in row.sites]
    named = {name for name, _ in wanted}
    found: list = []
    for name, formula in wanted:
        alike = [ligand for ligand in complex_.ligands if heavy_formula(ligand.mol) == formula]
        # of several copies, none twice, and none that the list names elsewhere
        other = [ligand for ligand in alike if ligand.name not in named and not any(ligand is f for f in found)]
        match = next((ligand for ligand in alike if ligand.name == name), other[0] if other else None)
        if match is None:
            has = ", ".join(f"{ligand.name} ({heavy_formula(ligand.mol)})" for ligand in complex_.ligands) or "none"
            raise InputError(f"{source}: expected the ligand {name} ({formula}). Received: {has}.")
        found.append(match)
    taken = {id(ligand) for ligand in found}
    unfit = [ligand.coord for ligand in complex_.ligands if id(ligand) not in taken]
    return [("", replace(complex_, ligands=(ligand,))) for ligand in found], unfit


def _screening(row: Row, data: Path) -> Prepared:
    structure = structure_from_mol2(data / row.receptor)
    files = dict(map(_role_path, row.ligands))
    complex_ = read_complex(structure, ligand=data / files["crystal"])
    sites = [_site(row, 0, "", complex_)]
    prepared = _prepared(
        _entry(row, sites, np.empty((0, 3), np.float32)), structure, complex_.receptor, list(complex_.ligands)
    )
    return replace(prepared, poses=read_poses(data / files["actives"], data / files["decoys"]))


def _prepared(entry: Entry, structure: Structure, receptor: Atoms, ligands: list) -> Prepared:
    heavy = receptor[receptor.heavy]
    return Prepared(entry, structure, heavy, _links_within(structure, heavy), tuple(ligands))


def _role_path(text: str) -> tuple[str, str]:
    role, path = text.split("=", 1)
    return role, path


def _site(row: Row, number: int, role: str, complex_: Complex) -> Site:
    ligand = complex_.ligands[0]
    found = find_interactions(complex_)
    rows = np.unique(np.column_stack([found.channel, found.point]), axis=0).reshape(-1, 4)
    role_coord, role_channel = ligand_roles(ligand)
    return Site(
        name=ligand.name,
        role=role,
        file=f"ligands/{row.id}_{number}.sdf",
        coord=ligand.coord,
        point_coord=rows[:, 1:].astype(np.float32),
        point_channel=rows[:, 0].astype(np.uint8),
        role_coord=role_coord,
        role_channel=role_channel,
    )


def _entry(row: Row, sites: list[Site], ignored: np.ndarray) -> Entry:
    return Entry(
        id=row.id,
        set=row.set,
        split=row.split,
        state=row.state,
        pair=row.pair,
        clusters=row.clusters,
        resolution=row.resolution,
        identity=row.identity,
        homology_free=row.homology_free,
        receptor=Path("receptors") / f"{row.id}.cif.gz",
        ignored_coord=ignored.astype(np.float32),
        sites=tuple(sites),
    )


def _links_within(structure: Structure, receptor: Atoms) -> np.ndarray:
    """Declared links between residues of the receptor, as indices into its heavy atoms."""
    labels = {receptor.label(i): i for i in range(len(receptor))} if len(structure.links) else {}
    pairs = [tuple(labels.get(structure.atoms.label(i), -1) for i in pair) for pair in structure.links]
    return np.array([pair for pair in pairs if min(pair) >= 0], int).reshape(-1, 2)


def structure_from_mol2(path: Path) -> Structure:
    """A protein in MOL2, whose substructures are residues, by way of PDB text."""
    import gzip
    import tempfile

    if not path.is_file():
        raise InputError(f"Expected a protein in MOL2. Received: {path}, which is no file.")
    try:
        text = gzip.decompress(path.read_bytes()).decode()
        rows = [line.split() for line in text.split("@<TRIPOS>ATOM\n")[1].split("@<TRIPOS>")[0].splitlines()]
        atoms = [(row[1], row[5], row[7], int(row[6]), [float(v) for v in row[2:5]]) for row in rows]
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise InputError(f"{path}: expected a protein in gzipped MOL2. Received: {error!r}.") from error
    chain = gemmi.Chain("A")
    for name, kind, code, number, xyz in atoms:
        element = gemmi.Element(kind.split(".")[0])
        if element.is_hydrogen or code == "HOH":
            continue
        if not len(chain) or chain[-1].seqid.num != number:
            residue = gemmi.Residue()
            residue.name, residue.seqid = code, gemmi.SeqId(number, " ")
            chain.add_residue(residue)
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = name, element, gemmi.Position(*xyz)
        chain[-1].add_atom(atom)
    structure, model = gemmi.Structure(), gemmi.Model(1)
    model.add_chain(chain)
    structure.add_model(model)
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "protein.pdb"
        structure.write_pdb(str(written))
        return replace(read_structure(written), source=str(path))


def heavy_formula(mol: Chem.Mol) -> str:
    """Formula of the heavy atoms, e.g. ``C9N2O``: hydrogens and charges differ from file to file."""
    bare = Chem.RWMol()
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() > 1:
            heavy = Chem.Atom(atom.GetAtomicNum())
            heavy.SetNoImplicit(True)
            bare.AddAtom(heavy)
    return CalcMolFormula(bare.GetMol())


def fingerprint(prepared: Prepared) -> str:
    """sha256 of what is predicted from and scored against: atoms, ligands, interaction points, to 0.01 angstrom."""
    digest = hashlib.sha256()

    def add(texts, coord: np.ndarray) -> None:
        # adding 0 turns -0 into 0
        cells = np.char.mod("%.2f", np.round(np.asarray(coord, np.float64).reshape(-1, 3), 2) + 0.0)
        lines = [f"{text} {' '.join(row)}" for text, row in zip(texts, cells.tolist(), strict=True)]
        digest.update("\n".join(sorted(lines)).encode() + b"\n\n")

    receptor = prepared.receptor
    labels = zip(receptor.parent, receptor.name, receptor.element, strict=True)
    add([":".join(label) for label in labels], receptor.coord)
    for site in prepared.entry.sites:
        add(["ligand"] * len(site.coord), site.coord)
        add([f"point {c}" for c in site.point_channel.tolist()], site.point_coord)
        add([f"role {c}" for c in site.role_channel.tolist()], site.role_coord)
    if prepared.poses is not None:
        poses = prepared.poses
        add([f"pose {p} {c}" for p, c in zip(poses.role_pose, poses.role_channel, strict=True)], poses.role_coord)
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------------------- folder
def prepare(
    rows: list[Row], out: Path, data: Path | None, workers: int = 2, cache: Path | None = None
) -> dict[str, int]:
    """Write a prepared folder; returns how many entries are identical to the frozen ones, differ or are absent.

    Raises
    ------
    InputError
        Before anything is read, if ``out`` exists and is no prepared folder.
    """
    if out.exists() and not (out / "benchmark.json").is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"Expected a new folder. Received: {out}, which holds something else. Choose another.")
    building = out.with_name(f".{out.name}.part")
    shutil.rmtree(building, ignore_errors=True)
    for name in ("receptors", "ligands"):
        (building / name).mkdir(parents=True)
    entries: dict[str, Entry] = {}
    poses: dict[str, Poses] = {}
    report = []
    with _mapping(workers) as mapped:
        results = mapped(partial(_quietly, data=data, cache=cache), rows)
        for row, (prepared, reason) in zip(rows, results, strict=True):
            status, note = (ABSENT, reason) if prepared is None else _compared(row, prepared)
            report.append((row.id, status, note))
            if len(report) % 50 == 0:
                absent = sum(line[1] == ABSENT for line in report)
                log.info("%d of %d entries, %d of them absent", len(report), len(rows), absent)
            if prepared is not None:
                _write_files(building, prepared)
                entries[row.id] = prepared.entry
                if prepared.poses is not None:
                    poses[row.id] = prepared.poses
    _pair_sites(entries)
    write_truth(building, list(entries.values()), poses)
    with (building / "report.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerows([("id", "status", "note"), *report])
    counts = {status: sum(line[1] == status for line in report) for status in (IDENTICAL, DIFFERS, ABSENT)}
    info = {"benchmark_version": BENCHMARK_VERSION, "source": "download" if data is None else "files", **counts}
    (building / "benchmark.json").write_text(json.dumps(info, indent=1) + "\n")
    shutil.rmtree(out, ignore_errors=True)
    building.rename(out)
    return counts


@contextmanager
def _mapping(workers: int) -> Iterator[Callable]:
    """``map`` in this process, or in several."""
    if workers <= 1:
        yield map
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield pool.map


def _pair_sites(entries: dict[str, Entry]) -> None:
    """Give apo entries the ligands of their pair."""
    for id, entry in entries.items():
        if entry.state == "apo":
            holo = [e for e in entries.values() if e.pair == entry.pair and e.state == "holo"]
            entries[id] = replace(entry, sites=tuple(site for e in holo for site in e.sites))


def _compared(row: Row, prepared: Prepared) -> tuple[str, str]:
    found = fingerprint(prepared)
    return (IDENTICAL, "") if found == row.sha256 else (DIFFERS, f"sha256 {found}, frozen {row.sha256 or 'none'}")


def _write_files(folder: Path, prepared: Prepared) -> None:
    entry, structure = prepared.entry, prepared.structure
    path = folder / entry.receptor
    write_receptor(path, entry.id, prepared.receptor, prepared.links, structure.method)
    for site, ligand in zip(entry.sites, prepared.ligands, strict=True):
        write_ligand(folder / site.file, ligand)


def _quietly(row: Row, data: Path | None, cache: Path | None) -> tuple[Prepared | None, str]:
    with rdBase.BlockLogs(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return prepare_row(row, data, cache), ""
        except PocketvoxError as error:
            return None, str(error)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/benchmark"), help="(default: %(default)s)")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, help="folder of the structures, laid out as benchmarks/entries.csv says")
    what.add_argument("--download", action="store_true", help="fetch the entries of the maps set from the PDB")
    parser.add_argument("--cache", type=Path, help="folder for downloads (default: that of pocketvox)")
    parser.add_argument("--entries", type=Path, default=FROZEN, help="another list than the frozen one")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Run the command; 1 if an entry is absent."""
    if args.data is not None and not args.data.is_dir():
        raise InputError(f"Expected the folder of the structures. Received: {args.data}, which is no folder.")
    rows = read_rows(args.entries)
    rows = [row for row in rows if args.data is not None or row.set == MAPS]
    counts = prepare(rows, args.output, args.data, args.workers, args.cache)
    log.info("%s: %s", args.output, ", ".join(f"{n} {status}" for status, n in counts.items()))
    if counts[DIFFERS] or counts[ABSENT]:
        log.warning("warning: results on this folder are no results of the frozen benchmark: see report.csv in it")
    return 1 if counts[ABSENT] else 0
