"""A batch on the workers of a Dask scheduler: a task is a few structures, and only what became of them comes back."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from pocketvox.batch.jobs import Job, ScanSettings
from pocketvox.batch.pool import remove_remains
from pocketvox.batch.worker import DIED, FAILED, Outcome, Worker
from pocketvox.errors import PocketvoxError

#: Structures of a task: enough that the scheduler is idle, few enough that little is lost with a worker.
CHUNK = 4
#: A task whose worker dies is tried so many times more, on other workers.
RETRIES = 2
#: How long a scheduler may take to answer (seconds).
CONNECTING = 15

_loaded: dict[tuple, Worker] = {}
_loading = threading.Lock()


def run_on_cluster(scheduler: str, jobs: Sequence[Job], out: Path, settings: ScanSettings) -> Iterator[Outcome]:
    """Yield an outcome for every job, in the order in which they end.

    Parameters
    ----------
    scheduler : str
        Its address, ``tcp://host:8786``.
    jobs : sequence of Job
    out : Path
        Folder that all workers see under this name.
    settings : ScanSettings

    Raises
    ------
    PocketvoxError
        If the scheduler cannot be reached, or goes away.
    """
    import dask
    from distributed import Client, as_completed

    for name in list(logging.root.manager.loggerDict):  # what is lost is said once, in our words
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECTING}s"})
    try:
        client = Client(scheduler, timeout=CONNECTING)
    except (OSError, TimeoutError, ValueError) as error:
        raise PocketvoxError(
            f"{scheduler}: the scheduler cannot be reached ({error}). Start it with `dask scheduler`, its workers with "
            "`dask worker`."
        ) from error
    with client:
        futures = {}
        for first in range(0, len(jobs), CHUNK):
            chunk = tuple(jobs[first : first + CHUNK])
            future = client.submit(scan_chunk, chunk, str(out.absolute()), settings, pure=False, retries=RETRIES)
            futures[future] = chunk
        for future in as_completed(futures):
            if future.status == "finished":
                yield from future.result()
                continue
            if future.status != "error":  # cancelled by the client, which has lost its scheduler
                raise PocketvoxError(
                    f"{scheduler}: the scheduler is gone. Start it and its workers again, and run the same command: "
                    "what is done is not done again."
                )
            error = future.exception()
            for job in futures[future]:
                yield Outcome(job.name, FAILED, DIED, f"its workers ended, {RETRIES + 1} times ({error})")
    remove_remains(out)  # of workers that died; no task is left that writes


def scan_chunk(jobs: Sequence[Job], out: str, settings: ScanSettings) -> list[Outcome]:
    """Scan a few structures on a worker of a cluster; the network is loaded once per process."""
    key = (os.getpid(), out, settings)
    with _loading:
        worker = _loaded.get(key)
        if worker is None:
            _loaded.clear()  # of another batch
            worker = _loaded[key] = Worker(settings, out)
    return [worker(job) for job in jobs]
