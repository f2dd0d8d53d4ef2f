"""Names of results, from those of their inputs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

#: Endings taken off a file name to name its results.
_ENDINGS = (
    ".gz", ".pdb", ".ent", ".cif", ".mmcif", ".bcif", ".pdbqt", ".pqr",
    ".psf", ".gro", ".tpr", ".prmtop", ".parm7", ".top", ".bz2",
)  # fmt: skip


def result_names(inputs: Iterable[str]) -> list[str]:
    """A name for each input's results, in order: its file name without endings, ``-2``, ``-3`` ... where taken.

    Names depend on the order of the inputs only, not on which of them succeed.

    Examples
    --------
    >>> result_names(["a/1abc.pdb", "b/1abc.cif.gz", "2xyz"])
    ['1abc', '1abc-2', '2xyz']
    """
    names: list[str] = []
    for source in inputs:
        base = name = _stem(source)
        number = 2
        while name.lower() in (taken.lower() for taken in names):
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names


def _stem(source: str) -> str:
    name = "stdin" if source == "-" else Path(source).name or "input"
    while name.lower().endswith(_ENDINGS) and Path(name).stem:
        name = Path(name).stem
    return name
