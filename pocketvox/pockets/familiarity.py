"""What a map says of each pocket: how far to trust it there, and how many interactions to expect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pocketvox.inference.domain import RADII, UNFAMILIAR, map_uncertainty, pocket_descriptor
from pocketvox.structure.neighbours import Buckets
from pocketvox.voxel.counts import expected_counts
from pocketvox.voxel.grid import Volume

if TYPE_CHECKING:
    from pocketvox.features import FeaturePoints
    from pocketvox.inference.domain import Domain
    from pocketvox.pockets.detect import Pocket


def rate_pockets(
    pockets: tuple[Pocket, ...], points: FeaturePoints, volume: Volume, domain: Domain | None
) -> tuple[Pocket, ...]:
    """Pockets with ``uncertainty``, ``expected_counts`` and, if the preset has a domain, ``domain_score``.

    Parameters
    ----------
    pockets : tuple of Pocket
    points : FeaturePoints
        Of the whole receptor.
    volume : Volume
        The map they were found in.
    domain : Domain or None
        From :meth:`pocketvox.inference.Preset.domain`.
    """
    rated = []
    buckets = Buckets(points.coord, RADII[-1])
    for pocket in pockets:
        uncertainty = map_uncertainty(volume, pocket.voxels)
        score = None
        if domain is not None:
            corners = volume.grid.to_coord(np.stack([pocket.voxels.min(axis=0), pocket.voxels.max(axis=0)]))
            near = buckets.in_box(corners[0] - RADII[-1] - 1e-3, corners[1] + RADII[-1] + 1e-3)
            around = replace(points, coord=points.coord[near], features=points.features[near], parents=None)
            score = float(domain.score(pocket_descriptor(around, volume, pocket.voxels)[None])[0])
        counts = expected_counts(volume, pocket.voxels)
        rated.append(replace(pocket, domain_score=score, uncertainty=uncertainty, expected_counts=counts))
    return tuple(rated)


def unfamiliar(pockets: tuple[Pocket, ...]) -> tuple[str, ...]:
    """A warning if some pockets are unlike those the network was trained on; none otherwise."""
    names = [p.name for p in pockets if p.domain_score is not None and p.domain_score > UNFAMILIAR]
    if not names:
        return ()
    share = f"{100 * UNFAMILIAR:.0f} %"
    return (
        f"{', '.join(names)}: farther from the training pockets of other families than {share} of the training pockets "
        "themselves; the network has seen nothing like it, and its probabilities there may be wrong.",
    )
