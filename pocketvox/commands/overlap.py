"""Inputs in stages that overlap: while one is predicted, the next is read and the one before is written."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pocketvox.background import Background
from pocketvox.commands.common import Failures
from pocketvox.errors import UsageError
from pocketvox.naming import result_names


def each_overlapped(
    inputs: Iterable[str],
    read: Callable[[str], Any],
    predict: Callable[[str, Any], Any],
    write: Callable[[str, str, Any], Callable[[], None]],
    *,
    lanes: int = 1,
    verbose: bool = False,
) -> int:
    """As :func:`~pocketvox.commands.common.each_input`, in three stages that overlap.

    At most one input is read or written, and ``lanes`` are predicted, at a time. What is reported is reported in the
    caller's thread, input by input in their order. With one lane ``predict`` runs in the caller's thread, too.

    Parameters
    ----------
    inputs : iterable of str
    read : callable
        ``read(source)``.
    predict : callable
        ``predict(source, value)`` of what ``read`` returned.
    write : callable
        ``write(source, name, value)`` of what ``predict`` returned; gives a function that reports it.
    lanes : int
        With more than one, ``predict`` is called in other threads. The process waits for them to end.
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
        _overlap(named, failures, read, predict, write, lanes)
    return failures.exit_code(len(named))


def _overlap(
    named: list[tuple[str, str]], failures: Failures, read: Callable, predict: Callable, write: Callable, lanes: int
):
    """The inputs one after the other through the stages."""
    before: tuple[str, Callable[[], Callable[[], None]]] | None = None
    coming: Background | None = None
    predicting: deque[tuple[str, str, Callable]] = deque()
    for k, (source, name) in enumerate(named):
        outcome = _outcome(coming.result if coming else partial(read, source))
        coming = Background(read, named[k + 1][0], abandon=True) if k + 1 < len(named) else None
        call = partial(_predict, predict, source, outcome)
        # with nothing else to do meanwhile there is nothing to gain from a thread
        predicting.append((source, name, Background(call).result if lanes > 1 and len(named) > 1 else call))
        while predicting and (len(predicting) >= lanes or not coming):
            source, name, call = predicting.popleft()
            outcome = _outcome(call)
            if before is not None:
                _report(failures, *before)
            call = partial(_write, write, source, name, outcome)
            before = (source, Background(call).result if coming or predicting else call)
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


def _predict(predict: Callable, source: str, outcome: Callable[[], Any]):
    return predict(source, outcome())


def _write(write: Callable, source: str, name: str, outcome: Callable[[], Any]) -> Callable[[], None]:
    return write(source, name, outcome())


def _report(failures: Failures, source: str, written: Callable[[], Callable[[], None]]) -> None:
    with failures.of(source):
        written()()
