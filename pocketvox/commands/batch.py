"""``pocketvox scan --manifest``: thousands of structures instead of a few."""

from __future__ import annotations

import argparse
import logging
import sys

from pocketvox.commands.common import check_folder, positive_float, positive_int, require_extra
from pocketvox.errors import UsageError

log = logging.getLogger("pocketvox")

#: Options that only a batch has.
_NEED_MANIFEST = ("workers", "timeout", "memory", "scheduler")


def add_batch_options(parser: argparse.ArgumentParser) -> None:
    """Options that make a scan a batch."""
    group = parser.add_argument_group("batch (needs pip install 'pocketvox[table]'; run again to go on where it ended)")
    group.add_argument(
        "--manifest", metavar="FILE", help="list (a file or id per line), CSV (column source) or folder of structures"
    )
    group.add_argument("--workers", type=positive_int, metavar="N", help="processes (one per core if not given)")
    group.add_argument("--timeout", type=positive_float, metavar="S", help="longest time of a structure, seconds")
    group.add_argument(
        "--memory", type=positive_float, metavar="GIB", help="largest resident memory of a worker (Linux)"
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler (tcp://host:8786) whose workers do it; needs pip install 'pocketvox[cluster]'",
    )


def check_no_batch(args: argparse.Namespace) -> None:
    """Refuse options that need a manifest."""
    given = [name for name in _NEED_MANIFEST if getattr(args, name) is not None]
    if given:
        raise UsageError(f"--{given[0]} is about a batch. Give --manifest as well.")


def run_batch(args: argparse.Namespace) -> int:
    """Scan what a manifest names."""
    from pocketvox.commands.scan import check_region, parse_formats

    size, formats = check_region(args), parse_formats(args.formats)
    if args.inputs or args.trajectory or args.json or args.timings:
        raise UsageError("--manifest takes the place of INPUT, --trajectory, --json and --timings. Leave these out.")
    if args.scheduler and (args.workers or args.timeout or args.memory):
        raise UsageError(
            "--workers, --timeout and --memory are for processes here. Start Dask's workers as they shall be."
        )
    require_extra("pyarrow", "table", "scan --manifest")
    if args.scheduler:
        require_extra("distributed", "cluster", "scan --scheduler")

    from pocketvox.batch import ScanSettings, make_jobs, read_manifest, scan_batch
    from pocketvox.batch.store import is_url

    if not is_url(args.out):
        check_folder(args.out)
    sources = read_manifest(args.manifest)
    jobs = make_jobs(sources)
    settings = ScanSettings(
        preset=args.preset,
        engine=args.engine,
        rotations=args.rotations,
        fdr=args.fdr,
        min_plddt=args.min_plddt,
        around=args.around,
        center=args.center,
        size=size,
        model=args.model,
        keep=tuple(args.keep),
        cache=args.cache,
        threads=args.threads or 1,
        formats=formats,
        report=args.report,
    )
    found = scan_batch(
        jobs,
        args.out,
        settings,
        workers=args.workers,
        timeout=args.timeout,
        memory=args.memory,
        scheduler=args.scheduler,
        progress=_Teller(args.quiet, {job.name: job.source for job in jobs}),
    )
    log.info(
        "%d structures, %d of them from before, %d failed -> %s/dataset/index.html",
        len(jobs), len(found.earlier), len(found.failures), found.store,
    )  # fmt: skip
    return 1 if found.failures else 0


class _Teller:
    """Failures on lines of their own, and how far the batch is: on one line of a terminal, else ten times."""

    def __init__(self, quiet: bool, sources: dict[str, str]):
        from pocketvox.batch.run import Clock

        self._quiet, self._sources, self._clock = quiet, sources, Clock()
        self._terminal, self._tenth = sys.stderr.isatty(), -1

    def __call__(self, done: int, total: int, outcome) -> None:
        """Tell of an outcome; None at the start."""
        if outcome is None:
            self._clock.start(done)
            if done and not self._quiet:
                log.info("%d of %d structures are there already", done, total)
            return
        if self._terminal and not self._quiet:
            sys.stderr.write("\r\x1b[K")
        if outcome.status != "done":
            source = self._sources[outcome.name]
            reason = outcome.reason if outcome.reason.startswith(source) else f"{source}: {outcome.reason}"
            print(f"pocketvox: error: {reason}", file=sys.stderr)
        if self._quiet:
            return
        left = self._clock.left(done, total)
        text = f"{done} of {total}, {self._clock.text(left)} left" if left is not None else f"{done} of {total}"
        if self._terminal:
            sys.stderr.write(f"pocketvox: {text}" if done < total else "")
            sys.stderr.flush()
        elif 10 * done // total > self._tenth:
            self._tenth = 10 * done // total
            log.info("%s", text)
