"""The rule of a group that was drawn on a map: an outline, and what is left out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from edp_core.errors import InputError
from edp_core.vectors import lasso

DIGITS = 4
"""Decimals of a vertex: a map is a few dozen units wide, a pixel a hundredth."""
Vertex = tuple[float, float]


class Polygon(BaseModel):
    """Whoever lies inside an outline on the map of an atlas, by their true place.

    The atlas is named by the recipe. No id stands in it, so it can be kept, linked and
    sent; with the same atlas it gives the same people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    map: Literal["umap"] = "umap"
    vertices: tuple[Vertex, ...]
    """In units of the map, the last joined with the first; even–odd where the outline
    crosses itself."""
    without: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Clusters that were hidden while it was drawn: nobody of them is in the group."""
    only: Literal["everybody", "cases", "controls"] = "everybody"
    """Who was shown while it was drawn on a map of cases and controls of the code that
    the recipe's ``drawn_on`` names."""
    coloured_by: str = "cluster"
    """What coloured the map then: cluster, code, score or a participants column."""

    @field_validator("vertices")
    @classmethod
    def _is_an_outline(cls, value: tuple[Vertex, ...]) -> tuple[Vertex, ...]:
        rounded = tuple((round(x, DIGITS), round(y, DIGITS)) for x, y in value)
        try:
            lasso.checked(rounded)
        except InputError as error:
            raise ValueError(error.message) from error
        return rounded

    @model_validator(mode="after")
    def _each_once(self) -> Polygon:
        if list(self.without) != sorted(set(self.without)):
            raise ValueError("name hidden clusters once each, in ascending order")
        return self
