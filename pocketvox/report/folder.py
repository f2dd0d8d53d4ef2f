"""The result folder: complete or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pocketvox.errors import OutputError
from pocketvox.hashing import file_hash
from pocketvox.report.formats import Format, choose_formats, write_formats
from pocketvox.report.result import SUMMARY, Result, summary_text
from pocketvox.report.tables import hotspots_csv, pockets_csv

#: What every result has, beside its summary.
FILES = ("pockets.csv", "hotspots.csv", "maps.h5")


def write_result(
    result: Result,
    folder: str | Path,
    *,
    formats: tuple[str, ...] = (),
    report: bool = False,
    further: Callable[[Path], None] | None = None,
) -> Path:
    """Write summary.json, pockets.csv, hotspots.csv and maps.h5, and what else is asked for.

    Everything is written to a hidden folder beside the wanted one, which is then renamed: what stood there before is
    replaced in that moment, or kept if anything fails; see :func:`new_folder`.

    Parameters
    ----------
    result : Result
    folder : str or Path
        Of this result alone; made, with its parents, if absent.
    formats : tuple of str, optional
        Names of :data:`pocketvox.report.formats.FORMATS`, or ``"all"``.
    report : bool, optional
        Write report.html as well, see :mod:`pocketvox.report.page`.
    further : callable, optional
        Called with the unfinished folder, to write further files of the same result into it.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If it cannot be written, or holds something that is no result. Nothing is left behind.
    UsageError
        If a format is unknown.
    MissingExtraError
        If a format needs a package that is not installed.
    """
    chosen = choose_formats(formats)
    with new_folder(folder, SUMMARY) as temporary:
        _write_files(result, temporary, chosen, report, further)
    return Path(folder)


@contextmanager
def new_folder(folder: str | Path, known_by: str) -> Iterator[Path]:
    """A temporary folder to write to, which takes the place of ``folder`` if the block succeeds and goes if it fails.

    Parameters
    ----------
    folder : str or Path
        Made, with its parents, if absent.
    known_by : str
        File that tells an earlier result, which may be replaced, from anything else.

    Raises
    ------
    OutputError
        If it cannot be written, or holds something that is no result. Nothing is left behind.
    """
    folder = Path(folder)
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        raise OutputError(f"{folder}: a file of this name is in the way. Move it or choose another folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / known_by).is_file():
        raise OutputError(f"{folder}: expected nothing or an earlier result, to be replaced. Choose another folder.")
    made = _missing_parents(folder)
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        temporary.chmod(0o777 & ~_umask())
        yield temporary
        _replace(temporary, folder)
    except BaseException as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        for parent in made:
            _remove_if_empty(parent)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise OutputError(f"{folder}: cannot be written ({reason}). Choose another folder.") from error
        raise


def _write_files(
    result: Result, folder: Path, formats: tuple[Format, ...], report: bool, further: Callable[[Path], None] | None
) -> None:
    from pocketvox.report.maps import write_maps

    start = time.perf_counter()
    (folder / "pockets.csv").write_text(pockets_csv(result.pockets), encoding="utf-8", newline="")
    (folder / "hotspots.csv").write_text(hotspots_csv(result.pockets), encoding="utf-8", newline="")
    write_maps(folder / "maps.h5", result.maps, calibrated=result.calibrated)
    result = replace(result, files={name: file_hash(folder / name) for name in FILES})
    write_formats(folder, result, formats)
    if further is not None:
        further(folder)
    if report:
        from pocketvox.report.page import write_page

        write_page(folder, result)
    seconds = {**result.seconds, "write": time.perf_counter() - start}
    (folder / SUMMARY).write_text(summary_text(replace(result, seconds=seconds)), encoding="utf-8", newline="")


def _replace(temporary: Path, folder: Path) -> None:
    """Rename ``temporary`` to ``folder``; what was there goes only once the new folder stands."""
    if not folder.is_dir():
        os.rename(temporary, folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
    os.rename(folder, old / folder.name)
    try:
        os.rename(temporary, folder)
    except BaseException:
        os.rename(old / folder.name, folder)
        _remove_if_empty(old)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _missing_parents(folder: Path) -> list[Path]:
    """Parents that will have to be made, innermost first."""
    return [parent for parent in folder.absolute().parents if not parent.exists()]


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
