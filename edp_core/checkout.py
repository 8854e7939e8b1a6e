"""From recipes to the files of an export: the one way of screen and command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edp_core.artifacts import read_inputs
from edp_core.errors import InputError, MissingArtifactError
from edp_core.exclusions import known_counts
from edp_core.export import bundle
from edp_core.export.halves import Halving
from edp_core.export.selection import ExportRequest
from edp_core.people.relatedness import Relatedness, read_relatedness
from edp_core.phenotype import Inputs, Phenotype, evaluate
from edp_core.recipe import Spec, VectorSpec
from edp_core.settings.encoders import GivenVectors, MaeEncoder
from edp_core.store import Store
from edp_core.study import Study
from edp_core.withdrawals import withdrawn_eids

EXPORTED_FIGURES = (
    "n", "n_cases", "n_controls", "auc", "auc_low", "auc_high", "log10p",
    "variance_explained", "warnings",
)  # fmt: skip


def render_study(
    study: Study,
    store: Store,
    specs: Sequence[Spec],
    *,
    genotypes: str | None = None,
    halving: Halving | None = None,
    relatives: Relatedness | None = None,
) -> dict[str, bytes]:
    """Evaluate recipes and render every file of their export.

    Parameters
    ----------
    study, store
        The study; its withdrawals are read again now.
    specs
        Recipes, in the order of the columns.
    genotypes
        Text of a .fam, .psam or .sample file the export is checked against.
    halving
        How participants are split into discovery and replication, if they are.
    relatives
        Pairs who must not be parted then; by default those of the table that the
        study's ``[genotypes]`` names.

    Returns
    -------
    dict
        File name → content, the same bytes for the same recipes.

    Raises
    ------
    InputError
        Where there is nothing to export, or regenie would misread it.
    """
    if not specs:
        raise InputError("There is no phenotype to export", "pick at least one")
    if halving is not None and relatives is None:
        relatives = relatives_of(study)
    everyone = read_inputs(study, store)
    read: dict[tuple[str, str], Inputs] = {}  # an embedding once, however many scores
    phenotypes = []
    for spec in specs:
        inputs = everyone
        if isinstance(spec, VectorSpec):
            pair = (spec.organ, spec.encoder)
            if pair not in read:
                read[pair] = read_inputs(study, store, organ=pair[0], encoder=pair[1])
            inputs = read[pair]
        phenotypes.append(evaluate(spec, inputs))
    codes = sorted({getattr(spec, "trait", None) or "" for spec in specs} - {""})
    return bundle.render(
        ExportRequest(
            phenotypes=[_without_hidden_counts(found) for found in phenotypes],
            participants=everyone.participants,
            known=tuple(known_counts(store, everyone.phenome, codes)),
            study=study.name,
            simulated=study.simulated,
            threshold=study.disclosure.threshold,
            genotypes=genotypes,
            withdrawn=withdrawn_eids(study),
            halving=halving,
            relatives=relatives,
            versions=bundle.software_versions(),
            encoders={
                f"{organ}/{name}": describe_encoder(study, organ, name)
                + told_of_adoption(store, organ, name)
                for organ, name in study.pairs()
            },
        )
    )


def relatives_of(study: Study) -> Relatedness | None:
    """Pairs of the table that ``[genotypes] relatedness`` names, if it names one.

    Raises
    ------
    InputError
        Where it cannot be read, or is no such table.
    """
    if study.genotypes is None or study.genotypes.relatedness is None:
        return None
    return read_relatedness(study.path(study.genotypes.relatedness))


def _without_hidden_counts(phenotype: Phenotype) -> Phenotype:
    """Keep the figures any screen may show: a cluster's count may be hidden there."""
    shown = {k: v for k, v in phenotype.figures.items() if k in EXPORTED_FIGURES}
    return replace(phenotype, figures=shown)


def told_of_adoption(store: Store, organ: str, name: str) -> str:
    """What is to be said of weights kept after people withdrew, or nothing."""
    try:
        manifest = store.manifest("encoder", store.ref(f"encoder/{organ}/{name}"))
    except MissingArtifactError:
        return ""
    if "adopted" not in manifest:
        return ""
    return "; its weights were trained before some participants withdrew consent"


def describe_encoder(study: Study, organ: str, name: str) -> str:
    """A sentence on how an encoder was made, for the methods paragraph."""
    encoder = study.encoder(organ, name)
    if isinstance(encoder, GivenVectors):
        return "vectors computed elsewhere, which the study brought ready made"
    if not isinstance(encoder, MaeEncoder):
        return f"a vision transformer with published weights ({encoder.model})"
    pooled = (
        "the CLS token" if encoder.pooling == "cls" else "the mean of the patch tokens"
    )
    return (
        f"a masked autoencoder (ViT-{encoder.size}, {encoder.depth} blocks, patch "
        f"{encoder.patch_pixels}, {encoder.mask_ratio:.0%} masked) trained for "
        f"{encoder.epochs} epochs on this study's images; the embedding is {pooled} "
        f"of block {encoder.block}"
    )
