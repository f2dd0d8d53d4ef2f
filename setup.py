"""Puts 3Dmol.js, the viewer of the HTML report, into the package when it is built; all else stands in setup.cfg.

It comes as published on npm, checked against its hash. Without network the package is built without it: reports then
say in the place of the 3D view what is missing, and show everything else.
"""

import gzip
import hashlib
import io
import os
import sys
import tarfile
import urllib.request
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

SOURCE = "https://registry.npmjs.org/3dmol/-/3dmol-2.5.5.tgz"
SHA256 = "26d91c5036d4efe78fc032c22cb692fea92bbb3cb1e65d20bf3869673fb3d8f5"
FOLDER = Path(__file__).parent / "pocketvox" / "report" / "page_assets"
#: Files in the archive, and their names here.
FILES = {"package/build/3Dmol-min.js": "3Dmol-min.js", "package/LICENSE": "3Dmol-LICENSE.txt"}


def fetch_viewer() -> None:
    """Write the viewer and its licence to :data:`FOLDER`, unless they are there."""
    if all((FOLDER / name).is_file() for name in FILES.values()):
        return
    try:
        with urllib.request.urlopen(SOURCE, timeout=60) as response:
            archive = response.read()
    except OSError as error:
        print(f"warning: no 3D view in HTML reports: {SOURCE} cannot be read ({error})", file=sys.stderr)
        return
    if hashlib.sha256(archive).hexdigest() != SHA256:
        raise SystemExit(f"{SOURCE}: expected sha256 {SHA256}. Received: another file. Nothing was built.")
    with tarfile.open(fileobj=io.BytesIO(archive)) as contents:
        for member, name in FILES.items():
            (FOLDER / name).write_bytes(contents.extractfile(member).read())


class BuildWithViewer(build_py):
    """The package with the viewer in it."""

    def finalize_options(self):
        """Fetch before the list of files is made."""
        fetch_viewer()
        super().finalize_options()


class SourcesWithViewer(sdist):
    """Source archives carry the viewer, so that what is built from them needs no network."""

    def run(self):
        """Fetch before the list of files is made."""
        fetch_viewer()
        super().run()

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        """The same bytes for the same files: sorted, with one time (SOURCE_DATE_EPOCH), without an owner."""
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)
        name, epoch = f"{base_name}.tar.gz", int(os.environ.get("SOURCE_DATE_EPOCH", "0"))

        def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() else 0o644
            return member

        with open(name, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=epoch) as packed:
            with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
                for path in sorted(Path(root_dir or ".", base_dir).rglob("*")):
                    archive.add(path, path.relative_to(root_dir or "."), recursive=False, filter=plain)
        return name


setup(cmdclass={"build_py": BuildWithViewer, "sdist": SourcesWithViewer})
