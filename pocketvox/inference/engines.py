"""Engines: what runs the network.

Each takes features (b, x, y, z, F), float32, and returns calibrated probabilities (b, x, y, z, K). Any callable that
does so is an engine; a test may pass one that returns labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from pocketvox.errors import MissingExtraError, UsageError
from pocketvox.inference.calibration import calibrate
from pocketvox.inference.presets import OPENVINO, WEIGHTS, Preset

ENGINES = ("auto", "openvino", "keras")


class Engine(Protocol):
    """A callable from voxelized receptors to probabilities."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Probabilities, shape=(b, x, y, z, K), of features, shape=(b, x, y, z, F); both float32."""


class OpenVINOEngine:
    """The network run by OpenVINO in float32.

    Parameters
    ----------
    preset : Preset
    threads : int, optional
        Processor threads; all if not given.
    """

    name = "openvino"

    def __init__(self, preset: Preset, threads: int | None = None):
        import openvino

        # Left to itself OpenVINO runs in bfloat16 on processors that have it: its results would depend on the machine.
        # Pinning its threads would put every process with one thread on the same processor.
        options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = str(threads)
        self._model = openvino.Core().compile_model(str(preset.folder / OPENVINO), "CPU", options)
        self._calibration = preset.calibration()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return calibrate(self._model(np.ascontiguousarray(x, np.float32))[0], *self._calibration)


class KerasEngine:
    """The network run by Keras, on whatever backend it is set to.

    Parameters
    ----------
    preset : Preset
    threads : int, optional
        Processor threads; the backend's default if not given.

    Raises
    ------
    MissingExtraError
        If Keras or its backend is not installed.
    """

    name = "keras"

    def __init__(self, preset: Preset, threads: int | None = None):
        try:
            import keras

            from pocketvox.network.export import load_network
            from pocketvox.network.threads import set_threads
        except ImportError as error:
            raise MissingExtraError(
                f"The keras engine needs Keras and a backend ({error}). Install them: pip install 'pocketvox[train]'"
            ) from error
        set_threads(threads or 0)
        self._to_numpy = keras.ops.convert_to_numpy
        self._model = load_network(preset.config.network, preset.folder / WEIGHTS)
        self._calibration = preset.calibration()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        logits = self._to_numpy(self._model.predict_on_batch(np.ascontiguousarray(x, np.float32)))
        return calibrate(logits, *self._calibration)


def make_engine(preset: Preset, engine: str | Callable = "auto", threads: int | None = None) -> Engine:
    """The engine of that name for a preset; a callable is returned as it is.

    Parameters
    ----------
    preset : Preset
    engine : str or callable
        ``"openvino"``, ``"keras"`` or ``"auto"``: OpenVINO, which never imports TensorFlow.
    threads : int, optional

    Raises
    ------
    UsageError
        If there is no such engine.
    MissingExtraError
        If what the engine needs is not installed.
    """
    if callable(engine):
        return engine
    if engine not in ENGINES:
        raise UsageError(f"Expected an engine: {', '.join(ENGINES)}. Received: {engine!r}.")
    return KerasEngine(preset, threads) if engine == "keras" else OpenVINOEngine(preset, threads)
