"""Hardware and versions that are written beside numbers."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import pocketvox


def hardware() -> dict:
    """Processor, cores and memory of this machine."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0] if names else cpu
    out = {"cpu": cpu, "cores": os.cpu_count(), "system": platform.system()}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        out["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return out


def versions(*packages: str) -> dict[str, str]:
    """Of pocketvox, Python and the packages that compute the numbers; those that are not installed are left out."""
    out = {"pocketvox": pocketvox.__version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "rdkit", "openvino", *packages):
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return out


def environment(*packages: str) -> dict:
    """Hardware and versions."""
    return {"hardware": hardware(), "versions": versions(*packages)}
