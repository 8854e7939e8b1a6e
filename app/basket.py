"""The basket: phenotypes kept on the server, since browser sessions die.

One SQLite file beside the store. Removing only marks an entry, so it can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import DateTime, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import database
from edp_core.errors import InputError
from edp_core.phenotype import SPEC, Spec


class _Row(database.Base):
    __tablename__ = "basket"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    spec: Mapped[str] = mapped_column(Text)
    added: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    removed: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True)
class Entry:
    """One phenotype of the basket."""

    id: int
    spec: Spec
    added: datetime


class Basket:
    """The basket of one study.

    Parameters
    ----------
    folder
        The study's store; the database is ``studio.db`` in it.
    """

    def __init__(self, folder: Path) -> None:
        self._engine = database.opened(folder)

    def add(self, spec: Spec) -> int:
        """Keep a phenotype; its id.

        Raises
        ------
        InputError
            Where a phenotype of that name is in the basket already.
        """
        with database.session(self._engine) as session:
            _refuse_second(session, [spec.name])
            row = _row(spec)
            session.add(row)
            session.commit()
            return row.id

    def add_all(self, specs: Sequence[Spec]) -> int:
        """Keep several phenotypes, or none of them; how many were not there yet.

        One that is in the basket already, recipe and all, is passed over.

        Raises
        ------
        InputError
            Where another phenotype of one of the names is in the basket.
        """
        with database.session(self._engine) as session:
            there = {_plain(SPEC.validate_json(row.spec)) for row in _rows(session)}
            fresh = [spec for spec in specs if _plain(spec) not in there]
            _refuse_second(session, [spec.name for spec in fresh])
            session.add_all([_row(spec) for spec in fresh])
            session.commit()
            return len(fresh)

    def entries(self) -> list[Entry]:
        """Everything in the basket, oldest first."""
        with database.session(self._engine) as session:
            return [
                Entry(row.id, SPEC.validate_json(row.spec), row.added)
                for row in _rows(session)
            ]

    def remove(self, *entries: int) -> None:
        """Take phenotypes out, together; `restore` puts them back."""
        self._mark(entries, datetime.now(UTC))

    def restore(self, *entries: int) -> None:
        """Undo `remove`, for all of them or none; raises as `add` does."""
        self._mark(entries, None)

    def _mark(self, entries: Sequence[int], when: datetime | None) -> None:
        with database.session(self._engine) as session:
            found = [session.get(_Row, entry) for entry in entries]
            rows = [row for row in found if row and (row.removed is None) != (not when)]
            if when is None:
                _refuse_second(session, [row.name for row in rows])
            for row in rows:
                row.removed = when
            session.commit()


def _row(spec: Spec) -> _Row:
    text = SPEC.dump_json(spec).decode()
    return _Row(name=spec.name, spec=text, added=datetime.now(UTC))


def _rows(session: Session) -> list[_Row]:
    held = select(_Row).where(_Row.removed.is_(None)).order_by(_Row.id)
    return list(session.scalars(held))


def _plain(spec: Spec) -> str:
    """A recipe as one text, whatever version of the program wrote it."""
    return SPEC.dump_json(spec).decode()


def _refuse_second(session: Session, names: Sequence[str]) -> None:
    held = session.scalars(select(_Row.name).where(_Row.removed.is_(None)))
    taken = {name.lower() for name in held}
    for name in names:
        if name.lower() in taken:
            raise InputError(
                f"The basket already holds a phenotype called {name!r}",
                "give it another name, or remove the old one on the screen Export",
            )
        taken.add(name.lower())
