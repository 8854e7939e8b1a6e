"""How a run tells what it is doing: a Rich bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from precompute.jobs import Report

EVERY_S = 10.0
"""Seconds between two lines of a log while a step goes on."""


class Reporter:
    """Shows the progress of steps one after another."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self.console = console
        self.plain = quiet or not console.is_terminal

    @contextmanager
    def step(self, title: str) -> Iterator[Report]:
        """Show one step while it runs; yields the function it reports to."""
        start = time.monotonic()
        with self._lines(title) if self.plain else self._bar(title) as report:
            yield report
        self.console.print(
            f"[green]✓[/green] {title}  {time.monotonic() - start:.1f} s",
            highlight=False,
        )

    @contextmanager
    def _bar(self, title: str) -> Iterator[Report]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=None)

            def report(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            yield report

    @contextmanager
    def _lines(self, title: str) -> Iterator[Report]:
        start = last = time.monotonic()
        self.console.print(f"  {title} …", highlight=False)

        def report(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= EVERY_S and done:
                last = now
                rate = done / (now - start)
                self.console.print(
                    f"  {title}  {done:,}/{total:,}  {rate:,.0f}/s  "
                    f"{(total - done) / rate:,.0f} s left",
                    highlight=False,
                )

        yield report
