"""Compressed bytes from anyone: unpacked as far as is sensible."""

from __future__ import annotations

import zlib

#: Structure files are a tenth of their size when compressed; what grows a hundred times is made to fill memory.
MOST_TIMES = 100
#: ... but small files may grow to this many bytes.
ALWAYS = 64_000_000
#: What to tell the user then.
BOMB = f"the gzip data unpack to more than {MOST_TIMES} times their size, as no structure does. Unpack the file to see."
_GZIP = b"\x1f\x8b"


class BombError(ValueError):
    """What was compressed is far larger than any file of its size."""


def is_gzipped(data: bytes) -> bool:
    """Whether bytes are gzip data, by their first two."""
    return data[:2] == _GZIP


def gunzip(data: bytes) -> bytes:
    """The content of gzip data, of all its members.

    Raises
    ------
    BombError
        If it is more than :data:`MOST_TIMES` as large as the data and more than :data:`ALWAYS`.
    EOFError, zlib.error
        If the data are damaged or cut off.
    """
    most = max(ALWAYS, MOST_TIMES * len(data))
    parts, size = [], 0
    while data:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        part = member.decompress(data, most - size + 1)
        size += len(part)
        if size > most:
            raise BombError
        if not member.eof:
            raise EOFError
        parts.append(part)
        data = member.unused_data.lstrip(b"\0")
    return b"".join(parts)
