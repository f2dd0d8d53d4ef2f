"""Packaging: what is declared is what is there, and the built archives carry the data files."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, environment

from pocketvox.hashing import file_hash


@pytest.fixture(scope="module")
def declared():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_folder_of_the_package_is_declared(declared):
    """A folder that is not declared would be missing from the wheel without a word."""
    folders = {p.parent for p in (ROOT / "pocketvox").rglob("*.py")} | {ROOT / "pocketvox" / "demo"}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders} | {"pocketvox.models"}
    assert set(declared["options"]["packages"].split()) == found


def test_the_lean_installation_has_no_training_framework(declared):
    """Users who only scan must not download TensorFlow."""
    lean = declared["options"]["install_requires"].lower()
    assert "tensorflow" not in lean and "keras" not in lean and "torch" not in lean
    assert "openvino" in lean


def build(folder: Path) -> dict[str, str]:
    """Build both archives from a copy of the source tree; their names and hashes."""
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    for name in ("pocketvox", "models"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored, copy_function=shutil.copyfile)
    for kind in ("build_wheel", "build_sdist"):
        code = f"import sys; from setuptools import build_meta; build_meta.{kind}(sys.argv[1])"
        command = [sys.executable, "-c", code, str(folder)]
        changes = environment(SOURCE_DATE_EPOCH="1767225600")
        subprocess.run(command, cwd=source, env=changes, check=True, capture_output=True, timeout=120)
    return {path.name: file_hash(path) for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Wheel and source archive, built offline from a copy of the source tree."""
    folder = tmp_path_factory.mktemp("build")
    hashes = build(folder)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        in_wheel = set(wheel.namelist())
    with tarfile.open(next(folder.glob("*.tar.gz"))) as sdist:
        in_sdist = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    return in_wheel, in_sdist, hashes


def test_archives_carry_presets_and_demo_data(archives):
    """Weights and the bundled complex travel with the package."""
    in_wheel, in_sdist, _ = archives
    assert "pocketvox/demo/1hvr.pdb.gz" in in_wheel
    assert "pocketvox/demo/1hvr.pdb.gz" in in_sdist
    presets = {p.relative_to(ROOT).as_posix() for p in (ROOT / "models").rglob("*") if p.is_file()}
    presets = {name for name in presets if "__pycache__" not in name}
    assert presets
    assert not {f"pocketvox/{name}" for name in presets} - in_wheel
    assert not presets - in_sdist


def test_archives_carry_the_report_and_its_viewer(archives):
    """What the HTML report is made of; the viewer is there once it could be fetched, with its licence."""
    in_wheel, in_sdist, _ = archives
    assets = {p.relative_to(ROOT).as_posix() for p in (ROOT / "pocketvox" / "report" / "page_assets").iterdir()}
    assert {"report.html", "report.css", "report.js"} <= {name.rsplit("/", 1)[1] for name in assets}
    assert not assets - in_wheel
    assert not assets - in_sdist
    viewer = {name for name in in_wheel if "3Dmol" in name}
    assert len(viewer) in (0, 2)
    if not viewer:
        pytest.skip("3Dmol.js is not in this checkout and could not be fetched")


def test_archives_carry_every_module(archives):
    """No source file is left behind."""
    in_wheel, in_sdist, _ = archives
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "pocketvox").rglob("*.py")}
    assert not modules - in_wheel
    assert not modules - in_sdist


def test_the_same_sources_give_the_same_archives(archives, tmp_path):
    """Built again from files written at another time, in another folder."""
    assert build(tmp_path) == archives[2] and len(archives[2]) == 2


def test_every_dependency_is_locked_and_its_licence_listed(declared):
    """requirements/dev.txt, requirements/oldest.txt and docs/licences.md are written by `make lock` and a script."""
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    oldest = (ROOT / "requirements" / "oldest.txt").read_text(encoding="utf-8")
    for line in declared["options"]["install_requires"].split():
        name, least = line.lower().split(">=")
        (version,) = re.findall(rf"^{name}==([\d.]+)$", oldest, re.M)
        wanted = [int(part) for part in least.split(".")]
        assert [int(part) for part in version.split(".")][: len(wanted)] == wanted, name
        assert f"| {name} |" in page and re.search(rf"^{name}==\S+", lock, re.M), name
    pinned = re.findall(r"^\S+==[^\\]+\\\n(?:    --hash=sha256:\w{64}(?: \\)?\n)+", lock, re.M)
    assert len(pinned) == len(re.findall(r"^[a-z]", lock, re.M)) > 100
