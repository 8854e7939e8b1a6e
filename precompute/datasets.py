"""Finds the images of an organ: which files make up one image of one participant.

UK Biobank names its files ``<eid>_<field>_<instance>_<array>.<ext>``; a pattern of the
study file says what of a path is what. What the name does not tell (the side, where
both kidneys lie in one volume; the channels; the mask) follows from the settings.
"""

from __future__ import annotations

import glob as globbing
import re
from dataclasses import dataclass, replace
from pathlib import Path

from edp_core.errors import InputError
from edp_core.settings.organs import Organ
from precompute.readers.archives import Source

CLASH = "two files for one instance and side"
NO_CHANNEL = "a channel has no file"
NO_MASK = "no mask"
OTHERS = "file whose name does not fit the pattern"
EXPRESSIONS = {
    "{eid}": r"(?P<eid>[A-Za-z0-9][A-Za-z0-9_-]*)",
    "{instance}": r"(?P<instance>\d+)",
    "{array}": r"(?P<array>\d+)",
}


@dataclass(frozen=True)
class ImageFile:
    """One image of one participant.

    Attributes
    ----------
    eid, instance, side
        Whose and which; ``side`` is empty where the organ has none.
    sources
        One file for each channel, or one that holds them all.
    mask
        The file of its mask, if the organ has masks.
    labels
        Labels of the organ in the mask; empty: all but 0.
    problem
        Why it cannot be used whatever it holds.
    further
        Images of the same (later arrays), for where this one cannot be used.
    """

    eid: str
    instance: str
    side: str
    sources: tuple[Source, ...]
    mask: Source | None = None
    labels: tuple[str | int, ...] = ()
    problem: str = ""
    further: tuple[ImageFile, ...] = ()


def find_images(folder: Path, organ: Organ) -> tuple[list[ImageFile], dict[str, int]]:
    """Match an organ's patterns against the files of the study.

    Parameters
    ----------
    folder
        Folder of the study file.
    organ
        Its patterns.

    Returns
    -------
    images
        Sorted by eid, instance and side. Where two files are of the same ones, one
        entry that says so.
    notes
        Files that were not used, by reason.

    Raises
    ------
    InputError
        Where the folder is missing or no file fits.
    """
    pattern = Source.parse(organ.image_pattern)
    files, others = _matching(folder, str(pattern.path), organ)
    images: dict[tuple[str, int, str], ImageFile] = {}
    arrays: dict[tuple[str, int, str], int] = {}
    for found in _grouped(files):
        for side in [found.side] if found.side or not organ.sides else organ.sides:
            key = (found.eid, int(found.instance), side)
            image = _image(folder, found, side=side, organ=organ)
            if key in images:
                if arrays[key] == found.array:
                    images[key] = replace(image, problem=CLASH)
                else:  # they come sorted: the first array is the image
                    further = (*images[key].further, image)
                    images[key] = replace(images[key], further=further)
                continue
            images[key], arrays[key] = image, found.array
    # a mask whose name also fits the pattern of images is no image of somebody
    masks = {one.mask for image in images.values() for one in (image, *image.further)}
    images = {k: i for k, i in images.items() if masks.isdisjoint(i.sources)}
    ordered = [images[key] for key in sorted(images)]
    return ordered, {OTHERS: others} if others else {}


@dataclass(frozen=True)
class _Found:
    """Files of one eid, instance, array and side, by channel."""

    eid: str
    instance: str
    array: int
    side: str
    channels: dict[str, Path]


def _image(folder: Path, found: _Found, *, side: str, organ: Organ) -> ImageFile:
    """The image of one side, with its channels and its mask."""
    pattern = Source.parse(organ.image_pattern)

    def fill(text: str, channel: str = "") -> str:
        values = {
            "{eid}": found.eid,
            "{instance}": found.instance,
            "{array}": str(found.array),
            "{side}": organ.sides.get(side, ""),
            "{channel}": channel,
        }
        return re.sub(r"\{\w+\}", lambda m: values.get(m[0], m[0]), text)

    wanted = organ.channel_names if "{channel}" in organ.image_pattern else ("",)
    problem = ""
    sources = []
    for channel in wanted:
        path = found.channels.get(channel, found.channels.get(""))
        if path is None:
            problem = NO_CHANNEL
        else:
            sources.append(Source(path, fill(pattern.member, channel)))
    mask = None
    if organ.mask is not None:
        place = Source.parse(organ.mask)
        mask = Source((folder / fill(str(place.path))).resolve(), fill(place.member))
        if not mask.path.is_file():
            problem, mask = problem or NO_MASK, None
    labels = tuple(fill(e) if isinstance(e, str) else e for e in organ.labels)
    return ImageFile(
        found.eid, found.instance, side, tuple(sources), mask, labels, problem
    )


def _matching(
    folder: Path, pattern: str, organ: Organ
) -> tuple[list[tuple[Path, dict[str, str]]], int]:
    """Files that fit, each with what its name says; and how many beside them do not."""
    # the folders before the first placeholder are opened, the rest is matched
    fixed = pattern[: pattern[: pattern.index("{")].rfind("/") + 1]
    base = (folder / fixed).resolve()
    if not base.is_dir():
        raise InputError(
            f"There is no image folder {base}", "mend `images` of the organ"
        )
    expression, glob = _matchers(pattern[len(fixed) :], organ)
    known = _known(folder, pattern, organ)
    found, others = [], 0
    candidates = sorted(base.glob(glob))
    for path in candidates:
        match = re.fullmatch(expression, path.relative_to(base).as_posix())
        if match and path.is_file():
            found.append((path, match.groupdict()))
        elif not any(expression.fullmatch(str(path)) for expression in known):
            others += 1
    if not found:
        raise InputError(
            f"No file fits the pattern {organ.images!r} ({len(candidates)} looked at)",
            "mend `images` and `sides` of the organ in study.toml",
        )
    sides = {text: name for name, text in organ.sides.items()}
    for _, parts in found:
        parts["side"] = sides.get(parts.get("side") or "", "")
    return found, others


def _known(folder: Path, pattern: str, organ: Organ) -> list[re.Pattern[str]]:
    """Expressions for paths of what belongs here though it is no image of the organ.

    Its masks, and the channels that it does not use.
    """
    texts = [pattern] if "{channel}" in pattern else []
    if organ.mask is not None:
        texts.append(str(Source.parse(organ.mask).path))
    loose = organ.model_copy(update={"channel_names": ()})
    expressions = []
    for text in texts:
        fixed = text[: text[: text.index("{")].rfind("/") + 1]
        base = re.escape(str((folder / fixed).resolve()) + "/")
        inner, _ = _matchers(text[len(fixed) :], loose)
        inner = inner.replace("(?P<channel>)", "(?P<channel>[^/]+)")
        expressions.append(re.compile(base + inner))
    return expressions


def _grouped(files: list[tuple[Path, dict[str, str]]]) -> list[_Found]:
    """Channels of one image together; a second file of a channel begins a new group."""
    groups: dict[tuple[str, str, int, str], list[dict[str, Path]]] = {}
    for path, parts in files:
        key = (
            parts["eid"],
            parts.get("instance") or "0",
            int(parts.get("array") or 0),
            parts["side"],
        )
        channel = parts.get("channel") or ""
        places = groups.setdefault(key, [{}])
        if channel in places[-1]:
            places.append({})
        places[-1][channel] = path
    return [
        _Found(*key, channels)
        for key, places in sorted(groups.items())
        for channels in places
    ]


def _matchers(pattern: str, organ: Organ) -> tuple[str, str]:
    """Regular expression and glob of a pattern."""
    expressions = EXPRESSIONS | {
        "{side}": "(?P<side>" + "|".join(map(re.escape, organ.sides.values())) + ")",
        "{channel}": "(?P<channel>"
        + "|".join(map(re.escape, organ.channel_names))
        + ")",
    }
    expression = glob = ""
    seen: set[str] = set()
    for part in re.split("(" + "|".join(map(re.escape, expressions)) + ")", pattern):
        again = f"(?P={part.strip('{}')})" if part in seen else None
        expression += again or expressions.get(part, re.escape(part))
        glob += "*" if part in expressions else globbing.escape(part)
        seen |= {part} & set(expressions)
    return expression, glob
