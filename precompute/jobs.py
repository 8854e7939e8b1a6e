"""What fills each slot: its recipe and the function that builds it.

The inputs of a recipe are the keys of the slots before it, so those must be done
before a job is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edp_core import artifacts
from edp_core.artifacts import VERSIONS, settings_of
from edp_core.errors import InputError
from edp_core.settings.encoders import GivenVectors, MaeEncoder
from edp_core.slices import open_slices
from edp_core.store import Recipe, Store, digest, read_array, read_table
from edp_core.study import Study
from edp_core.vectors.embedding import Embedding
from edp_core.withdrawals import withdrawal_lists
from precompute import analyse, ingest_images, ingest_tables, ingest_vectors, probes
from precompute.atlas_steps import (
    Step,
    enrichment_step,
    occlusion_step,
    stability_step,
)
from precompute.datasets import ImageFile
from precompute.fingerprints import Fingerprints
from precompute.lineage import content_of

Report = Callable[[int, int], None]
OF_ATLAS: dict[str, Callable[[Study, Store, str], Step]] = {
    "enrichment": enrichment_step,
    "stability": stability_step,
    "occlusion": occlusion_step,
    "probes": probes.probes_step,
}
"""What asks something of an atlas or an embedding, and says by itself how."""


@dataclass(frozen=True)
class Job:
    """One artifact to be: its slot, its recipe and the function that fills it."""

    slot: str
    recipe: Recipe
    build: Callable[[Path, Report], None]


@dataclass
class Jobs:
    """Makes the job of any slot of one study."""

    study: Study
    store: Store
    fingerprints: Fingerprints = field(init=False)

    def __post_init__(self) -> None:
        self.fingerprints = Fingerprints(self.store.root)

    def make(self, slot: str) -> Job:
        """Job that fills a slot.

        Raises
        ------
        MissingArtifactError
            Where a slot it needs is not done.
        """
        kind, *rest = slot.split("/")
        if kind in OF_ATLAS:
            return self._of_atlas(kind, "/".join(rest))
        makers: dict[str, Callable[..., Job]] = {
            "cohort": self._cohort,
            "phenome": self._phenome,
            "images": self._images,
            "thumbnails": self._thumbnails,
            "encoder": self._encoder,
            "embedding": self._embedding,
            "atlas": self._atlas,
            "scan": self._scan,
            "genotypes": self._of_genotypes,
            "basis": self._of_genotypes,
        }
        return makers[kind](*rest)

    def recipe(self, slot: str, inputs: Mapping[str, str]) -> Recipe:
        """What a slot is made of: its settings in the study file, and its inputs."""
        kind = slot.split("/")[0]
        return Recipe(kind, VERSIONS[kind], settings_of(self.study, slot), dict(inputs))

    def _job(
        self,
        slot: str,
        inputs: Mapping[str, str],
        *,
        build: Callable[[Path, Report], None],
    ) -> Job:
        return Job(slot, self.recipe(slot, inputs), build)

    def _cohort(self) -> Job:
        study = self.study
        inputs = {"table": self.fingerprints.of(study.path(study.participants.table))}
        lists = withdrawal_lists(study)
        if lists:
            inputs["withdrawals"] = digest([*map(self.fingerprints.of, lists)])
        return self._job(
            "cohort",
            inputs,
            build=lambda folder, _: ingest_tables.ingest_cohort(study, folder),
        )

    def _phenome(self) -> Job:
        study = self.study
        cohort = artifacts.read_cohort(self.store)
        inputs = {"eids": self._eids_digest()}
        inputs |= ingest_tables.phenome_inputs(study, cohort, self.fingerprints.of)
        return self._job(
            "phenome",
            inputs,
            build=lambda folder, _: ingest_tables.ingest_phenome(study, cohort, folder),
        )

    def _images(self, organ: str) -> Job:
        settings = self.study.organs[organ]
        eids = self._eids()
        found, notes = ingest_images.listed_images(self.study, settings, eids)
        names = {
            f"{image.eid}/{image.instance}/{image.side}": self._image_digest(image)
            for image in found
        }
        # the ids, not the cohort: a mended age must not retrain an encoder
        inputs = {"eids": self._eids_digest(), "files": digest([names, notes])}
        labels = None
        if settings.label_names is not None:
            labels = self.study.path(settings.label_names)
            inputs["labels"] = self.fingerprints.of(labels)
        self.fingerprints.save()
        slot = f"images/{organ}"
        return self._job(
            slot,
            inputs,
            build=lambda folder, report: ingest_images.ingest_images(
                found,
                settings,
                labels=labels,
                eids=eids,
                notes=notes,
                workspace=self.store.workspace(self.recipe(slot, inputs)),
                folder=folder,
                report=report,
            ),
        )

    def _image_digest(self, image: ImageFile) -> str:
        """Content hash; one unreadable file must not stop the others."""
        try:
            files = [
                (self.fingerprints.of(source.path), source.member)
                for source in (*image.sources, *([image.mask] if image.mask else []))
            ]
        except InputError:
            files = [("unreadable", "")]
        further = [self._image_digest(other) for other in image.further]
        return digest([files, image.problem, further])

    def _thumbnails(self, organ: str) -> Job:
        slot = f"images/{organ}"
        return self._job(
            f"thumbnails/{organ}",
            self._content(organ),
            build=lambda folder, report: ingest_images.make_thumbnails(
                self.store.at(slot), folder, report=report
            ),
        )

    def _encoder(self, organ: str, name: str) -> Job:
        settings = self.study.encoder(organ, name)
        assert not isinstance(settings, GivenVectors)  # such have no slot to ask for
        slot = f"encoder/{organ}/{name}"
        inputs = self._content(organ)
        weights: Path | None = None
        if not isinstance(settings, MaeEncoder) and settings.weights is not None:
            weights = self.study.path(settings.weights)
            inputs["weights"] = self.fingerprints.of(weights)
        recipe = self.recipe(slot, inputs)

        def build(folder: Path, report: Report) -> None:
            # torch takes seconds to import, so only the steps that use it do
            from precompute.encoders.pretrained import prepare_pretrained
            from precompute.train import train_mae

            images = open_slices(self.store.at(f"images/{organ}"))
            if isinstance(settings, MaeEncoder):
                train_mae(
                    images,
                    settings,
                    workspace=self.store.workspace(recipe),
                    out=folder,
                    progress=lambda p: report(p.done, p.total),
                )
            else:
                prepare_pretrained(
                    settings,
                    channels=images.shape[-1],
                    image_size=settings.image_size or images.shape[1],
                    weights=weights,
                    out=folder,
                )

        return Job(slot, recipe, build)

    def _embedding(self, organ: str, name: str) -> Job:
        settings = self.study.encoder(organ, name)
        if isinstance(settings, GivenVectors):
            return self._given(organ, name, settings=settings)
        encoder = self.store.ref(f"encoder/{organ}/{name}")
        inputs = {"encoder": encoder, **self._content(organ, "rows.parquet")}

        def build(folder: Path, report: Report) -> None:
            from precompute.encode import encode_images

            source = self.store.at(f"images/{organ}")
            vectors = encode_images(
                open_slices(source),
                self.store.at(f"encoder/{organ}/{name}"),
                settings,
                counts=read_array(source, "counts"),
                progress=lambda p: report(p.done, p.total),
            )
            rows = read_table(source, "rows")
            artifacts.write_embedding(folder, Embedding(rows, vectors))

        return self._job(f"embedding/{organ}/{name}", inputs, build=build)

    def _given(self, organ: str, name: str, *, settings: GivenVectors) -> Job:
        path, eids = self.study.path(settings.file(organ)), self._eids()
        return self._job(
            f"embedding/{organ}/{name}",
            {"eids": self._eids_digest(), "file": self.fingerprints.of(path)},
            build=lambda folder, report: ingest_vectors.ingest_vectors(
                path, settings, eids=eids, folder=folder, report=report
            ),
        )

    def _atlas(self, organ: str, name: str) -> Job:
        return self._job(
            f"atlas/{organ}/{name}",
            {"embedding": self.store.ref(f"embedding/{organ}/{name}")},
            build=lambda folder, _: analyse.make_atlas(
                artifacts.read_embedding(self.store, organ, name),
                self.study.analysis,
                folder,
            ),
        )

    def _scan(self, organ: str, name: str) -> Job:
        return self._job(
            f"scan/{organ}/{name}",
            {
                "embedding": self.store.ref(f"embedding/{organ}/{name}"),
                "phenome": self.store.ref("phenome"),
                "cohort": self.store.ref("cohort"),
            },
            build=lambda folder, report: analyse.make_scan(
                artifacts.read_embedding(self.store, organ, name),
                artifacts.read_phenome(self.store),
                artifacts.read_cohort(self.store).participants,
                analysis=self.study.analysis,
                folder=folder,
                report=report,
            ),
        )

    def _of_atlas(self, kind: str, pair: str) -> Job:
        inputs, build = OF_ATLAS[kind](self.study, self.store, pair)
        return self._job(f"{kind}/{pair}", inputs, build=build)

    def _of_genotypes(self, *pair: str) -> Job:
        from precompute import gwas_basis  # it imports this module

        return gwas_basis.job(self, "/".join(pair))

    def _content(self, organ: str, *others: str) -> dict[str, str]:
        """Hash of slices and of other files: what else is noted trains nothing anew."""
        slot = f"images/{organ}"
        files = self.store.manifest("images", self.store.ref(slot))["files"]
        return {f"{slot}/slices": content_of(files, *others)}

    def _eids(self) -> np.ndarray:
        cohort = artifacts.read_cohort(self.store)
        return cohort.participants["eid"].to_numpy(str)

    def _eids_digest(self) -> str:
        return digest(self._eids().tolist())
