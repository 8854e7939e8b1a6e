"""Which columns of a table hold diagnoses, in each of UK Biobank's layouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edp_core.errors import InputError
from edp_core.people import first_occurrences, layouts
from edp_core.people.episodes import read_episodes
from edp_core.people.fields import Field, field_columns, find_column, plain
from edp_core.people.layouts import Rows
from edp_core.people.lookup import find_eid, no_column
from edp_core.people.tables import Table, open_table
from edp_core.settings.people import Diagnoses, Layout

ANY, MAIN, SECONDARY = (41270, 41280), (41202, 41262), (41204, 0)
"""Fields of codes and of their dates: all, main, and secondary ones (no dates)."""
EPISODE_DATES = ("epistart", "admidate")
"""Columns of ``hesin``: the first that is filled dates the episode."""
Columns = Mapping[int, Sequence[tuple[str, Field]]]


def layout_of(names: Sequence[str]) -> Layout:
    """Layout that a header shows; ``long`` where it shows none of UK Biobank's."""
    fields = field_columns(names)
    codes = [*fields.get(ANY[0], []), *fields.get(MAIN[0], [])]
    codes += fields.get(SECONDARY[0], [])
    if codes:
        return "platform" if any(f.array is None for _, f in codes) else "wide"
    if any(first_occurrences.code_of(number) for number in fields):
        return "first_occurrences"
    return "hesin" if "diag_icd10" in {plain(name) for name in names} else "long"


def rows_of(
    table: Table,
    settings: Diagnoses,
    *,
    episodes: Path | None,
    notes: Counter[str],
) -> Iterator[Rows]:
    """Diagnoses of a table, batch by batch.

    Parameters
    ----------
    table, settings, episodes
        As for `read_diagnoses`.
    notes
        Takes counts of rows left out while the batches are taken.

    Raises
    ------
    InputError
        Where a column the layout needs is absent.
    """
    layout = settings.layout
    if layout == "auto":
        layout = layout_of(table.names)
    eid = find_eid(settings.eid, table.names, path=table.path)
    if layout == "long":
        return _long(table, eid, settings)
    if layout == "hesin":
        return _hesin(table, eid, settings, episodes=episodes, notes=notes)
    if layout == "first_occurrences":
        return _first_occurrences(table, eid, settings)
    return _fields(table, eid, settings, wide=layout == "wide")


def _long(table: Table, eid: str, settings: Diagnoses) -> Iterator[Rows]:
    names, path = table.names, table.path
    code = find_column(settings.code, names, instance=0)
    if code is None:
        raise no_column(settings.code, names, path=path, setting="icd10")
    date = None
    if settings.prevalent_only:
        if settings.date is None:
            raise _undated(path, "name its column: date under [diagnoses]")
        date = find_column(settings.date, names, instance=0)
        if date is None:
            raise no_column(settings.date, names, path=path, setting="date")
    level = _level(table) if settings.level == "main" else None
    return layouts.long(
        table, (eid, code, date), level=level, dates=settings.prevalent_only
    )


def _hesin(
    table: Table,
    eid: str,
    settings: Diagnoses,
    *,
    episodes: Path | None,
    notes: Counter[str],
) -> Iterator[Rows]:
    path = table.path
    code = _plainly(table, settings.code) or _plainly(table, "diag_icd10")
    if code is None:
        raise no_column("diag_icd10", table.names, path=path, setting="icd10")
    level = _level(table) if settings.level == "main" else None
    if not settings.prevalent_only:
        return layouts.hesin(
            table, (eid, code, None), level=level, episodes=None, notes=notes
        )
    if episodes is None:
        raise _undated(path, 'name the table hesin: episodes = "hesin.txt"')
    number = _needed(table, "ins_index", "the number of the episode")
    beside = open_table(episodes)
    dates = [name for d in EPISODE_DATES if (name := _plainly(beside, d)) is not None]
    if not dates:
        raise no_column("epistart", beside.names, path=episodes, setting="date")
    held = read_episodes(
        beside,
        find_eid(settings.eid, beside.names, path=episodes),
        _needed(beside, "ins_index", "the number of the episode"),
        dates=dates,
    )
    return layouts.hesin(
        table, (eid, code, number), level=level, episodes=held, notes=notes
    )


def _first_occurrences(table: Table, eid: str, settings: Diagnoses) -> Iterator[Rows]:
    if settings.level == "main":
        raise InputError(
            f"{table.path.name} holds first occurrences, which have no main diagnoses",
            'set level = "any" under [diagnoses] in study.toml',
        )
    dated: dict[str, tuple[str, str, bool]] = {}
    for number, columns in sorted(field_columns(table.names).items()):
        code = first_occurrences.code_of(number)
        if code is None:
            continue
        if len(columns) > 1:
            raise _repeated(table, number)
        # the source tells of a case only where the dates were not asked for
        if first_occurrences.is_date(number) or code not in dated:
            dated[code] = (columns[0][0], code, first_occurrences.is_date(number))
    if not dated:
        raise no_column("130708", table.names, path=table.path, setting="icd10")
    return layouts.first_occurrences(
        table, eid, list(dated.values()), dates=settings.prevalent_only
    )


def _fields(
    table: Table, eid: str, settings: Diagnoses, *, wide: bool
) -> Iterator[Rows]:
    columns = field_columns(table.names)
    asked = [MAIN] if settings.level == "main" else [ANY]
    if settings.level == "any" and ANY[0] not in columns:
        asked = [MAIN, SECONDARY]  # older extracts have no field of all diagnoses
    asked = [fields for fields in asked if fields[0] in columns]
    if not asked:
        wanted = str((MAIN if settings.level == "main" else ANY)[0])
        raise no_column(wanted, table.names, path=table.path, setting="icd10")
    if settings.prevalent_only and not any(date in columns for _, date in asked):
        raise _undated(table.path, f"it needs the columns of field {asked[0][1]}")
    dates = settings.prevalent_only
    if wide:
        pairs = [
            (name, by_place.get((field.instance, field.array)))
            for code, date in asked
            for by_place in [_by_place(table, columns, date)]
            for name, field in columns[code]
        ]
        return layouts.wide(table, eid, pairs, dates=dates)
    lists = []
    for code, date in asked:
        if len(columns[code]) > 1:
            raise _repeated(table, code)
        by_place = _by_place(table, columns, date)
        dated = {array or 0: name for (_, array), name in by_place.items()}
        lists.append((columns[code][0][0], dated))
    return layouts.platform(table, eid, lists, dates=dates)


def _by_place(
    table: Table, columns: Columns, number: int
) -> dict[tuple[int | None, int | None], str]:
    found: dict[tuple[int | None, int | None], str] = {}
    for name, field in columns.get(number, []):
        if (field.instance, field.array) in found:
            raise _repeated(table, number)
        found[field.instance, field.array] = name
    return found


def _plainly(table: Table, asked: str) -> str | None:
    """The column of that name, with or without the research platform's prefix."""
    return find_column(asked, table.names, instance=0)


def _needed(table: Table, asked: str, meaning: str) -> str:
    name = _plainly(table, asked)
    if name is None:
        raise no_column(asked, table.names, path=table.path, setting=meaning)
    return name


def _level(table: Table) -> str:
    return _needed(table, "level", 'level = "main"')


def _repeated(table: Table, number: int) -> InputError:
    return InputError(
        f"{table.path.name} has two columns for the same values of field {number}",
        "leave one of them out",
    )


def _undated(path: Path, hint: str) -> InputError:
    return InputError(f"prevalent_only needs dates, which {path.name} lacks", hint)
