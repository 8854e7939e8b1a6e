"""A part of an organ's images, prepared and waiting for the others.

Reading the scans of a biobank takes hours. They are prepared in parts, each written
whole or not at all, so that a kill costs one part.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edp_core.files import sync
from edp_core.store import read_array, read_table, write_array, write_table
from precompute.datasets import ImageFile
from precompute.prepared import Prepared
from precompute.quality import Refused
from precompute.readers.reasons import Unusable
from precompute.shards import write_slices

KEY = ["eid", "instance", "side"]
SLICES = "slices.npy"
CONTENT = "content.json"
SHOWN_PER_REASON = 12
"""Pictures of the contact sheet for each reason."""


def write_part(
    place: Path,
    images: Iterable[tuple[ImageFile, Prepared | Unusable]],
    *,
    report: Callable[[int], None],
) -> None:
    """Write the outcome of some images as one folder.

    Parameters
    ----------
    place
        The folder to be: ``slices.npy``, the table ``images`` (one row each: ``eid,
        instance, side, count, sha256, reason, volume_ml, unknown, notes``), the table
        ``sheet`` and ``sheet.npy``.
    images
        Each with its slices, or with the reason it is left out.
    report
        Called with the number of images done.
    """
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    rows: list[dict[str, Any]] = []
    slices = []
    sheet: list[tuple[str, np.ndarray]] = []
    for done, (image, found) in enumerate(images, 1):
        row: dict[str, Any] = {
            "eid": image.eid, "instance": image.instance, "side": image.side,
            "count": 0, "sha256": "", "reason": "", "volume_ml": np.nan, "unknown": "",
            "notes": [],
        }  # fmt: skip
        if isinstance(found, Unusable):
            row["reason"] = str(found)
            if isinstance(found, Refused):
                sheet.append((str(found), found.picture))
        else:
            slices.append(found.slices)
            row |= {"count": len(found.slices), "sha256": hashed(found.slices)}
            row |= {"volume_ml": found.volume_ml, "unknown": found.unknown}
            row["notes"] = list(found.notes)
        rows.append(row)
        report(done)
    write_table(partial, "images", pd.DataFrame(rows))
    if slices:
        write_slices(partial / SLICES, slices)
    _write_sheet(partial, sheet)
    for path in partial.iterdir():
        sync(path)
    partial.rename(place)
    sync(place.parent)


def hashed(slices: np.ndarray) -> str:
    """First 16 hex digits of the sha256 of an image's slices."""
    return hashlib.sha256(np.ascontiguousarray(slices).data).hexdigest()[:16]


def held(parts: Iterable[Path]) -> Iterator[Path]:
    """Those parts that have slices."""
    return (part for part in parts if (part / SLICES).is_file())


def write_sheet(folder: Path, parts: Iterable[Path]) -> None:
    """Write the contact sheet of all parts."""
    sheet: list[tuple[str, np.ndarray]] = []
    for part in parts:
        reasons = read_table(part, "sheet")["reason"]
        if len(reasons):
            sheet += zip(reasons, read_array(part, "sheet"), strict=True)
    _write_sheet(folder, sheet)


def counted_notes(outcome: pd.DataFrame) -> Counter[str]:
    """What is to be noted of images, by reason."""
    found: Counter[str] = Counter()
    for reason in outcome["reason"]:
        if reason:
            found[f"image left out: {reason}"] += 1
    for unknown in outcome["unknown"]:
        if unknown:
            found[f"organ volume not known: {unknown}"] += 1
    for notes in outcome["notes"]:
        found.update(notes)
    return found


def _write_sheet(folder: Path, sheet: list[tuple[str, np.ndarray]]) -> None:
    shown: list[tuple[str, np.ndarray]] = []
    counts: Counter[str] = Counter()
    for reason, picture in sheet:
        counts[reason] += 1
        if counts[reason] <= SHOWN_PER_REASON:
            shown.append((reason, picture))
    reasons = pd.DataFrame({"reason": [reason for reason, _ in shown]}, dtype=str)
    write_table(folder, "sheet", reasons)
    if shown:
        write_array(folder, "sheet", np.stack([picture for _, picture in shown]))
