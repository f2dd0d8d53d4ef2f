"""Reading structures: files and ids in, :class:`Structure` and :class:`Complex` out."""

from pocketvox.structure.complexes import read_complex
from pocketvox.structure.ligands import partition
from pocketvox.structure.read import read_structure

__all__ = ["partition", "read_complex", "read_structure"]
