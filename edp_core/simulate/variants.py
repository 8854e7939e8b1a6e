"""The variants of a simulated study: where they lie, how frequent they are, and where.

Twenty variants each lie in blocks of some 160 kb that are spread over the autosomes of
GRCh37; within a block they are in linkage disequilibrium, between blocks in none. Every
planted variant has a block about it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from edp_core.simulate.ancestry import AXES
from edp_core.simulate.chance import stream
from edp_core.simulate.planted import PLANTED

CHROMOSOME_BP = (
    249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663,
    146364022, 141213431, 135534747, 135006516, 133851895, 115169878, 107349540,
    102531392, 90354753, 81195210, 78077248, 59128983, 63025520, 48129895, 51304566,
)  # fmt: skip
"""Lengths of the autosomes of GRCh37 (GenBank GCA_000001405.1)."""
BLOCKS, IN_BLOCK, SPACING_BP = 1000, 20, 8000
LD_BP = 150_000.0
"""Distance over which the correlation of the latent haplotypes falls to 1/e."""
MAF = (0.01, 0.5)
"""Minor alleles are log-uniform between these: rare ones are many."""
FST = 0.06
"""Hudson's, between the groups of `ancestry`."""
CLINE = 0.03
"""SD of a variant's slope along one genetic PC, on the probit scale of its frequency"""
ALLELES = ("AG", "GA", "CT", "TC", "AG", "GA", "CT", "TC", "AC", "CA", "GT", "AT", "CG")
"""Pairs of alleles; transitions are twice as frequent as transversions."""

MONOMORPHIC, SPARSE, DUPLICATED = "monomorphic", "missing in many", "listed twice"
BLEMISHES = {MONOMORPHIC: 4, SPARSE: 2, DUPLICATED: 3}
"""What is wrong with a variant → with how many."""

Array = NDArray[np.float64]


def variant_map(seed: int) -> pd.DataFrame:
    """Draw the variants, without any person.

    Returns
    -------
    pandas.DataFrame
        Sorted by ``chrom`` (int8) and ``pos`` (int32, bp of GRCh37): ``id``,
        ``effect_allele``, ``other_allele`` (text), ``af`` (frequency of the effect
        allele in the larger group), ``af_other`` (in the smaller), ``block`` (number),
        ``sign`` (±1: whether it goes with or against its latent haplotype) and
        ``blemish`` (a key of `BLEMISHES`, or empty). Ids are rs numbers for what is
        planted, else ``chrom:pos:other:effect``.
    """
    rng = stream(seed, "variants")
    places = [_chromosome(number, rng) for number in range(1, 23)]
    table = pd.concat(places, ignore_index=True)
    n = len(table)
    maf = MAF[0] * (MAF[1] / MAF[0]) ** rng.random(n)
    af = np.where(rng.random(n) < 0.5, maf, 1 - maf)
    drawn = np.array(ALLELES)[rng.integers(len(ALLELES), size=n)]
    effect, other = drawn.astype("U2").view("U1").reshape(n, 2).T
    table["id"] = [
        f"{chrom}:{pos}:{a}:{b}"
        for chrom, pos, a, b in zip(
            table["chrom"], table["pos"], other, effect, strict=True
        )
    ]
    table = table.assign(effect_allele=effect, other_allele=other, af=af)
    for one in PLANTED:
        at = (table["chrom"] == one.chrom) & (table["pos"] == one.pos)
        names = ["id", "effect_allele", "other_allele", "af"]
        table.loc[at, names] = [getattr(one, name) for name in names]
    # the larger group does not drift, so the other does for both: then Hudson's
    # F_ST is half the drift of Balding and Nichols
    af, drift = table["af"].to_numpy(), 2 * FST
    scale = (1 - drift) / drift
    other_af = rng.beta(af * scale, (1 - af) * scale)
    table["af_other"] = other_af.clip(0.002, 0.998)
    table["sign"] = np.where(rng.random(n) < 0.5, 1, -1).astype(np.int8)
    table["blemish"] = _blemishes(table, seed=seed)
    return table


def _chromosome(number: int, rng: np.random.Generator) -> pd.DataFrame:
    """Places of one chromosome's variants, in blocks of its share of all."""
    length = CHROMOSOME_BP[number - 1]
    count = round(BLOCKS * length / sum(CHROMOSOME_BP))
    step = length / count
    starts = (np.arange(count) + rng.uniform(0.25, 0.75, count)) * step
    gaps = 1 + rng.exponential(SPACING_BP, (count, IN_BLOCK)).astype(int)
    within = gaps.cumsum(axis=1)
    positions = starts.astype(int)[:, None] + within - within[:, -1:] // 2
    middle = IN_BLOCK // 2
    for one in PLANTED:
        if one.chrom == number:
            nearest = np.abs(starts - one.pos).argmin()
            positions[nearest] += one.pos - positions[nearest, middle]
    return pd.DataFrame(
        {
            "chrom": np.int8(number),
            "pos": positions.ravel().astype(np.int32),
            "block": np.repeat(np.arange(count), IN_BLOCK),
        }
    )


def _blemishes(table: pd.DataFrame, *, seed: int) -> NDArray[np.str_]:
    wrong = np.repeat(list(BLEMISHES), list(BLEMISHES.values()))
    blemish = np.full(len(table), "", dtype=wrong.dtype)
    sound = np.flatnonzero(~table["id"].str.startswith("rs").to_numpy())
    rng = stream(seed, "variants that err")
    blemish[rng.choice(sound, len(wrong), replace=False)] = wrong
    return blemish


def clines(variants: pd.DataFrame, *, seed: int) -> Array:
    """(n_variants, 10) slopes of the probit of each frequency along the PCs."""
    slopes = stream(seed, "clines").normal(0, CLINE, (len(variants), AXES))
    return np.asarray(slopes)


def thresholds(variants: pd.DataFrame) -> tuple[Array, Array]:
    """Probit of each frequency in the larger group, and how far off the other's is."""
    larger, other = (
        np.asarray(norm.ppf(variants[name].to_numpy(float)), float)
        for name in ("af", "af_other")
    )
    return larger, other - larger
