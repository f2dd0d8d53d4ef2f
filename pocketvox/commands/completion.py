"""``pocketvox completion``: what makes a shell complete verbs, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pocketvox.commands.common import verb

SHELLS = ("bash", "zsh", "tcsh")
#: Arguments that take files or folders, by what the help calls them; all others take neither.
_FOLDERS = ("OUT", "DIR", "FOLDER")
_FILES = (
    "INPUT",
    "FILE",
    "COMPLEX",
    "LIGAND",
    "STRUCTURE",
    "PROTEIN",
    "POSES",
    "TOPOLOGY",
    "TRAJECTORY",
    "A",
    "B",
    "WHERE",
)


def add_parser(parsers) -> None:
    """Declare the verb."""
    parser = verb(
        parsers,
        "completion",
        run,
        "Print a script that completes verbs, options and files in a shell.",
        "pocketvox completion bash > ~/.local/share/bash-completion/completions/pocketvox",
    )
    parser.add_argument("shell", choices=SHELLS, help="for which shell")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    for action in _actions(args.parser):
        name = action.metavar if isinstance(action.metavar, str) else ""
        if name in _FOLDERS:
            action.complete = shtab.DIRECTORY
        elif name in _FILES:
            action.complete = shtab.FILE
    print(shtab.complete(args.parser, shell=args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _actions(child)
        else:
            yield action
