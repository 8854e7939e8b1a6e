"""Work on all cores: one thread for each, and within it a BLAS of one thread.

Many small factorisations side by side use the cores fully; one after the other, each
on all cores, they mostly wait for each other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")
_LIMITED = threading.Lock()
"""BLAS has one number of threads for the whole process."""
_HERE = threading.local()
"""Whether this thread is one of a pool already."""


def cores() -> int:
    """Threads to use: ``OMP_NUM_THREADS``, or the cores this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0))


def on_all_cores(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Results of ``work`` on each item, in order.

    ``work`` must spend its time in numpy or scipy, which let other threads run. Where
    it calls this function again, that runs in its own thread.
    """
    if len(items) < 2 or cores() == 1 or getattr(_HERE, "working", False):
        return [work(item) for item in items]
    with (
        _LIMITED,
        _controller().limit(limits=1, user_api="blas"),
        ThreadPoolExecutor(cores(), initializer=_begin) as pool,
    ):
        return list(pool.map(work, items))


def _begin() -> None:
    _HERE.working = True


@cache
def _controller() -> ThreadpoolController:
    # it knows the libraries that are loaded: numpy's, and scipy's, which is another
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
