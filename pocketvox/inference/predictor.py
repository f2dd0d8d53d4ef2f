"""A preset with the engine that runs it: what a scan needs of the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pocketvox.features import FeaturePoints
from pocketvox.inference.engines import Engine, make_engine
from pocketvox.inference.presets import Preset, load_preset
from pocketvox.inference.tiling import predict_volume
from pocketvox.voxel.grid import Grid, Volume


@dataclass(frozen=True)
class Predictor:
    """A network ready to run.

    Attributes
    ----------
    preset : Preset
    engine : Engine
    """

    preset: Preset
    engine: Engine

    @property
    def engine_name(self) -> str:
        """``"openvino"``, ``"keras"``, or the name of a callable."""
        return getattr(self.engine, "name", getattr(self.engine, "__name__", type(self.engine).__name__))

    def __call__(
        self,
        points: FeaturePoints,
        grid: Grid | None = None,
        progress: Callable | None = None,
        *,
        rotations: int = 1,
    ) -> Volume:
        """Interaction map of a receptor: see :func:`pocketvox.inference.predict_volume`."""
        return predict_volume(self.preset, points, grid, engine=self.engine, rotations=rotations, progress=progress)


def load_predictor(
    preset: str | Path | None = None,
    *,
    engine: str | Engine = "auto",
    threads: int | None = None,
    streams: int = 1,
) -> Predictor:
    """Load a preset and start an engine for it.

    Parameters
    ----------
    preset : str or Path, optional
        As for :func:`pocketvox.inference.load_preset`.
    engine, threads, streams
        As for :func:`pocketvox.inference.make_engine`.
    """
    loaded = load_preset(preset)
    return Predictor(loaded, make_engine(loaded, engine, threads, streams=streams))
