"""The mean image of a group beside that of people of the same age and sex."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from app import data, explained, figures, tones, widgets
from app.gallery import Figure, Group, Tile, gallery
from app.images import gate as images
from app.images import groups as image_groups
from app.images import tiles as image_tiles
from app.images.groups import Members
from app.images.strip import number
from app.state import Choice
from edp_core import disclosure
from edp_core.appraisal.matching import balance, controls_of, matched
from edp_core.errors import InputError
from edp_core.phenotype import Phenotype
from edp_core.pixels import Mean

RATIO, CALIPER = 4, 2.0
"""Controls wanted for each member, and years they may differ in age."""
SIZE = 150
WHO = {
    "matched group": "group",
    "pool": "everybody else",
    "controls": "matched controls",
}
UNITS = {"Brightness": "brightness", "Standard deviations": "sd"}


@dataclass(frozen=True)
class Compared:
    """Mean images of a group and of its controls, and how alike the two are.

    Attributes
    ----------
    lacking
        Members without any control.
    table
        As `balance` gives it.
    """

    group: Mean
    controls: Mean
    lacking: int
    table: pd.DataFrame


@st.fragment
def draw(choice: Choice, score: Phenotype | None, *, name: str) -> None:
    """Ask for a group and draw its mean image against matched controls."""
    offered = image_groups.offered(choice, score)
    if not offered:
        st.caption("There is no group of which a mean image may be shown.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        asked = st.selectbox("Group", list(offered), key="mean_of", bind="query-params")
        unit = st.segmented_control(
            "Difference in",
            list(UNITS),
            default="Brightness",
            key="mean_unit",
            bind="query-params",
        )
    members = offered[str(asked)]()
    try:
        found = compared(choice, members)
    except InputError as error:
        st.info(f"{error.message}: {error.hint}.", icon=":material/info:")
        return
    used = found.group.n + found.controls.n
    mark = f"{choice.encoder}:{asked}:{name}"
    images.looked("mean of a group", organ=choice.organ, count=used, view=mark)
    in_sd = UNITS[str(unit or "Brightness")] == "sd"
    figure = figure_of(choice, members, found, name=f"mean-{name}", in_sd=in_sd)
    gallery(figure, key="mean")
    _balance(found, f"balance-{name}", group=members)


def compared(choice: Choice, members: Members) -> Compared:
    """Means of a group and of its matched controls.

    Raises
    ------
    InputError
        Where either is of fewer people than the study shows, or there is neither age
        nor sex to match by.
    """
    refs = data.store().refs()
    kinds = ("images", "thumbnails")
    slots = ["cohort", *(f"{kind}/{choice.organ}" for kind in kinds)]
    seen = hashlib.sha256(
        members.members.tobytes() + b"." + members.pool.tobytes()
    ).hexdigest()
    keys = (*(refs[slot] for slot in slots), seen, str(figures.least()))
    return _compared(choice, _Hidden(members), keys)


class _Hidden:
    """What a cached function works on and is known by other arguments already."""

    def __init__(self, members: Members) -> None:
        self.members = members


@st.cache_resource(
    show_spinner="Averaging images …",
    max_entries=16,
    hash_funcs={_Hidden: lambda _: "", Choice: lambda c: (c.organ, c.encoder)},
)
def _compared(choice: Choice, given: _Hidden, keys: tuple[str, ...]) -> Compared:
    pixels, least = images.pixels(choice), figures.least()
    inputs = data.inputs(choice.organ, choice.encoder)
    people = inputs.participants.iloc[np.asarray(inputs.seen)]
    age, sex = (people.get(name) for name in ("age_years", "sex"))
    group = given.members.members & pixels.has
    pool = given.members.pool & pixels.has & ~given.members.members
    if group.sum() < least:
        raise InputError(
            f"A mean image is of at least {least} people", "choose a larger group"
        )
    pairs = matched(group, pool, age=age, sex=sex, ratio=RATIO, caliper_years=CALIPER)
    paired = np.flatnonzero(group)[(pairs >= 0).any(axis=1)]
    rows, weights = controls_of(pairs)
    if min(len(paired), len(rows)) < least:
        raise InputError(
            f"Fewer than {least} of the group have a control of their sex and age",
            "choose a group that leaves more of their age outside it",
        )
    return Compared(
        pixels.mean(paired),
        pixels.mean(rows, weights=weights),
        lacking=int(group.sum()) - len(paired),
        table=balance(group, pool, pairs, age=age, sex=sex),
    )


def counts(found: Compared) -> tuple[str, str]:
    """N of the group and of the controls; coarse where who has none would be counted.

    Controls come in fours: theirs, exact, would tell the group's.
    """
    least = figures.least()
    if disclosure.is_small(found.lacking, least):
        return tuple(  # type: ignore[return-value]
            f"about {10 * round(mean.n / 10)}" for mean in (found.group, found.controls)
        )
    return f"{found.group.n:,}", f"{found.controls.n:,}"


def differences(found: Compared, *, in_sd: bool) -> np.ndarray:
    """Group less controls, (H, W, 3): % of the range of brightness, or SD.

    The SD is that of people at a pixel, pooled over both; where it is below one of 255
    steps, outside the organ, there is nothing to divide by and the difference is NaN.
    """
    gap = found.group.image.astype(np.float64) - found.controls.image
    if not in_sd:
        return gap / 2.55
    pooled = np.sqrt(
        (np.square(found.group.sd, dtype=np.float64) + found.controls.sd**2) / 2
    )
    return np.divide(gap, pooled, out=np.full(gap.shape, np.nan), where=pooled >= 1)


def figure_of(
    choice: Choice, members: Members, found: Compared, *, name: str, in_sd: bool
) -> Figure:
    """Both means and their difference in each channel, on one scale."""
    organ, title = choice.organ, members.name
    n_group, n_controls = counts(found)
    gaps = differences(found, in_sd=in_sd)
    names = image_tiles.channels(organ) or ("",)
    maps = {name: gaps[..., at] for at, name in enumerate(names)}
    limit = tones.limit_of(*maps.values())
    what = "standard deviations of people" if in_sd else "% of the range of brightness"
    groups = [
        Group(
            [Tile(_mean(mean), f"Mean image of the {organ}, {who}, N = {n}")],
            title=who,
            note=f"N = {n}",
        )
        for who, mean, n in (
            (title, found.group, n_group),
            ("Matched controls", found.controls, n_controls),
        )
    ]
    for channel, values in maps.items():
        of = f", {channel}" if channel else ""
        content = tones.difference(values, limit)
        alt = (
            f"Difference of the mean images{of}, {title} less controls, {told(values)}"
        )
        groups.append(Group([Tile(content, alt)], title=f"Difference{of}"))
    colours = image_tiles.colour_words(organ)
    said = (
        f"{title}, N = {n_group}, less controls, N = {n_controls}: of the same sex, at "
        f"most {CALIPER:g} years apart, up to {RATIO} each, weighted to the group"
        + (f"; {colours}" if colours else "")
        + ". Matched for neither size nor build. Brightness as shown, of the middle "
        "slice of the first imaging."
    )
    bar = tones.scale(limit, title=f"Group less controls, {what}")
    heading = f"Mean image of the {organ}: {title}"
    return Figure(
        name, heading, said, groups, across=1, scale=bar, size=SIZE, even=True
    )


def told(values: np.ndarray) -> str:
    """A map of differences in words."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "none"
    return f"from {number(known.min())} to {number(known.max())}"


def _mean(mean: Mean) -> bytes:
    return tones.encode(mean.image.clip(0, 255).round().astype(np.uint8), lossless=True)


def balance_table(found: Compared) -> pd.DataFrame:
    """Age and sex of the group, of everybody else and of the controls, as shown."""
    table = found.table.set_index("who").loc[list(WHO)]
    shares = [name for name in table.columns if name.startswith("share_")]
    people = (table[shares].mul(table["n"], axis=0)).round().fillna(0)
    if disclosure.is_small(people.to_numpy(int), figures.least()).any():
        table = table.drop(columns=shares)  # one share tells the others
        shares = []
    n_group, n_controls = counts(found)
    others = disclosure.about(round(float(table["n"].to_numpy()[1])), figures.least())
    shown = table[["age_mean", "age_sd", "age_smd", *shares]].round(
        {"age_mean": 1, "age_sd": 1, "age_smd": 2} | dict.fromkeys(shares, 2)
    )
    shown.insert(0, "N", [n_group, others, n_controls])
    shown.insert(0, "who", list(WHO.values()))
    return shown.dropna(axis=1, how="all").reset_index(drop=True)


def _balance(found: Compared, name: str, *, group: Members) -> None:
    with st.expander("How well they are matched", icon=":material/balance:"):
        table = balance_table(found)
        shares = [c for c in table.columns if c.startswith("share_")]
        number = widgets.figure_column
        st.dataframe(
            table,
            hide_index=True,
            placeholder="",  # a group does not differ from itself
            column_config={
                "who": st.column_config.TextColumn("Who"),
                "N": st.column_config.TextColumn("N", help=explained.help("n")),
                "age_mean": number("Age, mean", "%.1f", explained.help("mean_sd")),
                "age_sd": number("Age, SD", "%.1f", explained.help("mean_sd")),
                "age_smd": number("Age, SMD", "%.2f", explained.help("age_smd")),
            }
            | {
                c: st.column_config.NumberColumn(
                    c.removeprefix("share_"),
                    format="percent",
                    help=explained.help("share"),
                )
                for c in shares
            },
        )
        if not shares:
            st.caption(
                "Shares of the sexes are hidden, or not known: they may count few."
            )
        widgets.table_download(
            table,
            name,
            settings=f"{group.name}; N={table['N'].iat[0]}; same sex, age within "
            f"{CALIPER:g} years, up to {RATIO} controls each",
        )
