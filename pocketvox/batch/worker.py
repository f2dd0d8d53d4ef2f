"""One structure after the other, in a process of its own: what it does, and how it says how it went."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from pocketvox.batch.jobs import Job, ScanSettings
from pocketvox.batch.store import in_store, open_store, read_object
from pocketvox.errors import OutputError, PocketvoxError
from pocketvox.report.folder import FILES
from pocketvox.report.formats import FORMATS
from pocketvox.report.page import REPORT
from pocketvox.report.result import SUMMARY

#: How a structure ended.
DONE, FAILED = "done", "failed"
#: Reasons that are no message of a reader: the worker was ended from outside.
TIMEOUT, MEMORY, DIED = "timeout", "memory", "died"
#: Files that the folder of a result may have.
OURS = (*FILES, SUMMARY, REPORT, "structure.*", *(pattern for form in FORMATS for pattern in form.files))


@dataclass(frozen=True)
class Outcome:
    """How a structure went.

    Attributes
    ----------
    name : str
        Of the job.
    status : str
        ``DONE`` or ``FAILED``.
    kind : str
        Of the failure: the class of the error, ``TIMEOUT``, ``MEMORY`` or ``DIED``.
    reason : str
        Of the failure, in words.
    seconds : float
        It took.
    stops : bool
        Nothing can be written any more: the whole batch has to stop.
    """

    name: str
    status: str
    kind: str = ""
    reason: str = ""
    seconds: float = 0.0
    stops: bool = False


class Worker:
    """Scans structures with one predictor, which is loaded once."""

    def __init__(self, settings: ScanSettings, out: str):
        from pocketvox.inference import load_predictor
        from pocketvox.pipeline import Scanner

        self._store, self._settings = open_store(out), settings
        predictor = load_predictor(settings.preset, engine=settings.engine, threads=settings.threads)
        self._scanner = Scanner(
            predictor,
            rotations=settings.rotations,
            fdr=settings.fdr,
            min_plddt=settings.min_plddt,
            around=settings.around,
            center=settings.center,
            size=settings.size,
            model=settings.model,
            keep=settings.keep,
            cache=settings.cache,
        )

    def __call__(self, job: Job) -> Outcome:
        """Scan one structure and write its folder; never raises but for what ends the process."""
        begin = time.monotonic()
        try:
            read = self._scanner.read(self._opened(job.source))
            result = self._scanner.finish(read, self._scanner.predict(read))
            self._write(replace(result, name=job.name))
        except PocketvoxError as error:
            reason = " ".join(str(error).split())
            stops = isinstance(error, OutputError) and not self._is_own(error, job.name)
            return Outcome(job.name, FAILED, type(error).__name__, reason, time.monotonic() - begin, stops)
        except Exception as error:  # noqa: BLE001 - a bug in one input's path must not cost the user the others
            reason = f"internal error ({type(error).__name__}: {error}); this is a bug in pocketvox, please report it"
            return Outcome(job.name, FAILED, type(error).__name__, reason, time.monotonic() - begin)
        return Outcome(job.name, DONE, seconds=time.monotonic() - begin)

    def _opened(self, source: str):
        """What the scanner takes: a structure in place of a URL."""
        if not in_store(source):
            return source
        from pocketvox.structure.read import structure_from_bytes

        return structure_from_bytes(read_object(source), source=source, model=self._settings.model)

    def _write(self, result) -> None:
        from pocketvox.report import write_result

        with self._store.place(result.name, SUMMARY, OURS) as folder:
            write_result(result, folder, formats=self._settings.formats, report=self._settings.report)

    def _is_own(self, error: OutputError, folder: str) -> bool:
        """Whether only this structure's folder is in the way: something stands there that is no result."""
        return not isinstance(error.__cause__, OSError) and self._store.is_taken(folder)


def serve(connection: Connection, settings: ScanSettings, out: str) -> None:
    """The life of a worker process: jobs in, outcomes out, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run that started it says when to end
    worker = Worker(settings, out)
    try:
        connection.send(None)  # ready
        while True:
            connection.send(worker(connection.recv()))
    except (EOFError, OSError):
        return  # the run is over, or gone
