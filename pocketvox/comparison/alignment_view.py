"""The alignment of corresponding chains as text in HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from pocketvox.comparison.chains import Chain
from pocketvox.comparison.pairing import ChainPair
from pocketvox.comparison.result import Comparison

#: Columns of a line.
WIDTH = 80

#: One column: index of the residue in each chain, -1 for a gap.
Column = tuple[int, int]


def alignment(found: Comparison) -> str:
    """Every pair of chains; residues that differ are coloured, those that line a pocket underlined."""
    if not found.correspondence.chains:
        return ""
    lining = [{name for p in result.pockets for name in p.residue_ids} for result in (found.a, found.b)]
    parts = ["<p>Residues that differ are coloured, those that line a pocket underlined; numbers are of the file.</p>"]
    for pair in found.correspondence.chains:
        title = f"chain {pair.a.name} of A, chain {pair.b.name} of B: {len(pair.pairs)} residues, "
        title += f"{100 * pair.identity:.1f} % identical"
        parts.append(f'<p>{escape(title)}</p><pre class="alignment">{_blocks(pair, lining)}</pre>')
    return "".join(parts)


def columns(pair: ChainPair) -> Iterator[Column]:
    """Yield the columns of an alignment, residues without a counterpart of A before those of B."""
    before = (-1, -1)
    for i, j in (*map(tuple, pair.pairs.tolist()), (len(pair.a), len(pair.b))):
        yield from ((k, -1) for k in range(before[0] + 1, i))
        yield from ((-1, k) for k in range(before[1] + 1, j))
        if i < len(pair.a):
            yield i, j
        before = (i, j)


def _blocks(pair: ChainPair, lining: list[set[str]]) -> str:
    every = list(columns(pair))
    texts = []
    for start in range(0, len(every), WIDTH):
        part = every[start : start + WIDTH]
        marks = "".join(_mark(pair, *column) for column in part)
        rows = [_line(chain, "AB"[k], k, part, pair, lining[k]) for k, chain in enumerate((pair.a, pair.b))]
        texts.append(f"{rows[0]}\n{' ' * 8}{marks}\n{rows[1]}\n")
    return "\n".join(texts)


def _line(chain: Chain, name: str, side: int, part: list[Column], pair: ChainPair, lining: set[str]) -> str:
    shown = [column[side] for column in part if column[side] >= 0]
    number = "".join(map(str, chain.numbers[shown[0]])) if shown else ""
    letters = []
    for column in part:
        k = column[side]
        if k < 0:
            letters.append("-")
            continue
        text = escape(chain.letters[k])
        residue, ins = chain.numbers[k]
        text = f"<u>{text}</u>" if f"{chain.name}_{residue}{ins}" in lining else text
        letters.append(text if _mark(pair, *column) == "|" else f"<b>{text}</b>")
    return f"{name} {escape(number):>5} {''.join(letters)}"


def _mark(pair: ChainPair, i: int, j: int) -> str:
    if i < 0 or j < 0:
        return " "
    return "|" if pair.a.letters[i] == pair.b.letters[j] else "."
