"""Calls side by side: the caller's thread works too, helped by threads that are kept."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from pocketvox.errors import InputError

#: Parts that work is cut into for each thread, so that one which begins late takes fewer of them.
PARTS = 4


def part_count(threads: int, most: int) -> int:
    """How many parts to cut work into that may be cut into ``most``; one for one thread.

    Raises
    ------
    InputError
        If there are no threads.
    """
    if threads < 1:
        raise InputError(f"Expected at least one thread. Received: {threads}. Leave it out for one.")
    return 1 if threads == 1 else max(min(PARTS * threads, most), 1)


def for_each(function: Callable[[object], object], arguments: Iterable, threads: int) -> None:
    """Call a function for every argument, in so many threads; it must release the interpreter to gain by them.

    The caller takes arguments as the helpers do, so that it never waits for one that has not begun, on a busy machine
    for example. Helpers are kept for the next call, since starting threads takes a noticeable part of filling one grid.

    Parameters
    ----------
    function : callable
    arguments : iterable
        Each is used once, in any order.
    threads : int
        The caller's among them; no more than there are processors.

    Raises
    ------
    Exception
        What the function raises; other arguments may be left out then.
    """
    left = deque(arguments)

    def work() -> None:
        while True:
            try:
                argument = left.popleft()
            except IndexError:  # another thread took the last one
                return
            function(argument)

    count = min(threads, len(left)) - 1
    helpers = [_pool(os.getpid()).submit(work) for _ in range(count)]
    try:
        work()
    except BaseException:
        left.clear()
        raise
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """The helpers of a process; one that was forked has none of its parent's threads, and gets its own."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="pocketvox-voxel")
