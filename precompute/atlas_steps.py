"""Steps that ask something of an atlas: what fills them, and from what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edp_core import artifacts
from edp_core.settings.encoders import MaeEncoder
from edp_core.store import Store, read_array
from edp_core.study import Study
from precompute import analyse

Report = Callable[[int, int], None]
Step = tuple[dict[str, str], Callable[[Path, Report], None]]
"""Keys of the inputs, and what fills the folder and reports how far it is."""


def enrichment_step(study: Study, store: Store, pair: str) -> Step:
    """Enrichment of the clusters of ``organ/encoder``."""

    def build(folder: Path, _: Report) -> None:
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

    def build(folder: Path, _: Report) -> None:
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


def occlusion_step(study: Study, store: Store, pair: str) -> Step:
    """Vectors of some images of ``organ/encoder`` with parts of them left out."""

    def build(folder: Path, report: Report) -> None:
        # torch takes seconds to import, so only the steps that use it do
        from precompute.occlusion import make_occlusion

        organ, encoder = pair.split("/")
        settings = study.encoder(organ, encoder)
        assert isinstance(settings, MaeEncoder)  # others have no such slot
        make_occlusion(
            store.at(f"images/{organ}"),
            store.at(f"encoder/{pair}"),
            settings,
            clusters=np.array(read_array(store.at(f"atlas/{pair}"), "clusters")),
            analysis=study.analysis,
            folder=folder,
            report=report,
        )

    # the encoder and the images are inputs of the embedding
    slots = {name: f"{name}/{pair}" for name in ("embedding", "atlas")}
    return {name: store.ref(slot) for name, slot in slots.items()}, build
