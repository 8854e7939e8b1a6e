"""The basket: phenotypes kept on the server, since browser sessions die.

One SQLite file beside the store. Removing only marks an entry, so it can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import DateTime, Engine, String, Text, create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from edp_core.errors import InputError
from edp_core.phenotype import SPEC, Spec


class _Base(DeclarativeBase):
    pass


class _Row(_Base):
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
        folder.mkdir(parents=True, exist_ok=True)
        self._engine: Engine = create_engine(f"sqlite:///{folder / 'studio.db'}")
        self._create()
        (folder / "studio.db").chmod(0o600)

    def add(self, spec: Spec) -> int:
        """Keep a phenotype; its id.

        Raises
        ------
        InputError
            Where a phenotype of that name is in the basket already.
        """
        with self._session() as session:
            _refuse_second(session, spec.name)
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
        with self._session() as session:
            there = [SPEC.validate_json(row.spec) for row in _rows(session)]
            fresh = [spec for spec in specs if spec not in there]
            for spec in fresh:
                _refuse_second(session, spec.name)
                session.add(_row(spec))
            session.commit()
            return len(fresh)

    def entries(self) -> list[Entry]:
        """Everything in the basket, oldest first."""
        with self._session() as session:
            return [
                Entry(row.id, SPEC.validate_json(row.spec), row.added)
                for row in _rows(session)
            ]

    def remove(self, entry: int) -> None:
        """Take a phenotype out; `restore` puts it back."""
        self._mark(entry, datetime.now(UTC))

    def restore(self, entry: int) -> None:
        """Undo `remove`; raises as `add` does."""
        self._mark(entry, None)

    def _mark(self, entry: int, when: datetime | None) -> None:
        with self._session() as session:
            row = session.get(_Row, entry)
            if row is not None and row.removed != when:
                if when is None:
                    _refuse_second(session, row.name)
                row.removed = when
                session.commit()

    def _session(self) -> Session:
        self._create()  # it may have been deleted since
        return Session(self._engine)

    def _create(self) -> None:
        try:
            _Base.metadata.create_all(self._engine)
        except SQLAlchemyError as error:
            raise InputError(
                "The basket's database cannot be opened",
                "check that studio.db in the store is a file the server may write",
            ) from error


def _row(spec: Spec) -> _Row:
    text = SPEC.dump_json(spec).decode()
    return _Row(name=spec.name, spec=text, added=datetime.now(UTC))


def _rows(session: Session) -> list[_Row]:
    held = select(_Row).where(_Row.removed.is_(None)).order_by(_Row.id)
    return list(session.scalars(held))


def _refuse_second(session: Session, name: str) -> None:
    names = session.scalars(select(_Row.name).where(_Row.removed.is_(None)))
    if name.lower() in {held.lower() for held in names}:
        raise InputError(
            f"The basket already holds a phenotype called {name!r}",
            "give it another name, or remove the old one on the screen Export",
        )
