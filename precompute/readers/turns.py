"""Large images take turns, so that many cores do not multiply their memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

LARGE = 80_000_000
"""Images of more values are read one at a time. UK Biobank's largest, the whole body
with four channels, has 67 million."""
_turn = threading.RLock()
_reading: ContextVar[tuple[ExitStack, int] | None] = ContextVar("reading", default=None)


@contextmanager
def reading(files: int = 1) -> Iterator[None]:
    """Read one image within; a turn that is taken lasts until the end of the block.

    Parameters
    ----------
    files
        Files of the image; each counts as if the others were as large.
    """
    with ExitStack() as held:
        before = _reading.set((held, max(files, 1)))
        try:
            yield
        finally:
            _reading.reset(before)


def take_turn(values: int) -> None:
    """Wait until no other large image is read, where a file of so many values is one.

    Readers call it once they know the size and before memory is set aside. Outside
    `reading` it does nothing.
    """
    found = _reading.get()
    if found is not None and values * found[1] > LARGE:
        found[0].enter_context(_turn)
