"""Damaged files: small changes to real ones, as fuzzers make them, for the tests and for benchmarks/fuzz.py."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import gemmi
import numpy as np
from rdkit import Chem

from pocketvox.batch import read_manifest
from pocketvox.errors import PocketvoxError
from pocketvox.pipeline import prepare
from pocketvox.poses import read_poses
from pocketvox.poses.source import read_result
from pocketvox.report import Result, read_maps, write_result
from pocketvox.structure import read_structure
from pocketvox.voxel import Grid, Volume

DATA = Path(__file__).resolve().parent / "data"
#: Bytes that parsers trip over.
NASTY = (
    b"\0",
    b"\xff",
    b"\n",
    b"\r\n",
    b"'",
    b'"',
    b";",
    b"nan",
    b"inf",
    b"-",
    b"99999999999",
    b"1e400",
    b"#",
    b"_",
    b"\t",
    b"?",
    b".",
)


def small_structure() -> gemmi.Structure:
    """A part of a real entry with DNA, an odd base and a ligand."""
    structure = gemmi.read_structure(str(DATA / "1pfe.cif.gz"))
    structure.setup_entities()
    return structure


def seeds(folder: Path) -> dict[str, bytes]:
    """Valid files, by the name of their kind; ``folder`` is for temporary ones."""
    structure = small_structure()
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1"))
    from rdkit.Chem import AllChem

    AllChem.EmbedMolecule(mol, randomSeed=1)
    block = Chem.MolToMolBlock(mol) + ">  <x>\n1\n\n$$$$\n"
    mol2 = (
        "@<TRIPOS>MOLECULE\none\n 3 2\nSMALL\nNO_CHARGES\n\n@<TRIPOS>ATOM\n1 C1 0.0 0.0 1.0 C.3\n2 O1 1.4 0.0 1.0 O.3\n"
    )
    mol2 += "3 C2 2.1 1.2 1.1 C.3\n@<TRIPOS>BOND\n1 1 2 1\n2 2 3 1\n"
    grid = Grid((0.0, 0.0, 0.0), (5, 4, 3), 1.0)
    maps = Volume(np.full((5, 4, 3, 2), 0.5, np.float32), grid, ("hbond_donor", "ligand"))
    write_result(Result("x", (), maps), folder / "seed")
    pdb = structure.make_pdb_string().encode()
    cif = structure.make_mmcif_document().as_string().encode()
    return {
        "pdb": pdb,
        "cif": cif,
        "gz": gzip.compress(pdb, mtime=0),
        "sdf": (block * 2).encode(),
        "mol2": mol2.encode(),
        "maps": (folder / "seed" / "maps.h5").read_bytes(),
        "summary": (folder / "seed" / "summary.json").read_bytes(),
        "manifest": b"# list\n1hvr\na.pdb\nsub/b.cif.gz  # c\n",
        "table": b"number,path\n1,a.pdb\n2,1hvr\n",
    }


def readers(folder: Path) -> dict[str, Callable[[Path], object]]:
    """What reads a file of each kind, as a user's call would."""

    def structure(path: Path):
        return prepare(read_structure(path), spacing=2.0)

    def result(path: Path):
        path.replace(folder / "seed" / "summary.json")
        return read_result(folder / "seed")

    return {
        "pdb": structure,
        "cif": structure,
        "gz": structure,
        "sdf": lambda path: list(read_poses(path)),
        "mol2": lambda path: list(read_poses(path)),
        "maps": read_maps,
        "summary": result,
        "manifest": read_manifest,
        "table": read_manifest,
    }


ENDINGS = {
    "pdb": ".pdb",
    "cif": ".cif",
    "gz": ".pdb.gz",
    "maps": ".h5",
    "summary": ".json",
    "manifest": ".txt",
    "table": ".csv",
}


def damaged(data: bytes, choose: random.Random) -> bytes:
    """One to four changes: bytes flipped, removed, doubled, replaced by nasty ones; lines moved; the end cut off."""
    data = bytearray(data)
    for _ in range(choose.randint(1, 4)):
        kind, at = choose.randrange(7), choose.randrange(max(len(data), 1))
        if kind == 0 and data:
            data[at] ^= 1 << choose.randrange(8)
        elif kind == 1:
            del data[at : at + choose.choice((1, 1, 3, 20, 200))]
        elif kind == 2:
            data[at:at] = data[at : at + choose.choice((1, 8, 80, 800))]
        elif kind == 3:
            data[at : at + choose.choice((0, 1, 8))] = choose.choice(NASTY) * choose.choice((1, 1, 5))
        elif kind == 4:
            lines = bytes(data).split(b"\n")
            i, j = choose.randrange(len(lines)), choose.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            data = bytearray(b"\n".join(lines))
        elif kind == 5:
            data = data[:at] if choose.random() < 0.3 else data
        else:
            data[at : at + 8] = bytes(choose.randrange(256) for _ in range(8))
    return bytes(data)


def attempt(kind: str, data: bytes, folder: Path, reader: Callable[[Path], object]) -> str:
    """``read`` or ``refused``; anything but a documented error is raised."""
    path = folder / f"case{ENDINGS.get(kind, f'.{kind}')}"
    path.write_bytes(data)
    try:
        reader(path)
    except PocketvoxError as error:
        assert str(error), "an error without a message"
        return "refused"
    return "read"
