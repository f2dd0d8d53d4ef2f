"""Calls that run while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any


class Background:
    """The outcome of a call in a thread of its own, which starts at once.

    Parameters
    ----------
    call : callable
    *arguments
        What it is called with.
    abandon : bool
        Let the process end while the call still runs: for calls that may wait for ever, such as on a pipe. Never for
        code that ends threads badly, such as the compiler of OpenVINO.

    Examples
    --------
    >>> Background(sum, [1, 2, 3]).result()
    6
    """

    def __init__(self, call: Callable, *arguments, abandon: bool = False):
        self._value: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(call, arguments), daemon=abandon)
        self._thread.start()

    def _run(self, call: Callable, arguments: tuple) -> None:
        try:
            self._value = call(*arguments)
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._error = error

    def result(self):
        """What the call returned, or raised; waits for it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


def ahead(call: Callable, arguments: Sequence) -> Iterator:
    """Yield ``call`` of each argument, of which there is at least one; the next is made while the caller is busy.

    Examples
    --------
    >>> list(ahead(abs, [-1, 2]))
    [1, 2]
    """
    following = Background(call, arguments[0])
    for argument in arguments[1:]:
        value = following.result()
        following = Background(call, argument)
        yield value
    yield following.result()
