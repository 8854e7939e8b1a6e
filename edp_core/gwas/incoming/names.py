"""Names of columns: what each program writes, and what is common.

Every program names chromosome, effect allele and p value its own way, and the same word
means different things: ``ALLELE1`` is the effect allele of regenie and BOLT-LMM, and
``Allele1`` is the other one of SAIGE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Names = Mapping[str, tuple[str, ...]]
"""Our word → names of the column in lower case, the first that is there counts."""


@dataclass(frozen=True)
class Dialect:
    """The columns one program writes.

    Attributes
    ----------
    name
        The program, as messages name it.
    signs
        Sets of columns, in lower case: any of them whole tells the dialect.
    columns
        Our word → its names.
    """

    name: str
    signs: tuple[frozenset[str], ...]
    columns: Names


def _dialect(name: str, *signs: str, **columns: str) -> Dialect:
    return Dialect(
        name,
        tuple(frozenset(sign.split()) for sign in signs),
        {word: tuple(names.split()) for word, names in columns.items()},
    )


KNOWN = (
    _dialect(
        "BOLT-LMM",
        "bp genpos allele1 allele0",
        "p_bolt_lmm",
        "p_bolt_lmm_inf",
        chrom="chr",
        pos="bp",
        id="snp",
        effect="allele1",
        other="allele0",
        af="a1freq",
        beta="beta",
        se="se",
        p="p_bolt_lmm p_bolt_lmm_inf p_linreg",
    ),
    _dialect(
        "regenie",
        "chrom genpos",
        "genpos allele0 allele1 log10p",
        chrom="chrom",
        pos="genpos",
        id="id",
        effect="allele1",
        other="allele0",
        af="a1freq",
        n="n",
        test="test",
        beta="beta",
        se="se",
        log10p="log10p",
    ),
    _dialect(
        "plink2",
        "chrom pos ref alt a1",
        "ref alt a1 obs_ct",
        chrom="chrom",
        pos="pos",
        id="id",
        effect="a1",
        other="omitted",
        ref="ref",
        alt="alt",
        af="a1_freq",
        n="obs_ct",
        test="test",
        beta="beta",
        odds="or",
        se="log(or)_se se",
        p="p",
        log10p="neg_log10_p log10_p",
        error="errcode",
    ),
    _dialect(
        "SAIGE",
        "allele1 allele2 af_allele2",
        "allele1 allele2 p.value",
        chrom="chr",
        pos="pos",
        id="rsid markerid snpid",
        effect="allele2",
        other="allele1",
        af="af_allele2",
        n="n",
        n_cases="n_case n.cases",
        n_controls="n_ctrl n.controls",
        beta="beta",
        se="se",
        p="p.value",
    ),
    _dialect(
        "GWAS-SSF",
        "chromosome base_pair_location",
        "base_pair_location effect_allele",
        chrom="chromosome",
        pos="base_pair_location",
        id="rsid rs_id variant_id",
        effect="effect_allele",
        other="other_allele",
        af="effect_allele_frequency",
        n="n",
        beta="beta",
        odds="odds_ratio hazard_ratio",
        se="standard_error",
        p="p_value",
        log10p="neg_log_10_p_value",
    ),
    _dialect(
        "EPACTS",
        "chrom beg marker_id",
        chrom="chrom",
        pos="beg",
        id="marker_id",
        effect="marker_id",
        other="marker_id",
        maf="maf",
        n="ns",
        beta="beta",
        se="sebeta",
        p="pvalue",
    ),
)
"""Programs by their headers. The order counts: BOLT-LMM too has a GENPOS."""

PAIRS = (
    ("effect_allele", "other_allele"),
    ("effect_allele", "non_effect_allele"),
    ("effect_allele", "noneffect_allele"),
    ("tested_allele", "other_allele"),
    ("ea", "nea"),
    ("ea", "oa"),
    ("ea", "other_allele"),
    ("alt", "ref"),
    ("alt_allele", "ref_allele"),
    ("alternate", "reference"),
    ("allele1", "allele0"),
    ("a1", "a0"),
    ("a1", "a2"),
    ("allele1", "allele2"),
)
"""Effect allele and other allele, named in pairs."""
UNSAID = ("a2", "allele2")
"""Other alleles of pairs in which only custom says which the effect is of."""

COMMON = _dialect(
    "common names",
    chrom="chrom chr chromosome chr_id",
    pos="pos bp position base_pair_location beg begin bp_position",
    id="rsid rs_id rsids snp snpid variant_id markername markerid id variant marker",
    af="af eaf effect_allele_frequency a1freq a1_freq af1 freq frq freq1 alt_freq",
    maf="maf",
    n="n ns obs_ct n_samples num_samples n_total samplesize neff",
    n_cases="n_case n_cases num_cases",
    n_controls="n_control n_controls num_controls",
    test="test",
    beta="beta b effect effect_size",
    odds="or odds_ratio",
    se="se sebeta standard_error stderr std_err se_beta beta_se",
    p="p pval p_value pvalue p.value p_val pval_nominal p-value",
    log10p="log10p mlog10p neg_log_10_p_value neg_log10_p log10_p mlogp "
    "neglog10p nlog10p log_pvalue -log10p",
)
NAMES = frozenset(
    name
    for dialect in (*KNOWN, COMMON)
    for names in dialect.columns.values()
    for name in names
)
"""Every name that a column may have, in lower case."""
BUILD = ("build", "genome_build", "assembly", "genome_assembly")
"""Columns that say on which build the positions are."""
WORDS = {
    "chrom": "a chromosome",
    "pos": "a position",
    "effect": "an effect allele",
    "other": "the other allele",
    "p": "a p value",
}
