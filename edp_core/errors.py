"""The four kinds of error a user can mend, and nothing else.

A message says what, where and how many; the hint is the next thing to do. Neither
ever names a participant: messages speak of row numbers, reasons and counts.
"""

from __future__ import annotations


class EdpError(Exception):
    """A problem the user can mend.

    Parameters
    ----------
    message
        What is wrong, where, and how many rows or files it touches.
    hint
        The next thing to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} → {self.hint}"


class InputError(EdpError):
    """A file, table or setting is not what it should be."""


class AlignmentError(EdpError):
    """Participant ids of two sources do not meet."""


class MissingArtifactError(EdpError):
    """An artifact is not in the store yet, or is damaged; the hint is the command."""


class ConvergenceError(EdpError):
    """An iteration ended without an answer."""
