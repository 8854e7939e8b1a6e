"""Where the participants went: in = embedded + exclusions with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from edp_core.disclosure import about
from edp_core.errors import MissingArtifactError
from edp_core.people.phenome import Phenome
from edp_core.store import Store, read_table

WITH_IMAGES = "with usable images"
WITH_VECTORS = "with usable vectors"
OF_IMAGES = ("image ", "vector ", "organ ", "array ", "further image", "file ")
"""How notes begin that count images or files, not people."""


def exclusions_of(
    store: Store, organ: str, encoder: str | None = None
) -> dict[str, int] | None:
    """Participants of one organ by what became of them, the used ones first.

    Where the encoder's vectors came ready made (or, without an encoder named, where the
    organ has no images) it is their file that tells. `None` where ingest is not done.
    The counts add up to the participants listed.
    """
    given = [
        slot
        for slot in given_slots(store, organ)
        if encoder in (None, slot.split("/")[2])
    ]
    images = f"images/{organ}"
    # an encoder's own file goes before the images it never saw
    source = given[0] if given and (encoder or images not in store.refs()) else images
    try:
        cohort, folder = store.at("cohort"), store.at(source)
    except MissingArtifactError:
        return None
    used = read_table(folder, "rows")["eid"].nunique()
    reasons = Counter(read_table(cohort, "exclusions")["reason"])
    reasons.update(read_table(folder, "exclusions")["reason"])
    name = WITH_IMAGES if source == images else WITH_VECTORS
    return {name: int(used)} | dict(reasons.most_common())


def used_of(flow: Mapping[str, int]) -> int:
    """Participants that are used, of what `exclusions_of` gives."""
    return next(iter(flow.values()))


def given_slots(store: Store, organ: str) -> list[str]:
    """Slots of the embeddings of an organ that came ready made."""
    found = []
    for slot, key in sorted(store.refs().items()):
        if slot.startswith(f"embedding/{organ}/"):
            try:
                files = store.manifest("embedding", key)["files"]
            except MissingArtifactError:
                continue
            if "exclusions.parquet" in files:
                found.append(slot)
    return found


def notes_of(store: Store, organs: Sequence[str]) -> dict[str, int]:
    """What was mended or left aside in tables and files, by reason."""
    notes: Counter[str] = Counter()
    read = [f"images/{organ}" for organ in organs]
    read += [slot for organ in organs for slot in given_slots(store, organ)]
    for slot in ("cohort", "phenome", "genotypes", *read):
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
    refs = store.refs()
    organs = dict.fromkeys(slot.split("/")[1] for slot in refs if "/" in slot)
    sources = sorted(slot for slot in refs if slot.startswith("images/"))
    sources += [slot for organ in organs for slot in given_slots(store, organ)]
    for slot in sources:
        rows = read_table(store.at(slot), "rows")
        used = np.isin(phenome.eids, rows["eid"].to_numpy(str))
        shown.append(int(used.sum()))
        shown += [int(phenome.cases(code)[used].sum()) for code in codes]
    return shown
