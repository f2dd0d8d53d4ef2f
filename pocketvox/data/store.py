"""The data store: structures, ligands and interaction points of a dataset in one HDF5 file.

It holds coordinates, not voxels: crops are voxelized, rotated and labelled as they are drawn. Layout of
schema version 1:

File attributes: ``schema_version``, ``features`` and ``channels`` (lists of names), ``definitions`` (JSON text: the
numbers the interaction points were made with); ``ligand_features`` and ``descriptors`` (lists of names) if the store
is of use for networks that see the ligand. One group ``/structures/<id>`` per structure with attributes ``split``,
``clusters`` (joined by commas), ``source`` and ``experiment``, and the array fields of :class:`StoreItem` as datasets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from pocketvox.channels import CHANNELS, TYPED
from pocketvox.errors import InputError
from pocketvox.features import FeaturePoints

SCHEMA_VERSION = 1
#: :attr:`StoreItem.source` of pieces of a protein taken as its ligand: where else one could bind says nothing.
PSEUDO = "pseudo"

#: Array fields: type on disk and length of the second axis (None: one axis, 0: as many as there are features).
_ARRAYS = {
    "coord": ("<f4", 3),
    "features": ("u1", 0),
    "radius": ("<f4", None),
    "ligand_coord": ("<f4", 3),
    "ligand_group": ("<i4", None),
    "point_coord": ("<f4", 3),
    "point_channel": ("u1", None),
    "point_group": ("<i4", None),
    "ignored_coord": ("<f4", 3),
    "surface_coord": ("<f4", 3),
}
#: ... that a store may lack, likewise.
_OPTIONAL = {
    "b_factor": ("<f4", None),
    "ligand_site_coord": ("<f4", 3),
    "ligand_site_features": ("u1", 0),
    "ligand_site_radius": ("<f4", None),
    "ligand_site_group": ("<i4", None),
    "descriptors": ("<f4", 0),
}
#: Which attribute of the file names the columns of a field whose width is not fixed.
_WIDTHS = {"features": "features", "ligand_site_features": "ligand_features", "descriptors": "descriptors"}
#: Fields with one row per object of a kind: their lengths must agree.
_ALIGNED = (
    ("coord", "features", "radius"),
    ("ligand_coord", "ligand_group"),
    ("point_coord", "point_channel", "point_group"),
    ("coord", "b_factor"),
    ("ligand_site_coord", "ligand_site_features", "ligand_site_radius", "ligand_site_group"),
    ("ligand_names", "descriptors"),
)


@dataclass(frozen=True)
class StoreItem:
    """One structure as the sampler needs it. Coordinates in angstrom.

    Attributes
    ----------
    id : str
    split : str
        ``"train"``, ``"val"`` or ``"test"``.
    clusters : tuple of str
        Sequence clusters of the chains that touch its ligands.
    source : str
        Where the structure came from.
    coord : ndarray, shape=(n, 3), dtype=float32
        Feature points of the receptor.
    features : ndarray, shape=(n, F), dtype=uint8
        Which features each point has.
    radius : ndarray, shape=(n,), dtype=float32
    ligand_coord : ndarray, shape=(m, 3), dtype=float32
        Heavy atoms of all suitable ligands.
    ligand_group : ndarray, shape=(m,), dtype=int32
        Index of the ligand each atom belongs to, into ``ligand_names``.
    ligand_names : tuple of str
    point_coord : ndarray, shape=(k, 3), dtype=float32
        Interaction points, on the ligand's side.
    point_channel : ndarray, shape=(k,), dtype=uint8
        Index into ``CHANNELS``.
    point_group : ndarray, shape=(k,), dtype=int32
        Ligand of each point.
    ignored_coord : ndarray, shape=(q, 3), dtype=float32
        Additives: whether a ligand would bind there is unknown.
    surface_coord : ndarray, shape=(s, 3), dtype=float32
        Points near the receptor's surface where a probe fits.
    b_factor : ndarray, shape=(n,), dtype=float32, or None
        B column of the file at the feature points (square angstrom; pLDDT in a predicted model): that of the atom, or
        the mean over the atoms that offer the point.
    ligand_site_coord, ligand_site_features, ligand_site_radius : ndarray or None
        Feature points of all suitable ligands, shapes (l, 3), (l, L) and (l,); see
        :func:`pocketvox.features.ligand_points`.
    ligand_site_group : ndarray, shape=(l,), dtype=int32, or None
        Ligand of each.
    descriptors : ndarray, shape=(number of ligands, D), dtype=float32, or None
        See :func:`pocketvox.descriptors.describe`.
    experiment : str
        ``"x-ray"``, ``"cryo-em"``, ``"nmr"``, ``"predicted"`` or empty if unknown.
    flexibility : ndarray, shape=(n,), dtype=float32, or None
        Last feature, for networks that see it; see :mod:`pocketvox.data.flexibility`. Not stored.
    """

    id: str
    split: str
    clusters: tuple[str, ...]
    source: str
    coord: np.ndarray
    features: np.ndarray
    radius: np.ndarray
    ligand_coord: np.ndarray
    ligand_group: np.ndarray
    ligand_names: tuple[str, ...]
    point_coord: np.ndarray
    point_channel: np.ndarray
    point_group: np.ndarray
    ignored_coord: np.ndarray
    surface_coord: np.ndarray
    b_factor: np.ndarray | None = None
    ligand_site_coord: np.ndarray | None = None
    ligand_site_features: np.ndarray | None = None
    ligand_site_radius: np.ndarray | None = None
    ligand_site_group: np.ndarray | None = None
    descriptors: np.ndarray | None = None
    experiment: str = ""
    flexibility: np.ndarray | None = None

    @property
    def feature_points(self) -> FeaturePoints:
        """Feature points of the receptor."""
        features = self.features.astype(bool)
        return FeaturePoints(self.coord, features, self.radius, b_factor=self.b_factor, experiment=self.experiment)


@contextmanager
def create_store(
    path: str | Path, features, definitions: dict | str, *, ligand_features=(), descriptors=()
) -> Iterator[h5py.File]:
    """Open a new store for :func:`write_item`; the file appears complete at the end, or not at all.

    Parameters
    ----------
    path : str or Path
        Must not exist.
    features : sequence of str
        Names of the columns of ``StoreItem.features``.
    definitions : dict or str
        The numbers the interaction points were made with, as JSON types or JSON text.
    ligand_features, descriptors : sequence of str
        Names of the columns of ``StoreItem.ligand_site_features`` and ``StoreItem.descriptors``, if items have them.

    Raises
    ------
    InputError
        If the file exists.
    """
    path = Path(path)
    if path.exists():
        raise InputError(f"Expected a new file for the data store. Received: {path}, which exists; remove it first.")
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(partial, "w") as h5:
            h5.attrs["schema_version"] = SCHEMA_VERSION
            h5.attrs["features"] = list(features)
            h5.attrs["channels"] = list(CHANNELS)
            h5.attrs["ligand_features"] = list(ligand_features)
            h5.attrs["descriptors"] = list(descriptors)
            text = definitions if isinstance(definitions, str) else json.dumps(definitions, sort_keys=True)
            h5.attrs["definitions"] = text
            h5.create_group("structures")
            yield h5
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_item(h5: h5py.File, item: StoreItem) -> None:
    """Add a structure to an open store.

    Raises
    ------
    InputError
        If its arrays contradict each other or the store, or a coordinate is not finite.
    """
    _check(item, {name: len(h5.attrs[attribute]) for name, attribute in _WIDTHS.items()})
    group = h5.require_group("structures").create_group(item.id)
    group.attrs["split"] = item.split
    group.attrs["clusters"] = ",".join(item.clusters)
    group.attrs["source"] = item.source
    group.attrs["experiment"] = item.experiment
    for name, (dtype, _) in (_ARRAYS | _OPTIONAL).items():
        if getattr(item, name) is None:
            continue
        values = np.asarray(getattr(item, name), dtype)
        options = {"compression": "gzip", "shuffle": True} if values.size else {}
        group.create_dataset(name, data=values, **options)
    group.create_dataset("ligand_names", data=list(item.ligand_names), dtype=h5py.string_dtype())


def read_item(h5: h5py.File, id: str) -> StoreItem:
    """Read one structure from an open store.

    Raises
    ------
    InputError
        If there is no such structure, or one of its datasets is missing.
    """
    try:
        group = h5["structures"][id]
        stored = _ARRAYS | {name: kind for name, kind in _OPTIONAL.items() if name in group}
        arrays = {name: group[name][()].astype(dtype.lstrip("<")) for name, (dtype, _) in stored.items()}
        names = tuple(group["ligand_names"].asstr()[()])
        clusters = tuple(c for c in group.attrs["clusters"].split(",") if c)
        texts = {name: str(group.attrs[name]) for name in ("split", "source")}
        texts["experiment"] = str(group.attrs.get("experiment", ""))
    except KeyError as error:
        raise InputError(f"Expected structure {id!r} in {h5.filename}, complete. Received: {error.args[0]}.") from error
    return StoreItem(id=id, clusters=clusters, ligand_names=names, **texts, **arrays)


class Store:
    """A data store, read only.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    features, channels : tuple of str
    ligand_features, descriptors : tuple of str
        Empty if networks that see the ligand cannot be trained on it.
    definitions : str
        JSON text.

    Raises
    ------
    InputError
        If the file is absent, is no store, or has another schema version or other channels than this version of
        pocketvox.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        remedy = "Build one with data_prep/build.py."
        if not self.path.is_file():
            raise InputError(f"Expected an HDF5 data store. Received: {path}, which is not a file. {remedy}")
        try:
            with h5py.File(self.path) as h5:
                version = int(h5.attrs["schema_version"])
                self.features = tuple(str(name) for name in h5.attrs["features"])
                self.channels = tuple(str(name) for name in h5.attrs["channels"])
                self.ligand_features = tuple(str(name) for name in h5.attrs.get("ligand_features", ()))
                self.descriptors = tuple(str(name) for name in h5.attrs.get("descriptors", ()))
                self.definitions = str(h5.attrs["definitions"])
                self._splits = {id: str(group.attrs["split"]) for id, group in h5["structures"].items()}
        except (OSError, KeyError) as error:
            raise InputError(f"Expected an HDF5 data store in {path}. Received: {error}. {remedy}") from error
        if version != SCHEMA_VERSION:
            raise InputError(f"Expected schema version {SCHEMA_VERSION} in {path}. Received: {version}. {remedy}")
        if self.channels != CHANNELS:
            raise InputError(f"Expected channels {CHANNELS} in {path}. Received: {self.channels}. {remedy}")

    def alike(self, other: Store) -> Store:
        """``other``, if it was made with the same features and definitions.

        Raises
        ------
        InputError
            If it was not.
        """
        if (other.features, other.definitions) != (self.features, self.definitions):
            raise InputError(
                f"Expected the features and definitions of {self.path} in {other.path}. Received: others. Build both "
                "with the same version of pocketvox."
            )
        return other

    def ids(self, split: str | None = None) -> list[str]:
        """Ids of a split (or of all), sorted."""
        return sorted(id for id, s in self._splits.items() if split in (None, s))

    def read(self, ids) -> list[StoreItem]:
        """Structures of the given ids, in that order, in memory."""
        with h5py.File(self.path) as h5:
            return [read_item(h5, id) for id in ids]

    def load(self, split: str | None = None) -> list[StoreItem]:
        """Every structure of a split (or of all), in memory."""
        return self.read(self.ids(split))


def _check(item: StoreItem, widths: dict[str, int]) -> None:
    for name, (_, width) in (_ARRAYS | _OPTIONAL).items():
        if name in _OPTIONAL and getattr(item, name) is None:
            continue
        shape = np.shape(getattr(item, name))
        tail = () if width is None else (width or widths[name],)
        if shape[1:] != tail or not shape:
            raise InputError(f"Expected {name} of shape {('n', *tail)} in {item.id}. Received: {shape}.")
        if name.endswith("coord") and not np.isfinite(getattr(item, name)).all():
            raise InputError(f"Expected finite {name} in {item.id}. Received: NaN or infinite values.")
    for names in _ALIGNED:
        lengths = {name: len(getattr(item, name)) for name in names if getattr(item, name) is not None}
        if len(set(lengths.values())) > 1:
            raise InputError(f"Expected arrays of equal length in {item.id}. Received: {lengths}.")
    sites = item.ligand_site_group
    groups = np.concatenate([item.ligand_group, item.point_group, *([] if sites is None else [sites])])
    n = len(item.ligand_names)
    if groups.size and not 0 <= groups.min() <= groups.max() < n:
        raise InputError(f"Expected ligand indices from 0 to {n - 1} in {item.id}. Received: {np.unique(groups)}.")
    if np.size(item.point_channel) and np.max(item.point_channel) >= len(TYPED):
        highest = np.max(item.point_channel)
        raise InputError(f"Expected channel indices below {len(TYPED)} in {item.id}. Received: {highest}.")
