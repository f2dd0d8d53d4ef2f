"""A pocketvox preset of the task ``complex``; the environment variable POCKETVOX_COMPLEX names another one."""

from __future__ import annotations

import os

import numpy as np

from benchmarks.entries import MAPS, Entry
from benchmarks.methods import Method
from pocketvox.channels import LIGAND
from pocketvox.inference import load_predictor, predict_complex
from pocketvox.voxel import Grid, Volume

PRESET = "pocketvox-complex-1"


def method() -> Method:
    """The preset, on as many threads as POCKETVOX_THREADS says."""
    threads = int(os.environ.get("POCKETVOX_THREADS", "0")) or None
    predictor = load_predictor(os.environ.get("POCKETVOX_COMPLEX") or PRESET, threads=threads)

    def predict(entry: Entry, grid: Grid) -> Volume:
        values = np.zeros((*grid.shape, len(predictor.preset.channels)), np.float32)
        for site in entry.sites:
            found = predict_complex(predictor, entry.complex(site), grid)
            values = np.maximum(values, found.values[..., [c != LIGAND for c in found.channels]])
        return Volume(values, grid, predictor.preset.channels)

    return Method(
        name=predictor.preset.name,
        title=predictor.preset.name,
        description=f"The shipped preset {predictor.preset.name}: 3D U-Net on the typed atoms of receptor and ligand.",
        predict=predict,
        sets=(MAPS,),
        channels=predictor.preset.channels,
        task="complex",
        kind="method",
        fingerprint=predictor.preset.fingerprint,
    )
