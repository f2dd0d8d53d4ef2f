"""One structure after the other, in a process of its own: what it does, and how it says how it went."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from pocketvox.batch.jobs import Job, ScanSettings
from pocketvox.errors import OutputError, PocketvoxError

#: How a structure ended.
DONE, FAILED = "done", "failed"
#: Reasons that are no message of a reader: the worker was ended from outside.
TIMEOUT, MEMORY, DIED = "timeout", "memory", "died"


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

        self._out, self._settings = Path(out), settings
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
        from pocketvox.report import write_result

        begin = time.monotonic()
        try:
            read = self._scanner.read(job.source)
            result = self._scanner.finish(read, self._scanner.predict(read))
            result = replace(result, name=job.name)
            write_result(result, self._out / job.name, formats=self._settings.formats, report=self._settings.report)
        except PocketvoxError as error:
            reason = " ".join(str(error).split())
            stops = isinstance(error, OutputError) and not _is_own(error, self._out / job.name)
            return Outcome(job.name, FAILED, type(error).__name__, reason, time.monotonic() - begin, stops)
        except Exception as error:  # noqa: BLE001 - a bug in one input's path must not cost the user the others
            reason = f"internal error ({type(error).__name__}: {error}); this is a bug in pocketvox, please report it"
            return Outcome(job.name, FAILED, type(error).__name__, reason, time.monotonic() - begin)
        return Outcome(job.name, DONE, seconds=time.monotonic() - begin)


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


def _is_own(error: OutputError, folder: Path) -> bool:
    """Whether only this structure's folder is in the way: something stands there that is no result."""
    cause = error.__cause__
    return not isinstance(cause, OSError) and folder.exists()
