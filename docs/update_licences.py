"""Write docs/licences.md: every distribution that requirements/dev.txt locks, with its licence and what needs it.

Licences are what the installed distributions say of themselves, so run it where all of them are installed.
"""

import configparser
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCK, PAGE = ROOT / "requirements" / "dev.txt", ROOT / "docs" / "licences.md"
HEAD = """# Dependencies and their licences

pocketvox is under the {own} licence. A scan needs the packages marked *scan*; the others come with an extra, and
none of them is part of an installation without it. Versions are those of `requirements/dev.txt`. HTML reports carry
3Dmol.js (BSD 3-clause), whose licence lies beside it. PLIP (GPL 2) and ProLIF (Apache 2) are peers that benchmarks
start, if they are installed; no code of theirs is used. Written by `python docs/update_licences.py`.

| package | version | licence | needed for |
|---|---|---|---|
"""


def normal(name: str) -> str:
    """The name as indexes have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    """Versions by name; the last one where there are several, for the newest interpreters."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK.read_text(encoding="utf-8"), re.M))


def closure(names: list[str]) -> set[str]:
    """What distributions need, and what that needs, as far as it is installed here."""
    found: set[str] = set()
    left = [Requirement(name) for name in names]
    while left:
        requirement = left.pop()
        name = normal(requirement.name)
        extras = requirement.extras or {""}
        if name in found or not any(
            not requirement.marker or requirement.marker.evaluate({"extra": e}) for e in extras
        ):
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        for need in map(Requirement, needs):
            if not need.marker or any(need.marker.evaluate({"extra": extra}) for extra in extras):
                left.append(Requirement(f"{need.name}[{','.join(need.extras)}]" if need.extras else need.name))
    return found


def licence(name: str) -> str:
    """As the distribution says it, in a few words."""
    try:
        data = distribution(name).metadata
    except PackageNotFoundError:
        return "not installed where this was written"
    said = data.get("License-Expression") or ""
    classified = [c.split(" :: ")[-1] for c in data.get_all("Classifier") or [] if c.startswith("License ::")]
    first = (data.get("License") or "").strip().splitlines()
    said = said or ", ".join(c for c in classified if c != "OSI Approved") or (first[0][:60] if first else "")
    return said.replace("|", "/") or "see the package"


def main() -> None:
    """Write the page."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    scan = closure(parser["options"]["install_requires"].split("\n")[1:])
    extras = {
        name: closure([line for line in text.split("\n")[1:] if line])
        for name, text in parser["options.extras_require"].items()
        if name not in ("all", "bench")
    }
    rows = []
    for name, version in sorted(locked().items()):
        needed = (
            ["scan"] if normal(name) in scan else [extra for extra, names in extras.items() if normal(name) in names]
        )
        rows.append(f"| {name} | {version} | {licence(name)} | {', '.join(needed) or 'other systems'} |")
    own = parser["metadata"]["license"]
    PAGE.write_text(HEAD.format(own=own) + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
