"""Damaged files: small changes to real ones, as fuzzers make them, for the tests and for benchmarks/fuzz.py."""

import gzip
import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import gemmi
import numpy as np
from benchmark_fixture import labels_submission, tiny_benchmark
from biotite.structure.io import pdbx
from rdkit import Chem
from rdkit.Chem import AllChem

from benchmarks.entries import Benchmark
from benchmarks.submissions.map_checks import Problem, map_problems, open_file
from benchmarks.submissions.submission import pockets_csv
from benchmarks.submissions.validate import problems
from pocketvox.batch import read_manifest
from pocketvox.errors import InputError, PocketvoxError
from pocketvox.inference import load_preset
from pocketvox.inference.presets import PresetConfig
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
    AllChem.EmbedMolecule(mol, randomSeed=1)
    block = Chem.MolToMolBlock(mol) + ">  <x>\n1\n\n$$$$\n"
    mol2 = (
        "@<TRIPOS>MOLECULE\none\n 3 2\nSMALL\nNO_CHARGES\n\n@<TRIPOS>ATOM\n1 C1 0.0 0.0 1.0 C.3\n2 O1 1.4 0.0 1.0 O.3\n"
    )
    mol2 += "3 C2 2.1 1.2 1.1 C.3\n@<TRIPOS>BOND\n1 1 2 1\n2 2 3 1\n"
    grid = Grid((0.0, 0.0, 0.0), (5, 4, 3), 1.0)
    maps = Volume(np.full((5, 4, 3, 2), 0.5, np.float32), grid, ("hbond_donor", "ligand"))
    write_result(Result("x", (), maps), folder / "seed")
    preset = folder / "preset"
    shutil.copytree(load_preset().folder, preset)
    labels = labels_submission(tiny_benchmark(folder / "benchmark"), folder / "submission")
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
        "bcif": binary(cif.decode()),
        "preset": (preset / "config.json").read_bytes(),
        "metadata": (preset / "metadata.json").read_bytes(),
        "submission": (labels / "submission.json").read_bytes(),
        "submitted": next(labels.glob("*/*.h5")).read_bytes(),
        "pockets": next(labels.glob("*/pockets.csv")).read_bytes(),
        "manifest": b"# list\n1hvr\na.pdb\nsub/b.cif.gz  # c\n",
        "table": b"number,path\n1,a.pdb\n2,1hvr\n",
    }


def binary(text: str) -> bytes:
    """An mmCIF file as BinaryCIF, by biotite."""
    file = pdbx.BinaryCIFFile()
    file["x"] = block = pdbx.BinaryCIFBlock()
    for name, category in pdbx.CIFFile.deserialize(text).block.items():
        columns = {key: pdbx.BinaryCIFColumn(column.as_array()) for key, column in category.items()}
        block[name] = pdbx.BinaryCIFCategory(columns)
    out = io.BytesIO()
    file.write(out)
    return out.getvalue()


def readers(folder: Path) -> dict[str, Callable[[Path], object]]:
    """What reads a file of each kind, as a user's call would."""
    benchmark = Benchmark(folder / "benchmark")

    def refuse(found: list[Problem]):
        if found:
            raise InputError("\n".join(map(str, found)))

    def structure(path: Path):
        found = prepare(read_structure(path), spacing=2.0)
        assert np.isfinite(found.receptor.coord).all() and (found.receptor.element != "").all()

    def poses(path: Path):
        for pose in read_poses(path):
            assert pose.error or np.isfinite(pose.coord).all()

    def maps(path: Path):
        found = read_maps(path)
        assert np.isfinite(found.values).all() and found.grid.spacing > 0 and np.isfinite(found.grid.origin).all()

    def result(path: Path):
        path.replace(folder / "seed" / "summary.json")
        found = read_result(folder / "seed")
        assert all(np.isfinite(hotspot.coord).all() for _, hotspot in found.hotspots)

    def preset(path: Path):
        return PresetConfig.from_file(path)

    def metadata(path: Path):
        path.replace(folder / "preset" / "metadata.json")
        return load_preset(folder / "preset")

    def submission(path: Path):
        path.replace(folder / "submission" / "submission.json")
        refuse(problems(folder / "submission", benchmark))

    def submitted(path: Path):
        opened = open_file(path, "map")
        if isinstance(opened, Problem):
            refuse([opened])
        with opened as file:
            refuse(map_problems(file, "map")[1])

    return {
        "pdb": structure,
        "cif": structure,
        "bcif": structure,
        "gz": structure,
        "sdf": poses,
        "mol2": poses,
        "maps": maps,
        "summary": result,
        "preset": preset,
        "metadata": metadata,
        "submission": submission,
        "submitted": submitted,
        "pockets": pockets_csv,
        "manifest": read_manifest,
        "table": read_manifest,
    }


#: Kinds of files, and how the name of each ends.
ENDINGS = {
    "pdb": ".pdb",
    "cif": ".cif",
    "bcif": ".bcif",
    "gz": ".pdb.gz",
    "sdf": ".sdf",
    "mol2": ".mol2",
    "maps": ".h5",
    "submitted": ".h5",
    "summary": ".json",
    "preset": ".json",
    "metadata": ".json",
    "submission": ".json",
    "pockets": ".csv",
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


def attempt(kind: str, data: bytes, folder: Path, reader: Callable[[Path], object]) -> tuple[str, str]:
    """``read`` or ``refused``, and why; anything but a documented error is raised."""
    path = folder / f"case{ENDINGS[kind]}"
    path.write_bytes(data)
    try:
        reader(path)
    except PocketvoxError as error:
        assert str(error), "an error without a message"
        return "refused", str(error)
    return "read", ""
