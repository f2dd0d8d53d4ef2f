"""Runs a program that a user gives as a command with words in braces."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from contextlib import suppress

from pocketvox.errors import InputError, UsageError

#: Words that are replaced; those of one ligand, and those that are three numbers.
WORDS = ("receptor", "output", "ligand", "center", "size")
PER_SITE = ("ligand", "center", "size")
TRIPLES = ("{center}", "{size}")


def per_site(command: str) -> bool:
    """Whether a command runs once per ligand."""
    return any(f"{{{word}}}" in command for word in PER_SITE)


def words(command: str, values: dict[str, str]) -> list[str]:
    """Words of a command with the braces filled in; a word that is ``{center}`` or ``{size}`` becomes three.

    Raises
    ------
    UsageError
        If there are other braces, or quotes that do not close.

    Examples
    --------
    >>> words("dock --at {center} --box={size}", {"center": "1.0 2.0 -3.5", "size": "9 9 9"})
    ['dock', '--at', '1.0', '2.0', '-3.5', '--box=9 9 9']
    """
    out = []
    try:
        for word in shlex.split(command):
            text = word.format(**values)
            out += text.split(" ") if word in TRIPLES else [text]
    except (LookupError, ValueError, AttributeError) as error:
        known = ", ".join(f"{{{name}}}" for name in WORDS)
        raise UsageError(
            f"Expected {known} in the command. Received: {command!r} ({error}). Write other braces twice."
        ) from error
    return out


def call(words: list[str], where: str, timeout: float) -> None:
    """Run a program and wait for it.

    Parameters
    ----------
    words : list of str
        Program and arguments.
    where : str
        Begins messages.
    timeout : float
        Seconds after which it is stopped, with all that it has started.

    Raises
    ------
    InputError
        If it fails, or is stopped.
    UsageError
        If there is no such program.
    """
    own_group = {"start_new_session": True} if os.name == "posix" else {}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    try:
        process = subprocess.Popen(words, **pipes, **own_group)
    except (OSError, IndexError) as error:
        raise UsageError(f"Expected a program that can be run. Received: {' '.join(words[:1])!r}: {error}.") from error
    with process:
        try:
            _, message = process.communicate(timeout=timeout)
        except BaseException as error:
            _stop(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise InputError(f"{where}: {words[0]} took more than {timeout:g} seconds.") from None
            raise
    if process.returncode:
        last = (message.decode("utf-8", "replace").strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{where}: {words[0]} ended with exit code {process.returncode}: {last[:200]}")


def _stop(process: subprocess.Popen) -> None:
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
