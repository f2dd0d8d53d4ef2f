"""Imports: arrows never point back, and the light parts stay light."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, environment

PACKAGE = ROOT / "pocketvox"

#: Rooms from left to right. A file imports from its own room and from rooms to the left.
ROOMS = (
    ("errors", "columns", "naming", "hashing", "hdf5", "json_file"),
    ("channels", "config", "chemistry", "background", "loading"),
    ("structure",),
    ("interactions", "features", "descriptors", "normalize"),
    ("voxel",),
    ("data", "metrics"),
    ("network",),
    ("inference",),
    ("pockets",),
    ("explain",),
    ("report",),
    ("pipeline",),
    ("poses",),
    ("comparison",),
    ("motion",),
    ("batch",),
    ("evaluate",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(ROOMS) for name in names}

HEAVY = ("tensorflow", "keras", "torch", "jax")


def files() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(code: str, folder: tuple[str, ...]) -> set[str]:
    """Dotted names that a file of the package ``folder`` imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(folder[: len(folder) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def rooms_used(path: Path) -> set[str]:
    folder = ("pocketvox", *path.relative_to(PACKAGE).parts[:-1])
    names = imported(path.read_text(encoding="utf-8"), folder)
    return {name.split(".")[1] for name in names if name.startswith("pocketvox.")} & RANK.keys()


def test_every_file_stands_in_a_known_room():
    """A new folder or file must be given its place in the order."""
    unplaced = {room(p) for p in files()} - RANK.keys() - {"__init__"}
    assert not unplaced


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_never_point_back(path):
    """A file imports only from its own room and rooms to the left."""
    if path == PACKAGE / "__init__.py":
        assert "import_module" in path.read_text()  # the namespace names every room, lazily
        return
    assert not {used for used in rooms_used(path) if RANK[used] > RANK[room(path)]}


def test_every_form_of_import_is_seen():
    """The reader of imports understands relative, absolute and local ones."""
    lines = (
        "from ..voxel import grid",
        "import pocketvox.report",
        "from .atoms import Atoms",
        "def f():",
        "    from ..cli import main",
    )
    seen = imported("\n".join(lines), ("pocketvox", "structure"))
    assert seen == {
        "pocketvox.voxel.grid",
        "pocketvox.report",
        "pocketvox.structure.atoms.Atoms",
        "pocketvox.cli.main",
    }


@pytest.mark.parametrize(
    "path", [p for p in files() if room(p) != "network"], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_deep_learning_frameworks_stay_in_the_network(path):
    """Only the network's files import Keras at the top; others may inside a function."""
    top = ast.parse(path.read_text(encoding="utf-8")).body
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
    heavy = {name for name in names if name.split(".")[0] in HEAVY or name.startswith("pocketvox.network")}
    assert not heavy


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_importing_the_package_is_light():
    """``import pocketvox`` pulls in nothing, not even numpy."""
    assert not modules_after("import pocketvox") & {*HEAVY, "numpy", "rdkit", "gemmi", "biotite", "openvino", "scipy"}


def test_help_imports_nothing_heavy():
    """The command line's parser is built from the standard library alone."""
    code = "import pocketvox.cli as c\ntry:\n    c.main(['scan', '--help'])\nexcept SystemExit:\n    pass"
    assert not modules_after(code) & {*HEAVY, "numpy", "rdkit", "gemmi", "biotite", "openvino", "scipy", "h5py"}


def test_help_is_quick(cli):
    """Help costs less than half a second of processor time (not of the clock: other work must not decide)."""
    times = []
    for _ in range(3):
        start = _child_seconds()
        assert cli("--help").returncode == 0
        times.append(_child_seconds() - start)
    assert min(times) < 0.5


def _child_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_public_names_resolve_and_are_listed():
    """Every public name exists where the namespace says it does."""
    import pocketvox

    missing = [name for name in pocketvox.__all__ if not hasattr(pocketvox, name)]
    assert not missing
    assert set(pocketvox.__all__) <= set(dir(pocketvox))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        pocketvox.nonsense  # noqa: B018


def test_scan_is_a_function_whatever_was_imported_first():
    """No module shadows a public function of the same name."""
    code = "import pocketvox.pipeline, pocketvox.voxel.voxelize, pocketvox as pv"
    modules_after(f"{code}\nassert callable(pv.scan) and callable(pv.voxelize)")
