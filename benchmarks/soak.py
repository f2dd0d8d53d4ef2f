"""A batch of many structures that is disturbed at random until it ends: ``python -m benchmarks.soak -o soak.json``.

Structures are copies of some, under names of their own. While the batch runs, every few seconds one of its workers or
the batch itself is killed (SIGKILL), or it is asked to end (SIGTERM), or a result is damaged; a batch that ended early
is started again with the same command. What comes out is compared, byte for byte, with a batch that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.environment import environment

#: Ways to disturb, and how often each is chosen.
FAULTS = {"worker killed": 6, "batch killed": 2, "batch asked to end": 1, "result damaged": 2, "result removed": 1}
#: Reasons that structures fail for on purpose.
BAD = {"empty.pdb": b"", "text.cif": b"no structure\n", "cut.pdb.gz": b"\x1f\x8b\x08\x00broken"}


def main(argv: list[str] | None = None) -> int:
    """Run both batches and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--structures", type=int, default=1000, help="how many (%(default)s)")
    parser.add_argument("--sources", type=Path, nargs="+", required=True, help="structure files to copy")
    parser.add_argument("--preset", help="trained model (the newest if not given)")
    parser.add_argument("--around", help="region, to save time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=5.0, help="mean time between faults, seconds (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    choose = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        manifest = _structures(root / "structures", args.sources, args.structures)
        plain, begin = root / "plain", time.monotonic()
        code = _start(args, manifest, plain).wait()
        quiet = time.monotonic() - begin
        disturbed, begin = root / "disturbed", time.monotonic()
        faults, starts = _disturbed(args, manifest, disturbed, choose)
        loud = time.monotonic() - begin
        expected, received = _content(plain), _content(disturbed)
        different = [name for name in expected if received.get(name) != expected[name]]
        result = {
            "structures": args.structures,
            "bad_structures": len(BAD),
            "workers": args.workers,
            "exit_code": code,
            "seconds_undisturbed": round(quiet, 1),
            "seconds_disturbed": round(loud, 1),
            "faults": dict(sorted(faults.items())),
            "starts": starts,
            "files": len(expected),
            "files_different": len(different),
            "files_too_many": len(set(received) - set(expected)),
            "remains": len(list(disturbed.glob(".*"))),
            **environment(),
        }
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in result.items() if k not in ("hardware", "versions")}))
    return 1 if different or result["files_too_many"] or result["remains"] else 0


def _structures(folder: Path, sources: list[Path], count: int) -> Path:
    folder.mkdir()
    names = []
    for k in range(count):
        source = sources[k % len(sources)]
        name = f"s{k:04d}{''.join(source.suffixes)}"
        (folder / name).symlink_to(source.resolve())
        names.append(name)
    for name, data in BAD.items():
        (folder / name).write_bytes(data)
        names.append(name)
    manifest = folder / "list.txt"
    manifest.write_text("\n".join(names) + "\n")
    return manifest


def _start(args: argparse.Namespace, manifest: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "pocketvox", "scan", "--manifest", str(manifest), "-o", str(out), "--no-report"]
    command += ["--workers", str(args.workers), "--timeout", "300", "-q"]
    command += ["--preset", args.preset] if args.preset else []
    command += ["--around", args.around] if args.around else []
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)


def _disturbed(args, manifest: Path, out: Path, choose: random.Random) -> tuple[Counter, int]:
    """Run a batch to its end however often it is ended; how often what happened, and how often it was started."""
    faults: Counter = Counter()
    starts = 0
    while True:
        process = _start(args, manifest, out)
        starts += 1
        while process.poll() is None:
            time.sleep(choose.expovariate(1 / args.every))
            if process.poll() is None:
                kind = choose.choices(list(FAULTS), list(FAULTS.values()))[0]
                faults[kind] += _fault(kind, process, out, choose)
        if process.returncode == 1 and (out / "dataset").is_dir():  # the bad structures; it came to its end
            again = _start(args, manifest, out)  # results that were damaged after they were counted
            again.wait()
            return faults, starts + 1


def _fault(kind: str, process: subprocess.Popen, out: Path, choose: random.Random) -> int:
    """Do what a kind of fault is; 1 if it could be done."""
    try:
        if kind == "worker killed":
            os.kill(choose.choice(_workers(process.pid)), signal.SIGKILL)
        elif kind == "batch killed":
            os.kill(process.pid, signal.SIGKILL)
        elif kind == "batch asked to end":
            os.kill(process.pid, signal.SIGTERM)
        else:
            result = choose.choice(sorted(out.glob("s*")))
            if kind == "result removed":
                shutil.rmtree(result)
            else:
                path = choose.choice([path for path in sorted(result.iterdir()) if path.is_file()])
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    except (IndexError, OSError):
        return 0
    return 1


def _workers(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid and b"spawn_main" in (path.parent / "cmdline").read_bytes():
                found.append(int(path.parent.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


def _content(out: Path) -> dict[str, bytes]:
    """Every file with its bytes; times in summaries do not count."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.name == "summary.json":
                data = json.dumps(json.loads(data) | {"seconds": {}}).encode()
            found[str(path.relative_to(out))] = data
    return found


if __name__ == "__main__":
    sys.exit(main())
