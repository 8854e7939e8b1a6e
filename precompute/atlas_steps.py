"""Steps that ask something of an atlas: what fills them, and from what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edp_core import artifacts
from edp_core.store import Store, read_array
from edp_core.study import Study
from precompute import analyse

Step = tuple[dict[str, str], Callable[[Path], None]]
"""Keys of the inputs, and what fills the folder."""


def enrichment_step(study: Study, store: Store, pair: str) -> Step:
    """Enrichment of the clusters of ``organ/encoder``."""

    def build(folder: Path) -> None:
        source = store.at(f"atlas/{pair}")
        analyse.make_enrichment(
            (
                np.array(read_array(source, "eids")),
                np.array(read_array(source, "clusters")),
            ),
            artifacts.read_phenome(store),
            artifacts.read_cohort(store).participants,
            folder=folder,
            least=study.disclosure.threshold,
        )

    needed = {"atlas": f"atlas/{pair}", "phenome": "phenome", "cohort": "cohort"}
    return {name: store.ref(slot) for name, slot in needed.items()}, build


def stability_step(study: Study, store: Store, pair: str) -> Step:
    """Stability of the clusters of ``organ/encoder``."""

    def build(folder: Path) -> None:
        source = store.at(f"atlas/{pair}")
        organ, encoder = pair.split("/")
        analyse.make_stability(
            artifacts.read_embedding(store, organ, encoder),
            np.array(read_array(source, "clusters")),
            tuple(
                np.array(read_array(source, f"knn_{name}"))
                for name in ("indices", "distances")
            ),
            analysis=study.analysis,
            folder=folder,
        )

    slots = {name: f"{name}/{pair}" for name in ("embedding", "atlas")}
    return {name: store.ref(slot) for name, slot in slots.items()}, build
