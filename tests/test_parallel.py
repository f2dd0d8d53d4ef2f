"""Calls side by side: every argument once, errors, helpers that never come, forked processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from conftest import ROOT, environment

from pocketvox.voxel import parallel
from pocketvox.voxel.parallel import for_each, part_count


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_every_argument_is_used_once(count, threads):
    seen = []
    for_each(seen.append, range(count), threads)
    assert sorted(seen) == list(range(count))


def test_two_threads_work_at_the_same_time():
    """Neither call returns before the other has begun; one thread alone would wait in vain."""
    both = threading.Barrier(2)
    for_each(lambda _: both.wait(timeout=30), range(2), 2)


def test_helpers_are_kept():
    both, seen = threading.Barrier(2), []

    def call(_):
        seen.append(threading.get_ident())
        both.wait(timeout=30)

    for _ in range(5):
        for_each(call, range(2), 2)
    assert len(set(seen)) <= 1 + (os.cpu_count() or 1) < len(seen)


def test_the_caller_does_not_wait_for_helpers_that_have_not_begun(monkeypatch):
    """All helpers are busy with other work until the caller has done everything."""
    done, begun = threading.Event(), threading.Event()
    pool = parallel.ThreadPoolExecutor(1)
    monkeypatch.setattr(parallel, "_pool", lambda process: pool)
    other = pool.submit(lambda: (begun.set(), done.wait(timeout=30)))
    assert begun.wait(timeout=30)
    seen = []
    for_each(lambda k: seen.append((k, threading.get_ident())), range(8), 2)
    done.set()
    other.result()
    pool.shutdown()
    assert seen == [(k, threading.get_ident()) for k in range(8)]


def test_an_error_of_the_caller_reaches_it_and_the_rest_is_left_out():
    seen = []

    def fail(k):
        seen.append(k)
        raise ValueError(f"broken {k}")

    with pytest.raises(ValueError, match="broken 0"):
        for_each(fail, range(100), 1)
    assert seen == [0]


def test_an_error_of_a_helper_reaches_the_caller():
    caller, both = threading.get_ident(), threading.Barrier(2)

    def fail_elsewhere(_):
        both.wait(timeout=30)
        if threading.get_ident() != caller:
            raise ValueError("broken elsewhere")

    with pytest.raises(ValueError, match="broken elsewhere"):
        for_each(fail_elsewhere, range(2), 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_helpers_of_its_own():
    """Workers that load data are forked; waiting for the parent's helpers, which they lack, would never end."""
    code = (
        "import os, threading; from pocketvox.voxel.parallel import for_each\n"
        "def both():\n"
        "    barrier = threading.Barrier(2); for_each(lambda _: barrier.wait(timeout=30), range(2), 2)\n"
        "both()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    both(); os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    env = environment(PYTHONPATH=str(ROOT), PYTHONWARNINGS="ignore::DeprecationWarning")
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "7", done.stderr


def test_parts_are_more_than_threads_and_no_more_than_possible():
    assert [part_count(1, 100), part_count(2, 100), part_count(2, 5), part_count(3, 0)] == [1, 8, 5, 1]
