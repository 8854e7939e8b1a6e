"""The studio's own database: what people make on the screens, kept on the server.

One SQLite file, ``studio.db`` in the store. No table holds an id of a participant; one
that does is entered in `edp_core.withdrawals.ID_COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import NullPool

from edp_core.errors import InputError

FILE = "studio.db"
PATIENCE = 3
"""Seconds to wait for another session that writes."""


class Base(DeclarativeBase):
    """What the tables of the database are declared by."""


def opened(folder: Path) -> Engine:
    """The database of a store, made where there is none; only its owner may read it.

    Raises
    ------
    InputError
        Where it is no database, or the server may not write it.
    """
    file = folder / FILE
    # no connection is kept: one to a file that was deleted since would go on with it
    engine = create_engine(
        f"sqlite:///{file}", poolclass=NullPool, connect_args={"timeout": PATIENCE}
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with session(engine):
            pass
        file.chmod(0o600)
    except OSError as error:
        raise _told(str(error.strerror)) from error
    return engine


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """One visit to the database; what is not committed in it never was.

    Raises
    ------
    InputError
        Where the file is gone with its folder, is locked by somebody else or damaged.
    """
    try:
        Base.metadata.create_all(engine)  # it may have been deleted since
        with Session(engine) as visit:
            yield visit
    except SQLAlchemyError as error:
        raise _told(_reason(error), locked=_is_locked(error)) from error


def _is_locked(error: SQLAlchemyError) -> bool:
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def _reason(error: SQLAlchemyError) -> str:
    """What SQLite itself says, without the statement and its values."""
    return str(getattr(error, "orig", None) or "it does not answer")


def _told(reason: str, *, locked: bool = False) -> InputError:
    if locked:
        return InputError(
            f"The studio's database is in use by another program; {PATIENCE} seconds "
            "were waited for it",
            f"try again; if it stays so, see which program holds {FILE} in the store",
        )
    return InputError(
        f"The studio's database cannot be used: {reason}",
        f"check that {FILE} in the store is a file the server may write; a damaged one "
        "is put aside by renaming it, or replaced from a backup, and a new one is made",
    )
