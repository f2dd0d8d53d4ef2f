"""Interaction detection beside PLIP and ProLIF: the same complexes, one after the other in one process."""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rdkit import Chem

from benchmarks.interactions_crosscheck import COMPLEXES
from benchmarks.speed.rows import row
from benchmarks.tools.interaction_tools import Prepared, _prolif, prepare
from pocketvox.errors import InputError
from pocketvox.interactions import find_interactions
from pocketvox.structure import read_complex

#: At most this share of the peer's time.
TARGETS = {"PLIP": 1 / 30, "ProLIF": 1 / 3}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this part."""
    parser.add_argument(
        "--complexes", type=int, default=20, help="interactions: complexes of the cross-check (default: %(default)s)"
    )


def measure(args: argparse.Namespace) -> list[dict]:
    """Rows of the table."""
    root = Path(os.environ.get("POCKETVOX_DATA", "../shared/data")) / "complexes"
    if not root.is_dir():
        raise InputError(f"Expected complexes in {root}. Received: no such folder. Set POCKETVOX_DATA.")
    tools = {"pocketvox": _ours, "ProLIF": _prolif_stages, "PLIP": _plip_stages}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k, name in enumerate((COMPLEXES[0], *COMPLEXES[: args.complexes])):
            scratch = Path(folder) / str(k)
            scratch.mkdir()
            files = prepare(root / name / f"{name}_protein.pdb.gz", root / name / f"{name}_ligand.sdf", scratch)
            found = {tool: _timed(*stages(files)) for tool, stages in tools.items()}
            if k and all(found.values()):  # the first complex is there to load what is loaded on first use
                for tool, of_tool in found.items():
                    seconds[tool].append(of_tool)
    count = len(seconds["pocketvox"])
    mean = {tool: np.mean(times, axis=0) for tool, times in seconds.items()}
    details = f"processor time, mean of {count} complexes"
    rows = []
    for peer, target in TARGETS.items():
        for what, part in (("reading and detection", slice(0, 2)), ("detection alone", slice(1, 2))):
            ours, theirs = mean["pocketvox"][part].sum(), mean[peer][part].sum()
            name = f"{what}, {peer}"
            rows.append(row(name, float(ours), float(theirs), unit="s", target=f"<= {target:.4g}", details=details))
    return rows


def _timed(load: Callable, detect: Callable) -> tuple[float, float] | None:
    """Processor time to read and to detect; None if the tool cannot."""
    try:
        begin = time.process_time()
        loaded = load()
        between = time.process_time()
        detect(loaded)
        return between - begin, time.process_time() - between
    except Exception:  # noqa: BLE001 - peers raise anything
        return None


def _ours(files: Prepared) -> tuple[Callable, Callable]:
    return lambda: read_complex(files.protein_with_waters, ligand=files.ligand), find_interactions


def _prolif_stages(files: Prepared) -> tuple[Callable, Callable]:
    prolif, standardise, fingerprint, _ = _prolif()

    def load():
        ligand = prolif.Molecule.from_rdkit(Chem.MolFromMolFile(str(files.ligand)))
        return ligand, standardise(str(files.protein))

    return load, lambda loaded: fingerprint.generate(*loaded, metadata=True)


def _plip_stages(files: Prepared) -> tuple[Callable, Callable]:
    from plip.basic import config
    from plip.structure.preparation import PDBComplex

    config.NOFIXFILE = True
    logging.getLogger("plip").setLevel(logging.ERROR)

    def load():
        complex_ = PDBComplex()
        complex_.output_path = str(files.combined.parent)
        complex_.load_pdb(str(files.combined))
        return complex_

    def detect(complex_):
        for ligand in complex_.ligands:
            if ligand.hetid == "LIG":
                complex_.characterize_complex(ligand)

    return load, detect
