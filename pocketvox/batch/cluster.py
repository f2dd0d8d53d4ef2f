"""A batch on the workers of a Dask scheduler: a task is a few structures, and only what became of them comes back."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager

from pocketvox.batch.jobs import Job, ScanSettings
from pocketvox.batch.store import Folder, ObjectStore
from pocketvox.batch.worker import DIED, FAILED, Outcome, Worker
from pocketvox.errors import PocketvoxError

#: Structures of a task: enough that the scheduler is idle, few enough that little is lost with a worker.
CHUNK = 4
#: A task that fails is tried so many times more. (How often one whose worker dies is tried, the scheduler decides.)
RETRIES = 2
#: How long a scheduler may take to answer (seconds).
CONNECTING = 15

_loaded: dict[tuple, Worker] = {}
_loading = threading.Lock()


def run_on_cluster(
    scheduler: str, jobs: Sequence[Job], store: Folder | ObjectStore, settings: ScanSettings
) -> Iterator[Outcome]:
    """Yield an outcome for every job, in the order in which they end.

    Parameters
    ----------
    scheduler : str
        Its address, ``tcp://host:8786``.
    jobs : sequence of Job
    store : Folder or ObjectStore
        That all workers see under this name.
    settings : ScanSettings

    Raises
    ------
    PocketvoxError
        If the scheduler cannot be reached, or goes away.
    """
    from distributed import Client

    try:
        client = Client(scheduler, timeout=CONNECTING)
    except (OSError, TimeoutError, ValueError) as error:
        raise PocketvoxError(
            f"{scheduler}: the scheduler cannot be reached ({error}). Start it with `dask scheduler`, its workers with "
            "`dask worker`."
        ) from error
    with _in_our_words(), client:
        futures = {}
        for first in range(0, len(jobs), CHUNK):
            chunk = tuple(jobs[first : first + CHUNK])
            future = client.submit(scan_chunk, chunk, store.address, settings, pure=False, retries=RETRIES)
            futures[future] = chunk
        yield from _outcomes(scheduler, futures)
    store.clean()  # of workers that died; no task is left that writes


def _outcomes(scheduler: str, futures: dict) -> Iterator[Outcome]:
    """What became of the jobs of each future, as they end."""
    from distributed import as_completed

    for future in as_completed(futures):
        found, error = _ended(scheduler, future)
        if error is None:
            yield from found
            continue
        for job in futures[future]:
            yield _failed(job, error)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Keep Dask from logging a traceback of a lost connection: an error tells of it."""
    logger = logging.getLogger("distributed.client")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _ended(scheduler: str, future) -> tuple[list[Outcome], BaseException | None]:
    """What a task gave, or the error that it ended with.

    A client that loses its scheduler cancels all futures, also those whose results it has not fetched, and nobody else
    cancels any.
    """
    try:
        if future.status == "finished":
            return future.result(), None
        if future.status == "error":
            return [], future.exception()
        reason = "its connection is lost"
    except (CancelledError, OSError, TimeoutError) as error:
        reason = f"{type(error).__name__}: {error}"
    raise PocketvoxError(
        f"{scheduler}: the scheduler went away ({' '.join(reason.split())}). What is done is kept. Start a scheduler "
        "and its workers, then run the same command again: it goes on."
    )


def _failed(job: Job, error: BaseException) -> Outcome:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return Outcome(job.name, FAILED, DIED, f"its workers ended, one after the other ({error})")
    return Outcome(job.name, FAILED, type(error).__name__, f"its task failed, {RETRIES + 1} times ({error})")


def scan_chunk(jobs: Sequence[Job], out: str, settings: ScanSettings) -> list[Outcome]:
    """Scan a few structures on a worker of a cluster; the network is loaded once per process."""
    key = (os.getpid(), out, settings)
    with _loading:
        worker = _loaded.get(key)
        if worker is None:
            _loaded.clear()  # of another batch
            worker = _loaded[key] = Worker(settings, out)
    return [worker(job) for job in jobs]
