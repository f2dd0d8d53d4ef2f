"""JSON files that anyone may have written."""

from __future__ import annotations

import json
from pathlib import Path


def read_json(path: str | Path):
    """What a JSON file holds.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no JSON in UTF-8, or is nested as deeply as only files made to do harm are.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("brackets nested too deeply") from error
