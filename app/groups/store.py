"""Groups that people drew: kept as rules in the studio's database, never as ids.

Two tables. ``asked`` remembers the rule of every group whose size was ever told, saved
or not: a later one is held against them. ``groups`` names those that were saved;
removing only marks an entry, so it can be undone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import DateTime, ForeignKey, Integer, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import database
from edp_core.errors import InputError
from edp_core.outline import Polygon

NAME = re.compile(r"[^\W_][\w .-]{0,63}")
"""Letters of any script, digits, space, _ . and -: no name is markup."""


class _Asked(database.Base):
    __tablename__ = "asked"

    id: Mapped[int] = mapped_column(primary_key=True)
    organ: Mapped[str] = mapped_column(String(64))
    encoder: Mapped[str] = mapped_column(String(64))
    atlas: Mapped[str] = mapped_column(String(16), index=True)
    drawn_on: Mapped[str | None] = mapped_column(String(128))
    rule: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(String(16))
    asked: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class _Group(database.Base):
    __tablename__ = "groups"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    asked_id: Mapped[int] = mapped_column(ForeignKey("asked.id"))
    n: Mapped[int] = mapped_column(Integer)
    added: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    removed: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True)
class Rule:
    """How a group was drawn, and where.

    Attributes
    ----------
    atlas
        Content key of the atlas on whose map it was drawn.
    drawn_on
        Code whose labels, or whose score, coloured the map then.
    """

    organ: str
    encoder: str
    atlas: str
    outline: Polygon
    drawn_on: str | None = None


@dataclass(frozen=True)
class Asked:
    """A group whose size was told; ``key`` is `edp_core.inputs.group_key` of it."""

    id: int
    rule: Rule
    key: str


@dataclass(frozen=True)
class Group:
    """A group that was saved; ``n`` is its size at that time."""

    id: int
    name: str
    n: int
    asked: Asked
    added: datetime

    @property
    def rule(self) -> Rule:
        """How it was drawn."""
        return self.asked.rule


class Groups:
    """The groups of one study.

    Parameters
    ----------
    folder
        The study's store; the database is ``studio.db`` in it.
    """

    def __init__(self, folder: Path) -> None:
        self._engine = database.opened(folder)

    def ask(self, rule: Rule, key: str) -> Asked:
        """Remember that the size of a group is told; the same rule is kept once."""
        held = {
            "organ": rule.organ,
            "encoder": rule.encoder,
            "atlas": rule.atlas,
            "drawn_on": rule.drawn_on,
            "rule": rule.outline.model_dump_json(),
            "key": key,
        }
        with database.session(self._engine) as session:
            row = session.scalars(select(_Asked).filter_by(**held)).first()
            if row is None:
                row = _Asked(**held, asked=datetime.now(UTC))
                session.add(row)
                session.commit()
            return Asked(row.id, rule, key)

    def asked(self, atlas: str) -> list[Asked]:
        """Every group of an atlas whose size was told, in the order they were asked.

        Raises
        ------
        InputError
            Where a rule cannot be read: what it told would be forgotten.
        """
        with database.session(self._engine) as session:
            found = [_asked(row) for row in _of_atlas(session, atlas)]
        known = [one for one in found if one is not None]
        if len(known) < len(found):
            raise InputError(
                f"{len(found) - len(known)} rules of groups in the studio's database "
                "cannot be read",
                "restore studio.db in the store from a backup: without them nobody "
                "knows which counts were told",
            )
        return known

    def add(self, name: str, asked: Asked, n: int) -> int:
        """Save a group under a name; its id.

        Raises
        ------
        InputError
            Where the name is taken, or is none.
        """
        name = " ".join(name.split())
        if not NAME.fullmatch(name):
            raise InputError(
                f"{name!r} cannot be the name of a group"
                if name
                else "The group has no name",
                "start with a letter or digit; use letters, digits, spaces, _ . and - "
                "(64 at most)",
            )
        with database.session(self._engine) as session:
            _refuse_second(session, name)
            now = datetime.now(UTC)
            row = _Group(name=name, asked_id=asked.id, n=n, added=now)
            session.add(row)
            session.commit()
            return row.id

    def entries(self) -> list[Group]:
        """Every saved group, of whatever atlas, oldest first.

        One whose rule cannot be read is left out.
        """
        with database.session(self._engine) as session:
            pairs = session.execute(
                select(_Group, _Asked)
                .join(_Asked, _Group.asked_id == _Asked.id)
                .where(_Group.removed.is_(None))
                .order_by(_Group.id)
            ).all()
            return [
                Group(group.id, group.name, group.n, asked, group.added)
                for group, row in pairs
                if (asked := _asked(row)) is not None
            ]

    def remove(self, entry: int) -> None:
        """Take a group out; `restore` puts it back. What it told stays remembered."""
        self._mark(entry, datetime.now(UTC))

    def restore(self, entry: int) -> None:
        """Undo `remove`; raises as `add` does."""
        self._mark(entry, None)

    def _mark(self, entry: int, when: datetime | None) -> None:
        with database.session(self._engine) as session:
            row = session.get(_Group, entry)
            if row is None or (row.removed is None) == (when is None):
                return
            if when is None:
                _refuse_second(session, row.name)
            row.removed = when
            session.commit()


def _of_atlas(session: Session, atlas: str) -> list[_Asked]:
    held = select(_Asked).where(_Asked.atlas == atlas).order_by(_Asked.id)
    return list(session.scalars(held))


def _asked(row: _Asked) -> Asked | None:
    """A row as it is used; `None` where somebody changed its rule by hand."""
    outline = _outline(row.rule)
    if outline is None:
        return None
    rule = Rule(row.organ, row.encoder, row.atlas, outline, row.drawn_on)
    return Asked(row.id, rule, row.key)


@lru_cache(maxsize=4096)
def _outline(rule: str) -> Polygon | None:
    try:
        return Polygon.model_validate_json(rule)
    except ValidationError:
        return None


def _refuse_second(session: Session, name: str) -> None:
    held = session.scalars(select(_Group.name).where(_Group.removed.is_(None)))
    if name.casefold() in {taken.casefold() for taken in held}:
        raise InputError(
            f"There is already a group called {name!r}",
            "give it another name, or remove the old one",
        )
