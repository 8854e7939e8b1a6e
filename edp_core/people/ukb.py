"""Reads tables of participants as text, and lists of ids.

The tables are streamed by `tables`; UK Biobank's names of columns are known to
`fields`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from edp_core.errors import InputError
from edp_core.people.cohort import clean_eids
from edp_core.people.fields import (
    find_column,
    our_columns,
    parse_field,
    plain,
    word_of,
)
from edp_core.people.lookup import find_eid, no_column, proposing
from edp_core.people.tables import Table, open_table
from edp_core.settings.people import Participants

LIST_HEADERS = ("eid", "f.eid", "participant_id")
"""First lines of a list of ids that name its column."""


def read_columns(
    path: Path,
    columns: Mapping[str, str],
    *,
    others: bool = False,
    instance: int = 2,
) -> pd.DataFrame:
    """Read named columns of a CSV, TSV, gzip or Parquet table as text.

    Parameters
    ----------
    path
        What `open_table` takes.
    columns
        Our name → the file's column, or a field of UK Biobank in any way of writing;
        every one must be there.
    others
        Also keep the file's other columns, under their own names.
    instance
        Visit that is meant where a field is named without one.

    Returns
    -------
    pandas.DataFrame
        Text columns under our names; missing is NA; row i is line i + 2 of the file
        where no line is blank.

    Raises
    ------
    InputError
        Where the file or a column is absent, or the text is not a table.
    """
    table = open_table(path)
    chosen = {
        ours: _found(table, ours, theirs, instance=instance)
        for ours, theirs in columns.items()
    }
    if others:
        taken = set(chosen.values()) | set(chosen)
        chosen |= {name: name for name in table.names if name not in taken}
    return _frame(table, chosen)


def read_participants(
    path: Path, settings: Participants, *, also: Sequence[str] = ()
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the participants table the way the study file says.

    Parameters
    ----------
    path
        The table.
    settings
        Where it names no columns, UK Biobank's take our words and plain ones keep
        theirs.
    also
        Columns that rules of a population name; those that are a field of UK Biobank
        are read too, under that name or our word for it.

    Returns
    -------
    table, notes
        Text columns under our names, ``eid`` among them; and what was not read, by
        reason.

    Raises
    ------
    InputError
        Where the file or a column is absent, or the text is not a table.
    """
    table = open_table(path)
    eid = find_eid(settings.eid, table.names, path=path)
    notes: dict[str, int] = {}
    if settings.columns:
        chosen = {
            ours: _found(table, ours, theirs, instance=settings.instance)
            for ours, theirs in settings.columns.items()
            if ours != "eid"
        }
    else:
        names = [name for name in table.names if name not in (eid, "eid")]
        chosen = our_columns(names, instance=settings.instance)
        chosen.pop("eid", None)
    for asked in also:
        ours = word_of(asked) or asked
        if ours not in chosen and asked not in chosen and ours != "eid":
            name = find_column(asked, table.names, instance=settings.instance)
            if name is not None:
                chosen[ours] = name
    if not settings.columns:
        read = set(chosen.values())
        left = [name for name in table.names if parse_field(name) and name not in read]
        wordless = sum(word_of(name) is None for name in left)
        notes = {
            "column of a field without a word of ours, not read": wordless,
            "column of another visit, not read": len(left) - wordless,
            "column without a name, not read": table.nameless,
        }
    _check_names(settings, list(chosen), path=path)
    frame = _frame(table, {"eid": eid, **chosen})
    if table.delimiter in (";", "\t"):
        for name in frame.columns.drop("eid"):
            if name not in settings.categories:
                frame[name], count = _pointed(frame[name])
                notes[f"{name}: decimal comma, read as a point"] = count
    return frame, {r: n for r, n in notes.items() if n}


def _check_names(settings: Participants, names: Sequence[str], *, path: Path) -> None:
    """Refuse ranges and categories of columns that are not there.

    Categories that are so by default may be absent.
    """
    default = Participants.model_fields["categories"].default
    named = {"ranges": list(settings.ranges)}
    named["categories"] = [n for n in settings.categories if n not in default]
    for setting, asked in named.items():
        absent = [name for name in asked if name not in names]
        if absent:
            raise InputError(
                f"`{setting}` under [participants] names {len(absent)} columns that "
                f"are not read from {path.name}: {', '.join(absent)}",
                proposing(absent[0], names),
            )


def _pointed(cells: pd.Series) -> tuple[pd.Series, int]:
    """Cells with points for decimal commas, where most of them are numbers then."""
    commas = cells.str.fullmatch(r"-?[0-9]+,[0-9]+").fillna(False)
    if not commas.any():
        return cells, 0
    pointed = cells.where(~commas, cells.str.replace(",", "."))
    numbers = pd.to_numeric(pointed, errors="coerce").notna().sum()
    if 2 * numbers < cells.notna().sum():
        return cells, 0
    return pointed, int(commas.sum())


def _found(table: Table, ours: str, theirs: str, *, instance: int) -> str:
    if ours == "eid":
        return find_eid(theirs, table.names, path=table.path)
    name = find_column(theirs, table.names, instance=instance)
    if name is None:
        raise no_column(theirs, table.names, path=table.path, setting=ours)
    return name


def _frame(table: Table, chosen: Mapping[str, str]) -> pd.DataFrame:
    """Columns of a table as text, one after another in the order of `chosen`."""
    wanted = list(dict.fromkeys(chosen.values()))
    batches = list(table.batches(wanted))
    schema = pa.schema([(name, pa.string()) for name in wanted])
    cells = pa.Table.from_batches(batches, schema=schema)
    return pd.DataFrame(
        {
            ours: cells.column(theirs).to_pandas().astype("string")
            for ours, theirs in chosen.items()
        }
    )


def read_lines(path: Path) -> list[str]:
    """Lines of a small text file, stripped, blank ones left out."""
    if not path.is_file():
        raise InputError(f"There is no file at {path}", "mend the path in study.toml")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path.name} cannot be read: {error}", "save it as UTF-8 text"
        ) from error
    return [line.strip() for line in lines if line.strip()]


def read_eids(path: Path) -> list[str]:
    """Ids of a list with one a line, as in the file of withdrawals.

    A first line that names the column (``eid``) is passed over.

    Raises
    ------
    InputError
        Where a line is no id: a withdrawal must not be passed over.
    """
    lines = [line.strip("\"',; ") for line in read_lines(path)]
    headed = bool(lines) and plain(lines[0]).lower() in LIST_HEADERS
    if headed:
        lines = lines[1:]
    cells = pd.Series(lines, dtype="string")
    eids, reasons, _ = clean_eids(cells)
    wrong = (reasons != "").to_numpy(bool)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{path.name}: {int(wrong.sum())} lines are no eid, the first is entry "
            f"{row + 1 + headed} ({reasons.iat[row]})",
            "write one eid a line and nothing else",
        )
    return [str(eid) for eid in eids]
