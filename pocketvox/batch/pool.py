"""Worker processes that may hang, eat memory or die: each job gets an outcome, and no other job notices."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from pocketvox.batch.jobs import Job, ScanSettings
from pocketvox.batch.store import Folder, ObjectStore
from pocketvox.batch.worker import DIED, FAILED, MEMORY, TIMEOUT, Outcome, serve
from pocketvox.errors import PocketvoxError

#: How often workers are looked at (seconds).
INTERVAL = 0.2
#: A job whose worker dies gets this many tries: what kills it may have been meant for another process.
TRIES = 2
#: A worker has so long to load its network (seconds).
STARTING = 300.0
#: A worker that cannot be started so many times in a row ends the batch.
MOST_STARTS = 3


@dataclass
class _Process:
    """A worker process and what it is at."""

    process: multiprocessing.process.BaseProcess
    connection: Connection
    job: Job | None = None
    ready: bool = False
    since: float = field(default_factory=time.monotonic)


class Pool:
    """Workers for jobs.

    Parameters
    ----------
    settings : ScanSettings
    store : Folder or ObjectStore
        Where result folders go.
    workers : int
    timeout : float or None
        Longest time of a structure (seconds).
    memory : float or None
        Largest resident memory of a worker (GiB); looked at where the system tells (Linux).
    """

    def __init__(
        self,
        settings: ScanSettings,
        store: Folder | ObjectStore,
        workers: int,
        timeout: float | None,
        memory: float | None,
    ):
        self._settings, self._store, self._timeout, self._memory = settings, store, timeout, memory
        self._context = multiprocessing.get_context("spawn")
        self._workers = [self._start() for _ in range(workers)]
        self._failed_starts = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind, error, trace) -> None:
        for worker in self._workers:
            if kind is not None or worker.job is not None or not worker.ready:
                worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._store.clean()

    def run(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield an outcome for every job, in the order in which they end.

        Raises
        ------
        PocketvoxError
            If workers cannot be started at all.
        """
        waiting = deque(jobs)
        tries: dict[str, int] = {}
        while waiting or any(worker.job for worker in self._workers):
            for worker in self._workers:
                if worker.ready and worker.job is None and waiting:
                    self._give(worker, waiting.popleft())
            wait([w.connection for w in self._workers] + [w.process.sentinel for w in self._workers], INTERVAL)
            for k, worker in enumerate(self._workers):
                outcome = self._outcome(worker)
                if outcome is None:
                    continue
                job, worker.job = worker.job, None
                if outcome.kind in (TIMEOUT, MEMORY, DIED):
                    self._workers[k] = self._replaced(worker)
                    if job is not None and outcome.kind == DIED:
                        tries[job.name] = tries.get(job.name, 0) + 1
                        if tries[job.name] < TRIES:
                            waiting.appendleft(job)
                            continue
                if job is not None:
                    yield outcome

    def _start(self) -> _Process:
        ours, theirs = self._context.Pipe()
        arguments = (theirs, self._settings, self._store.address)
        process = self._context.Process(target=serve, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return _Process(process, ours)

    def _replaced(self, worker: _Process) -> _Process:
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_STARTS:
                raise PocketvoxError(
                    f"a worker ended {self._failed_starts} times while it loaded its network (exit code "
                    f"{worker.process.exitcode}). Is there enough memory for --workers {len(self._workers)}?"
                )
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        return self._start()

    def _give(self, worker: _Process, job: Job) -> None:
        worker.job, worker.since = job, time.monotonic()
        try:
            worker.connection.send(job)
        except OSError:
            pass  # it died: its sentinel says so

    def _outcome(self, worker: _Process) -> Outcome | None:
        """What became of a worker's job; None if it is at it, or has none and is well."""
        spent = time.monotonic() - worker.since
        name = worker.job.name if worker.job else ""
        try:
            if worker.connection.poll():
                received = worker.connection.recv()
                if received is None:
                    worker.ready, self._failed_starts = True, 0
                    return None
                return received
        except (EOFError, OSError):
            pass
        if not worker.process.is_alive():
            worker.process.join()
            what = f"its worker ended with exit code {worker.process.exitcode}, {TRIES} times"
            return Outcome(name, FAILED, DIED, what, spent)
        if not worker.ready and spent > STARTING:
            return Outcome(name, FAILED, DIED, "", spent)
        if worker.job is None:
            return None
        if self._timeout is not None and spent > self._timeout:
            return Outcome(name, FAILED, TIMEOUT, f"not done after {self._timeout:g} s (--timeout)", spent)
        used = resident(worker.process.pid) if self._memory is not None else 0.0
        if self._memory is not None and used > self._memory:
            return Outcome(name, FAILED, MEMORY, f"more than {self._memory:g} GiB of memory (--memory)", spent)
        return None


def resident(pid: int | None) -> float:
    """Resident memory of a process (GiB); 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30
