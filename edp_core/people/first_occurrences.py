"""First occurrences (fields 130000 to 132605): which field is which code.

For each three-character code from A00 to Q99 an even field holds the date of its first
record and the odd one after it where it was recorded. The fields are numbered in the
order of the codes of UK Biobank's ICD-10 (coding 19), neoplasms counted though they
have no first occurrence: field = 130000 + 2 × place of the code. The list of codes
lies beside this file, since a general ICD-10 lacks five of them (A90, A91, B59, C42,
I84), and one missing code would shift all that follow.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FIRST = 130000


@cache
def codes() -> tuple[str, ...]:
    """The 1,303 codes in the order of their fields."""
    file = Path(__file__).with_name("first_occurrences.txt")
    return tuple(file.read_text(encoding="ascii").split())


def code_of(field: int) -> str | None:
    """Code of a field of dates or of sources; None for any other field.

    Examples
    --------
    >>> code_of(130708), code_of(130709), code_of(21003)
    ('E11', 'E11', None)
    """
    place = (field - FIRST) // 2
    return codes()[place] if 0 <= place < len(codes()) else None


def is_date(field: int) -> bool:
    """Whether a field of first occurrences holds dates (the others: sources)."""
    return field % 2 == 0
