"""Thresholds with a stated share of false hot-spots: what is judged, how sure it is, what a scan does with it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import DEMO
from store_fixture import make_item

from data_prep.discovery import (
    HIT,
    LEAST_FAMILIES,
    LEAST_HOTSPOTS,
    Judged,
    fit_discovery,
    judge,
    report,
    upper_bound,
)
from pocketvox.channels import CHANNELS, ENVELOPE_RADIUS
from pocketvox.cli import main
from pocketvox.errors import ConfigError, UsageError
from pocketvox.inference import PresetConfig, discovery_thresholds, load_preset, presets
from pocketvox.inference.presets import CONFIG, _write_metadata
from pocketvox.pockets import HotspotConfig, PocketConfig
from pocketvox.voxel import Grid, Volume, label_volume

GRID = Grid.centred((0, 0, 0), 31, 0.75)
DONOR = CHANNELS.index("hbond_donor")
ANYWHERE = PocketConfig(min_volume=0.0)


def judged(true, family=None) -> Judged:
    """Hot-spots of falling probability, in a family each if none is given."""
    true = np.array(true, bool)
    family = np.arange(len(true)) if family is None else np.array(family)
    return Judged(np.linspace(0.99, 0.01, len(true)), true, family)


def one(point, atom):
    """A structure with one donor point and one ligand atom, and a map of a donor at the origin."""
    item = replace(
        make_item("one"),
        point_coord=np.array([point], np.float32),
        point_channel=np.array([DONOR], np.uint8),
        ligand_coord=np.array([atom], np.float32),
    )
    labels = label_volume([[0, 0, 0]], np.array([DONOR]), [[0, 0, 0]], GRID)
    return item, Volume(labels.values.astype(np.float32), GRID, CHANNELS)


# ----------------------------------------------------------------------------------------------------- what is counted
@pytest.mark.parametrize(("distance", "true"), [(0.0, True), (HIT - 0.01, True), (HIT + 0.01, False)])
def test_a_hotspot_is_true_near_a_point_of_its_type(distance, true):
    """The same point as an acceptor's makes it false at any distance."""
    item, volume = one((distance, 0, 0), (0, 0, 0))
    found = judge([item], [volume], ANYWHERE, HotspotConfig(thresholds={"hbond_donor": 0.5}))
    assert found["hbond_donor"].true.tolist() == [true] and found["hbond_donor"].probability.tolist() == [1.0]
    assert not len(found["hbond_acceptor"].true)
    other = replace(item, point_channel=np.array([DONOR + 1], np.uint8))
    assert judge([other], [volume], ANYWHERE, HotspotConfig())["hbond_donor"].true.tolist() == [False]


@pytest.mark.parametrize(("distance", "known"), [(ENVELOPE_RADIUS - 0.01, 1), (ENVELOPE_RADIUS + 0.01, 0)])
def test_hotspots_away_from_ligands_are_not_judged(distance, known):
    item, volume = one((0, 0, 0), (0, distance, 0))
    assert len(judge([item], [volume], ANYWHERE, HotspotConfig())["hbond_donor"].true) == known


# ----------------------------------------------------------------------------------------------------- how sure it is
def test_bound_of_nothing_false_is_that_of_independent_draws():
    """With 0 of n false the exact 80 % bound is 1 - 0.2 ** (1 / n); a family counts once however large it is."""
    assert upper_bound(judged([True] * 15)) == pytest.approx(1 - 0.2 ** (1 / 15))
    # the quantile of Student's t for 15 families makes them 3 % fewer
    assert upper_bound(judged([True] * 30, np.repeat(range(15), 2))) == pytest.approx(1 - 0.2 ** (1 / 15), rel=0.04)
    assert upper_bound(judged([False] * 15)) == 1.0 == upper_bound(judged([True] * 9, [3] * 9))


def test_bound_counts_families_not_hotspots():
    """Six copies of each hot-spot in its family say no more than one; in families of their own they say more."""
    true = [True, True, True, False] * 5
    single, copied = upper_bound(judged(true)), upper_bound(judged(np.repeat(true, 6), np.repeat(range(20), 6)))
    assert single == pytest.approx(copied, abs=0.01)
    assert 0.25 < upper_bound(judged(np.repeat(true, 6))) < single - 0.03


def test_bound_covers_as_often_as_stated():
    """Families of 1 to 8 hot-spots that are mostly alike, 40 % false: the bound lies above in about 80 % of draws."""
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(400):
        family = np.repeat(range(30), rng.integers(1, 9, 30))
        tendency = rng.beta(0.6, 0.9, 30)
        covered.append(upper_bound(judged(rng.random(len(family)) > tendency[family], family)) >= 0.4)
    assert 0.74 < np.mean(covered) < 0.9


# ------------------------------------------------------------------------------------------------------ the thresholds
def test_thresholds_hold_and_are_the_lowest():
    """Truth is as likely as the probability says: levels are reached in order, by bounds just below them."""
    rng = np.random.default_rng(2)
    p = rng.random(4000)
    found = {"hbond_donor": Judged(p, rng.random(4000) < p, rng.integers(0, 500, 4000))}
    fitted = fit_discovery(found)
    assert list(fitted["hbond_donor"]) == ["0.2", "0.3", "0.5", "0.7"]
    rows = report(found, fitted)["hbond_donor"]
    for level, row in rows.items():
        assert row["false"] < row["bound"] <= float(level)
        # the share above t is (1 - t) / 2: half of all hot-spots
        assert fitted["hbond_donor"][level] == pytest.approx(max(0, 1 - 2 * float(level)), abs=0.08)
    assert all(rows[level]["bound"] > float(level) - 0.02 for level in ("0.2", "0.3", "0.5"))
    assert fitted["hbond_donor"]["0.7"] == p.min()


def test_the_first_failure_ends_the_search():
    """A run of false ones amid true ones: what lies below it is not reached, however good."""
    true = [True] * 60 + [False] * 60 + [True] * 2000
    assert fit_discovery({"metal": judged(true)}, [0.3])["metal"]["0.3"] > judged(true).probability[100]


def test_little_data_promises_nothing():
    """One hot-spot or one family too few and there is no threshold; with enough there is one."""
    few = [True] * (LEAST_HOTSPOTS - 1)
    assert fit_discovery({"metal": judged(few)}) == {}
    assert fit_discovery({"metal": judged([*few, True])}) == {
        "metal": dict.fromkeys(("0.2", "0.3", "0.5", "0.7"), 0.01)
    }
    crowd = np.arange(10 * LEAST_HOTSPOTS) % (LEAST_FAMILIES - 1)
    assert fit_discovery({"metal": judged([True] * len(crowd), crowd)}) == {}
    assert fit_discovery({"metal": judged([])}) == {}


# -------------------------------------------------------------------------------------------------------------- presets
@pytest.fixture(scope="module")
def trusted(preset, tmp_path_factory):
    """The tiny preset with thresholds for two levels, and pockets as small as it finds in a small box."""
    folder = tmp_path_factory.mktemp("trusted") / "tiny-v2"
    shutil.copytree(preset, folder)
    config = json.loads((folder / CONFIG).read_text())
    config["pockets"] = {"min_volume": 1.0}
    config["discovery"] = {"hbond_donor": {"0.3": 0.99, "0.5": 0.6}, "pi_stacking": {"0.5": 0.5}}
    (folder / CONFIG).write_text(json.dumps(config))
    _write_metadata(folder, {}, {})
    return load_preset(folder)


def test_thresholds_of_a_level(trusted, preset):
    """By value, not by spelling; channels that cannot reach it are absent; other levels and other presets say why."""
    assert discovery_thresholds(trusted, 0.50) == {"hbond_donor": 0.6, "pi_stacking": 0.5}
    assert discovery_thresholds(trusted, 0.3) == {"hbond_donor": 0.99}
    with pytest.raises(UsageError, match=r"one of 0\.3, 0\.5, the levels of tiny-v2\. Received: 0\.4"):
        discovery_thresholds(trusted, 0.4)
    with pytest.raises(ConfigError, match="Received: tiny-v1, which has none"):
        discovery_thresholds(load_preset(preset), 0.5)


def test_presets_say_which_levels_they_have(trusted, monkeypatch, capsys):
    """By level, lowest first, with the channels of each; nothing for a preset without."""
    monkeypatch.setattr(presets, "models_folder", lambda: trusted.folder.parent)
    (entry,) = presets.list_presets()
    assert entry["fdr"] == {"0.3": ["hbond_donor"], "0.5": ["hbond_donor", "pi_stacking"]} and not entry["domain"]
    assert main(["presets"]) == 0
    assert "  --fdr 0.5: hbond_donor, pi_stacking" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "discovery",
    [
        {"donor": {"0.5": 0.1}},
        {"ligand": {"0.5": 0.1}},
        {"metal": {"half": 0.1}},
        {"metal": {"1": 0.1}},
        {"metal": {"0.50": 0.1}},
        {"metal": {"0.5": 1.1}},
        {"metal": 0.5},
    ],
)
def test_impossible_thresholds_are_refused(trusted, discovery):
    with pytest.raises(ConfigError, match="discovery"):
        PresetConfig.from_dict({**trusted.config.to_dict(), "discovery": discovery})


def test_the_released_preset_has_none_and_is_unchanged():
    """Loading compares its fingerprint, which would differ if the new setting counted where it is absent."""
    released = load_preset("pocketvox-1")
    assert released.config.discovery == {} and "discovery" not in json.loads((released.folder / CONFIG).read_text())


# ---------------------------------------------------------------------------------------------------------------- scans
BOX = ("--center", "-9", "16", "28", "--size", "20")


def scanned(cli, preset, *options) -> SimpleNamespace:
    done = cli("scan", DEMO, "-o", "out", "--preset", preset, "--json", "-q", *BOX, *options)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    return SimpleNamespace(document=document, hotspots=[h for p in document["pockets"] for h in p["hotspots"]])


def test_a_scan_keeps_what_reaches_the_rate(cli, trusted):
    """The hot-spots of a plain scan that reach a threshold, no other; the summary states level and thresholds."""
    every, some = scanned(cli, trusted.folder), scanned(cli, trusted.folder, "--fdr", "0.5")
    limits = {"hbond_donor": 0.6, "pi_stacking": 0.5}
    assert some.hotspots == [h for h in every.hotspots if h["probability"] >= limits.get(h["type"], 2)]
    assert 0 < len(some.hotspots) < len(every.hotspots)
    assert every.document["fdr"] is None and some.document["fdr"] == {"level": 0.5, "thresholds": limits}
    assert len(some.document["pockets"]) == len(every.document["pockets"])


def test_a_scan_states_its_rotations(cli, trusted):
    """The tiny network has no directions: two orientations give the map of one, and are stated."""
    once, twice = scanned(cli, trusted.folder), scanned(cli, trusted.folder, "--rotations", "2")
    assert (once.document["rotations"], twice.document["rotations"]) == (1, 2)
    best = [max(h["score"] for h in found.hotspots) for found in (once, twice)]
    assert best[0] == pytest.approx(best[1], abs=2e-4) and best[0] > 0.5


@pytest.mark.parametrize(
    ("options", "message"), [(("--fdr", "0.4"), "one of 0.3, 0.5"), (("--rotations", "3"), "1, 2, 4, 8, 12, 24")]
)
def test_what_cannot_be_had_is_wrong_usage(cli, trusted, tmp_path, options, message):
    done = cli("scan", DEMO, "-o", "out", "--preset", trusted.folder, *options)
    assert done.returncode == 2 and message in done.stderr and not (tmp_path / "out").exists()


def test_a_preset_without_thresholds_says_so(cli, preset):
    done = cli("scan", DEMO, "-o", "out", "--preset", preset, "--fdr", "0.5")
    assert done.returncode == 1 and "Scan without fdr" in done.stderr and "Traceback" not in done.stderr
