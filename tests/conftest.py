"""What several test files use: the command line as a real process, the bundled complex, the developer's data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "pocketvox" / "demo" / "1hvr.pdb.gz"


def environment(**changes: str) -> dict[str, str]:
    """The environment of a child process: this source tree first, no surprises from the caller's settings."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **changes}
    env.pop("PYTHONWARNINGS", None)
    return env


@pytest.fixture
def cli(tmp_path):
    """Run ``python -m pocketvox ARGUMENTS`` in an empty folder; returns the completed process."""

    def run(*arguments, cwd=tmp_path, timeout=120, **changes: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "pocketvox", *map(str, arguments)]
        return subprocess.run(
            command, cwd=cwd, env=environment(**changes), capture_output=True, text=True, timeout=timeout, check=False
        )

    return run


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
