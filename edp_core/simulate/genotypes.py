"""Genotypes of simulated people, block by block.

A haplotype is a latent Gaussian process along each block of variants, an allele whether
it lies below the variant's threshold: the probit of the allele's frequency at the
person's place in ancestry. Relatives share haplotypes (`ancestry`). Each block has a
random stream of its own, so those with planted variants can be drawn first, as causes
of the latent factors, and come out the same when all are written.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edp_core.simulate.ancestry import (
    AXES,
    Families,
    families_of,
    group_coordinate,
    meioses,
)
from edp_core.simulate.chance import stream
from edp_core.simulate.planted import PLANTED
from edp_core.simulate.variants import (
    DUPLICATED,
    LD_BP,
    MONOMORPHIC,
    SPARSE,
    clines,
    thresholds,
    variant_map,
)

Dosages = NDArray[np.int8]

MISSING = -127
"""How bed-reader spells a genotype that is not there."""
MISSING_SHARE, SPARSE_SHARE = 0.002, 0.15
"""Genotypes that are missing of any variant, and of those that are `SPARSE`."""


def simulate_genotypes(
    participants: pd.DataFrame, *, seed: int
) -> Iterator[tuple[pd.DataFrame, Dosages]]:
    """Draw all genotypes, a block of variants at a time.

    Parameters
    ----------
    participants
        Of `Factors`: ``age_years, relatedness, pc1 … pc10``, n rows.

    Yields
    ------
    variants, dosages
        Rows of `variant_map`, one that is `DUPLICATED` twice, and (n_variants, n) how
        often each person has the effect allele, −127 where it is missing.
    """
    blocks = _Blocks(participants, seed=seed)
    for number, rows in enumerate(blocks.rows):
        dosages = blocks.draw(number)
        variants = blocks.variants.iloc[rows]
        blemish = variants["blemish"].to_numpy(str)
        dosages[blemish == MONOMORPHIC] = 0
        rng = stream(seed, f"genotypes missing {number}")
        share = np.where(blemish == SPARSE, SPARSE_SHARE, MISSING_SHARE)
        for row, count in enumerate(rng.binomial(dosages.shape[1], share)):
            dosages[row, rng.integers(dosages.shape[1], size=count)] = MISSING
        order = np.repeat(np.arange(len(blemish)), 1 + (blemish == DUPLICATED))
        yield variants.iloc[order], dosages[order]


def planted_dosages(participants: pd.DataFrame, *, seed: int) -> Dosages:
    """(n_planted, n) effect alleles of the variants of `PLANTED`; none is missing."""
    blocks = _Blocks(participants, seed=seed)
    found = np.zeros((len(PLANTED), len(participants)), np.int8)
    places = {one.id: row for row, one in enumerate(PLANTED)}
    ids = blocks.variants["id"].to_numpy(str)
    for number, rows in enumerate(blocks.rows):
        here = [i for i, name in enumerate(ids[rows]) if name in places]
        if here:
            dosages = blocks.draw(number)
            for i in here:
                found[places[ids[rows][i]]] = dosages[i]
    return found


class _Blocks:
    """What the blocks have in common: the people, and the map of the variants."""

    def __init__(self, participants: pd.DataFrame, *, seed: int) -> None:
        self.seed, self.n = seed, len(participants)
        self.variants = variant_map(seed)
        columns = [f"pc{axis + 1}" for axis in range(AXES)]
        scores = participants[columns].to_numpy(float)
        coordinates = np.vstack([group_coordinate(scores), scores.T])
        self.coordinates = coordinates.astype(np.float32)
        self.threshold, apart = thresholds(self.variants)
        slopes = np.column_stack([apart, clines(self.variants, seed=seed)])
        self.slopes = slopes.astype(np.float32)
        key = self.variants[["chrom", "block"]].to_numpy()
        starts = np.flatnonzero(np.append(True, (key[1:] != key[:-1]).any(axis=1)))
        ends = [*starts[1:], len(key)]
        self.rows = [slice(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
        self.families: Families = families_of(participants)
        self.second = meioses(
            self.families,
            self.variants["chrom"].to_numpy()[starts],
            self.variants["pos"].to_numpy()[starts],
            seed=seed,
        )

    def draw(self, number: int) -> Dosages:
        """(n_variants, n) effect alleles of one block."""
        rows = self.rows[number]
        pos = self.variants["pos"].to_numpy()[rows].astype(float)
        rng = stream(self.seed, f"genotypes {number}")
        shape = (len(pos), 2 * self.n)
        latent = rng.standard_normal(shape, dtype=np.float32)
        keeps = np.exp(-np.diff(pos) / LD_BP)
        for row, keep in enumerate(keeps, 1):
            latent[row] *= np.float32(np.sqrt(1 - keep**2))
            latent[row] += np.float32(keep) * latent[row - 1]
        latent *= self.variants["sign"].to_numpy(np.float32)[rows, None]
        limit = self.slopes[rows] @ self.coordinates
        limit += self.threshold[rows, None].astype(np.float32)
        alleles = latent.reshape(len(pos), 2, self.n) < limit[:, None]
        kin = self.families
        haplotypes = alleles.reshape(shape)
        source = np.where(self.second[:, number], kin.second, kin.first)
        haplotypes[:, kin.target] = haplotypes[:, source]
        return np.asarray(alleles.sum(axis=1, dtype=np.int8))
