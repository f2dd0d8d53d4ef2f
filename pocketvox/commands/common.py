"""What the verbs share: their parser, the boundary at which one input fails alone, output files."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pocketvox.errors import LigandError, MissingExtraError, OutputError, PocketvoxError, UsageError
from pocketvox.naming import result_names

log = logging.getLogger("pocketvox")


def verb(parsers, name: str, run: Callable, summary: str, example: str) -> argparse.ArgumentParser:
    """Declare a verb, with an example in its help and the options every verb has."""
    parser = parsers.add_parser(
        name,
        help=summary[0].lower() + summary[1:].rstrip("."),
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    noise = parser.add_mutually_exclusive_group()
    noise.add_argument("-q", "--quiet", action="store_true", help="report errors only")
    noise.add_argument("-v", "--verbose", action="store_true", help="report every step, and tracebacks of bugs")
    return parser


def error_line(error: BaseException, source: object = None) -> str:
    """``pocketvox: error: FILE: message`` on one line."""
    message = " ".join(str(error).split()) or type(error).__name__
    prefix = f"{source}: " if source is not None and not message.startswith(f"{source}:") else ""
    return f"pocketvox: error: {prefix}{message}"


def each_input(inputs: Iterable[str], work: Callable[[str, str], None], *, verbose: bool = False) -> int:
    """Call ``work(source, name)`` for every input; one that fails is reported and the others go on.

    Returns
    -------
    int
        0, or 1 if any input failed.
    """
    named = list(zip(inputs, result_names(inputs), strict=True))
    failures = Failures(verbose)
    for source, name in named:
        with failures.of(source):
            work(source, name)
    return failures.exit_code(len(named))


class Failures:
    """The boundary at which one input fails alone: errors are reported, counted, and the others go on.

    Parameters
    ----------
    verbose : bool
        Print tracebacks of bugs.
    """

    def __init__(self, verbose: bool):
        self._verbose = verbose
        self._count = 0

    @contextmanager
    def of(self, source: str) -> Iterator[None]:
        """Run the block for one input; errors of usage and a closed pipe end the whole run."""
        try:
            yield
        except UsageError:
            raise
        except PocketvoxError as error:
            self._count += 1
            print(error_line(error, source), file=sys.stderr)
        except BrokenPipeError:
            raise
        except Exception as error:  # a bug in one input's path must not cost the user the other inputs
            self._count += 1
            what = f"internal error ({type(error).__name__}: {error}). This is a bug in pocketvox; please report it"
            hint = "" if self._verbose else ". Run again with -v for the traceback"
            print(error_line(RuntimeError(what + hint), source), file=sys.stderr)
            if self._verbose:
                traceback.print_exc()

    def exit_code(self, inputs: int) -> int:
        """0, or 1 if any of so many inputs failed."""
        if self._count and inputs > 1:
            log.error("%d of %d inputs failed", self._count, inputs)
        return 1 if self._count else 0


def check_folder(path: str | Path) -> Path:
    """``path``, if a folder exists or can be made there. Nothing is created.

    Raises
    ------
    OutputError
        If something that is no folder is in the way, or its parent cannot be written to.
    """
    if "://" in str(path):
        raise OutputError(f"{path}: expected a folder. Received: a URL. Only scan --manifest writes to object stores.")
    path = Path(path)
    for ancestor in (path, *path.absolute().parents):
        if ancestor.is_dir():
            if os.access(ancestor, os.W_OK | os.X_OK):
                return path
            raise OutputError(f"{path}: no permission to write in {ancestor}. Choose another folder with -o.")
        if ancestor.exists() or ancestor.is_symlink():
            raise OutputError(f"{path}: {ancestor} is a file, not a folder. Choose another folder with -o.")
    raise OutputError(f"{path}: no such drive or folder. Choose another folder with -o.")


def check_file(path: str | Path | None) -> None:
    """Refuse a path that no file can be written to; None and ``-`` mean stdout.

    Raises
    ------
    OutputError
    """
    if path in (None, "-"):
        return
    if Path(path).is_dir():
        raise OutputError(f"{path}: expected a file to write. Received: a folder. Add a file name.")
    check_folder(Path(path).parent)


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, moved onto it if the block succeeds and removed if it does not.

    Raises
    ------
    OutputError
        If ``path`` is a folder or its folder cannot be made or written to.
    """
    path = Path(path)
    check_file(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | None, text: str) -> None:
    """Write to a file, whole or not at all, or to stdout if there is no path or it is ``-``."""
    if path in (None, "-"):
        sys.stdout.write(text)
        return
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    log.info("%s written", path)


def require_extra(module: str, extra: str, purpose: str) -> None:
    """Refuse to go on if ``module`` is not installed, with the command that installs it.

    Raises
    ------
    MissingExtraError
    """
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(f"{purpose} needs {module}. Install it with: pip install 'pocketvox[{extra}]'")


def progress(source: str, args: argparse.Namespace) -> Callable[[int, int], None] | None:
    """A counter of tiles on one line of a terminal; None where stderr is no terminal or quiet is asked for."""
    if args.quiet or not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        text = f"pocketvox: {source}: {100 * done // total} %"
        sys.stderr.write(f"\r{text}" if done < total else f"\r{' ' * len(text)}\r")
        sys.stderr.flush()

    return show


def add_structure_options(parser: argparse.ArgumentParser) -> None:
    """Options of every verb that reads a structure."""
    parser.add_argument(
        "--keep",
        metavar="CODE",
        action="append",
        default=[],
        help="treat this component (residue code) as part of the receptor, not as a ligand; may be repeated",
    )
    parser.add_argument(
        "--model", metavar="N", type=positive_int, help="model number of an NMR ensemble (the first if not given)"
    )
    parser.add_argument("--cache", metavar="DIR", help="where downloaded entries are kept")


def open_complex(args: argparse.Namespace):
    """The complex that the arguments name, with at least one ligand; its warnings are logged.

    Raises
    ------
    LigandError
        If it has no ligand.
    """
    if args.ligand and args.ligand_file:
        raise UsageError("The ligand is given twice, by position and by --ligand. Give it once.")

    from pocketvox.structure import read_complex

    complex_ = read_complex(
        args.complex,
        ligand=args.ligand or args.ligand_file,
        around=args.around,
        keep=tuple(args.keep),
        model=args.model,
        cache=args.cache,
    )
    for warning in complex_.warnings:
        log.warning("warning: %s: %s", args.complex, warning)
    if not complex_.ligands:
        raise LigandError(
            f"{args.complex}: expected a complex with a ligand. Received: a structure without one that counts as a "
            "ligand. Name the residue with --around, or give the ligand's SDF or MOL2 file."
        )
    return complex_


def positive_int(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, received {text!r}")
    return int(text)


def positive_float(text: str) -> float:
    """A finite number above 0, for argparse."""
    value = finite_float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, received {text!r}")
    return value


def finite_float(text: str) -> float:
    """A finite number, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a finite number, received {text!r}")
    return value
