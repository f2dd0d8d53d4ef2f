"""Would the tests notice? ``python -m benchmarks.mutants --sample N --seed S -o FILE``.

Small faults are put into the core, one at a time: a comparison, an operator, a number, a truth value, a condition or a
returned value is another one. The tests of the module run on a copy of the sources. A mutant is killed if a test fails
or takes too long; one that no test notices is listed. What cannot change a result is not mutated: texts, annotations,
messages of errors, logging. Mutants that turned out to be equivalent are listed in EQUIVALENT with the reason, and
counted apart.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: The core, by file or folder, and its tests, those that notice first at the beginning.
TESTS = {
    "pocketvox/interactions": ("interactions", "goldens"),
    "pocketvox/chemistry/elements.py": ("features", "read", "residues", "goldens"),
    "pocketvox/chemistry/residues.py": ("residues", "interactions", "goldens"),
    "pocketvox/chemistry/smarts.py": ("smarts", "interactions"),
    "pocketvox/structure/kinds.py": ("read", "goldens"),
    "pocketvox/structure/conformer.py": ("read",),
    "pocketvox/structure/table.py": ("read", "invariance"),
    "pocketvox/voxel/grid.py": ("grid", "voxelize"),
    "pocketvox/voxel/labels.py": ("labels",),
    "pocketvox/voxel/augment.py": ("augment", "symmetry"),
    "pocketvox/voxel/constraints.py": ("constraints", "physics"),
    "pocketvox/voxel/contacts.py": ("fusion",),
    "pocketvox/voxel/inputs.py": ("fusion", "network", "voxelize"),
    "pocketvox/voxel/kernels.py": ("voxelize", "fusion", "labels"),
    "pocketvox/voxel/counts.py": ("domain", "physics"),
    "pocketvox/voxel/parallel.py": ("parallel", "voxelize"),
    "pocketvox/voxel/tiles.py": ("tiles",),
    "pocketvox/voxel": ("voxelize", "grid", "labels", "parallel", "goldens"),
    "pocketvox/pockets/detect.py": ("pockets", "merge", "hotspots", "goldens"),
    "pocketvox/pockets/peaks.py": ("peaks", "hotspots", "goldens"),
    "pocketvox/pockets/confidence.py": ("confidence",),
    "pocketvox/pockets": ("hotspots", "pockets", "directions", "domain", "goldens"),
    "pocketvox/metrics.py": ("metrics",),
    "pocketvox/inference/tiling.py": ("tiling",),
}
#: Seconds that the tests of a mutant may take.
LONGEST = 180.0
#: Mutants that change nothing a caller can see: (file, line as it stands, change) and why.
EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "pocketvox/voxel/spread.py",
        "near = near and -support[a] < index[a, axis] < shape[axis] - 1 + support[a]",
        "(shape[axis] + 1)",
    ): "atoms out of reach add nothing; looking at more of them only takes longer",
    (
        "pocketvox/structure/kinds.py",
        "ok = np.flatnonzero((a >= 0) & (b >= 0) & (self.chain[:-1] == self.chain[1:]))",
        "(b > 0)",
    ): "an atom of a residue that follows another is never the first of the file",
    (
        "pocketvox/chemistry/smarts.py",
        "if len(amines) > 1:  # which of two is protonated must not depend on the order of atoms",
        "(len(amines) >= 1)",
    ): "sorting one amine changes nothing",
    (
        "pocketvox/interactions/sites.py",
        "added = has_hydrogen & (sites.donor == 0) & (sites.acceptor > 0)",
        "(sites.acceptor >= 0)",
    ): "where the acceptor is 0, 0 is added",
    (
        "pocketvox/pockets/detect.py",
        "buckets, reach = Buckets(receptor.coord[heavy], 2 * config.contact_distance), config.contact_distance + 1e-3",
        "(0.01125)",
    ): "atoms that are too far are left out afterwards",
    (
        "pocketvox/pockets/hotspots.py",
        "ligand_probability(replace(volume, values=np.empty((0, 0, 0, len(volume.channels)))))",
        "(1)",
    ): "only what this raises matters",
    (
        "pocketvox/interactions/detect.py",
        "complex_: Complex, definitions: Definitions = DEFINITIONS, *, together: bool = False",
        "(True)",
    ): "faster or slower, with the same results",
}

_COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMBINED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A change of a file: what stands between two positions (line from 1, column in bytes) becomes ``text``."""

    file: str
    begin: tuple[int, int]
    end: tuple[int, int]
    text: str
    was: str

    def apply(self, source: str) -> str:
        """The changed source."""
        lines = [line.encode() for line in source.splitlines(keepends=True)]
        first, last = self.begin[0] - 1, self.end[0] - 1
        changed = lines[first][: self.begin[1]] + self.text.encode() + lines[last][self.end[1] :]
        return b"".join(lines[:first] + [changed] + lines[last + 1 :]).decode()


class _Finder(ast.NodeVisitor):
    """Mutants of a module."""

    def __init__(self, file: str, source: str):
        self.file, self.source, self.found = file, source, []

    def _add(self, node: ast.AST, new: ast.AST) -> None:
        was = ast.get_source_segment(self.source, node)
        begin, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        self.found.append(Mutant(self.file, begin, end, f"({ast.unparse(new)})", was))

    def visit_Raise(self, node):  # noqa: N802 - the names are the library's
        """Messages are no results."""

    visit_Assert = visit_JoinedStr = visit_arg = visit_Raise  # noqa: N815

    def visit_AnnAssign(self, node):  # noqa: N802
        """The value, not the annotation."""
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node):  # noqa: N802
        """Defaults and body; a representation is no result."""
        if node.name != "__repr__":
            for part in (*node.args.defaults, *(d for d in node.args.kw_defaults if d), *node.body):
                self.visit(part)

    def visit_Call(self, node):  # noqa: N802
        """Not what is logged."""
        if not ast.unparse(node.func).startswith(("log.", "logging.", "warnings.")):
            self.generic_visit(node)

    def visit_If(self, node):  # noqa: N802
        """The condition turned round."""
        if "TYPE_CHECKING" in ast.unparse(node.test):
            return
        self._add(node.test, ast.UnaryOp(ast.Not(), node.test))
        self.generic_visit(node)

    visit_IfExp = visit_While = visit_If  # noqa: N815

    def visit_Return(self, node):  # noqa: N802
        """Nothing returned."""
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._add(node.value, ast.Constant(None))
        self.generic_visit(node)

    def visit_Compare(self, node):  # noqa: N802
        """Each comparison another one."""
        for k, op in enumerate(node.ops):
            other = [*node.ops[:k], _COMPARED[type(op)](), *node.ops[k + 1 :]]
            self._add(node, ast.Compare(node.left, other, node.comparators))
        self.generic_visit(node)

    def visit_BinOp(self, node):  # noqa: N802
        """Another operator; text is not added to."""
        if type(node.op) in _COMBINED and not any(isinstance(x, ast.JoinedStr) for x in (node.left, node.right)):
            self._add(node, ast.BinOp(node.left, _COMBINED[type(node.op)](), node.right))
        self.generic_visit(node)

    def visit_BoolOp(self, node):  # noqa: N802
        """And for or."""
        self._add(node, ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
        self.generic_visit(node)

    def visit_UnaryOp(self, node):  # noqa: N802
        """Without its sign or negation."""
        if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            self._add(node, node.operand)
        self.generic_visit(node)

    def visit_Constant(self, node):  # noqa: N802
        """Another number or truth value."""
        if isinstance(node.value, bool):
            self._add(node, ast.Constant(not node.value))
        elif isinstance(node.value, int | float):
            self._add(node, ast.Constant(node.value + 1 if isinstance(node.value, int) else node.value * 1.25 + 0.01))


def mutants(root: Path) -> list[Mutant]:
    """Every mutant of the core."""
    files = sorted(
        {p for name in TESTS for p in ([root / name] if name.endswith(".py") else (root / name).glob("*.py"))}
    )
    found = []
    for path in files:
        source = path.read_text(encoding="utf-8")
        finder = _Finder(str(path.relative_to(root)), source)
        finder.visit(ast.parse(source))
        found += finder.found
    return found


def tests_of(file: str) -> list[str]:
    """Test files of a module, in the order in which they run."""
    names = TESTS.get(file) or TESTS[str(Path(file).parent)]
    return [f"tests/test_{name}.py" for name in names]


def preload() -> None:
    """Import what takes long and is not under test; every run is a fork of this process."""
    import importlib

    for name in (
        "numpy",
        "scipy.ndimage",
        "scipy.spatial",
        "rdkit.Chem",
        "gemmi",
        "numba",
        "h5py",
        "pytest",
    ):
        importlib.import_module(name)


def run_tests(tree: Path, files: list[str], longest: float = LONGEST) -> str:
    """``passed``, ``failed`` or ``timeout`` of test files in a tree, in a process of their own."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(tree)
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        os.environ["PYTHONPATH"] = str(tree)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        sys.path[0] = str(tree)
        import pytest

        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", *files])
        os._exit(int(code))
    end = time.monotonic() + longest
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "passed" if os.waitstatus_to_exitcode(status) == 0 else "failed"
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def run(sample: list[Mutant], tree: Path, log: Path) -> Iterator[tuple[Mutant, str]]:
    """Outcome of each mutant; those in the log are not run again."""
    known = {}
    if log.is_file():
        known = {tuple(row[:3]): row[3] for row in map(json.loads, log.read_text().splitlines())}
    for number, mutant in enumerate(sample, 1):
        key = (mutant.file, f"{mutant.begin}-{mutant.end}", mutant.text)
        outcome = known.get(key)
        if outcome is None:
            path = tree / mutant.file
            source = path.read_text(encoding="utf-8")
            path.write_text(mutant.apply(source), encoding="utf-8")
            outcome = run_tests(tree, tests_of(mutant.file))
            path.write_text(source, encoding="utf-8")
            with log.open("a") as file:
                file.write(json.dumps([*key, outcome]) + "\n")
        print(f"{number} of {len(sample)}: {mutant.file}:{mutant.begin[0]} {outcome}", file=sys.stderr, flush=True)
        yield mutant, outcome


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=200, help="mutants, drawn at random (default: 200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="outcomes so far; go on from there")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(argv)
    everything = mutants(ROOT)
    sample = random.Random(args.seed).sample(everything, min(args.sample, len(everything)))
    preload()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", "runs", "build", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT, tree, ignore=ignored)
        for file in sorted({file for mutant in sample for file in tests_of(mutant.file)}):
            if run_tests(tree, [file]) != "passed":
                print(f"{file} fails, or takes too long, without any mutant", file=sys.stderr)
                return 1
        log = args.log or Path(folder) / "log.jsonl"
        outcomes = list(run(sample, tree, log))
    equivalent, survived = [], []
    for mutant, outcome in outcomes:
        if outcome != "passed":
            continue
        line = (ROOT / mutant.file).read_text(encoding="utf-8").splitlines()[mutant.begin[0] - 1].strip()
        reason = EQUIVALENT.get((mutant.file, line, mutant.text))
        row = {"where": f"{mutant.file}:{mutant.begin[0]}", "was": mutant.was, "became": mutant.text}
        (equivalent if reason else survived).append(row | ({"reason": reason} if reason else {}))
    counts = Counter(outcome for _, outcome in outcomes)
    found = {
        "command": f"python -m benchmarks.mutants --sample {args.sample} --seed {args.seed} -o mutants.json",
        "possible": len(everything),
        "mutants": len(outcomes),
        "killed": counts["failed"] + counts["timeout"],
        "by_timeout": counts["timeout"],
        "equivalent": equivalent,
        "survived": survived,
    }
    args.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
