"""An explanation: which voxels, atoms and residues of a receptor a predicted value comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit, logit

from pocketvox.errors import MissingExtraError, UsageError
from pocketvox.explain.atoms import points_to_atoms, share_of_points, split_by_density, spread_on_voxels
from pocketvox.explain.maps import grad_cam, integrated_gradients
from pocketvox.explain.occlusion import occlusion, residues_around
from pocketvox.explain.targets import Target
from pocketvox.features import FeaturePoints
from pocketvox.inference import Preset, make_engine
from pocketvox.inference.presets import WEIGHTS
from pocketvox.inference.tiling import REACH
from pocketvox.normalize import with_flexibility
from pocketvox.structure.atoms import Atoms
from pocketvox.voxel import Volume, network_input, voxelize

#: Ways to explain, the default first; ``docs/explanation.md`` says how they compare.
METHODS = ("integrated", "gradient", "gradcam", "occlusion")
#: Points at which integrated gradients are taken.
STEPS = 32
#: Engines give probabilities; nearer to 0 or 1 than this their log-odds are not known.
TINY = 1e-7


@dataclass(frozen=True)
class Explanation:
    """Where the value of a target comes from.

    Attributes
    ----------
    target : Target
    method : str
        One of :data:`METHODS`.
    value : float
        Mean calibrated log-odds of the target.
    map : Volume
        Attribution of each voxel of the target's box, shape=(x, y, z, 1).
    atoms : ndarray, shape=(n,), dtype=float64
        Attribution of each atom of the receptor.
    features : dict of str to float
        The same sum by input feature; empty for methods that do not tell.
    settings : dict
        Steps of the integral, layer, or reach; JSON types.
    empty : float or None
        The value of an empty grid (integrated gradients only).
    """

    target: Target
    method: str
    value: float
    map: Volume
    atoms: np.ndarray
    features: dict[str, float] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    empty: float | None = None

    @property
    def probability(self) -> float:
        """The value as a probability."""
        return float(expit(self.value))

    @property
    def residual(self) -> float | None:
        """What integrated gradients miss of the difference to an empty grid, as a share of it; 0 would be exact."""
        if self.empty is None:
            return None
        difference = self.value - self.empty
        return float((self.map.values.sum(dtype=float) - difference) / difference) if difference else None


class Explainer:
    """A preset whose predictions can be explained.

    Parameters
    ----------
    preset : Preset
    engine : str or callable
        What predicts for ``occlusion``; see :func:`pocketvox.inference.make_engine`. Other methods run Keras.
    threads : int, optional
        Processor threads; all if not given.
    """

    def __init__(self, preset: Preset, engine="auto", threads: int | None = None):
        self.preset = preset
        self._engine, self._threads = engine, threads
        self._gradients = None

    def __call__(
        self,
        atoms: Atoms,
        points: FeaturePoints,
        target: Target,
        method: str = METHODS[0],
        *,
        steps: int = STEPS,
        layer: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Explanation:
        """Explain a target.

        Parameters
        ----------
        atoms : Atoms
            Receptor.
        points : FeaturePoints
            From :func:`pocketvox.features.receptor_points` of the receptor.
        target : Target
        method : str
            ``"integrated"``: integrated gradients from an empty grid. ``"gradient"``: gradient times input.
            ``"gradcam"``: Grad-CAM of a layer. ``"occlusion"``: the fall of the value without each residue.
        steps : int
            Of the integral.
        layer : str, optional
            Of Grad-CAM; the last one of the coarsest level if not given.
        progress : callable, optional
            Called with residues done and in all (``occlusion``).

        Raises
        ------
        UsageError
            If there is no such method.
        MissingExtraError
            If it needs Keras and Keras is not installed.
        ConfigError
            If the network has no such layer, or Keras runs on a backend without gradients.
        """
        if method not in METHODS:
            raise UsageError(f"Expected a method: {', '.join(METHODS)}. Received: {method!r}.")
        points = with_flexibility(points, self.preset.config.normalizer)
        if method == "occlusion":
            return self._occlusion(atoms, points, target, progress)
        x = self.features(points, target)
        weight = self._weight(target)
        if method == "gradcam":
            return self._grad_cam(atoms, points, target, x, weight, layer or self._coarsest())
        return self._gradient(atoms, points, target, x, weight, steps if method == "integrated" else None)

    def value(self, points: FeaturePoints, target: Target) -> float:
        """The target's value for a receptor, by the engine."""
        if not callable(self._engine):
            self._engine = make_engine(self.preset, self._engine, self._threads)
        network = self.preset.config.network
        points = with_flexibility(points, self.preset.config.normalizer)
        x = network_input(points.coord, points.features, points.radius, target.grid, network)
        p = self._engine(x[None])[0, ..., self.preset.channels.index(target.channel)]
        return float(logit(np.clip(p[target.mask].astype(float), TINY, 1 - TINY)).mean())

    def _occlusion(self, atoms, points, target, progress) -> Explanation:
        residues = residues_around(points, atoms, target.mask, target.grid)
        drops = occlusion(lambda seen: self.value(seen, target), points, atoms, residues, progress)
        each = np.zeros(len(atoms))
        for residue, drop in zip(residues, drops, strict=True):
            own = (atoms.residue == residue) & atoms.heavy
            each[own] = drop / own.sum()
        values = spread_on_voxels(each, points, target.grid)
        return self._explanation(
            target, "occlusion", self.value(points, target), values, each, settings={"reach": REACH}
        )

    def _gradient(self, atoms, points, target, x, weight, steps: int | None) -> Explanation:
        pull = self.gradients
        logits, slope = pull(x[None], weight[None])
        empty, settings = None, {}
        if steps is None:
            slope = slope[0].astype(np.float64)
        else:
            slope = integrated_gradients(pull, x, weight, steps)
            empty = self._logit(pull(np.zeros_like(x)[None], weight[None])[0], weight, target)
            settings = {"steps": steps}
        shares = share_of_points(points, slope, target.grid)
        return self._explanation(
            target,
            "gradient" if steps is None else "integrated",
            self._logit(logits, weight, target),
            (x * slope).sum(axis=-1),
            points_to_atoms(shares.sum(axis=1), points, len(atoms)),
            features=dict(zip(self.preset.features, shares.sum(axis=0).tolist(), strict=True)),
            settings=settings,
            empty=empty,
        )

    def _grad_cam(self, atoms, points, target, x, weight, layer: str) -> Explanation:
        value = self._logit(self.gradients(x[None], weight[None])[0], weight, target)
        features, slope = self.gradients.layer(layer, x[None], weight[None])
        cam = grad_cam(features[0], slope[0], target.grid.shape)
        shares = split_by_density(points, cam, target.grid)
        each = points_to_atoms(shares, points, len(atoms))
        return self._explanation(target, "gradcam", value, cam, each, settings={"layer": layer})

    @staticmethod
    def _explanation(target, method, value, values, atoms, **more) -> Explanation:
        volume = Volume(values[..., None], target.grid, ("attribution",))
        return Explanation(target, method, value, volume, atoms, **more)

    @property
    def gradients(self):
        """The network with its gradients: :class:`pocketvox.network.gradients.Gradients`."""
        if self._gradients is None:
            self._gradients = load_gradients(self.preset, self._threads)
        return self._gradients

    @gradients.setter
    def gradients(self, gradients) -> None:
        self._gradients = gradients

    def features(self, points: FeaturePoints, target: Target) -> np.ndarray:
        """What the network sees in the target's box, constraints aside, shape=(x, y, z, F), dtype=float32."""
        points = with_flexibility(points, self.preset.config.normalizer)
        return voxelize(points.coord, points.features, points.radius, target.grid, self.preset.features).values

    def _line(self, target: Target) -> tuple[int, float, float]:
        """Number of the target's channel, slope and offset of its calibration."""
        k = self.preset.channels.index(target.channel)
        slope, offset = self.preset.calibration()
        return k, float(slope[k]), float(offset[k])

    def _weight(self, target: Target) -> np.ndarray:
        """Weights of the logits in the target's value, calibration included, shape=(x, y, z, K), dtype=float32."""
        k, slope, _ = self._line(target)
        weight = np.zeros((*target.grid.shape, len(self.preset.channels)), np.float32)
        weight[..., k] = target.mask * (slope / target.mask.sum())
        return weight

    def _logit(self, logits: np.ndarray, weight: np.ndarray, target: Target) -> float:
        return float((logits[0].astype(np.float64) * weight).sum() + self._line(target)[2])

    def _coarsest(self) -> str:
        """Name of the last activation of the encoder."""
        network = self.preset.config.network
        return f"encode{len(network.filters) - 1}_{network.blocks[-1] - 1}_act"


def load_gradients(preset: Preset, threads: int | None = None):
    """The network of a preset with its gradients, without its constraints: they let no gradient through.

    Raises
    ------
    MissingExtraError
        If Keras or its backend is not installed.
    """
    try:
        from pocketvox.network.export import load_network
        from pocketvox.network.gradients import Gradients
        from pocketvox.network.threads import set_threads
    except ImportError as error:
        raise MissingExtraError(
            f"Gradients need Keras and a backend ({error}). Install them: pip install 'pocketvox[train]'. "
            "The method occlusion needs neither."
        ) from error
    set_threads(threads or 0)
    network = replace(preset.config.network, constraints=())
    return Gradients(load_network(network, preset.folder / WEIGHTS))
