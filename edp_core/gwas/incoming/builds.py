"""On which build of the human genome positions are, and what contradicts it.

Lengths of chromosomes tell builds apart only at the ends, so variants that everybody
genotypes, whose positions on both are known (dbSNP), are looked for as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from edp_core.errors import InputError
from edp_core.gwas.genome import off_the_end

Build = Literal["GRCh37", "GRCh38"]
BUILDS: tuple[Build, ...] = ("GRCh37", "GRCh38")
OTHER: Mapping[Build, Build] = {"GRCh37": "GRCh38", "GRCh38": "GRCh37"}

SENTINELS: Mapping[str, tuple[int, int, int]] = {
    "rs6025": (1, 169519049, 169549811),
    "rs11591147": (1, 55505647, 55039974),
    "rs1801133": (1, 11856378, 11796321),
    "rs1260326": (2, 27730940, 27508073),
    "rs4988235": (2, 136608646, 135851076),
    "rs2231142": (4, 89052323, 88131171),
    "rs1799945": (6, 26091179, 26090951),
    "rs1800562": (6, 26093141, 26092913),
    "rs10455872": (6, 161010118, 160589086),
    "rs7903146": (10, 114758349, 112998590),
    "rs1815739": (11, 66328095, 66560624),
    "rs12913832": (15, 28365618, 28120472),
    "rs17822931": (16, 48258198, 48224287),
    "rs9939609": (16, 53820527, 53786615),
    "rs58542926": (19, 19379549, 19268740),
    "rs429358": (19, 45411941, 44908684),
    "rs7412": (19, 45412079, 44908822),
    "rs601338": (19, 49206674, 48703417),
    "rs738409": (22, 44324727, 43928847),
}
"""Variant → chromosome, position on GRCh37 and on GRCh38."""

SPELLINGS: Mapping[str, Build] = {
    "grch37": "GRCh37",
    "hg19": "GRCh37",
    "b37": "GRCh37",
    "hs37d5": "GRCh37",
    "37": "GRCh37",
    "19": "GRCh37",
    "grch38": "GRCh38",
    "hg38": "GRCh38",
    "b38": "GRCh38",
    "38": "GRCh38",
}


def build_named(text: str) -> Build | None:
    """The build a cell or an option means, None where it means neither.

    >>> build_named("hg19"), build_named("GRCh38.p14"), build_named("hg18")
    ('GRCh37', 'GRCh38', None)
    """
    word = text.strip().lower()
    return SPELLINGS.get(word) or SPELLINGS.get(re.sub(r"\.p\d+$", "", word))


def builds_in(text: str) -> set[Build]:
    """Builds that a comment names.

    >>> builds_in("##reference=GRCh38 (hg38)")
    {'GRCh38'}
    """
    words = re.findall(r"grch3[78]|hg19|hg38|\bb3[78]\b|hs37d5", text.lower())
    return {SPELLINGS[word] for word in words}


def checked_build(text: str) -> Build:
    """The build an option names.

    Raises
    ------
    InputError
        Where it is neither.
    """
    found = build_named(text)
    if found is None:
        raise InputError(f"{text!r} is no build of the genome", "give GRCh37 or GRCh38")
    return found


@dataclass
class Witness:
    """What the rows of one file say about their build, gathered block by block."""

    declared: Build
    beyond: int = 0
    """Positions beyond the end of their chromosome here, but not on the other build."""
    here: int = 0
    """Known variants that lie where the declared build has them."""
    there: int = 0
    """Known variants that lie where the other build has them."""
    said: set[Build] = field(default_factory=set)
    """Builds that the file names in comments or cells."""

    def lengths(self, chrom: np.ndarray, pos: np.ndarray) -> np.ndarray:
        """Rows within their chromosome; those on the other build alone are counted.

        Parameters
        ----------
        chrom, pos
            (n,) integers; chrom from 1 to 26.

        Returns
        -------
        numpy.ndarray
            (n,) bool.
        """
        outside = off_the_end(chrom, pos, self.declared)
        if outside.any():
            beyond = outside & (pos > 0)
            other = off_the_end(chrom[beyond], pos[beyond], OTHER[self.declared])
            self.beyond += int((~other).sum())
        return ~outside

    def sentinel(self, name: str, chrom: int, pos: int) -> None:
        """Note where a known variant lies."""
        number, first, second = SENTINELS[name]
        if chrom == number and first != second:
            places = dict(zip(BUILDS, (first, second), strict=True))
            self.here += pos == places[self.declared]
            self.there += pos == places[OTHER[self.declared]]

    def check(self, file: str) -> None:
        """Refuse a file that speaks against the declared build.

        Raises
        ------
        InputError
            Where it names another build, or its positions are of another, in whole or
            in part.
        """
        other = OTHER[self.declared]
        hint = f"give --build {other}, or lift the result over to {self.declared}"
        if other in self.said and self.declared not in self.said:
            raise InputError(
                f"{file} says that its positions are of {other}, not {self.declared}",
                hint,
            )
        if self.there and self.here:
            raise InputError(
                f"{file} mixes builds: {self.here} well-known variants lie where "
                f"{self.declared} has them, {self.there} where {other} has them",
                "write it again from one build",
            )
        if self.there:
            raise InputError(
                f"{file} is of {other}, not of {self.declared}: {self.there} "
                "well-known variants lie where that build has them",
                hint,
            )
        if self.beyond:
            raise InputError(
                f"{file} does not lie on {self.declared}: {self.beyond} positions are "
                f"beyond the end of their chromosome, but not on {other}",
                hint,
            )
