"""UK Biobank's names of columns, and our words for its fields.

A field is measured at visits (*instances*: 2 is the first imaging) and may hold several
values (*arrays*). Every way of writing that means the same column: ``21003-2.0``,
``f.21003.2.0``, ``x21003_2_0``, ``p21003_i2``, ``participant.p21003_i2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edp_core.errors import InputError

WORDS: Mapping[int, str] = {
    31: "sex",
    34: "year_of_birth",
    48: "waist_cm",
    49: "hip_cm",
    53: "imaging_date",
    54: "centre",
    189: "townsend",
    21001: "bmi",
    21002: "weight_kg",
    21003: "age_years",
    22000: "array",
    22001: "genetic_sex",
    22006: "white_british",
    22019: "sex_aneuploidy",
    22020: "used_in_pca",
    22021: "kinship",
    25000: "head_scaling",
    25741: "head_motion",
    25756: "scanner_x",
    25757: "scanner_y",
    25758: "scanner_z",
    25759: "scanner_table",
}
"""Field → our word, for fields with one value at a visit."""
HEIGHT = (12144, 50)
"""Height measured at imaging, else as on other visits: ``height_cm``."""
PCS = 22009
"""Genetic principal components: array *k* is ``pc<k>``."""
ONCE = frozenset({31, 34, 52, 189, 21022, *range(22000, 22200)})
"""Fields measured once, filed under instance 0: they hold at every visit.

Sex, birth, place at recruitment, and all that comes of genotyping.
"""

WIDE = re.compile(r"(?:[fxXnsd][._]?|ts_)?([0-9]+)[-._]([0-9]+)[._]([0-9]+)")
PLATFORM = re.compile(r"p([0-9]{2,})(?:_i([0-9]+))?(?:_a([0-9]+))?")
BARE = re.compile(r"([0-9]{2,})(?:_i([0-9]+))?(?:_a([0-9]+))?")
TABLES = re.compile(r"(?:participant|hesin|hesin_diag)\.(.+)")
"""Prefixes of the research platform's exports."""


@dataclass(frozen=True)
class Field:
    """Where a column stands in UK Biobank's scheme; None where its name leaves it out.

    Attributes
    ----------
    number
        The field.
    instance
        The visit.
    array
        Which of several values.
    wide
        Whether it is named as in the main table, instance and array always given.
    """

    number: int
    instance: int | None = None
    array: int | None = None
    wide: bool = False


def plain(name: str) -> str:
    """A name without the research platform's prefix (``participant.eid`` → ``eid``)."""
    found = TABLES.fullmatch(name)
    return found.group(1) if found else name


def parse_field(name: str) -> Field | None:
    """Read a column's name; None where it is none of UK Biobank's.

    Examples
    --------
    >>> parse_field("21003-2.0")
    Field(number=21003, instance=2, array=0, wide=True)
    >>> parse_field("participant.p22009_a1")
    Field(number=22009, instance=None, array=1, wide=False)
    >>> parse_field("age") is None
    True
    """
    if found := WIDE.fullmatch(name):
        number, instance, array = (int(part) for part in found.groups())
        return Field(number, instance, array, wide=True)
    return _loose(PLATFORM, plain(name))


def _loose(pattern: re.Pattern[str], name: str) -> Field | None:
    found = pattern.fullmatch(name)
    if not found:
        return None
    number, instance, array = (
        None if part is None else int(part) for part in found.groups()
    )
    return Field(int(number or 0), instance, array)


def field_columns(names: Iterable[str]) -> dict[int, list[tuple[str, Field]]]:
    """Field → its columns, for the names that are UK Biobank's."""
    found: dict[int, list[tuple[str, Field]]] = {}
    for name in names:
        field = parse_field(name)
        if field is not None:
            found.setdefault(field.number, []).append((name, field))
    return found


def word_of(name: str) -> str | None:
    """Our word for a field, however it is written (``22006``, ``p22006``)."""
    field = parse_field(name) or _loose(BARE, name)
    if field is None:
        return None
    if field.number == PCS and field.array:
        return f"pc{field.array}"
    return "height_cm" if field.number in HEIGHT else WORDS.get(field.number)


def find_column(asked: str, names: Sequence[str], *, instance: int) -> str | None:
    """The file's column that is meant by a name written in the study file.

    Parameters
    ----------
    asked
        A column as it stands, or a field in any way of writing, also bare
        (``21003``, ``21003_i2``, ``22009_a1``).
    names
        The file's columns.
    instance
        Visit that is meant where the name leaves it out.

    Returns
    -------
    str or None
        None where there is none, or where several could be meant.
    """
    if asked in names:
        return asked
    same = [name for name in names if plain(name) == plain(asked)]
    if len(same) == 1:
        return same[0]
    field = parse_field(asked) or _loose(BARE, plain(asked))
    if field is None:
        return None
    return _pick(
        [item for item in _fields(names) if item[1].number == field.number],
        field,
        instance=instance,
    )


def _fields(names: Sequence[str]) -> list[tuple[str, Field]]:
    return [item for items in field_columns(names).values() for item in items]


def _pick(
    items: Sequence[tuple[str, Field]], field: Field, *, instance: int
) -> str | None:
    """The one column of a field at a visit."""
    array = field.array or 0
    visits = [instance] if field.instance is None else [field.instance]
    if field.number in ONCE:
        visits += [0] if field.instance in (None, 0) else []
    for visit in visits:
        fitting = [
            name
            for name, has in items
            if (has.array or 0) == array and has.instance == visit
        ]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    # a name without an instance: the field was exported at one visit only
    open_ended = [
        name
        for name, has in items
        if (has.array or 0) == array and has.instance is None
    ]
    allowed = field.instance is None or (field.number in ONCE and field.instance == 0)
    return open_ended[0] if allowed and len(open_ended) == 1 else None


def our_columns(names: Sequence[str], *, instance: int) -> dict[str, str]:
    """Our words → the file's columns, where the study file names none.

    UK Biobank's columns take our words at one visit; columns by any other name keep
    it. Fields without a word of ours, and other visits, are left aside.

    Parameters
    ----------
    names
        The file's columns.
    instance
        The visit: 2 is the first imaging. A field measured once holds at every visit.

    Raises
    ------
    InputError
        Where two columns would be the same word.
    """
    found: dict[str, str] = {}
    twice: list[str] = []

    def take(word: str, name: str) -> None:
        if word in found:
            twice.append(f"{word} ({found[word]!r} and {name!r})")
        found.setdefault(word, name)

    fields = field_columns(names)
    for name in names:
        if parse_field(name) is None:
            take(plain(name), name)
    arrays = sorted({has.array or 0 for _, has in fields.get(PCS, [])} - {0})
    wanted = [(word, Field(number)) for number, word in WORDS.items()]
    wanted += [(f"pc{k}", Field(PCS, array=k)) for k in arrays]
    for word, field in wanted:
        column = _pick(fields.get(field.number, []), field, instance=instance)
        if column is not None:
            take(word, column)
    heights = [
        _pick(fields.get(number, []), Field(number), instance=instance)
        for number in HEIGHT
    ]
    for name in [name for name in heights if name is not None][:1]:
        take("height_cm", name)
    if twice:
        raise InputError(
            f"Two columns of the table are one word of ours: {', '.join(twice)}",
            "name the columns to read under [participants.columns] in study.toml",
        )
    return found
