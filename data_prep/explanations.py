"""Measure explanations: ``python -m data_prep.explanations PRESET --manifest FILE --entries LIST -o FILE``.

Correct hot-spots of validation structures (:mod:`data_prep.explanation_cases`) are explained by every method. How much
of the prediction is lost without the residue that a method puts first, against a residue of the pocket's lining drawn
at random (deletion test)? Is a true partner among a method's first three residues? Do integrated gradients add up? And
do maps depend on what the network has learned: they must not survive when its layers are drawn anew, from the last to
the first (Adebayo et al., NeurIPS 2018, arXiv:1810.03292). Residues by distance and at random are the controls.
"""

from __future__ import annotations

import logging
import sys
import warnings

import numpy as np
from rdkit import RDLogger
from scipy.special import expit
from scipy.stats import spearmanr, wilcoxon

from data_prep.command import command, preset_parser, write_json
from data_prep.direction_truth import MATCH
from data_prep.directions import listed_entries
from data_prep.explanation_cases import Case, cases
from data_prep.sources import Source
from data_prep.trust import row
from pocketvox.explain import Explainer, Explanation
from pocketvox.explain.atoms import atoms_to_residues
from pocketvox.explain.occlusion import without_residue
from pocketvox.inference import Predictor, load_predictor

#: Residues of an explanation in which a partner is looked for.
FIRST = 3
#: Cases whose maps are compared with those of networks drawn anew, and the steps of their integrals.
REDRAWN, REDRAWN_STEPS = 6, 8
#: Controls: residues by the distance of their nearest atom to the hot-spot; of the lining, at random.
NEAREST, RANDOM = "nearest residue", "random residue"

log = logging.getLogger("explanations")


# ------------------------------------------------------------------------------------------------------- residues first
def explanations(explainer: Explainer, case: Case) -> dict[str, Explanation]:
    """Explanations by every method; Grad-CAM of the coarsest level and of the last layer before the head."""
    asked = {"integrated": {}, "gradient": {}, "gradcam": {}, "gradcam, last layer": {"layer": last_layer(explainer)}}
    asked["occlusion"] = {}
    return {
        name: explainer(case.receptor, case.points, case.target, name.split(",")[0], **options)
        for name, options in asked.items()
    }


def last_layer(explainer: Explainer) -> str:
    """Name of the last activation of the decoder."""
    return f"decode0_{explainer.preset.config.network.blocks[0] - 1}_act"


def by_attribution(found: Explanation, case: Case) -> np.ndarray:
    """Residues, the largest attribution first."""
    first, value = atoms_to_residues(found.atoms, case.receptor)
    return case.receptor.residue[first][np.argsort(-value, kind="stable")]


def by_distance(case: Case) -> np.ndarray:
    """Residues, the nearest first."""
    distance = np.linalg.norm(case.receptor.coord - np.array(case.target.center), axis=1)
    residues, first = np.unique(case.receptor.residue, return_index=True)
    return residues[np.argsort(np.minimum.reduceat(distance, first), kind="stable")]


def probability_lost(explainer: Explainer, case: Case, residue: int, whole: float) -> float:
    """By how much the hot-spot's probability falls without a residue."""
    points = without_residue(case.points, case.receptor, residue)
    return float(expit(whole) - expit(explainer.value(points, case.target)))


def judge(explainer: Explainer, chosen: list[Case]) -> tuple[list[dict], list[dict]]:
    """Rows of the table of methods, and of the table of completeness."""
    rng = np.random.default_rng(1)
    lost: dict[str, list[float]] = {}
    hits: dict[str, list[float]] = {}
    residuals = []
    for number, case in enumerate(chosen, 1):
        found = explanations(explainer, case)
        residuals.append(abs(found["integrated"].residual))
        ranked = {name: by_attribution(each, case) for name, each in found.items()}
        ranked |= {NEAREST: by_distance(case), RANDOM: rng.permutation(case.lining)}
        whole = explainer.value(case.points, case.target)
        for name, residues in ranked.items():
            lost.setdefault(name, []).append(probability_lost(explainer, case, residues[0], whole))
            hits.setdefault(name, []).append(float(np.isin(residues[:FIRST], case.partners).any()))
        log.info("%d of %d hot-spots", number, len(chosen))
    rows = []
    for name, drop in lost.items():
        against = {} if name == RANDOM else compared(np.array(drop), np.array(lost[RANDOM]))
        values = {"hotspots": len(drop), "lost": np.median(drop), "mean_lost": np.mean(drop), **against}
        rows.append(row(name, **values, partner_in_3=np.mean(hits[name])))
    error = np.array(residuals)
    return rows, [row("integrated", hotspots=len(error), median=np.median(error), largest=error.max())]


def compared(drop: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Share of the cases in which more is lost than otherwise, and the chance of it (Wilcoxon, one-sided)."""
    if not np.any(drop != other):
        return {"more_than_random": 0.0, "p": 1.0}
    return {"more_than_random": np.mean(drop > other), "p": wilcoxon(drop, other, alternative="greater").pvalue}


# -------------------------------------------------------------------------------------------------- networks drawn anew
def redrawn(explainer: Explainer, chosen: list[Case]) -> list[dict]:
    """Mean rank correlation of maps with those of networks whose layers are drawn anew, one stage after the other.

    Maps are compared where the receptor is, as they stand and by the size of their values alone; a map that is the same
    everywhere correlates with nothing.
    """
    import keras

    from pocketvox.network.gradients import Gradients
    from pocketvox.network.unet import build_unet

    methods = ("integrated", "gradient", "gradcam")
    model = explainer.gradients.model
    keras.utils.set_random_seed(0)
    fresh = build_unet(explainer.preset.config.network)
    before = model.get_weights()
    where = [case_voxels(explainer, case) for case in chosen]
    learned = [[attribution_map(explainer, case, method) for case in chosen] for method in methods]
    rows = []
    try:
        for stage, layers in stages(model).items():
            for name in layers:
                model.get_layer(name).set_weights(fresh.get_layer(name).get_weights())
            explainer.gradients = Gradients(model)
            values = {"hotspots": len(chosen)}
            for method, maps in zip(methods, learned, strict=True):
                pairs = [
                    (m[w], attribution_map(explainer, c, method)[w])
                    for m, c, w in zip(maps, chosen, where, strict=True)
                ]
                values[method] = np.mean([correlation(a, b) for a, b in pairs])
                if method != "gradcam":  # which has no signs
                    values[f"{method}_size"] = np.mean([correlation(abs(a), abs(b)) for a, b in pairs])
            rows.append(row(f"to {stage}", **values))
            log.info("%s", rows[-1])
    finally:
        model.set_weights(before)
        explainer.gradients = Gradients(model)
    return rows


def stages(model) -> dict[str, list[str]]:
    """Layers with weights by stage (``decode0``), the last stage first."""
    found: dict[str, list[str]] = {}
    for layer in reversed(model.layers):
        if layer.get_weights():
            found.setdefault(layer.name.split("_")[0], []).append(layer.name)
    return found


def case_voxels(explainer: Explainer, case: Case) -> np.ndarray:
    """Voxels of a case's box with anything in them, shape=(x, y, z), dtype=bool."""
    return explainer.features(case.points, case.target).any(axis=-1)


def attribution_map(explainer: Explainer, case: Case, method: str) -> np.ndarray:
    """Shape=(x, y, z)."""
    options = {"steps": REDRAWN_STEPS} if method == "integrated" else {}
    return explainer(case.receptor, case.points, case.target, method, **options).map.values[..., 0]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's; 0 if one of them is the same everywhere."""
    return float(spearmanr(a, b)[0]) if np.ptp(a) and np.ptp(b) else 0.0


# --------------------------------------------------------------------------------------------------------- command line
def measure(entries: list[Source], predictor: Predictor, count: int) -> dict:
    """Everything, ready for JSON."""
    explainer = Explainer(predictor.preset, predictor.engine, threads=1)
    chosen = cases(entries, predictor, count)
    methods, complete = judge(explainer, chosen)
    tables = [
        {
            "title": "Explanations: residues put first",
            "text": f"Correct hot-spots (within {MATCH:g} A of a true interaction of their type), one per validation "
            "structure. Lost: median (and mean) fall of the probability without the first residue; p: paired Wilcoxon "
            f"test against a random residue of the lining; partner: one of the first {FIRST} residues makes the true "
            "interaction. Occlusion chooses by what is lost. Interactions are defined by distances, so the nearest "
            "residues are the control to know.",
            "rows": methods,
        },
        {
            "title": "Explanations: completeness",
            "text": "Size of what integrated gradients miss of the difference to an empty grid, as a share of it.",
            "rows": complete,
        },
        {
            "title": "Explanations: networks drawn anew",
            "text": "Rank correlation (Spearman) with the maps of a network whose layers are drawn anew from the last "
            "stage to the one named, where the receptor is; size: of the values without their signs.",
            "rows": redrawn(explainer, chosen[:REDRAWN]),
        },
    ]
    return {"preset": predictor.preset.name, "fingerprint": predictor.preset.fingerprint, "tables": tables}


@command
def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = preset_parser("explanations", __doc__)
    parser.add_argument("--manifest", required=True, help="CSV with ids, kinds, paths, splits and clusters")
    parser.add_argument("--entries", help="frozen list of benchmark entries to keep to (CSV)")
    parser.add_argument("--count", type=int, default=50, help="structures (%(default)s)")
    args = parser.parse_args(argv)
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    entries = listed_entries(args.manifest, ["val"], args.entries)
    write_json(measure(entries, load_predictor(args.preset, threads=1), args.count), args.output)


if __name__ == "__main__":
    sys.exit(main())
