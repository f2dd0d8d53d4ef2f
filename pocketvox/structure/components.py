"""The Chemical Component Dictionary that biotite bundles, imported only when a component is asked for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=1024)
def component_parent(code: str) -> str:
    """Standard residue that a component derives from (its ``mon_nstd_parent_comp_id``), ``""`` if none."""
    from biotite.structure.info.ccd import get_from_ccd

    column = get_from_ccd("chem_comp", code, "mon_nstd_parent_comp_id")
    if column is None:
        return ""
    parent = str(np.atleast_1d(column.as_array(str) if hasattr(column, "as_array") else column)[0])
    return "" if parent in (".", "?", "") else parent.split(",")[0].strip()
