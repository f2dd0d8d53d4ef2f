"""Engines: what runs the network.

Each takes features (b, x, y, z, F), float32, and returns calibrated probabilities (b, x, y, z, K). Any callable that
does so is an engine; a test may pass one that returns labels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np

from pocketvox.background import Background
from pocketvox.errors import MissingExtraError, UsageError
from pocketvox.inference.calibration import calibrate
from pocketvox.inference.compiled import compile_network
from pocketvox.inference.presets import INT8, OPENVINO, WEIGHTS, Preset
from pocketvox.loading import load_openvino

#: Held by the first call of OpenVINO in a process. Its bindings make things on first use, in C++ functions that let go
#: of Python's lock meanwhile: a second thread that came in would hold that lock and wait for the first for ever.
_FIRST = threading.Lock()

ENGINES = ("auto", "int8", "openvino", "keras")


class Engine(Protocol):
    """A callable from voxelized receptors to probabilities."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Probabilities, shape=(b, x, y, z, K), of features, shape=(b, x, y, z, F); both float32."""


class OpenVINOEngine:
    """The network run by OpenVINO. It is compiled in the background: the first call waits for it.

    Parameters
    ----------
    preset : Preset
    threads : int, optional
        Processor threads; all if not given.
    integers : bool
        The network in 8-bit integers instead of float32.
    streams : int
        As for :func:`make_engine`.

    Raises
    ------
    UsageError
        If the preset has no network in 8-bit integers.
    """

    _called = False

    def __init__(self, preset: Preset, threads: int | None = None, *, integers: bool = False, streams: int = 1):
        load_openvino()  # here, so that the thread finds it loaded

        if integers and not preset.has_int8:
            raise UsageError(f"Expected an 8-bit network for the engine int8. {preset.name} has none: use openvino.")
        self.name = "int8" if integers else "openvino"
        network = INT8 if integers else OPENVINO
        # Left to itself OpenVINO runs in bfloat16 on processors that have it: its results would depend on the machine.
        # Pinning its threads would put every process with one thread on the same processor.
        options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = str(threads)
        if streams > 1:
            options["NUM_STREAMS"] = str(streams)
        files = preset.metadata["files"]
        contents = f"{files[network]} {files[network.removesuffix('.xml') + '.bin']}"
        self._compiling = Background(compile_network, preset.folder / network, contents, options)
        self._calibration = preset.calibration()
        self._idle: list = []

    @property
    def _model(self):
        return self._compiling.result()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(x, np.float32)
        if OpenVINOEngine._called:
            return self._infer(x)
        with _FIRST:
            y = self._infer(x)
            OpenVINOEngine._called = True
        return y

    def _infer(self, x: np.ndarray) -> np.ndarray:
        try:
            request = self._idle.pop()
        except IndexError:  # all are at work for other threads
            request = self._model.create_infer_request()
        y = calibrate(request.infer([x], share_inputs=True, share_outputs=True)[0], *self._calibration)
        self._idle.append(request)  # not before: its output is read until here
        return y


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


def make_engine(
    preset: Preset, engine: str | Callable = "auto", threads: int | None = None, *, streams: int = 1
) -> Engine:
    """The engine of that name for a preset; a callable is returned as it is.

    Parameters
    ----------
    preset : Preset
    engine : str or callable
        ``"openvino"`` (float32), ``"int8"`` (OpenVINO in 8-bit integers), ``"keras"``, or ``"auto"``: int8 if the
        preset has it, else openvino. Only keras imports TensorFlow.
    threads : int, optional
    streams : int
        Calls from so many threads of the caller are computed at a time, each by its share of ``threads``. Keras, which
        has no such setting, does as it likes.

    Raises
    ------
    UsageError
        If there is no such engine, or the preset has no network for it.
    MissingExtraError
        If what the engine needs is not installed.
    """
    if callable(engine):
        return engine
    if engine not in ENGINES:
        raise UsageError(f"Expected an engine: {', '.join(ENGINES)}. Received: {engine!r}.")
    if engine == "keras":
        return KerasEngine(preset, threads)
    integers = engine == "int8" or (engine == "auto" and preset.has_int8)
    return OpenVINOEngine(preset, threads, integers=integers, streams=streams)
