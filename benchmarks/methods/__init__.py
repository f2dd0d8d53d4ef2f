"""Methods that the benchmark runs: the shipped preset, baselines, controls and ceilings, one file each.

A method is a function that fills a grid, with a name. To add one, write a file with a function ``method()`` that
returns a :class:`Method`, and list it in :data:`METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.entries import MAPS, PAIRS, SCREENING, Entry
from pocketvox.channels import CORE
from pocketvox.errors import UsageError
from pocketvox.voxel import Grid, Volume

#: Files of this folder, in the order of the leaderboard's legend.
METHODS = (
    "pocketvox_preset",
    "rule_field",
    "vina_maps",
    "buriedness",
    "prevalence",
    "nearest_pocket",
    "second_ligand",
    "prolif_labels",
    "plip_labels",
    "ligand_roles",
    "pocketvox_complex",
)


@dataclass(frozen=True)
class Method:
    """Something that fills grids with probabilities.

    Attributes
    ----------
    name : str
        Letters, digits, ``-`` and ``.``: the name of its results.
    title : str
        As the leaderboard shows it.
    description : str
        One or two sentences.
    predict : callable
        ``predict(entry, grid) -> Volume`` with values from 0 to 1 on exactly this grid. Of the pocket task it may read
        ``entry.receptor`` or ``entry.atoms`` and nothing else of the entry.
    channels : tuple of str
        What it gives.
    sets : tuple of str
        Sets of entries that it is run on.
    pockets : callable or None
        ``pockets(entry, volume) -> list of Region``, best first, for methods that rank pockets.
    fingerprint : str
        Of the weights, if there are any.
    task : str
        ``pocket`` (receptor in) or ``complex`` (receptor and ligand in).
    scope : str
        ``protein``: asked for whole receptors. ``site``: asked for boxes around the ligands of the ``maps`` set, for
        methods too slow for more; told where a ligand is, but nothing of what it does there.
    kind : str
        ``method``, ``baseline``, ``control`` (what a method must beat to have learnt anything) or ``ceiling`` (sees the
        answer another way). A ceiling may leave entries out, with reasons: it is scored on the others.
    """

    name: str
    title: str
    description: str
    predict: Callable[[Entry, Grid], Volume]
    channels: tuple[str, ...] = CORE
    task: str = "pocket"
    scope: str = "site"
    kind: str = "baseline"
    pockets: Callable[[Entry, Volume], list] | None = None
    fingerprint: str = ""
    sets: tuple[str, ...] = (MAPS, PAIRS, SCREENING)


def load(name: str) -> Method:
    """A method of :data:`METHODS`, or ``module:function`` that returns one.

    Raises
    ------
    UsageError
        If there is none of this name.
    """
    module, _, function = name.partition(":")
    if not function:
        file = name.replace("-", "_")
        if file not in METHODS:
            raise UsageError(f"Expected a method among {', '.join(METHODS)}, or module:function. Received: {name!r}.")
        module, function = f"benchmarks.methods.{file}", "method"
    try:
        factory = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"Expected a method in {module}:{function}. Received: {error}.") from error
    return factory()
