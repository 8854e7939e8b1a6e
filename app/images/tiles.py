"""People's images as tiles of a gallery, and their slices once one is enlarged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app import data, tones
from app.gallery import Details, Series, Tile
from app.images import gate as images
from app.state import Choice
from edp_core.pixels import Shot, as_shown

COLOURS = {2: ("red", "cyan"), 3: ("red", "green", "blue")}


def channels(organ: str) -> tuple[str, ...]:
    """Names of the channels that are shown, at most three; none where not named."""
    return tuple(data.study().organs[organ].channel_names[:3])


def colour_words(organ: str) -> str:
    """Which channel has which colour: "fat red, water cyan"; empty for one channel."""
    names = channels(organ)
    colours = COLOURS.get(len(names), ())
    return ", ".join(f"{n} {c}" for n, c in zip(names, colours, strict=True) if c)


def of_people(
    choice: Choice,
    rows: np.ndarray,
    *,
    captions: Sequence[str] = (),
    alts: Sequence[str] = (),
) -> list[Tile]:
    """A tile for each of some people, of their first imaging and first side.

    Parameters
    ----------
    rows
        Places in ``inputs.seen``.
    captions, alts
        What stands under each, and what it says where it cannot be seen; neither may
        name anybody.
    """
    pictures = images.pixels(choice).thumbnails(rows)
    named = list(alts) or [f"Image of the {choice.organ}"] * len(rows)
    under = list(captions) or [""] * len(rows)
    return [
        Tile(tones.encode(picture), alt, caption)
        for picture, alt, caption in zip(pictures, named, under, strict=True)
    ]


def slices_of(choice: Choice, rows: np.ndarray) -> Details:
    """What is shown when the ith of some people's images is enlarged."""

    def details(number: int) -> list[Series]:
        row = int(rows[number])
        shots = images.pixels(choice).slices(row)
        count = sum(len(shot.slices) for shot in shots)
        # the row tells views apart in the session; it is not written to the log
        where = f"{choice.encoder}:{row}"
        images.looked("slices", organ=choice.organ, count=count, view=where)
        several = len({shot.instance for shot in shots}) > 1
        return [
            series
            for shot in shots
            for series in _series(choice.organ, shot, several=several)
        ]

    return details


def _series(organ: str, shot: Shot, *, several: bool) -> list[Series]:
    """All channels of an image together, then each by itself."""
    place = [shot.side, f"imaging {shot.instance}" if several else ""]
    names = channels(organ) if shot.slices.shape[-1] > 1 else ()
    wanted = [(list(range(shot.slices.shape[-1])), " + ".join(names) or "image")]
    wanted += [([at], name) for at, name in enumerate(names)]
    return [
        Series(
            " · ".join(filter(None, [*place, label])),
            [tones.encode(as_shown(part)) for part in shot.slices[..., chosen]],
        )
        for chosen, label in wanted
    ]
