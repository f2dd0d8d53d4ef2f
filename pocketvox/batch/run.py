"""A batch from beginning to end: what is done already, the rest through workers, one dataset of everything."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pocketvox.batch.dataset import write_dataset
from pocketvox.batch.jobs import Job, ScanSettings, check_settings, is_done
from pocketvox.batch.pool import Pool
from pocketvox.batch.store import Folder, ObjectStore, in_order, open_store
from pocketvox.batch.worker import DONE, Outcome
from pocketvox.errors import OutputError


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch.

    Attributes
    ----------
    jobs : tuple of Job
        In the order of the manifest.
    earlier : frozenset of str
        Names of those whose result was there already.
    failures : dict of str to Outcome
        By name.
    store : Folder or ObjectStore
        Where the results are.
    """

    jobs: tuple[Job, ...]
    earlier: frozenset[str]
    failures: dict[str, Outcome]
    store: Folder | ObjectStore


def scan_batch(
    jobs: Iterable[Job],
    out: str | Path,
    settings: ScanSettings,
    *,
    workers: int | None = None,
    timeout: float | None = None,
    memory: float | None = None,
    scheduler: str | None = None,
    progress: Callable[[int, int, Outcome | None], None] | None = None,
) -> BatchResult:
    """Scan many structures; run again after any interruption, it goes on where it was.

    Each structure is a folder in ``out``, complete or not there at all. A result that is there, of the same bytes, the
    same preset and the same options, is not made again. One structure that cannot be read, takes forever or kills its
    worker is a failure of its own. At the end everything is gathered into ``out/dataset``.

    Parameters
    ----------
    jobs : iterable of Job
    out : str or Path
        A folder, or the URL of a place in an object store, such as ``s3://bucket/results``.
    settings : ScanSettings
    workers : int, optional
        Processes; one per processor core if not given.
    timeout : float, optional
        Longest time of a structure (seconds).
    memory : float, optional
        Largest resident memory of a worker (GiB); Linux only.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers are used instead; they must see ``out`` and the inputs.
    progress : callable, optional
        Called with structures done, structures in all, and the outcome of the last one.

    Returns
    -------
    BatchResult

    Raises
    ------
    OutputError
        If ``out`` cannot be written to any more, or another batch is writing to it (of object stores nobody knows).
    UsageError, ConfigError, MissingExtraError
        If the settings cannot be.
    """
    from pocketvox.inference import load_preset

    jobs, store = tuple(jobs), open_store(out)
    check_settings(settings)
    fingerprint = load_preset(settings.preset).fingerprint
    with store.alone(), _ended_by_sigterm():
        store.clean()
        found = in_order(lambda job: is_done(job, store, settings, fingerprint), jobs)
        earlier = frozenset(job.name for job, done in zip(jobs, found, strict=True) if done)
        left = [job for job in jobs if job.name not in earlier]
        failures: dict[str, Outcome] = {}
        done = len(earlier)
        if progress is not None:
            progress(done, len(jobs), None)
        with closing(_outcomes(left, store, settings, workers, timeout, memory, scheduler)) as outcomes:
            for outcome in outcomes:
                done += 1
                if outcome.status != DONE:
                    failures[outcome.name] = outcome
                if progress is not None:
                    progress(done, len(jobs), outcome)
                if outcome.stops:
                    raise OutputError(f"{store}: the batch stops, as nothing can be written: {outcome.reason}")
        found = BatchResult(jobs, earlier, failures, store)
        write_dataset(found)
        return found


def _outcomes(left, store, settings, workers, timeout, memory, scheduler) -> Iterator[Outcome]:
    if not left:
        return
    if scheduler is not None:
        from pocketvox.batch.cluster import run_on_cluster

        yield from run_on_cluster(scheduler, left, store, settings)
        return
    count = min(workers or os.cpu_count() or 1, len(left))
    with Pool(settings, store, count, timeout, memory) as pool:
        yield from pool.run(left)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let a request to end, as batch systems send it, end the batch as Ctrl-C does: workers stop, nothing is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Clock:
    """How much longer a batch will take, from what it took so far.

    Examples
    --------
    >>> Clock.text(3725)
    '1:02:05'
    """

    def __init__(self) -> None:
        self._begin, self._first = time.monotonic(), 0

    def start(self, done: int) -> None:
        """So many were done before."""
        self._begin, self._first = time.monotonic(), done

    def left(self, done: int, total: int) -> float | None:
        """Seconds that the rest will take; None before the first is done."""
        if done <= self._first:
            return None
        return (time.monotonic() - self._begin) / (done - self._first) * (total - done)

    @staticmethod
    def text(seconds: float) -> str:
        """Hours, minutes and seconds."""
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{rest:02d}"
