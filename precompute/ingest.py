"""Ingest: tables and images of a study become cohort, phenome and image arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from edp_core.artifacts import THUMBNAIL, write_cohort, write_phenome
from edp_core.errors import AlignmentError
from edp_core.people.cohort import Cohort, clean_eids, clean_participants
from edp_core.people.phenome import build_phenome
from edp_core.people.population import apply_population
from edp_core.people.ukb import read_columns, read_eids
from edp_core.settings.organs import Organ
from edp_core.store import read_array, write_array, write_table
from edp_core.study import Study
from precompute.datasets import ImageFile, Unusable, find_images, read_image

Report = Callable[[int, int], None]


def ingest_cohort(study: Study, folder: Path) -> None:
    """Read participants, apply the population and write the cohort."""
    table = study.participants
    raw = read_columns(
        study.path(table.table),
        {**table.columns, "eid": table.eid},
        others=not table.columns,
    )
    cohort = clean_participants(raw, categories=table.categories)
    population = study.populations[study.population]
    withdrawn = (
        read_eids(study.path(population.withdrawals)) if population.withdrawals else []
    )
    write_cohort(folder, apply_population(cohort, population, withdrawn=withdrawn))


def ingest_phenome(study: Study, cohort: Cohort, folder: Path) -> None:
    """Read diagnoses and write the phenome; without a table it has no traits."""
    eids = cohort.participants["eid"].to_numpy(str)
    if study.diagnoses is None:
        raw = pd.DataFrame({"eid": [], "icd10": []}, dtype="string")
    else:
        columns = {"eid": study.diagnoses.eid, "icd10": study.diagnoses.code}
        raw = read_columns(study.path(study.diagnoses.table), columns)
    phenome, notes = build_phenome(raw, eids)
    named = clean_eids(raw["eid"])[0].isin(eids.tolist())
    if study.diagnoses is not None and len(raw) and not named.any():
        # rows whose code alone is unusable are counted; here nobody is known at all
        raise AlignmentError(
            f"{study.diagnoses.table}: none of its rows, from line 2 on, is about one "
            "of the participants",
            "the ids there and in the participants table must be equal: check `eid` "
            "under [diagnoses] in study.toml",
        )
    write_phenome(folder, phenome)
    write_table(folder, "notes", notes)


def listed_images(
    study: Study, organ: Organ, eids: np.ndarray
) -> tuple[list[ImageFile], dict[str, int]]:
    """Images of the cohort's participants, and counts of the files left aside."""
    found, others = find_images(study.folder, organ)
    wanted = set(eids.tolist())
    images = [image for image in found if image.eid in wanted]
    if not images:
        raise AlignmentError(
            f"None of {len(found)} images is of one of {len(eids)} participants",
            "the ids in the file names and in the participants table must be equal",
        )
    strangers = {image.eid for image in found} - wanted
    notes = {
        "image of somebody who is not in the cohort": len(strangers),
        "file whose name does not fit the pattern": others,
    }
    return images, {reason: n for reason, n in notes.items() if n}


def ingest_images(
    images: list[ImageFile],
    organ: Organ,
    *,
    eids: np.ndarray,
    notes: dict[str, int],
    folder: Path,
    report: Report,
) -> None:
    """Decode every image once; write pixels, rows, exclusions and notes.

    One unusable image never stops the others: it is counted with its reason, and a
    participant without any usable image is excluded with that reason.
    """
    size, channels = organ.image_size, organ.channels
    shape = (len(images), size, size, channels)
    scratch = folder / "all.npy"
    pixels = np.lib.format.open_memmap(scratch, mode="w+", dtype=np.uint8, shape=shape)
    usable: list[int] = []
    problems: dict[int, str] = {}
    for i, outcome in enumerate(_decode(images, organ)):
        if isinstance(outcome, Unusable):
            problems[i] = str(outcome)
        else:
            pixels[len(usable)] = outcome
            usable.append(i)
        report(i + 1, len(images))
    if not usable:
        reasons = pd.Series(list(problems.values())).value_counts()
        raise AlignmentError(
            f"None of {len(images)} images can be used: "
            + "; ".join(f"{reason}" for reason in reasons.index),
            "check channels, crop and quality of the organ in study.toml",
        )
    _shrink(scratch, folder / "images.npy", len(usable))
    kept = [images[i] for i in usable]
    write_table(folder, "rows", _rows(kept))
    lost = _rows([images[i] for i in problems]).assign(reason=list(problems.values()))
    write_table(folder, "files", lost)
    have = {image.eid for image in kept}
    first_reason = dict(zip(lost["eid"][::-1], lost["reason"][::-1], strict=True))
    without = [eid for eid in eids.tolist() if eid not in have]
    write_table(
        folder,
        "exclusions",
        pd.DataFrame(
            {
                "eid": without,
                "reason": [first_reason.get(eid, "no image") for eid in without],
            },
            dtype=str,
        ),
    )
    for reason, count in lost["reason"].value_counts().items():
        notes = notes | {f"image left out: {reason}": int(count)}
    write_table(
        folder, "notes", pd.DataFrame({"reason": list(notes), "count": notes.values()})
    )


def make_thumbnails(images: Path, folder: Path, *, report: Report) -> None:
    """Write (n_images, 64, 64, 3) uint8: grey or two channels are shown as colours."""
    pixels = read_array(images, "images")
    count = len(pixels)
    out = np.zeros((count, THUMBNAIL, THUMBNAIL, 3), np.uint8)
    for i in range(count):
        image = pixels[i]
        channels = image.shape[2]
        # two channels: the first is red and half of the second green and blue
        order = {1: [0, 0, 0], 2: [0, 1, 1]}.get(channels, [0, 1, 2])
        picture = Image.fromarray(np.ascontiguousarray(image[:, :, order]))
        out[i] = np.asarray(
            picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        )
        if i % 50 == 0 or i + 1 == count:
            report(i + 1, count)
    write_array(folder, "thumbnails", out)


def _decode(
    images: Iterable[ImageFile], organ: Organ
) -> Iterator[np.ndarray | Unusable]:
    def attempt(image: ImageFile) -> np.ndarray | Unusable:
        try:
            return read_image(image, organ)
        except Unusable as reason:
            return reason

    listed = list(images)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(listed), 256):  # bounds what waits in memory
            yield from pool.map(attempt, listed[start : start + 256])


def _rows(images: list[ImageFile]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "eid": [image.eid for image in images],
            "instance": [image.instance for image in images],
            "side": [image.side for image in images],
        },
        dtype=str,
    )


def _shrink(scratch: Path, target: Path, count: int) -> None:
    pixels = np.load(scratch, mmap_mode="r")
    out = np.lib.format.open_memmap(
        target, mode="w+", dtype=np.uint8, shape=(count, *pixels.shape[1:])
    )
    for start in range(0, count, 1024):
        out[start : start + 1024] = pixels[start : start + min(1024, count - start)][
            : count - start
        ]
    out.flush()
    del out, pixels
    scratch.unlink()
