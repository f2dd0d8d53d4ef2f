"""Scoring docked poses beside ProLIF: the poses and the receptor that ProLIF brings, read and scored in one process."""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np

from benchmarks.speed.rows import interleave, row, timed
from pocketvox.poses import read_poses, score_poses
from pocketvox.poses.source import open_target

#: The records of the file, so many times: ours would be over before it can be timed.
COPIES = 100


def measure(args: argparse.Namespace) -> list[dict]:
    """Rows of the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import prolif
        from rdkit import Chem

        receptor, docked = (Path(prolif.datafiles.datapath) / "vina" / name for name in ("rec.pdb", "vina_output.sdf"))
        target = open_target(receptor)
        protein = prolif.Molecule.from_rdkit(Chem.MolFromPDBFile(str(receptor), removeHs=False))
        records = len(list(read_poses(docked)))
        with tempfile.TemporaryDirectory() as folder:
            many = Path(folder) / "poses.sdf"
            many.write_text(docked.read_text() * COPIES)

            def peer() -> None:
                fingerprint = prolif.Fingerprint()
                poses = prolif.sdf_supplier(str(docked))
                fingerprint.run_from_iterable(poses, protein, n_jobs=1, progress=False)

            times = interleave(
                {
                    "score": lambda: timed(lambda: score_poses(target, many)),
                    "interactions": lambda: timed(lambda: score_poses(target, docked, interactions=True)),
                    "ProLIF": lambda: timed(peer),
                },
                min(args.repeats, 11),
            )
    each = {name: np.median(seconds[:, 0]) / records for name, seconds in times.items()}
    each["score"] /= COPIES
    details = f"per pose, median; {records} poses of a molecule of ProLIF's example, for ours {COPIES} times; clock"
    return [
        row("reading and scoring", each["score"], each["ProLIF"], unit="s", details=f"ProLIF fingerprint {details}"),
        row("the same per second", 1 / each["score"], unit="poses/s", target=">= 2000", of="ours", details=details),
        row(
            "with --interactions",
            each["interactions"],
            each["ProLIF"],
            unit="s",
            details=f"ProLIF fingerprint {details}",
        ),
    ]
