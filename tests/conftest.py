"""What several test files use: the command line as a real process, the bundled complex, the developer's data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "pocketvox" / "demo" / "1hvr.pdb.gz"


def environment(**changes: str) -> dict[str, str]:
    """The environment of a child process: this source tree first, no surprises from the caller's settings."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **changes}
    env.pop("PYTHONWARNINGS", None)
    return env


def run_cli(*arguments, cwd: Path, timeout: float = 300, **changes: str) -> subprocess.CompletedProcess:
    """Run ``python -m pocketvox ARGUMENTS`` in a folder."""
    command = [sys.executable, "-m", "pocketvox", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environment(**changes), capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.fixture
def cli(tmp_path):
    """:func:`run_cli` in an empty folder of this test."""
    return partial(run_cli, cwd=tmp_path)


@pytest.fixture(scope="session")
def preset(tmp_path_factory) -> Path:
    """A preset that runs in milliseconds; see tiny_preset.py."""
    from tiny_preset import make_preset

    return make_preset(tmp_path_factory.mktemp("presets") / "tiny-v1")


@pytest.fixture(scope="session")
def demo_file() -> Path:
    """The bundled complex."""
    return DEMO


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The developer's data folder; tests that need it skip where it is absent."""
    root = Path(os.environ.get("POCKETVOX_DATA", ROOT.parent / "shared" / "data"))
    if not (root / "manifest.csv").is_file():
        pytest.skip(f"no data folder at {root}; set POCKETVOX_DATA")
    return root
