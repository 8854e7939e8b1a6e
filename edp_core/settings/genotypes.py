"""Settings of the genotypes a study's embeddings are tested against."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edp_core.settings.base import Settings

Build = Literal["GRCh37", "GRCh38"]


class Genotypes(Settings):
    """PLINK files of the study's participants, of one genome build."""

    bed: str | None = None
    """Path without ``.bed``; ``{chromosome}`` stands for 1–22, X, … where it occurs."""
    pgen: str | None = None
    """Path without ``.pgen``, likewise."""
    build: Build = "GRCh37"
    ids: Literal["iid", "fid"] = "iid"
    """Which of the two ids of a genotype file is the eid."""
    mapping: str | None = None
    """Table of two columns: id of the genotype file, eid."""
    mac: Annotated[int, Field(ge=1)] | None = None
    """Fewest copies of the rarer allele among the people used; see `fewest_copies`."""
    missing: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Largest share of people whose genotype is missing at a variant."""
    covariates: tuple[str, ...] | None = None
    """Covariates of the preset, or columns of participants."""
    relatedness: str | None = None
    """Table of related pairs: ``ID1``, ``ID2``, ``Kinship``."""

    @model_validator(mode="after")
    def _one_kind(self) -> Genotypes:
        if (self.bed is None) == (self.pgen is None):
            raise ValueError("give one of bed and pgen")
        return self

    def fewest_copies(self, threshold: int) -> int:
        """``mac``; where it is not set 20, or `copies_of` the threshold above that."""
        return max(20, copies_of(threshold)) if self.mac is None else self.mac


def copies_of(threshold: int) -> int:
    """Copies of an allele that no fewer than ``threshold`` people can carry.

    One person holds up to two: who has the rare allele twice, and every man with it on
    X, whom PLINK codes 2.
    """
    return 2 * threshold
