"""Where the time of a scan goes: what ``--timings`` prints."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pocketvox.background import Background

#: What the stages after the network need; loaded while the network is at work.
LATER = ("h5py", "scipy.ndimage", "scipy.spatial", "scipy.special")


class Clock:
    """Seconds of the clock since the process began, by stage."""

    def __init__(self):
        self._once = {"start": _since_start()}
        self._later: Background | None = None
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._calls, self._since, self._at_work = 0, 0.0, 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block that runs once, before the first input."""
        begin = time.perf_counter()
        yield
        self._once[name] = time.perf_counter() - begin

    def engine(self, predictor) -> Callable:
        """The engine of a predictor, timed; its first call loads what later stages need in the background."""
        engine = predictor.engine

        def timed(x):
            if self._later is None:  # not before: two threads that load parts of scipy at once get in each other's way
                self._later = Background(_load, LATER)
            with self._call():
                return engine(x)

        timed.name = predictor.engine_name
        return timed

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Time a call of the engine: for its thread, and for all, where calls side by side count once."""
        begin = time.perf_counter()
        with self._lock:
            self._since = self._since if self._calls else begin
            self._calls += 1
        yield
        end = time.perf_counter()
        self._of_thread.seconds = getattr(self._of_thread, "seconds", 0.0) + end - begin
        with self._lock:
            self._calls -= 1
            if not self._calls:
                self._at_work += end - self._since

    def engine_seconds(self) -> float:
        """Seconds that the engine took in this thread since the last call of this."""
        seconds, self._of_thread.seconds = getattr(self._of_thread, "seconds", 0.0), 0.0
        return seconds

    def report_all(self) -> None:
        """Print to stderr for how long the engine was at work, be it for one input or for several at a time."""
        print(f"pocketvox: timings: engine at work {self._at_work:.2f} s", file=sys.stderr)

    def report(self, source: str, seconds: Mapping[str, float], engine: float) -> None:
        """Print the budget of one input to stderr, and that of the start before the first."""
        if self._once:
            print(f"pocketvox: timings: {_line(self._once)}", file=sys.stderr)
            self._once = {}
        total = sum(seconds.values())
        text = f"{_line(seconds)}, total {total:.2f} s, engine {engine:.2f} s ({100 * engine / max(total, 1e-9):.0f} %)"
        print(f"pocketvox: timings: {source}: {text}", file=sys.stderr)


def _line(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{stage} {value:.2f} s" for stage, value in seconds.items())


def _load(names: tuple[str, ...]) -> None:
    for name in names:
        importlib.import_module(name)


def _since_start() -> float:
    """Seconds since the process began; where the system does not tell, those of the processor."""
    try:
        with open("/proc/self/stat", encoding="ascii") as file:
            began = int(file.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, AttributeError, ValueError, IndexError):
        return time.process_time()
