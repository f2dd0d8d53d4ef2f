"""Selectors such as ``A:401``, ``A:MK1``, ``A:MK1 401``, ``A:401B`` and ``MK1``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..errors import SelectionError
from .atoms import Atoms

_NUMBER = re.compile(r"^(-?\d+)([A-Za-z]?)$")
_HELP = "Write chain:number (A:401), chain:code (A:MK1), chain:code number (A:MK1 401) or a code (MK1)"


@dataclass(frozen=True)
class Selector:
    """Which residues are meant; ``None`` means any."""

    chain: str | None = None
    code: str | None = None
    number: tuple[int, str] | None = None

    def mask(self, atoms: Atoms) -> np.ndarray:
        """Atoms of the residues that match, shape=(n,), dtype=bool."""
        hit = np.ones(len(atoms), bool)
        if self.chain is not None:
            hit &= atoms.chain_id == self.chain
        if self.code is not None:
            hit &= atoms.res_name == self.code
        if self.number is not None:
            hit &= (atoms.res_id == self.number[0]) & (np.char.upper(atoms.ins_code) == self.number[1])
        return hit


def select_residues(atoms: Atoms, text: str) -> np.ndarray:
    """Atoms that a selector matches, shape=(n,), dtype=bool; all False if none do.

    A word that could be a number or a code (``401``, ``017``) means the code if the structure has it.
    """
    for selector in _readings(text):
        hit = selector.mask(atoms)
        if hit.any():
            return hit
    return np.zeros(len(atoms), bool)


def _readings(text: str) -> list[Selector]:
    chain, colon, rest = text.strip().rpartition(":")
    words = rest.split()
    if not words or len(words) > 2:
        raise SelectionError(f"not a selector: {text!r}. {_HELP}.")
    chain = chain.strip() if colon else None
    numbers = [_number(word) for word in words]
    if len(words) == 2:
        if numbers[1] is None:
            raise SelectionError(f"not a selector: {text!r} ({words[1]!r} is no residue number). {_HELP}.")
        return [Selector(chain, code, numbers[1]) for code in _cases(words[0])]
    readings = [Selector(chain, code) for code in _cases(words[0])]
    if numbers[0] is not None:
        readings.append(Selector(chain, None, numbers[0]))
    return readings


def _number(word: str) -> tuple[int, str] | None:
    match = _NUMBER.match(word)
    return (int(match[1]), match[2].upper()) if match else None


def _cases(code: str) -> list[str]:
    return list(dict.fromkeys((code, code.upper())))
