"""Fetch PDB entries by id, once: later reads come from the cache and need no network."""

from __future__ import annotations

import gzip
import os
import re
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from pathlib import Path

from ..errors import DownloadError
from .unpack import BombError, gunzip, is_gzipped

#: Where entries come from; ``{id}`` is replaced. The environment variable POCKETVOX_PDB_URL overrides it.
ENTRY_URL = "https://files.rcsb.org/download/{id}.cif.gz"

_ID = re.compile(r"^(?:[0-9][A-Za-z0-9]{3}|pdb_[0-9A-Za-z]{8})$", re.I)
_SUFFIX = ".cif.gz"
_TIMEOUT = 30.0  # seconds without an answer
_ATTEMPTS = 3
_PATIENCE = 600.0  # seconds for a whole file
_LARGEST = 500_000_000  # bytes; the largest gzipped entry has about 60 MB
_PART = 1 << 20  # bytes


def is_pdb_id(text: str) -> bool:
    """True for 4-character ids (``1hvr``) and extended ones (``pdb_00001hvr``)."""
    return bool(_ID.match(text))


def cache_folder() -> Path:
    """Folder for downloads: $POCKETVOX_CACHE, else the platform's cache folder."""
    chosen = os.environ.get("POCKETVOX_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pocketvox"


def cached(pdb_id: str, *, cache=None) -> Path | None:
    """Path of an entry's file if it was downloaded before, without a request."""
    path = _place(pdb_id, cache)
    return path if path.exists() else None


def fetch(pdb_id: str, *, cache=None) -> Path:
    """Path of an entry's mmCIF file (gzipped), downloaded if the cache lacks it.

    Parameters
    ----------
    pdb_id : str
        ``1hvr`` or ``pdb_00001hvr``, in any case.
    cache : path, optional
        Folder that holds the downloads; :func:`cache_folder` if not given.

    Raises
    ------
    DownloadError
        There is no such entry, the server cannot be reached, or what it sends is incomplete.
    """
    path = _place(pdb_id, cache)
    folder, entry = path.parent, path.name.removesuffix(_SUFFIX)
    if path.exists() and _is_sound(path, entry):
        return path
    data = _download(entry, os.environ.get("POCKETVOX_PDB_URL", ENTRY_URL).format(id=entry))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{entry}-", delete=False) as part:
            part.write(data)
        os.replace(part.name, path)
    except OSError as error:
        raise DownloadError(
            f"{folder}: the download cannot be stored ({error.strerror}). Set POCKETVOX_CACHE to a writable folder."
        ) from None
    return path


def _place(pdb_id: str, cache) -> Path:
    entry = pdb_id.lower()
    if entry.startswith("pdb_0000"):  # the first 4-character ids in their extended form
        entry = entry[8:]
    return (Path(cache) if cache is not None else cache_folder()) / f"{entry}{_SUFFIX}"


def _is_sound(path: Path, entry: str) -> bool:
    """Whether a stored file is the complete entry still; if not it is fetched anew, and if that fails it stays."""
    try:
        _checked(entry, str(path), path.read_bytes())
    except (DownloadError, OSError):
        return False
    return True


def _download(entry: str, url: str) -> bytes:
    """Gzipped mmCIF of an entry, complete."""
    for attempt in range(_ATTEMPTS):
        try:
            data = _get(url)
            break
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                raise DownloadError(f"{entry}: no such entry in the PDB ({url}). Check the id.") from None
            reason, again = f"the server answers {error.code}", error.code >= 500 or error.code == 429
        except _RefusedError as error:
            reason, again = str(error), False
        except (urllib.error.URLError, TimeoutError, ConnectionError, OSError) as error:
            reason, again = str(getattr(error, "reason", error)) or type(error).__name__, True
        if not again or attempt == _ATTEMPTS - 1:
            raise DownloadError(
                f"{entry}: cannot be downloaded from {url} ({reason}). "
                "Check the connection, or give the path of a downloaded file."
            ) from None
        time.sleep(attempt + 0.5)
    return _checked(entry, url, data)


def _get(url: str) -> bytes:
    _check_address(url)
    request = urllib.request.Request(url, headers={"User-Agent": "pocketvox"})
    end = time.monotonic() + _PATIENCE
    parts, size = [], 0
    with urllib.request.build_opener(_Redirects).open(request, timeout=_TIMEOUT) as response:
        expected = response.headers.get("Content-Length")
        while part := response.read1(_PART):
            parts.append(part)
            size += len(part)
            if size > _LARGEST:
                raise _RefusedError(f"more than {_LARGEST:,} bytes")
            if time.monotonic() > end:
                raise TimeoutError(f"not complete after {_PATIENCE:.0f} s")
    if expected is not None and str(size) != expected:
        raise ConnectionError(f"{size} of {expected} bytes received")
    return b"".join(parts)


class _RefusedError(Exception):
    """What an address leads to is nothing that is downloaded, and will not be at a second try."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but not to where encryption ends."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """As the base class; raises _RefusedError."""
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise _RefusedError(f"{parts.scheme or 'no scheme'} where https is expected")


def _checked(entry: str, url: str, data: bytes) -> bytes:
    plain = data
    if is_gzipped(data):
        try:
            plain = gunzip(data)
        except (BombError, EOFError, zlib.error):
            plain = b""
    begin = plain.split(None, 1)[0].decode("latin-1").lower() if plain.strip() else ""
    if not begin.startswith("data_"):
        raise DownloadError(f"{entry}: {url} did not send a complete mmCIF file. Try again later.")
    if begin[5:].removeprefix("pdb_").lstrip("0") != entry.removeprefix("pdb_").lstrip("0"):
        raise DownloadError(f"{entry}: {url} sent the entry {begin[5:45]!r}, which is not stored. Try again later.")
    return data if plain is not data else gzip.compress(data, mtime=0)
