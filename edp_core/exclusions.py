"""Where the participants went: in = embedded + exclusions with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from edp_core.disclosure import about
from edp_core.errors import MissingArtifactError
from edp_core.people.phenome import Phenome
from edp_core.store import Store, read_table

WITH_IMAGES = "with usable images"
OF_IMAGES = ("image ", "organ ", "array ", "further image", "file ")
"""How notes begin that count images or files, not people."""


def exclusions_of(store: Store, organ: str) -> dict[str, int] | None:
    """Participants of one organ by what became of them, the used ones first.

    `None` where ingest is not done. The counts add up to the participants listed.
    """
    try:
        cohort, images = store.at("cohort"), store.at(f"images/{organ}")
    except MissingArtifactError:
        return None
    used = read_table(images, "rows")["eid"].nunique()
    reasons = Counter(read_table(cohort, "exclusions")["reason"])
    reasons.update(read_table(images, "exclusions")["reason"])
    return {WITH_IMAGES: int(used)} | dict(reasons.most_common())


def notes_of(store: Store, organs: Sequence[str]) -> dict[str, int]:
    """What was mended or left aside in tables and files, by reason."""
    notes: Counter[str] = Counter()
    for slot in ("cohort", "phenome", *(f"images/{organ}" for organ in organs)):
        try:
            table = read_table(store.at(slot), "notes")
        except MissingArtifactError:
            continue
        notes.update(dict(zip(table["reason"], map(int, table["count"]), strict=True)))
    return dict(notes.most_common())


def notes_said(store: Store, organs: Sequence[str], threshold: int) -> dict[str, str]:
    """The same notes with counts as coarse as they may be shown.

    One person has several images (two kidneys, two imagings, several organs): counts of
    images are four times as coarse, so that they narrow no count of people.
    """
    said = {}
    for reason, count in notes_of(store, organs).items():
        of_images = reason.startswith(OF_IMAGES)
        said[reason] = about(count, threshold * (4 if of_images else 1))
    return said


def known_counts(store: Store, phenome: Phenome, codes: Sequence[str]) -> list[int]:
    """Counts the screens show of each organ: participants, and cases of some codes."""
    shown = [len(phenome.eids)]
    for slot in sorted(slot for slot in store.refs() if slot.startswith("images/")):
        rows = read_table(store.at(slot), "rows")
        used = np.isin(phenome.eids, rows["eid"].to_numpy(str))
        shown.append(int(used.sum()))
        shown += [int(phenome.cases(code)[used].sum()) for code in codes]
    return shown
