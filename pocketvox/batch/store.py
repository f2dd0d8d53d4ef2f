"""Where the results of a batch lie: a folder, or a place in an object store, such as ``s3://bucket/results``."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from pocketvox.errors import DownloadError, MissingExtraError, OutputError, PocketvoxError, UsageError
from pocketvox.hashing import file_hash

#: Object stores by the protocol of their URLs: the package that speaks it, and what to install.
PROTOCOLS = {
    "s3": ("s3fs", "'pocketvox[s3]'"),
    "gs": ("gcsfs", "gcsfs"),
    "gcs": ("gcsfs", "gcsfs"),
    "az": ("adlfs", "adlfs"),
    "abfs": ("adlfs", "adlfs"),
}
#: Files that are looked at or fetched at a time: an object store takes its time for each.
THREADS = 8
#: ... and so many are ahead of what they are needed for.
AHEAD = 64
#: An empty object that is written and removed, to find out at the beginning whether that is allowed.
PROBE = ".pocketvox-probe"

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]+)://")
_Item, _Found = TypeVar("_Item"), TypeVar("_Found")


def is_url(text: str | Path) -> bool:
    """Whether a text is a URL, of whatever kind; a Path never is."""
    return isinstance(text, str) and _URL.match(text) is not None


def in_store(text: str | Path) -> bool:
    """Whether a text is the URL of something in an object store."""
    return is_url(text) and _URL.match(text)[1].lower() in PROTOCOLS


def open_store(out: str | Path) -> Folder | ObjectStore:
    """The place of results that a path or URL names; nothing is made or asked for yet.

    Raises
    ------
    UsageError
        If it is a URL, but not of an object store.
    MissingExtraError
        If the package that speaks its protocol is not installed.
    """
    if not is_url(out):
        return Folder(out)
    _check_protocol(out)
    return ObjectStore(out)


def read_object(url: str) -> bytes:
    """The bytes of an object.

    Raises
    ------
    DownloadError
        If it cannot be read.
    MissingExtraError
    """
    _check_protocol(url)
    from fsspec.core import url_to_fs

    try:
        files, path = url_to_fs(url)
        return files.cat_file(path)
    except Exception as error:  # noqa: BLE001 - every store has errors of its own
        raise DownloadError(
            f"{url}: cannot be read ({_reason(error)}). Check the address, the credentials and the connection."
        ) from error


def in_order(work: Callable[[_Item], _Found], items: Sequence[_Item]) -> Iterator[_Found]:
    """``map`` on a few threads, never far ahead of what is taken."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        for first in range(0, len(items), AHEAD):
            yield from pool.map(work, items[first : first + AHEAD])
    finally:
        pool.shutdown(cancel_futures=True)


class Folder:
    """A folder of this machine.

    Attributes
    ----------
    address : str
        What other processes open it by.
    """

    def __init__(self, path: str | Path):
        self._path = Path(path)
        self.address = str(self._path.absolute())

    def __str__(self) -> str:
        return str(self._path)

    def read(self, name: str) -> bytes:
        """Bytes of a file, named as seen from here: ``1abc/summary.json``."""
        return (self._path / name).read_bytes()

    def digest(self, name: str) -> str:
        """SHA-256 of a file."""
        return file_hash(self._path / name)

    def names(self, folder: str) -> set[str]:
        """All files in a folder, named as seen from it."""
        top = self._path / folder
        return {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}

    def is_taken(self, folder: str) -> bool:
        """Whether something stands where a folder is to be."""
        return (self._path / folder).exists()

    @contextmanager
    def place(self, folder: str, last: str, ours: Iterable[str] = ()) -> Iterator[Path]:
        """Where to write a folder to, complete or not at all, as :func:`pocketvox.report.write_result` does."""
        yield self._path / folder

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder while the block runs: two batches would do everything twice.

        Raises
        ------
        OutputError
            If it cannot be made, or another batch holds it.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise OutputError(
                f"{self}: cannot be made or read ({error.strerror}). Choose another folder with -o."
            ) from error
        try:
            try:
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:
                pass  # Windows has no such lock
            except BlockingIOError:
                raise OutputError(
                    f"{self}: another batch is writing to this folder. Wait for its end, or choose another with -o."
                ) from None
            except OSError:
                pass  # a file system without locks
            yield
        finally:
            os.close(handle)

    def clean(self) -> None:
        """Remove unfinished folders and files of processes that were ended; only one batch at a time writes here."""
        for path in (*self._path.glob(".*.part"), *self._path.glob(".*.old")):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


class ObjectStore:
    """A place in an object store, through fsspec; methods are those of :class:`Folder`.

    Objects appear whole, folders do not: the file that a folder is known by is put last, and removed first.
    """

    def __init__(self, url: str):
        from fsspec.core import url_to_fs

        self.address = url.rstrip("/")
        with self._telling("", "opened"):
            self._files, root = url_to_fs(self.address)
        self._root = root.rstrip("/")

    def __str__(self) -> str:
        return self.address

    def read(self, name: str) -> bytes:
        """Bytes of an object."""
        with self._telling(name, "read", absent=True):
            return self._files.cat_file(f"{self._root}/{name}")

    def digest(self, name: str) -> str:
        """SHA-256 of an object, read in parts: what a store says about it is no such hash."""
        with self._telling(name, "read", absent=True), self._files.open(f"{self._root}/{name}", "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def names(self, folder: str) -> set[str]:
        """All objects in a folder, named as seen from it."""
        top = f"{self._root}/{folder}"
        try:
            with self._telling(folder, "listed", absent=True):
                self._files.invalidate_cache()  # others write as well
                found = self._files.find(top)
        except FileNotFoundError:
            return set()
        start = len(top.lstrip("/")) + 1
        return {path.lstrip("/")[start:] for path in found}

    def is_taken(self, folder: str) -> bool:
        """Never: objects of other names stay where they are."""
        return False

    @contextmanager
    def place(self, folder: str, last: str, ours: Iterable[str] = ()) -> Iterator[Path]:
        """A path of this machine, whose files are put into the store if the block succeeds.

        Parameters
        ----------
        folder : str
        last : str
            File without which the folder does not count.
        ours : iterable of str
            Patterns of files that an earlier folder may have had; those that the new one lacks go.
        """
        with tempfile.TemporaryDirectory(prefix="pocketvox-") as temporary:
            path = Path(temporary) / folder
            yield path
            with self._telling(folder, "written"):
                self._put(path, folder, last, tuple(ours))

    def _put(self, path: Path, folder: str, last: str, ours: Sequence[str]) -> None:
        new = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
        there = self.names(folder)
        stale = [name for name in there - new if any(fnmatchcase(name, pattern) for pattern in ours)]
        for name in (*({last} & there), *stale):
            self._files.rm_file(f"{self._root}/{folder}/{name}")
        for name in (*sorted(new - {last}), last):
            self._files.put_file(str(path / name), f"{self._root}/{folder}/{name}")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Find out whether anything can be written; stores have no locks.

        Raises
        ------
        OutputError
        """
        with self._telling("", "written to"):
            self._files.pipe_file(f"{self._root}/{PROBE}", b"")
            self._files.rm_file(f"{self._root}/{PROBE}")
        yield

    def clean(self) -> None:
        """Nothing: what is not complete is overwritten."""

    @contextmanager
    def _telling(self, name: str, done: str, *, absent: bool = False) -> Iterator[None]:
        """Errors of the store as ours, with the URL; one that says that there is no such object if not ``absent``."""
        try:
            yield
        except PocketvoxError:
            raise
        except Exception as error:  # noqa: BLE001 - every store has errors of its own
            if absent and isinstance(error, FileNotFoundError):
                raise
            where = f"{self.address}/{name}".rstrip("/")
            raise OutputError(
                f"{where}: cannot be {done} ({_reason(error)}). Check the address, the credentials and the connection, "
                "then run the same command again."
            ) from error


def _check_protocol(url: str) -> None:
    protocol = _URL.match(url)[1].lower()
    if protocol not in PROTOCOLS:
        known = ", ".join(f"{name}://" for name in PROTOCOLS)
        raise UsageError(f"{url}: expected a folder, or the URL of an object store ({known}). Received: {protocol}://.")
    module, install = PROTOCOLS[protocol]
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(f"{url} needs {module}. Install it with: pip install {install}")


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
