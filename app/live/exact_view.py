"""How far the exact passes of the screen are; a finished one redraws it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import streamlit as st

from app.live import runs as live_runs
from app.live.exact_runs import Run, exact_runs
from app.live.exact_worker import Task
from app.live.runs import Asked

PATIENT = 60.0
"""A pass that is thought to take longer than these seconds waits for a click."""
EVERY = 2.0
"""Seconds between two looks: each rerun of any session may end a file that another
session has just asked to download, so looks are few."""


def follow(wanted: Sequence[tuple[str, Asked]]) -> None:
    """Start the passes that are wanted, end all others, and show how far they are.

    Parameters
    ----------
    wanted
        What each is called, and the GWAS; the most urgent first, those that are exact
        left out.
    """
    runs = exact_runs()
    session: str = st.session_state.setdefault("_session", secrets.token_hex(8))
    clicked: set[tuple[str, ...]] = st.session_state.setdefault("_exact", set())
    named = [(title, live_runs.task(ask)) for title, ask in wanted]
    now = [
        (title, task)
        for title, task in named
        if task.key in clicked or runs.seconds(task.genotypes) <= PATIENT
    ]
    runs.want(session, [task for _, task in now])
    for title, task in named:
        if (title, task) not in now:
            st.button(
                f"Exact pass of {title}, {duration(runs.seconds(task.genotypes))}",
                key=f"exact-{title}",
                icon=":material/hourglass_top:",
                on_click=clicked.add,
                args=(task.key,),
                help="All genotypes are read once; the preview stays until then.",
            )
    if now:
        st.fragment(_look, run_every=EVERY)(session, now)


def _look(session: str, now: Sequence[tuple[str, Task]]) -> None:
    """Draw how far they are; the page again once one is done."""
    runs = exact_runs()
    runs.want(session, [task for _, task in now])
    if any(runs.result(task.key) is not None for _, task in now):
        st.rerun()
    # those that share one reading of the genotypes share a line
    shared: dict[int, tuple[Run | None, list[str], list[Task]]] = {}
    for title, task in now:
        run = runs.state(task.key)
        _, titles, tasks = shared.setdefault(id(run), (run, [], []))
        titles.append(title)
        tasks.append(task)
    for run, titles, tasks in shared.values():
        _line(run, " and ".join(titles), tasks)


def _line(run: Run | None, titles: str, tasks: Sequence[Task]) -> None:
    """How far one pass is, or why it failed."""
    if run is None:
        st.progress(0.0, f"Exact pass of {titles}: waits for another one")
    elif run.error is None:
        left = run.left()
        rest = "" if left is None else f", {duration(left)} left"
        text = f"Exact pass of {titles}: {run.share:.0%}{rest}"
        st.progress(min(run.share, 1.0), text)
    else:
        message, hint = run.error
        st.warning(
            f"No exact pass of {titles}: {message}. **What to do:** {hint}",
            icon=":material/warning:",
        )
        st.button("Try again", key=f"again-{titles}", on_click=_again, args=(tasks,))


def _again(tasks: Sequence[Task]) -> None:
    for task in tasks:
        exact_runs().forget(task.key)


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(7.2), duration(200)
    ('about 7 s', 'about 3 min')
    """
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"
