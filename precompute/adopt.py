"""Weights that outlive the images they were made from: kept, renamed, told of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edp_core.errors import EdpError
from edp_core.files import link
from edp_core.prune import delete
from edp_core.store import Recipe, Store
from edp_core.study import Study
from precompute.jobs import Jobs
from precompute.lineage import Place, images_of
from precompute.steps import slots

REASON = "trained before participants withdrew"
KEPT_PICTURES = ("loss.png",)
"""Pictures of an encoder that show nobody."""


@dataclass(frozen=True)
class Weights:
    """One encoder made from images that go because of withdrawn participants."""

    key: str
    slots: tuple[str, ...]
    shown: bool
    """Whether the images show them; else another table of the images names them."""
    trained: bool
    """False for published weights, which nobody of the study is in."""
    made: str
    """The day, as the clock of the machine had it."""
    whole: bool = True
    """Whether its images are those the study uses, so that it can be kept."""


def weights_at(
    study: Study, store: Store, places: Iterable[Place], *, shown: bool
) -> dict[str, Weights]:
    """What is to be known of some encoders, by their keys."""
    refs = store.refs()
    asked = {slot.name for slot in slots(study)}
    found = {}
    for kind, key in places:
        folder = store.folder(kind, key)
        using = tuple(
            slot
            for slot, held in refs.items()
            if held == key and slot in asked and slot.startswith("encoder/")
        )
        try:
            trained = json.loads((folder / "config.json").read_text())["n_images"]
            made = (folder / "weights.safetensors").stat().st_mtime
            store.open(kind, key)
            whole = True
        except (OSError, ValueError, KeyError, EdpError):
            trained, made, whole = 0, folder.stat().st_mtime, False
        day = datetime.fromtimestamp(made, UTC).date().isoformat()
        found[key] = Weights(
            key,
            using,
            shown=shown,
            trained=trained is not None,
            made=day,
            whole=whole,
        )
    return found


def recipe_of(store: Store, key: str) -> Recipe:
    """The recipe an encoder of the store was made by."""
    made = store.manifest("encoder", key)
    return Recipe("encoder", made["step_version"], made["settings"], made["input_keys"])


def restate(
    store: Store,
    weights: Weights,
    recipe: Recipe,
    *,
    adopted: dict[str, str] | None = None,
) -> None:
    """Write an encoder again under a recipe, without pictures that show people."""
    key = weights.key
    folder = store.open("encoder", key)
    made = store.manifest("encoder", key)
    names = [n for n in made["files"] if not (weights.shown and _shows(n))]
    if recipe.key == key and len(names) == len(made["files"]):
        return
    also: dict[str, Any] = {"seconds": made["seconds"]}
    # weights that were kept once before were trained under their first key
    first = made.get("adopted", adopted)
    if first:
        also["adopted"] = first
    with (
        store.lock(recipe.key),
        store.write(recipe, versions=made["versions"], also=also) as target,
    ):
        for name in names:
            link(folder / name, target / name)


def _shows(name: str) -> bool:
    return name.endswith(".png") and name not in KEPT_PICTURES


def adopt(study: Study, store: Store, weights: Weights) -> None:
    """Make kept weights the encoder of the images as they are now."""
    old = recipe_of(store, weights.key)
    now = images_of(Jobs(study, store).make(weights.slots[0]).recipe.inputs)
    inputs = {k: v for k, v in old.inputs.items() if k not in images_of(old.inputs)}
    new = Recipe(old.kind, old.version, old.settings, inputs | now)
    if new.key != old.key:
        told = weights.trained and weights.shown
        adopted = {"from": weights.key, "reason": REASON} if told else None
        restate(store, weights, new, adopted=adopted)
        for slot in weights.slots:
            store.set_ref(slot, new.key)
        delete(store.folder("encoder", weights.key))


def delete_checkpoints(study: Study, store: Store) -> None:
    """Unfinished trainings of images that are gone cannot go on: another key."""
    going_on = set()
    jobs = Jobs(study, store)
    jobs.fingerprints.needed = False
    for slot in slots(study):
        if slot.phase == "train":
            try:
                going_on.add(f"encoder-{jobs.make(slot.name).recipe.key}")
            except EdpError:
                continue  # its images are not there
    for folder in store.root.glob("unfinished/encoder-*"):
        if folder.name not in going_on:
            shutil.rmtree(folder, ignore_errors=True)
