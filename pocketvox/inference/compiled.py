"""Networks compiled by OpenVINO, kept in the user's cache folder: later processes start in a third of the time.

A file is named by everything the compiled network depends on, and begins with the sha256 of the rest, so that a
damaged one is made anew instead of being loaded. Files are renamed into place, so that processes that compile at the
same time never see each other's fragments.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
from pathlib import Path

from pocketvox.loading import load_openvino
from pocketvox.structure.download import cache_folder

#: Files that are kept, the latest used; a preset has one per engine, version of OpenVINO and number of threads.
KEPT = 12
_DIGEST = hashlib.sha256().digest_size


def compile_network(network: Path, sha256: str, options: dict[str, str]):
    """A network ready to run, from the cache if it has been compiled before.

    Parameters
    ----------
    network : Path
        OpenVINO's ``.xml`` file, with its ``.bin`` beside it.
    sha256 : str
        Of both files.
    options : dict of str to str
        Settings of the processor plugin.

    Returns
    -------
    openvino.CompiledModel
        Runs exactly as one compiled from the files would.
    """
    openvino = load_openvino()
    core = openvino.Core()
    parts = (sha256, openvino.__version__, core.get_property("CPU", "FULL_DEVICE_NAME"), *sorted(options.items()))
    path = cache_folder() / "engines" / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.blob"
    data = _read(path)
    if data is not None:
        with contextlib.suppress(RuntimeError):  # made on another processor of the same name, say
            return core.import_model(data, "CPU", options)
    compiled = core.compile_model(str(network), "CPU", options)
    exported = io.BytesIO()  # without one, what is returned depends on the version of OpenVINO
    compiled.export_model(exported)
    _write(path, exported.getvalue())
    return compiled


def _read(path: Path) -> bytes | None:
    """The compiled network; None if there is none, or it is damaged."""
    try:
        data = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    digest, blob = data[:_DIGEST], data[_DIGEST:]
    return blob if hashlib.sha256(blob).digest() == digest else None


def _write(path: Path, blob: bytes) -> None:
    """Keep a compiled network, and only the latest ones; where nothing can be written it is compiled every time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
            try:
                file.write(hashlib.sha256(blob).digest() + blob)
                file.close()
                os.replace(file.name, path)
            except BaseException:
                file.close()
                Path(file.name).unlink(missing_ok=True)
                raise
        files = sorted(path.parent.glob("*.blob"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in files[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        return
