"""What every part of a study file shares: frozen, and no unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
Name = Annotated[str, Field(pattern=NAME)]

PATCH = 16
"""Edge of a patch in pixels where neither organ nor encoder says."""


class Settings(BaseModel):
    """One table of a study file."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
