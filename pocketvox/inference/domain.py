"""How far a pocket is from the pockets that a network was trained on.

A pocket is described by what the receptor offers around it: numbers that no rotation or translation changes. Its
distance is that from the nearest training pocket (Mahalanobis). Its score is the share of training pockets that are
nearer than this to the nearest one of another family (sequence cluster): 0 is as familiar as a training pocket itself,
0.5 an ordinary pocket of a new family, 1 unlike anything in training.

The score knows nothing of the map: it says how new a pocket is, and only weakly how wrong the map is there. How
undecided the map itself is stands beside it: :func:`map_uncertainty`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from pocketvox.channels import CORE, LIGAND
from pocketvox.errors import ConfigError, InputError
from pocketvox.features import FeaturePoints
from pocketvox.hdf5 import open_hdf5, plain_dataset
from pocketvox.voxel.grid import Volume

SCHEMA_VERSION = 1
#: Receptor points are counted up to these distances from each voxel of a pocket (angstrom).
RADII = (3.5, 5.0, 6.5, 8.0, 10.0, 12.0)
#: Added to the variance along each direction (standard deviations squared): directions in which training pockets hardly
#: differ must not decide.
RIDGE = 0.3
#: Pockets with a score above this are unlike those the network was trained on.
UNFAMILIAR = 0.99
#: Fewer families than this tell nothing about what is usual.
LEAST_FAMILIES = 10


@dataclass(frozen=True)
class Domain:
    """The training pockets of a network.

    Attributes
    ----------
    mean : ndarray, shape=(d,), dtype=float32
        Of the descriptors.
    whiten : ndarray, shape=(d, d), dtype=float32
        ``(descriptor - mean) @ whiten`` has about unit variance in every direction.
    pockets : ndarray, shape=(n, d), dtype=float32
        Whitened descriptors of training pockets.
    usual : ndarray, shape=(n,), dtype=float32
        Distance of each of them from the nearest one of another family, rising.
    """

    mean: np.ndarray
    whiten: np.ndarray
    pockets: np.ndarray
    usual: np.ndarray

    def distance(self, descriptors: np.ndarray) -> np.ndarray:
        """Distance from the nearest training pocket, in standard deviations (root mean square over directions).

        Parameters
        ----------
        descriptors : ndarray, shape=(m, d), dtype=float
            From :func:`pocket_descriptor`.

        Returns
        -------
        ndarray, shape=(m,), dtype=float64

        Raises
        ------
        InputError
            If the descriptors have another length.
        """
        descriptors = np.asarray(descriptors, float)
        if descriptors.ndim != 2 or descriptors.shape[1] != len(self.mean):
            raise InputError(f"Expected descriptors of shape (m, {len(self.mean)}). Received: {descriptors.shape}.")
        return _distances((descriptors - self.mean) @ self.whiten, self.pockets).min(axis=1)

    def score(self, descriptors: np.ndarray) -> np.ndarray:
        """Share of training pockets nearer to another family than each pocket is to any, shape=(m,), dtype=float64.

        Parameters and errors as of :meth:`distance`.
        """
        return np.searchsorted(self.usual, self.distance(descriptors)) / len(self.usual)


def pocket_descriptor(points: FeaturePoints, volume: Volume, voxels: np.ndarray) -> np.ndarray:
    """Numbers that describe a pocket wherever it lies and however it is turned.

    Parameters
    ----------
    points : FeaturePoints
        Of the receptor.
    volume : Volume
        Map with a ``ligand`` channel.
    voxels : ndarray, shape=(n, 3), dtype=int
        Of the pocket, at least one.

    Returns
    -------
    ndarray, shape=(d,), dtype=float64
        Square root of the number of receptor points with each feature within each of :data:`RADII`, averaged over the
        pocket's voxels by ligand probability; radius by radius. (The square root of a count is about equally precise
        whatever the count.)

    Raises
    ------
    InputError
        If there is no voxel or no ``ligand`` channel.
    """
    return np.sqrt(_counts(points, volume.grid.to_coord(voxels), _weights(volume, voxels))).ravel()


def map_uncertainty(volume: Volume, voxels: np.ndarray) -> float:
    """How undecided a map is in a pocket: entropy of a voxel in a core channel (bits), 0 to 1.

    The mean over the pocket's voxels, weighted by ligand probability, and the core channels that the map has.

    Parameters
    ----------
    volume, voxels
        As of :func:`pocket_descriptor`.

    Raises
    ------
    InputError
        As of :func:`pocket_descriptor`.
    """
    from scipy.special import entr

    columns = [k for k, name in enumerate(volume.channels) if name in CORE]
    p = volume.values[tuple(voxels.T)][:, columns].astype(np.float64)
    entropy = (entr(p) + entr(1 - p)).sum(axis=1) / (np.log(2) * max(len(columns), 1))
    return float(_weights(volume, voxels) @ entropy)


def fit_domain(descriptors: np.ndarray, families) -> Domain:
    """Learn what the training pockets look like, and how far apart their families usually are.

    Parameters
    ----------
    descriptors : ndarray, shape=(n, d), dtype=float
    families : sequence of n hashables
        Pockets of one family are homologous.

    Raises
    ------
    InputError
        If there are too few families.
    """
    names, family = np.unique(np.asarray(families), return_inverse=True)
    if len(names) < LEAST_FAMILIES:
        raise InputError(
            f"Expected pockets of at least {LEAST_FAMILIES} families. Received: {len(names)}. Add pockets."
        )
    descriptors = np.asarray(descriptors, np.float64)
    mean, whiten = _whitening(descriptors)
    pockets = ((descriptors - mean) @ whiten).astype(np.float32)
    distance = _distances(pockets, pockets)
    distance[family[:, None] == family] = np.inf
    return Domain(mean, whiten, pockets, np.sort(distance.min(axis=1)).astype(np.float32))


def write_domain(path: str | Path, domain: Domain) -> None:
    """Write an HDF5 file; equal domains give equal bytes."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for field in fields(Domain):
            options = {"compression": "gzip", "shuffle": True, "track_times": False}
            file.create_dataset(field.name, data=getattr(domain, field.name), **options)


def read_domain(path: str | Path) -> Domain:
    """Read a file of :func:`write_domain`.

    Raises
    ------
    ConfigError
        If it is no such file, or is damaged.
    """
    try:
        with open_hdf5(path) as file:
            version = int(file.attrs["schema_version"])
            domain = Domain(**{field.name: plain_dataset(file, field.name)[()] for field in fields(Domain)})
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"Expected training pockets in {path}. Received: {error}. Install the preset anew."
        ) from error
    if version != SCHEMA_VERSION:
        raise ConfigError(f"Expected schema version {SCHEMA_VERSION} in {path}. Received: {version}. Update pocketvox.")
    _check(domain, path)
    return domain


def _check(domain: Domain, path: str | Path) -> None:
    n, d = np.size(domain.usual), np.size(domain.mean)
    shapes = {"mean": (d,), "whiten": (d, d), "pockets": (n, d), "usual": (n,)}
    arrays = {name: np.asarray(getattr(domain, name)) for name in shapes}
    fits = n > 0 and all(a.shape == shapes[name] and a.dtype.kind == "f" for name, a in arrays.items())
    if not fits or not all(np.isfinite(a).all() for a in arrays.values()) or (np.diff(domain.usual) < 0).any():
        received = ", ".join(f"{name} {a.dtype} {a.shape}" for name, a in arrays.items())
        raise ConfigError(
            f"Expected finite arrays of shapes {shapes} in {path}, usual rising. Received: {received}. Install the "
            "preset anew."
        )


def _whitening(descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, shape=(d,), and what turns differences into standard deviations, shape=(d, d), both float32."""
    mean, scale = descriptors.mean(axis=0), descriptors.std(axis=0)
    scale[scale < 1e-6] = 1.0
    z = (descriptors - mean) / scale
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    whiten = vectors / np.sqrt(values.clip(0) + RIDGE) / scale[:, None]
    return mean.astype(np.float32), whiten.astype(np.float32)


def _weights(volume: Volume, voxels: np.ndarray) -> np.ndarray:
    """Ligand probability of each voxel, divided by their sum, shape=(n,), dtype=float64."""
    if not len(voxels) or LIGAND not in volume.channels:
        raise InputError(
            f"Expected a pocket's voxels and a map with a {LIGAND!r} channel. Received: {len(voxels)} voxels, channels "
            f"{', '.join(volume.channels)}. Use a preset that predicts it."
        )
    weight = volume.values[..., volume.channels.index(LIGAND)][tuple(voxels.T)] + 1e-6  # where all are 0, all count
    return weight.astype(np.float64) / weight.sum(dtype=np.float64)


def _counts(points: FeaturePoints, coord: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean count of points with each feature within each radius of the positions, shape=(radius, feature)."""
    from scipy.spatial.distance import cdist

    reach = RADII[-1]
    near = ((points.coord >= coord.min(axis=0) - reach) & (points.coord <= coord.max(axis=0) + reach)).all(axis=1)
    around, features = points.coord[near].astype(np.float64), points.features[near].astype(np.float64)
    seen = np.zeros((len(RADII), len(around)))
    for start in range(0, len(coord), 1024):  # a part at a time: distances of all would fill the memory
        part = slice(start, start + 1024)
        distance = cdist(around, coord[part])
        seen += np.array([(distance <= radius) @ weight[part] for radius in RADII])
    return seen @ features


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Root mean square differences between the rows of a and b, shape=(len(a), len(b)), dtype=float64."""
    from scipy.spatial.distance import cdist

    return cdist(a.astype(np.float64), b.astype(np.float64)) / np.sqrt(b.shape[1])
