"""Inputs in stages that overlap: while one is predicted, the next is read and the one before is written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pocketvox.background import Background
from pocketvox.commands.common import Failures, result_names
from pocketvox.errors import UsageError


def each_overlapped(
    inputs: Iterable[str],
    read: Callable[[str], Any],
    predict: Callable[[str, Any], Any],
    write: Callable[[str, str, Any], Callable[[], None]],
    *,
    verbose: bool = False,
) -> int:
    """As :func:`~pocketvox.commands.common.each_input`, in three stages that overlap.

    At most one input is in each stage. ``predict`` runs in the caller's thread, and so does all that is reported, input
    by input in their order.

    Parameters
    ----------
    inputs : iterable of str
    read : callable
        ``read(source)``.
    predict : callable
        ``predict(source, value)`` of what ``read`` returned.
    write : callable
        ``write(source, name, value)`` of what ``predict`` returned; gives a function that reports it.
    verbose : bool
        Print tracebacks of bugs.

    Returns
    -------
    int
        0, or 1 if any input failed.
    """
    named = list(zip(inputs, result_names(inputs), strict=True))
    failures = Failures(verbose)
    with _quick_turns():
        _overlap(named, failures, read, predict, write)
    return failures.exit_code(len(named))


def _overlap(named: list[tuple[str, str]], failures: Failures, read: Callable, predict: Callable, write: Callable):
    """The inputs one after the other through the stages."""
    before: tuple[str, Callable[[], Callable[[], None]]] | None = None
    coming: Background | None = None
    for k, (source, name) in enumerate(named):
        outcome = _outcome(coming.result if coming else partial(read, source))
        coming = Background(read, named[k + 1][0], abandon=True) if k + 1 < len(named) else None
        outcome = _outcome(lambda source=source, outcome=outcome: predict(source, outcome()))
        if before is not None:
            _report(failures, *before)
        # with no other input to predict meanwhile there is nothing to gain from a thread
        call = partial(_write, write, source, name, outcome)
        before = (source, Background(call).result if coming else call)
    if before is not None:
        _report(failures, *before)


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Let threads take turns ten times as often as usual, so that the engine is not kept waiting for its next input."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _outcome(call: Callable[[], Any]) -> Callable[[], Any]:
    """A function that returns, or raises, what ``call`` did; what ends the whole run is raised at once."""
    try:
        value = call()
    except (UsageError, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - reported in the order of the inputs
        return partial(_raise, error)
    return lambda: value


def _raise(error: Exception):
    raise error


def _write(write: Callable, source: str, name: str, outcome: Callable[[], Any]) -> Callable[[], None]:
    return write(source, name, outcome())


def _report(failures: Failures, source: str, written: Callable[[], Callable[[], None]]) -> None:
    with failures.of(source):
        written()()
