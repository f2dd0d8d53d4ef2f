"""Programs that cannot live in our environment, kept running in a child process so that runs can alternate."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from pocketvox.errors import InputError

#: One thread, whatever numerical library a peer brings.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
#: Begins a line that is an answer; what else a peer prints is passed over.
ANSWER = "answer: "


class Peer:
    """A child process that answers one line of JSON with ``ANSWER`` and one line of JSON; a context manager.

    Parameters
    ----------
    python : str
        Interpreter of the environment in which the peer is installed.
    script : Path
        Reads requests from its standard input and answers on its standard output.
    """

    def __init__(self, python: str, script: Path):
        try:
            self._process = subprocess.Popen(
                [python, str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": ""},
            )
        except OSError as error:
            raise InputError(f"Expected a Python interpreter. Received: {python} ({error}).") from error
        self._name = f"{python} {script.name}"

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *exception) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def ask(self, **request):
        """Send a request and wait for its answer.

        Raises
        ------
        InputError
            If the process ended, because the peer is not installed for example.
        """
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = next((line for line in self._process.stdout if line.startswith(ANSWER)), "")
        except BrokenPipeError:
            line = ""
        if not line:
            raise InputError(f"Expected an answer of {self._name}. Received: none. Is the peer installed there?")
        return json.loads(line.removeprefix(ANSWER))
