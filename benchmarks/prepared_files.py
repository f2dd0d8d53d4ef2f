"""Writes the receptors and ligands of a prepared benchmark: mmCIF and SDF that any tool reads."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import numpy as np
from rdkit import Chem

from pocketvox.structure.atoms import NUCLEIC, OTHER, PROTEIN, Atoms, Ligand

_ENTITIES = {PROTEIN: ("1", "polymer"), NUCLEIC: ("2", "polymer"), OTHER: ("3", "non-polymer")}
_POLYMERS = {PROTEIN: "polypeptide(L)", NUCLEIC: "polyribonucleotide"}


def write_receptor(path: Path, name: str, atoms: Atoms, links: np.ndarray, method: str = ""):
    """Write the heavy atoms of a receptor as gzipped mmCIF, the same bytes for the same atoms.

    Parameters
    ----------
    path : Path
        Ends in ``.cif.gz``.
    name : str
        Of the data block.
    atoms : Atoms
        Heavy atoms only.
    links : ndarray, shape=(k, 2), dtype=int
        Covalent links between residues, as indices into ``atoms``.
    method : str
        Experimental method, if known.
    """
    document = gemmi.cif.Document()
    block = document.add_new_block(name)
    block.set_pair("_entry.id", gemmi.cif.quote(name))
    block.set_pair("_exptl.entry_id", gemmi.cif.quote(name))
    block.set_pair("_exptl.method", gemmi.cif.quote(method or "UNKNOWN EXPERIMENT"))
    kinds = [kind for kind in _ENTITIES if (atoms.kind == kind).any()]
    _loop(block, "_entity.", {"id": [_ENTITIES[k][0] for k in kinds], "type": [_ENTITIES[k][1] for k in kinds]})
    polymers = [kind for kind in kinds if kind in _POLYMERS]
    types = [gemmi.cif.quote(_POLYMERS[k]) for k in polymers]
    _loop(block, "_entity_poly.", {"entity_id": [_ENTITIES[k][0] for k in polymers], "type": types})
    _modified(block, atoms)
    _links(block, atoms, links)
    _atom_site(block, atoms)
    data = document.as_string().encode()
    with open(path, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as handle:
        handle.write(data)


def write_ligand(path: Path, ligand: Ligand) -> None:
    """Write a ligand with its bond orders as SDF."""
    mol = Chem.Mol(ligand.mol)
    for name in list(mol.GetPropNames()):
        mol.ClearProp(name)
    mol.SetProp("_Name", ligand.name)
    text = Chem.MolToMolBlock(mol, kekulize=True)
    lines = text.split("\n")
    lines[1] = "  pocketvox         3D"  # RDKit writes the time of day
    path.write_text("\n".join(lines) + "$$$$\n", encoding="utf-8")


def _atom_site(block: gemmi.cif.Block, atoms: Atoms) -> None:
    polymer = atoms.kind < OTHER
    number = atoms.residue.astype(str)
    chain = np.array([gemmi.cif.quote(c or "_") for c in atoms.chain_id.tolist()])
    # label chains: the author's, kind by kind, so that a chain's ligands are no part of its polymer
    label = np.array([f"{c or '_'}{_ENTITIES[k][0]}" for c, k in zip(atoms.chain_id, atoms.kind.tolist(), strict=True)])
    label[~polymer] = np.char.add("x", number[~polymer])
    columns = {
        "group_PDB": np.where(polymer, "ATOM", "HETATM"),
        "id": np.arange(1, len(atoms) + 1).astype(str),
        "type_symbol": atoms.element,
        "label_atom_id": [gemmi.cif.quote(n) for n in atoms.name.tolist()],
        "label_alt_id": np.full(len(atoms), "."),
        "label_comp_id": [gemmi.cif.quote(n) for n in atoms.res_name.tolist()],
        "label_asym_id": [gemmi.cif.quote(c) for c in label.tolist()],
        "label_entity_id": [_ENTITIES[k][0] for k in atoms.kind.tolist()],
        "label_seq_id": np.where(polymer, (atoms.residue + 1).astype(str), "."),
        "pdbx_PDB_ins_code": [code or "?" for code in atoms.ins_code.tolist()],
        "Cartn_x": [f"{v:.3f}" for v in atoms.coord[:, 0].tolist()],
        "Cartn_y": [f"{v:.3f}" for v in atoms.coord[:, 1].tolist()],
        "Cartn_z": [f"{v:.3f}" for v in atoms.coord[:, 2].tolist()],
        "occupancy": [f"{v:.2f}" for v in atoms.occupancy.tolist()],
        "B_iso_or_equiv": [f"{v:.2f}" for v in atoms.b_factor.tolist()],
        "auth_seq_id": atoms.res_id.astype(str),
        "auth_asym_id": chain,
        "pdbx_PDB_model_num": np.full(len(atoms), "1"),
    }
    _loop(block, "_atom_site.", columns)


def _modified(block: gemmi.cif.Block, atoms: Atoms) -> None:
    """Modified residues and what they derive from."""
    first = np.flatnonzero(np.diff(atoms.residue, prepend=-1))
    rows = [i for i in first if atoms.kind[i] < OTHER and atoms.parent[i] != atoms.res_name[i]]
    columns = {
        "id": [str(n + 1) for n in range(len(rows))],
        "label_comp_id": [gemmi.cif.quote(str(atoms.res_name[i])) for i in rows],
        "auth_comp_id": [gemmi.cif.quote(str(atoms.res_name[i])) for i in rows],
        "auth_asym_id": [gemmi.cif.quote(str(atoms.chain_id[i]) or "_") for i in rows],
        "auth_seq_id": [str(atoms.res_id[i]) for i in rows],
        "PDB_ins_code": [str(atoms.ins_code[i]) or "?" for i in rows],
        "parent_comp_id": [gemmi.cif.quote(str(atoms.parent[i])) for i in rows],
    }
    _loop(block, "_pdbx_struct_mod_residue.", columns)


def _links(block: gemmi.cif.Block, atoms: Atoms, links: np.ndarray) -> None:
    columns: dict[str, list[str]] = {
        "id": [f"covale{n + 1}" for n in range(len(links))],
        "conn_type_id": ["covale"] * len(links),
    }
    for end in (1, 2):
        rows = [int(pair[end - 1]) for pair in links]
        columns |= {
            f"ptnr{end}_auth_asym_id": [gemmi.cif.quote(str(atoms.chain_id[i]) or "_") for i in rows],
            f"ptnr{end}_auth_comp_id": [gemmi.cif.quote(str(atoms.res_name[i])) for i in rows],
            f"ptnr{end}_auth_seq_id": [str(atoms.res_id[i]) for i in rows],
            f"pdbx_ptnr{end}_PDB_ins_code": [str(atoms.ins_code[i]) or "?" for i in rows],
            f"ptnr{end}_label_atom_id": [gemmi.cif.quote(str(atoms.name[i])) for i in rows],
        }
    _loop(block, "_struct_conn.", columns)


def _loop(block: gemmi.cif.Block, prefix: str, columns: dict) -> None:
    if len(next(iter(columns.values()))):
        block.init_loop(prefix, list(columns)).set_all_values([list(map(str, values)) for values in columns.values()])
