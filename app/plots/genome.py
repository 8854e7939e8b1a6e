"""Where variants stand along the genome: one axis for every Manhattan plot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import altair as alt
import numpy as np

from edp_core.gwas import genome as reference

LENGTHS = {
    chrom: max(lengths[chrom] for lengths in reference.LENGTHS.values()) / 1e6
    for chrom in reference.LENGTHS["GRCh37"]
} | {26: 10.0}
"""Mb of each chromosome, the longer of the two builds, so that runs of both have one
axis; the mitochondrion is drawn wider than it is, else its name would stand on Y's."""
GAP = 6.0
"""Mb between chromosomes, so that the end of one is not the start of the next."""
EDGE = 16.0
"""Mb left free at both ends."""
AUTOSOMES = range(1, 23)
ON_X = 25
"""The pseudoautosomal regions are counted in X's positions and drawn on it."""


def place_of(chrom: int, pos: int) -> str:
    """A position as people write it.

    >>> place_of(22, 44324727)
    '22:44,324,727'
    """
    return f"{reference.chromosome_name(chrom)}:{int(pos):,}"


@dataclass(frozen=True)
class Genome:
    """Chromosomes side by side, in Mb from the left end.

    Attributes
    ----------
    starts
        Chromosome → where it begins.
    end
        Right end of the last one.
    """

    starts: dict[int, float]
    end: float

    def at(self, chrom: np.ndarray, pos: np.ndarray) -> np.ndarray:
        """(n,) Mb from the left end, to a kilobase; NaN where it is not drawn."""
        chroms = np.where(np.asarray(chrom) == ON_X, 23, chrom)
        begin = np.array(
            [self.starts.get(number, np.nan) for number in range(max(LENGTHS) + 1)]
        )
        return np.round(begin[chroms] + np.asarray(pos, float) / 1e6, 3)

    def shade(self, chrom: np.ndarray) -> np.ndarray:
        """(n,) 0 or 1 in turns, so that neighbours differ."""
        turn = np.zeros(max(LENGTHS) + 1, int)
        for number, known in enumerate(self.starts):
            turn[known] = number % 2
        return turn[np.where(np.asarray(chrom) == ON_X, 23, chrom)]

    def share(self, x: np.ndarray) -> np.ndarray:
        """(n,) where something stands between the left and right edge, 0 to 1."""
        return (np.asarray(x, float) + EDGE) / (self.end + 2 * EDGE)

    def x(self, column: str = "x") -> alt.X:
        """The axis, with the chromosomes' names under their middles."""
        middles = {
            round(begin + LENGTHS[chrom] / 2): reference.chromosome_name(chrom)
            for chrom, begin in self.starts.items()
        }
        names = ",".join(f"'{at}':'{name}'" for at, name in middles.items())
        return alt.X(
            f"{column}:Q",
            title="Chromosome",
            scale=alt.Scale(domain=[-EDGE, self.end + EDGE], nice=False, zero=False),
            axis=alt.Axis(
                values=list(middles),
                labelExpr=f"{{{names}}}[datum.value]",
                grid=False,
                ticks=False,
                labelPadding=6,
                labelOverlap="greedy",
                labelSeparation=2,
            ),
        )


def genome(chroms: Iterable[int]) -> Genome:
    """The chromosomes to draw where these have variants.

    All autosomes stand there once half of them do, so that a missing one is seen to be
    missing; of fewer only those that have any.
    """
    found = {23 if chrom == ON_X else int(chrom) for chrom in chroms}
    if len(found & set(AUTOSOMES)) >= len(AUTOSOMES) / 2:
        found |= set(AUTOSOMES)
    starts, at = {}, 0.0
    for chrom in sorted(found):
        starts[chrom] = at
        at += LENGTHS[chrom] + GAP
    return Genome(starts, max(at - GAP, 1.0))
