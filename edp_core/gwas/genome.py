"""Chromosomes of the two builds: names, lengths, and the region of the MHC."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edp_core.errors import InputError

NAMES = {23: "X", 24: "Y", 25: "XY", 26: "MT"}
"""Number → name, where a chromosome is not called by its number."""

_GRCH37 = (
    249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663,
    146364022, 141213431, 135534747, 135006516, 133851895, 115169878, 107349540,
    102531392, 90354753, 81195210, 78077248, 59128983, 63025520, 48129895, 51304566,
    155270560, 59373566, 155270560, 16569,
)  # fmt: skip
_GRCH38 = (
    248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973,
    145138636, 138394717, 133797422, 135086622, 133275309, 114364328, 107043718,
    101991189, 90338345, 83257441, 80373285, 58617616, 64444167, 46709983, 50818468,
    156040895, 57227415, 156040895, 16569,
)  # fmt: skip

LENGTHS = {
    "GRCh37": dict(enumerate(_GRCH37, start=1)),
    "GRCh38": dict(enumerate(_GRCH38, start=1)),
}
"""Build → chromosome → its length in bp, from the assembly reports of the Genome
Reference Consortium; 25, the pseudoautosomal regions, is counted in X's positions."""

BUILDS = tuple(LENGTHS)

MHC = (6, 25_000_000, 34_000_000)
"""Chromosome, first and last bp; wide enough for both builds."""


def chromosome_name(chrom: int) -> str:
    """How a chromosome is called.

    >>> chromosome_name(7), chromosome_name(23)
    ('7', 'X')
    """
    return NAMES.get(int(chrom), str(int(chrom)))


def check_build(build: str) -> None:
    """Refuse a build other than the two known.

    Raises
    ------
    InputError
        Where ``build`` is neither GRCh37 nor GRCh38.
    """
    if build not in LENGTHS:
        raise InputError(
            f"There is no genome build {build!r} here", f"give {' or '.join(BUILDS)}"
        )


def off_the_end(chrom: ArrayLike, pos: ArrayLike, build: str) -> NDArray[np.bool_]:
    """Variants that lie nowhere on their chromosome.

    A file of the other build shows itself by some of them: on chromosome 17 the
    builds differ by 2 Mb in length.

    Parameters
    ----------
    chrom, pos
        (n,) chromosome number, and position in bp counted from 1.
    build
        GRCh37 or GRCh38.

    Returns
    -------
    (n,) bool: the position is below 1 or beyond the chromosome's end, or there is no
    such chromosome.

    Raises
    ------
    InputError
        For an unknown build.
    """
    check_build(build)
    ends = np.zeros(128, np.int64)
    for number, length in LENGTHS[build].items():
        ends[number] = length
    chroms, places = np.asarray(chrom), np.asarray(pos)
    known = (chroms >= 1) & (chroms < len(ends))
    return ~known | (places < 1) | (places > ends[np.where(known, chroms, 0)])
