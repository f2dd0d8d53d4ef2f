"""Parts of the report that need no script: tables, histograms and statements as HTML."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

import numpy as np

from pocketvox.channels import CORE, LIGAND, TYPED
from pocketvox.report.colours import CONFIDENCE, NAMES, channel_colour
from pocketvox.report.result import Result
from pocketvox.report.tables import fixed, ranked_hotspots
from pocketvox.structure.predicted import CONFIDENT

#: Bars of a histogram, from 0 to 1.
BINS = 10
#: Size of a histogram (pixels).
_WIDTH, _HEIGHT = 170, 70


class Markup(str):
    """Text that is HTML already; all other text is escaped."""


def pockets_table(result: Result) -> str:
    """The pockets, best first; each row has a button that shows it."""
    head = (
        "pocket",
        "probability",
        "score",
        "volume (\u00c5\u00b3)",
        "depth (\u00c5)",
        "hot-spots",
        "training distance",
    )
    rows = (
        (
            _button("pocket", k, pocket.name),
            fixed(pocket.probability, 2),
            fixed(pocket.score, 1),
            fixed(pocket.volume, 0),
            fixed(pocket.depth, 1),
            len(pocket.hotspots),
            "" if pocket.domain_score is None else fixed(pocket.domain_score, 2),
            *_if_predicted(result, _plddt(pocket.plddt)),
            " ".join(pocket.residue_ids),
        )
        for k, pocket in enumerate(result.pockets)
    )
    return _table("pockets", (*head, *_if_predicted(result, "pLDDT"), "lined by"), rows)


def hotspots_table(result: Result) -> str:
    """The hot-spots of all pockets, best first; each row has a button that shows it."""
    head = (
        "hot-spot",
        "type",
        "pocket",
        "probability",
        "score",
        "x",
        "y",
        "z",
        *_if_predicted(result, "pLDDT"),
        "with",
    )
    rows = (
        (
            _button("hotspot", k, str(k + 1)),
            Markup(f"{_swatch(channel_colour(hotspot.type))}{escape(NAMES.get(hotspot.type, hotspot.type))}"),
            pocket.name,
            fixed(hotspot.probability, 2),
            fixed(hotspot.score, 2),
            *(fixed(v, 1) for v in hotspot.coord),
            *_if_predicted(result, _plddt(hotspot.plddt)),
            ", ".join(hotspot.partners),
        )
        for k, (pocket, hotspot) in enumerate(ranked_hotspots(result.pockets))
    )
    return _table("hotspots", head, rows)


def confidence(result: Result) -> str:
    """What the colours of a predicted model mean; nothing for other structures."""
    if not result.predicted:
        return ""
    names = ("very low", "low", "confident", "very high")
    bands = ", ".join(
        f"{_swatch(colour)}{name} (from {plddt:g})" if plddt else f"{_swatch(colour)}{name}"
        for (plddt, colour), name in zip(CONFIDENCE.items(), names, strict=True)
    )
    return (
        f"<p>A predicted model: chains have the colour of their confidence, pLDDT: {bands}. <em>pLDDT</em> of a "
        f"pocket is the mean of the residues that line it, of a hot-spot the lowest of its partners'; below "
        f"{CONFIDENT:g}, in bold, side chains are placed uncertainly.</p>"
    )


def plot(result: Result, drawing: str) -> str:
    """What frames of a trajectory show, if the result is of one."""
    if result.trajectory is None:
        return ""
    frames = result.trajectory["frames"]
    picture = base64.b64encode(drawing.encode("utf-8")).decode("ascii")
    return (
        f'<section aria-labelledby="motion-title"><h2 id="motion-title">Motion</h2><p>{frames["used"]} frames, '
        f"{frames['first']} to {frames['last']}. Maps, pockets and hot-spots of this page are those of the mean map; "
        "occupancy.csv and pocket_occupancy.csv say how often each is there.</p>"
        + (f'<img class="plot" alt="Over time" src="data:image/svg+xml;base64,{picture}">' if drawing else "")
        + "</section>"
    )


def ligandability(result: Result) -> str:
    """What each pocket offers a ligand: numbers that chemists weigh, each with what it means."""
    if not any(pocket.expected_counts for pocket in result.pockets):
        return "<p>This preset does not say how many interactions to expect in a pocket.</p>"
    head = ("pocket", "ligand bound here", "volume (\u00c5\u00b3)", *(NAMES[name] for name in CORE), "apolar share")
    rows = []
    for pocket in result.pockets:
        counts = pocket.expected_counts or {}
        core = [counts.get(name, 0.0) for name in CORE]
        apolar = counts.get("hydrophobic", 0.0) + counts.get("pi_stacking", 0.0)
        share = f"{100 * apolar / sum(core):.0f} %" if sum(core) > 0 else ""
        values = (fixed(pocket.probability, 2), fixed(pocket.volume, 0), *(fixed(v, 1) for v in core), share)
        rows.append((pocket.name, *values))
    return _table("ligandability", head, rows) + (
        "<p><em>Ligand bound here</em>: share of pockets with this score in which a ligand was found, on validation "
        "proteins. The columns of types: how many interactions of the type a ligand would make that filled the pocket "
        "as the maps expect it. Affinity is not predicted.</p>"
    )


def histograms(result: Result) -> str:
    """Probabilities of each type at the voxels of all pockets, one small histogram per type."""
    voxels = [pocket.voxels for pocket in result.pockets]
    if not voxels:
        return "<p>No pocket, hence no distribution.</p>"
    values = result.maps.values[tuple(np.concatenate(voxels).T)]
    parts = []
    for name in (*TYPED, LIGAND):
        if name in result.maps.channels:
            counts, _ = np.histogram(values[:, result.maps.channels.index(name)], BINS, (0, 1))
            parts.append(_histogram(name, counts))
    return f'<div class="histograms">{"".join(parts)}</div>'


def calibration(result: Result) -> str:
    """Whether probabilities are calibrated, and how well that held on proteins never seen."""
    if not result.calibrated:
        return "<p>The probabilities of this preset are <strong>not calibrated</strong>: use them to rank only.</p>"
    text = (
        "<p>Probabilities are calibrated on validation proteins: of all points with probability 0.3, about 30 % make "
        "that interaction if a ligand atom is there."
    )
    if result.uncalibrated:
        text += f" Not so {', '.join(NAMES.get(name, name) for name in result.uncalibrated)}: too rare there."
    errors = [(name, result.calibration_errors[name]) for name in CORE if name in result.calibration_errors]
    if errors:
        listed = ", ".join(f"{NAMES[name]} {value:.3f}" for name, value in errors)
        text += f" Expected calibration error on test proteins without homology to training: {listed}."
    return text + "</p>"


def warnings_list(result: Result) -> str:
    """What was assumed or repaired."""
    if not result.warnings:
        return "<p>None.</p>"
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in result.warnings)}</ul>"


def provenance(result: Result, version: str) -> str:
    """Where the result comes from."""
    grid = result.maps.grid
    rows = {
        "input": result.source or result.name,
        "sha256 of the input": result.sha256,
        "preset": f"{result.preset} ({result.fingerprint[:12]})",
        "engine": result.engine,
        "orientations averaged": result.rotations,
        "false hot-spots asked for": "no limit" if result.fdr is None else f"at most {result.fdr:g}",
        "grid": f"{' x '.join(map(str, grid.shape))} voxels of {grid.spacing:g} \u00c5",
        "program": f"pocketvox {version}",
    }
    cells = "".join(
        f"<tr><th scope='row'>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items()
    )
    return f"<table class='plain'>{cells}</table>"


def plain_table(head: Iterable[str], rows: Iterable[Iterable], name: str = "") -> str:
    """A table; its cells are text, but for :class:`Markup`."""
    columns = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    opening = f'<table id="{name}">' if name else "<table>"
    return f"{opening}<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"


def _table(name: str, head: Iterable[str], rows: Iterable[Iterable]) -> str:
    return f'<div class="scroll">{plain_table(head, rows, name)}</div>'


def _cell(value) -> str:
    return f"<td>{value if isinstance(value, Markup) else escape(str(value))}</td>"


def _button(kind: str, number: int, text: str) -> Markup:
    return Markup(f'<button type="button" data-{kind}="{number}">{escape(text)}</button>')


def _if_predicted(result: Result, cell) -> tuple:
    return (cell,) if result.predicted else ()


def _plddt(value: float | None) -> str:
    if value is None or value >= CONFIDENT:
        return "" if value is None else fixed(value, 0)
    return Markup(f"<strong>{fixed(value, 0)}</strong>")


def _swatch(colour: str) -> str:
    return f'<span class="swatch" style="background:{colour}"></span>'


def _histogram(name: str, counts: np.ndarray) -> str:
    """Bars as high as the logarithm of their counts; the numbers are in their tooltips and for screen readers."""
    most = np.log1p(max(int(counts.max()), 1))
    step = _WIDTH / len(counts)
    bars = []
    for k, count in enumerate(counts.tolist()):
        height = _HEIGHT * float(np.log1p(count) / most)
        title = f"{k / len(counts):.1f} to {(k + 1) / len(counts):.1f}: {count} voxels"
        bars.append(
            f'<rect x="{k * step + 1:.1f}" y="{_HEIGHT - height:.1f}" width="{step - 2:.1f}" height="{height:.1f}" '
            f'fill="{channel_colour(name)}"><title>{title}</title></rect>'
        )
    label = escape(NAMES.get(name, name))
    listed = ", ".join(map(str, counts.tolist()))
    axis = f'<text x="0" y="{_HEIGHT + 12}">0</text><text x="{_WIDTH}" y="{_HEIGHT + 12}" text-anchor="end">1</text>'
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT + 14}" role="img" aria-label="{label}: {listed} voxels">'
        f"{''.join(bars)}{axis}</svg><figcaption>{label}</figcaption></figure>"
    )
