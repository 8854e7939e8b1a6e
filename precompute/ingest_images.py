"""Ingest: the images of an organ become slices, rows, measures and thumbnails.

One unusable image never stops the others: it is counted with its reason, and a
participant without any usable image is excluded with the first of them.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from edp_core.artifacts import THUMBNAIL
from edp_core.errors import AlignmentError
from edp_core.files import link
from edp_core.pixels import as_shown
from edp_core.settings.organs import Organ
from edp_core.slices import open_slices
from edp_core.store import (
    canonical_json,
    digest,
    read_array,
    read_table,
    write_array,
    write_atomic,
    write_table,
)
from edp_core.study import Study
from precompute.datasets import ImageFile, find_images
from precompute.parts import (
    CONTENT,
    KEY,
    SLICES,
    counted_notes,
    held,
    write_part,
    write_sheet,
)
from precompute.photographs import read_photograph
from precompute.prepared import Prepared, first_usable
from precompute.readers.reasons import Unusable
from precompute.readers.turns import reading
from precompute.volumes import label_numbers, read_slices

Report = Callable[[int, int], None]
PART_VOLUMES, PART_PICTURES = 32, 1024
"""Images of a part: what a kill can cost, and what waits in memory."""
NO_IMAGE = "no image"


def listed_images(
    study: Study, organ: Organ, eids: np.ndarray
) -> tuple[list[ImageFile], dict[str, int]]:
    """Images of the cohort's participants, and counts of the files left aside."""
    found, notes = find_images(study.folder, organ)
    wanted = set(eids.tolist())
    images = [image for image in found if image.eid in wanted]
    if not images:
        raise AlignmentError(
            f"None of {len(found)} images is of one of {len(eids)} participants",
            "the ids in the file names and in the participants table must be equal",
        )
    strangers = {image.eid for image in found} - wanted
    if strangers:
        notes["image of somebody who is not in the cohort"] = len(strangers)
    return images, notes


def ingest_images(
    images: list[ImageFile],
    organ: Organ,
    *,
    labels: Path | None = None,
    eids: np.ndarray,
    notes: Mapping[str, int],
    workspace: Path,
    folder: Path,
    report: Report,
) -> None:
    """Read every image once; write slices, rows, measures, exclusions and notes.

    The images are read in parts. A finished part waits in the workspace, so a run that
    was killed goes on with the next.

    Parameters
    ----------
    images
        As `listed_images` gives them.
    labels
        JSON file that names a label map's numbers.
    eids
        The cohort's participants.
    notes
        What was noticed while the files were listed.
    workspace
        Folder of this very recipe that outlasts a kill.
    folder
        Receives ``slices-*.npy``, ``content.json`` (what they are known by),
        ``counts.npy`` (slices of each image), ``rows``
        (eid, instance, side), ``measures`` (the same and ``volume_ml``, ``reason``;
        volumes only), ``files`` (what was left out), ``sheet`` and ``sheet.npy``
        (pictures of it), ``exclusions`` and ``notes``.
    """
    names = label_numbers(labels) if labels is not None else {}
    size = PART_VOLUMES if organ.volumetric else PART_PICTURES
    parts = []
    for number, start in enumerate(range(0, len(images), size)):
        chosen = images[start : start + size]
        place = workspace / f"part-{number:05d}"
        if not place.is_dir():
            said = partial(_report_from, report, start, total=len(images))
            write_part(place, _prepare(chosen, organ, names), report=said)
        report(start + len(chosen), len(images))
        parts.append(place)
    outcome = pd.concat(
        [read_table(part, "images") for part in parts], ignore_index=True
    )
    kept = outcome["reason"] == ""
    if not kept.any():
        reasons = "; ".join(outcome["reason"].value_counts().index)
        raise AlignmentError(
            f"None of {len(images)} images can be used: {reasons}",
            "check channels, mask, crop and quality of the organ in study.toml",
        )
    for number, part in enumerate(held(parts)):
        link(part / SLICES, folder / f"slices-{number:05d}.npy")
    write_array(folder, "counts", outcome.loc[kept, "count"].to_numpy(np.int32))
    # what the slices are, however they were cut into parts
    content = {"slices": digest(outcome.loc[kept, ["count", "sha256"]].values.tolist())}
    write_atomic(folder / CONTENT, canonical_json(content).encode())
    rows = outcome.loc[kept, KEY].reset_index(drop=True)
    write_table(folder, "rows", rows)
    if organ.volumetric:
        measured = outcome.loc[kept, [*KEY, "volume_ml", "unknown"]]
        measured = measured.rename(columns={"unknown": "reason"})
        write_table(folder, "measures", measured.reset_index(drop=True))
    lost = outcome.loc[~kept, [*KEY, "reason"]].reset_index(drop=True)
    write_table(folder, "files", lost)
    write_table(folder, "exclusions", _exclusions(eids, rows, lost))
    write_sheet(folder, parts)
    counted = Counter(notes) + counted_notes(outcome)
    write_table(
        folder,
        "notes",
        pd.DataFrame({"reason": list(counted), "count": list(counted.values())}),
    )


def make_thumbnails(images: Path, folder: Path, *, report: Report) -> None:
    """Write (n_images, 64, 64, 3) uint8 of each image's middle slice.

    Colours are those of `as_shown`; they are the same for all images, and none tells
    anything of another.
    """
    slices = open_slices(images)
    counts = read_array(images, "counts").astype(np.int64)
    middles = np.cumsum(counts) - counts + counts // 2
    out = np.zeros((len(counts), THUMBNAIL, THUMBNAIL, 3), np.uint8)
    for i, middle in enumerate(middles):
        picture = Image.fromarray(as_shown(slices[middle]))
        out[i] = np.asarray(
            picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        )
        if i % 50 == 0 or i + 1 == len(counts):
            report(i + 1, len(counts))
    write_array(folder, "thumbnails", out)


def _prepare(
    images: list[ImageFile], organ: Organ, names: Mapping[str, int]
) -> Iterator[tuple[ImageFile, Prepared | Unusable]]:
    """Outcome of each image, in order; a few are read ahead on every core.

    Large ones are read one at a time (`turns`).
    """
    read: Callable[[ImageFile, Organ], Prepared] = (
        partial(read_slices, names=names) if organ.volumetric else read_photograph
    )

    def in_turn(image: ImageFile) -> Prepared:
        with reading(len(image.sources)):
            return read(image, organ)

    def attempt(image: ImageFile) -> Prepared | Unusable:
        try:
            return first_usable(image, in_turn)
        except Unusable as reason:
            return reason
        except MemoryError:
            return Unusable("image too large for the memory")

    cores = os.cpu_count() or 1
    waiting: deque[tuple[ImageFile, Future[Prepared | Unusable]]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for image in images:
            waiting.append((image, pool.submit(attempt, image)))
            if len(waiting) > 2 * cores:  # bounds what waits in memory
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()


def _report_from(report: Report, start: int, done: int, *, total: int) -> None:
    report(start + done, total)


def _exclusions(
    eids: np.ndarray, rows: pd.DataFrame, lost: pd.DataFrame
) -> pd.DataFrame:
    """Participants without a usable image, each with the first reason."""
    first = dict(zip(lost["eid"][::-1], lost["reason"][::-1], strict=True))
    have = set(rows["eid"])
    without = [eid for eid in eids.tolist() if eid not in have]
    reasons = [first.get(eid, NO_IMAGE) for eid in without]
    return pd.DataFrame({"eid": without, "reason": reasons}, dtype=str)
