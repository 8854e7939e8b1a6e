"""Ingest: the images of an organ become slices, rows, measures and thumbnails.

One unusable image never stops the others: it is counted with its reason, and a
participant without any usable image is excluded with the first of them.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from edp_core.artifacts import THUMBNAIL
from edp_core.errors import AlignmentError
from edp_core.settings.organs import Organ
from edp_core.store import read_array, write_array, write_table
from edp_core.study import Study
from precompute.datasets import ImageFile, find_images
from precompute.photographs import read_photograph
from precompute.prepared import Prepared
from precompute.quality import Refused
from precompute.readers.reasons import Unusable
from precompute.shards import ShardWriter, open_slices
from precompute.volumes import label_numbers, read_slices

Report = Callable[[int, int], None]
SHOWN_PER_REASON = 12
"""Pictures of the contact sheet for each reason."""
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


@dataclass
class _Outcome:
    """What became of the images so far."""

    kept: list[ImageFile] = field(default_factory=list)
    prepared: list[Prepared] = field(default_factory=list)
    """Without their slices, which are on disk already."""
    counts: list[int] = field(default_factory=list)
    lost: list[ImageFile] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    sheet: list[tuple[str, np.ndarray]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def take(self, image: ImageFile, found: Prepared) -> None:
        self.kept.append(image)
        self.counts.append(len(found.slices))
        self.prepared.append(Prepared(found.slices[:0], found.volume_ml, found.unknown))
        self.notes.update(found.notes)
        if found.unknown:
            self.notes[f"organ volume not known: {found.unknown}"] += 1

    def leave(self, image: ImageFile, reason: Unusable) -> None:
        self.lost.append(image)
        self.reasons.append(str(reason))
        self.notes[f"image left out: {reason}"] += 1
        shown = sum(said == str(reason) for said, _ in self.sheet)
        if isinstance(reason, Refused) and shown < SHOWN_PER_REASON:
            self.sheet.append((str(reason), reason.picture))


def ingest_images(
    images: list[ImageFile],
    organ: Organ,
    *,
    labels: Path | None = None,
    eids: np.ndarray,
    notes: Mapping[str, int],
    folder: Path,
    report: Report,
) -> None:
    """Read every image once; write slices, rows, measures, exclusions and notes.

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
    folder
        Receives ``slices-*.npy``, ``counts.npy`` (slices of each image), ``rows``
        (eid, instance, side), ``measures`` (the same and ``volume_ml``; volumes
        only), ``files`` (what was left out), ``sheet`` and ``sheet.npy`` (pictures of
        it), ``exclusions`` and ``notes``.
    """
    names = label_numbers(labels) if labels is not None else {}
    outcome = _Outcome()
    outcome.notes.update(notes)
    with ShardWriter(folder) as writer:
        for done, (image, found) in enumerate(_prepare(images, organ, names), 1):
            if isinstance(found, Unusable):
                outcome.leave(image, found)
            else:
                writer.add(found.slices)
                outcome.take(image, found)
            report(done, len(images))
    if not outcome.kept:
        said = "; ".join(reason for reason, _ in Counter(outcome.reasons).most_common())
        raise AlignmentError(
            f"None of {len(images)} images can be used: {said}",
            "check channels, mask, crop and quality of the organ in study.toml",
        )
    write_array(folder, "counts", np.array(outcome.counts, np.int32))
    rows = _rows(outcome.kept)
    write_table(folder, "rows", rows)
    if organ.volumetric:
        measured = rows.assign(
            volume_ml=[one.volume_ml for one in outcome.prepared],
            reason=[one.unknown for one in outcome.prepared],
        )
        write_table(folder, "measures", measured)
    lost = _rows(outcome.lost).assign(reason=outcome.reasons)
    write_table(folder, "files", lost.astype(str))
    shown = pd.DataFrame({"reason": [reason for reason, _ in outcome.sheet]}, dtype=str)
    write_table(folder, "sheet", shown)
    if outcome.sheet:
        write_array(folder, "sheet", np.stack([p for _, p in outcome.sheet]))
    write_table(folder, "exclusions", _exclusions(eids, rows, lost))
    write_table(
        folder,
        "notes",
        pd.DataFrame(
            {"reason": list(outcome.notes), "count": list(outcome.notes.values())}
        ),
    )


def make_thumbnails(images: Path, folder: Path, *, report: Report) -> None:
    """Write (n_images, 64, 64, 3) uint8 of each image's middle slice.

    Two channels are shown as colours: the first red, the second green and blue.
    """
    slices = open_slices(images)
    counts = read_array(images, "counts").astype(np.int64)
    middles = np.cumsum(counts) - counts + counts // 2
    order = {1: [0, 0, 0], 2: [0, 1, 1]}.get(slices.shape[3], [0, 1, 2])
    out = np.zeros((len(counts), THUMBNAIL, THUMBNAIL, 3), np.uint8)
    for i, middle in enumerate(middles):
        pixels = slices[middle][:, :, order]
        if pixels.dtype != np.uint8:
            pixels = np.rint(255 * pixels.astype(np.float32)).astype(np.uint8)
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        out[i] = np.asarray(
            picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        )
        if i % 50 == 0 or i + 1 == len(counts):
            report(i + 1, len(counts))
    write_array(folder, "thumbnails", out)


def _prepare(
    images: list[ImageFile], organ: Organ, names: Mapping[str, int]
) -> Iterator[tuple[ImageFile, Prepared | Unusable]]:
    """Outcome of each image, in order; a few are read ahead on every core."""
    read: Callable[[ImageFile, Organ], Prepared] = (
        partial(read_slices, names=names) if organ.volumetric else read_photograph
    )

    def attempt(image: ImageFile) -> Prepared | Unusable:
        try:
            if image.problem:
                raise Unusable(image.problem)
            return read(image, organ)
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


def _rows(images: list[ImageFile]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "eid": [image.eid for image in images],
            "instance": [image.instance for image in images],
            "side": [image.side for image in images],
        },
        dtype=str,
    )


def _exclusions(
    eids: np.ndarray, rows: pd.DataFrame, lost: pd.DataFrame
) -> pd.DataFrame:
    """Participants without a usable image, each with the first reason."""
    first = dict(zip(lost["eid"][::-1], lost["reason"][::-1], strict=True))
    have = set(rows["eid"])
    without = [eid for eid in eids.tolist() if eid not in have]
    reasons = [first.get(eid, NO_IMAGE) for eid in without]
    return pd.DataFrame({"eid": without, "reason": reasons}, dtype=str)
