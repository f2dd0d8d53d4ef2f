"""How flexible an atom is, on one scale for crystal, cryo-EM, NMR and predicted structures.

The B column of a structure file holds B-factors (square angstrom) whose scale differs between sources and between
structures, nothing at all (NMR), or a confidence (predicted models: pLDDT, high where a model is rigid). A
:class:`Normalizer` turns it into flexibility: 0 is average or unknown, more is more flexible.

``zscore``
    Standard deviations from the mean of the structure, as of old (Parthasarathy & Murthy,
    doi:10.1002/pro.5560061208).
``minmax``
    Difference to the mean of the structure, in ranges of it: -1 to 1.
``histogram``
    The distribution of a source is matched onto the reference's, that of crystal structures: the quantile p of the one
    becomes the quantile p of the other (histogram matching, as between scanners), in standard deviations of the
    reference. Differences between structures of one source stay. A source without a table of its own is matched
    structure by structure.

Of a distribution only what is between its first and last hundredth counts, whatever the method: single wrong values do
not set its scale.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from pocketvox.config import NORMALIZERS, Config
from pocketvox.descriptors import EXPERIMENTS
from pocketvox.errors import ConfigError, InputError
from pocketvox.features import ATOM_TYPES, FEATURES, FeaturePoints

#: Name of the feature, the last one of a network that has it.
FLEXIBILITY = "flexibility"
#: What the others are matched onto, and what structures of unknown source are taken for: nearly all that come without a
#: header, such as prepared complexes, are crystal structures.
REFERENCE = "x-ray"
#: Sources whose B column is high where a structure is rigid.
REVERSED = ("predicted",)
#: Quantiles of a table.
LEVELS = np.linspace(0.01, 0.99, 99)
#: A source with fewer structures gets no table: the structures would stand for themselves, not for their source.
FEWEST = 20
#: Flexibility is within plus and minus this: other features are 0 or 1, and a loop that is hardly seen, or a wrong
#: value, should not outweigh them.
LIMIT = 3.0
#: The PDB format ends at 999.99, which programs write for atoms that they placed themselves: nothing was measured.
NO_VALUE = 999.0
#: A column that varies by less than this share of its largest value is constant.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class Normalizer(Config):
    """From the B column to flexibility.

    Attributes
    ----------
    method : str
        ``"zscore"``, ``"minmax"`` or ``"histogram"``; see :mod:`pocketvox.normalize`.
    tables : dict of str to tuple of float
        For ``histogram``, by source (one of ``EXPERIMENTS``) the quantiles ``LEVELS`` of its B columns (those of
        ``REVERSED`` times -1), at least of ``REFERENCE``. Else empty.
    """

    method: str
    tables: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self):
        _check_method(self.method)
        needed = {REFERENCE} if self.method == "histogram" else set()
        if not needed <= set(self.tables) <= (set(EXPERIMENTS) if needed else set()):
            expected = f"{REFERENCE!r} and others of {EXPERIMENTS}" if needed else "none"
            raise ConfigError(f"Expected tables of {self.method}: {expected}. Received: {tuple(self.tables)}.")
        for name, values in self.tables.items():
            table = np.array(values)
            if len(table) != len(LEVELS) or not np.isfinite(table).all() or not (np.diff(table) >= 0).all():
                raise ConfigError(
                    f"Expected {len(LEVELS)} finite, ascending quantiles in the table {name!r}. Received: {values}."
                )
            if _is_constant(table):
                raise ConfigError(f"Expected quantiles that differ in the table {name!r}. Received: {values[0]} only.")

    @classmethod
    def fit(cls, method: str, samples: Iterable[tuple[np.ndarray, str]]) -> Self:
        """A normalizer for the structures of a training set; every structure counts the same.

        Parameters
        ----------
        method : str
        samples : iterable of (ndarray, str)
            B column of the heavy atoms and experiment of each structure. Columns that tell nothing are left out.

        Raises
        ------
        ConfigError
            If there is no such method.
        InputError
            If no column varies, or, for ``histogram``, none of the reference.
        """
        _check_method(method)
        found: dict[str, list[np.ndarray]] = {}
        for b_factor, experiment in samples:
            source = experiment or REFERENCE
            column = _oriented(b_factor, source)
            quantiles = _quantiles(column[np.isfinite(column)])
            if quantiles is not None:
                found.setdefault(source, []).append(quantiles)
        if not found or (method == "histogram" and REFERENCE not in found):
            raise InputError(
                f"Expected B columns that vary, of {REFERENCE} structures too, to fit {method}. Received those of: "
                f"{', '.join(found) or 'none'}. Build the data store with this version of data_prep/build.py."
            )
        if method != "histogram":
            return cls(method)
        enough = (name for name, rows in found.items() if name == REFERENCE or len(rows) >= FEWEST)
        return cls(method, {name: tuple(np.quantile(found[name], LEVELS).tolist()) for name in enough})

    def __call__(self, b_factor: np.ndarray, experiment: str = "") -> np.ndarray:
        """Flexibility of the atoms of a structure.

        Parameters
        ----------
        b_factor : array_like, shape=(n,)
            B column of its heavy atoms (square angstrom; pLDDT of a predicted model).
        experiment : str
            One of ``EXPERIMENTS``; empty, unknown, is taken for ``REFERENCE``.

        Returns
        -------
        ndarray, shape=(n,), dtype=float32
            Dimensionless, within ``LIMIT`` of 0. 0 where nothing is known: in a constant column, and where a value is
            not finite or from ``NO_VALUE``.
        """
        source = experiment or REFERENCE
        column = _oriented(b_factor, source)
        flexible = np.zeros(column.shape, np.float32)
        known = np.isfinite(column)
        quantiles = _quantiles(column[known])
        if quantiles is not None:
            flexible[known] = np.clip(self._scaled(column[known], quantiles, source), -LIMIT, LIMIT)
        return flexible

    def _scaled(self, column: np.ndarray, quantiles: np.ndarray, source: str) -> np.ndarray:
        if self.method == "histogram":
            reference = np.array(self.tables[REFERENCE])
            matched = _matched(column, np.array(self.tables.get(source, quantiles)), reference)
            return (matched - reference.mean()) / reference.std()
        column = np.clip(column, quantiles[0], quantiles[-1])
        scale = column.std() if self.method == "zscore" else quantiles[-1] - quantiles[0]
        return (column - column.mean()) / scale


def flexibility(
    normalizer: Normalizer, features: np.ndarray, names: tuple[str, ...], b_factor: np.ndarray | None, experiment: str
) -> np.ndarray:
    """Values of the feature ``flexibility``: of atoms; 0 for the points in space that they offer.

    Parameters
    ----------
    normalizer : Normalizer
    features : ndarray, shape=(n, F)
    names : tuple of str
        Of their columns.
    b_factor : ndarray, shape=(n,), or None
        Of the points; without, everything is unknown.
    experiment : str

    Returns
    -------
    ndarray, shape=(n,), dtype=float32
    """
    values = np.zeros(len(features), np.float32)
    if b_factor is not None:
        atoms = are_atoms(features, names)
        values[atoms] = normalizer(b_factor[atoms], experiment)
    return values


def are_atoms(features: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Which feature points are atoms, shape=(n,), dtype=bool: those of an atom's type; ``names`` are of columns."""
    return features[:, [k for k, name in enumerate(names) if name in ATOM_TYPES]].any(axis=1)


def with_flexibility(points: FeaturePoints, normalizer: Normalizer | None) -> FeaturePoints:
    """Points with a last column ``flexibility``, features as float32.

    Without a normalizer, and if they have the column already, the points as they are.
    """
    if normalizer is None or points.features.shape[1] > len(FEATURES):
        return points
    values = flexibility(normalizer, points.features, FEATURES, points.b_factor, points.experiment)
    return replace(points, features=np.column_stack([points.features.astype(np.float32), values]))


def _check_method(method: str) -> None:
    if method not in NORMALIZERS:
        raise ConfigError(f"Expected method: {', '.join(NORMALIZERS)}. Received: {method!r}.")


def _oriented(b_factor: np.ndarray, source: str) -> np.ndarray:
    """The column, float64, rising with flexibility, NaN where it says nothing."""
    column = np.array(b_factor, np.float64)
    column[~(np.isfinite(column) & (column < NO_VALUE))] = np.nan
    return -column if source in REVERSED else column


def _quantiles(column: np.ndarray) -> np.ndarray | None:
    """Quantiles of finite values, shape=(len(LEVELS),); None of a constant column, and of none."""
    quantiles = np.quantile(column, LEVELS) if len(column) else np.zeros(len(LEVELS))
    return None if _is_constant(quantiles) else quantiles


def _is_constant(quantiles: np.ndarray) -> bool:
    return bool(quantiles[-1] - quantiles[0] <= _CONSTANT * np.abs(quantiles).max())


def _matched(column: np.ndarray, table: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Values with the reference's distribution instead of the table's; what one value is repeated for is averaged."""
    values, where, count = np.unique(table, return_inverse=True, return_counts=True)
    return np.interp(column, values, np.bincount(where, reference) / count)
