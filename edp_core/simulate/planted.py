"""The variants that truly do something in a simulated study, and how much.

Effects are those of the literature, in standard deviations of the factor for each
effect allele, rounded, and were fixed before any simulation was run. Each is planted in
or beside the gene that bears it; positions are of GRCh37. What no study had measured
(how much of a heel's density a scanner's picture tells) is the renderers' business.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Planted:
    """One causal variant.

    Attributes
    ----------
    pos
        bp on GRCh37, counted from 1.
    gene
        The protein-coding gene it lies in or nearest to.
    factor
        A latent factor of `factors`, without ``_z``.
    effect
        SD of the factor for each ``effect_allele``.
    af
        Frequency of the effect allele among Europeans.
    """

    id: str
    chrom: int
    pos: int
    effect_allele: str
    other_allele: str
    af: float
    gene: str
    factor: str
    effect: float


PLANTED = (
    # bone density: 1p36.12, about 0.1 SD of the lumbar spine's; Rivadeneira 2009
    # (10.1038/ng.446), again in Estrada 2012 (10.1038/ng.2249)
    Planted("rs6426749", 1, 22711473, "G", "C", 0.83, "ZBTB40", "bone", -0.10),
    # kidney function: the locus of rs12124078, 0.01 in log eGFR, whose SD is about 0.2;
    # Pattaro 2012 (10.1371/journal.pgen.1002584). Planted at CASP9's missense variant
    Planted("rs1052576", 1, 15832543, "T", "C", 0.45, "CASP9", "scarring", 0.05),
    # SLC39A8 A391T: −0.7 mmHg of diastolic pressure, whose SD is 10 to 11; Ehret 2011
    # (10.1038/nature10405). It stands in for one on kidney size, which was not at hand
    Planted("rs13107325", 4, 103188709, "T", "C", 0.075, "SLC39A8", "kidneys", 0.07),
    # bone density: 7q31.31, 0.10 to 0.16 SD, the strongest common locus of forearm,
    # skull and heel; Medina-Gomez 2012 (10.1371/journal.pgen.1002718)
    Planted("rs7776725", 7, 121033121, "C", "T", 0.27, "FAM3C", "bone", 0.12),
    # bone density: 8q24.12, −0.08 SD (0.009) of the lumbar spine's; Estrada 2012
    Planted("rs2062377", 8, 120007420, "A", "T", 0.57, "COLEC10", "bone", -0.08),
    # liver fat: E167K, about 0.33 SD of log PDFF; Haas 2021
    # (10.1016/j.xgen.2021.100066), Parisinos 2020 (10.1016/j.jhep.2020.03.032)
    Planted("rs58542926", 19, 19379549, "T", "C", 0.075, "TM6SF2", "fat", 0.33),
    # liver fat: I148M, about 0.27 SD of log PDFF; the same
    Planted("rs738409", 22, 44324727, "G", "C", 0.22, "PNPLA3", "fat", 0.27),
)
"""By chromosome; the order of those within one does not matter."""


def planted_table() -> pd.DataFrame:
    """`PLANTED` as a table, one row each, columns as its attributes."""
    return pd.DataFrame([vars(one) for one in PLANTED])
