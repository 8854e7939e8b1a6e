"""What of an image moves the score: its parts are left out, one at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app import data, explained, figures, tones
from app.gallery import Figure, Group, Series, Tile, gallery
from app.images import gate as images
from app.images import strip as image_strip
from app.state import Choice
from edp_core.appraisal.exemplars import at_percentiles
from edp_core.appraisal.occlusion import (
    Averaged,
    Occlusion,
    averaged,
    carried,
    moved,
)
from edp_core.appraisal.occlusion_files import read_occlusion
from edp_core.appraisal.projection import Linear, weights_of
from edp_core.errors import InputError
from edp_core.phenotype import SPEC, Phenotype, adjusted_vectors
from edp_core.recipe import CodeSpec, ColumnSpec

SIZE = 120
BEYOND = 3.0
"""Change in SD beyond which an image without a part is unlike any (docs/science.md)."""


@dataclass(frozen=True)
class Maps:
    """How parts of images move a score.

    Attributes
    ----------
    each
        (n_images, h, w) change of the score in SD, as `moved` gives it.
    mean
        Of all people with a map.
    """

    occlusion: Occlusion
    linear: Linear
    each: np.ndarray
    mean: Averaged


@st.fragment
def draw(choice: Choice, score: Phenotype, *, name: str) -> None:
    """Draw the mean map and maps along the phenotype, where there are any."""
    slot = f"occlusion/{choice.organ}/{choice.encoder}"
    refs = data.store().refs()
    if slot not in refs:
        st.caption(
            "There are no images with parts left out: only masked autoencoders can be "
            "asked, and `occlusion_people` under `[analysis]` in study.toml says of "
            f"how many people. Where it is above 0, run `{data.command()}`."
        )
        return
    if score.kind == "binary":
        st.caption("A phenotype of cases and controls is no score that parts move.")
        return
    if not image_strip.tells_nobody(score):
        st.caption(
            f"A phenotype of at most {image_strip.FEW_VALUES} values is no score that "
            "parts move."
        )
        return
    keys = (refs[slot], str(data.study().store_path), str(figures.least()))
    unnamed = score.spec.model_copy(update={"name": "score"})
    pair = (choice.organ, choice.encoder)
    maps = _maps(pair, SPEC.dump_json(unnamed).decode(), keys)
    if maps.mean.n < figures.least():
        st.caption(
            "Too few people have images with parts left out: raise `occlusion_people`."
        )
        return
    _figure(choice, score, maps, name=name)


@st.cache_resource(show_spinner="Leaving out parts of images …", max_entries=8)
def _maps(pair: tuple[str, str], spec: str, keys: tuple[str, ...]) -> Maps:
    recipe, inputs = SPEC.validate_json(spec), data.inputs(*pair)
    occlusion = read_occlusion(data.store(), *pair)
    values = data.phenotype(recipe).values[np.asarray(inputs.seen)]
    # of an organ's own recipe the vectors it was made of; of a column the plain ones
    vectors = np.asarray(inputs.vectors)
    if not isinstance(recipe, ColumnSpec | CodeSpec) and recipe.organ == pair[0]:
        vectors = adjusted_vectors(recipe, inputs)
    linear = weights_of(values, vectors)
    each = moved(linear, occlusion)
    return Maps(occlusion, linear, each, averaged(each, occlusion))


def _figure(choice: Choice, score: Phenotype, maps: Maps, *, name: str) -> None:
    pixels, occlusion = images.pixels(choice), maps.occlusion
    seen = np.asarray(data.inputs(choice.organ, choice.encoder).seen)
    shown = np.isin(np.arange(len(seen)), occlusion.people) & pixels.has
    found = at_percentiles(score.values[seen], count=1, among=shown)
    rows = np.array([exemplar.rows[0] for exemplar in found])
    people = occlusion.people[pixels.has[occlusion.people]]
    # the first image of a person is the one on the thumbnail
    own = [maps.each[np.flatnonzero(occlusion.rows == row)[0]] for row in rows]
    pictures = [
        pixels.mean(people).image.clip(0, 255).round().astype(np.uint8),
        *pixels.thumbnails(rows),
    ]
    values = [maps.mean.mean, *own]
    images.looked(
        "parts left out", organ=choice.organ, count=len(people) + len(rows), view=name
    )
    limit = tones.limit_of(*values)
    places = [image_strip.ordinal(exemplar.asked) for exemplar in found]
    titles = ["Mean", *(f"{place} percentile" for place in places)]
    notes = [f"N = {maps.mean.n:,}"]
    notes += [image_strip.about(score, float(e.values[0])) for e in found]
    contents = [
        tones.over(picture, part, limit=limit, edges=occlusion.edges)
        for picture, part in zip(pictures, values, strict=True)
    ]
    groups = [
        Group([Tile(content, f"Parts of the {choice.organ}, {title}: {told(part)}")],
              title=title, note=note)
        for content, part, title, note in zip(
            contents, values, titles, notes, strict=True
        )
    ]  # fmt: skip
    gallery(
        Figure(
            f"parts-{name}",
            f"What of the image moves {name}",
            said(maps),
            groups,
            across=1,
            scale=tones.scale(
                limit, title="Change of the score when the part is left out, SD"
            ),
            size=SIZE,
            even=True,
        ),
        key="occlusion",
        details=lambda i: [
            Series("with the map", [contents[i]]),
            Series("image", [tones.encode(pictures[i])]),
            Series("map", [tones.difference(values[i], limit)]),
        ],
    )
    _carried(choice, maps, pictures[0], name=name)
    st.caption(
        f"R² = {maps.linear.r2:.2f}, {maps.linear.r2_left_out:.2f} in people left out"
        + (". Changes beyond about 3 SD tell of images unlike any: see what is carried"
           if limit > BEYOND else ""),
        help=explained.help("change_in_sd"),
    )  # fmt: skip


def _carried(choice: Choice, maps: Maps, picture: np.ndarray, *, name: str) -> None:
    """What share of the differences between people each part carries."""
    try:
        share = carried(maps.linear, maps.occlusion)
    except InputError as error:
        st.caption(f"{error.message}; {error.hint}.")
        return
    limit = tones.limit_of(share.mean)
    row, column = np.unravel_index(int(share.mean.argmax()), share.mean.shape)
    most, se = share.mean[row, column], share.se[row, column]
    most_told = f"{image_strip.number(most)} (SE {image_strip.number(se)})"
    content = tones.over(picture, share.mean, limit=limit, edges=maps.occlusion.edges)
    alt = f"Parts of the {choice.organ}: the one that carries most, {most_told}"
    gallery(
        Figure(
            f"carried-{name}",
            "What each part carries of the differences between people",
            f"1: people no longer differ without the part; 0: as before. N = "
            f"{share.n:,}, over their mean image; most: {most_told}. What a missing "
            "part does to everybody alike is left aside.",
            [Group([Tile(content, alt)])],
            across=1,
            scale=tones.scale(limit, title="Share of the differences"),
            size=SIZE,
        ),
        key="carried",
    )


def said(maps: Maps) -> str:
    """What the maps show, of how many, and how far they can be trusted."""
    height, width = maps.occlusion.grid
    return (
        f"Each of {height} × {width} parts is left out of all slices, and the encoder "
        "sees the rest. Blue: the score falls without the part, so the part holds it "
        f"up; orange: it rises. Mean of N = {maps.mean.n:,} people spread over the "
        "clusters, over their mean image; and people along the phenotype"
        + (", one side of each" if any(maps.occlusion.sides) else "")
        + ". The score is "
        f"taken as a weighted sum of axes, which keeps R² = {maps.linear.r2:.2f} of it."
    )


def told(part: np.ndarray) -> str:
    """Where a map is strongest, in words."""
    height, width = part.shape
    row, column = np.unravel_index(int(np.abs(part).argmax()), part.shape)
    down = ("top", "middle", "bottom")[3 * int(row) // height]
    across = ("left", "centre", "right")[3 * int(column) // width]
    return f"strongest at {down} {across}, {image_strip.number(part[row, column])} SD"
