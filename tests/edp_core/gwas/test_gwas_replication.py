"""Replication: alleles in any order and strand, signs, thresholds, and the null."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edp_core.errors import InputError
from edp_core.gwas import replication
from edp_core.gwas.replication import replicate

STRAND = {"A": "T", "C": "G", "G": "C", "T": "A"}


def pair(**other):
    """A locus and its row in the second GWAS."""
    loci = pd.DataFrame(
        {"chrom": [1], "lead_pos": [5], "effect_allele": ["A"], "other_allele": ["G"],
         "beta": [0.2], "af": [0.2]}
    )  # fmt: skip
    second = pd.DataFrame(
        {"chrom": [1], "pos": [5], "effect_allele": ["A"], "other_allele": ["G"],
         "beta": [0.1], "se": [0.01], "log10p": [20.0], "af": [0.2]}
    )  # fmt: skip
    return loci, second.assign(**{key: [value] for key, value in other.items()})


@pytest.mark.parametrize(
    ("alleles", "sign"),
    [("AG", 1), ("GA", -1), ("TC", 1), ("CT", -1), ("ag", 1)],
)
def test_alleles_in_either_order_and_strand(alleles, sign):
    loci, second = pair(effect_allele=alleles[0], other_allele=alleles[1])
    found = replicate(loci, second)
    assert found.table["beta2"].tolist() == [sign * 0.1]
    assert found.table["same_sign"].tolist() == [sign == 1]
    assert found.table["replicated"].tolist() == [sign == 1]
    assert found.n_tested == 1 and found.reasons == {}


@pytest.mark.parametrize(
    ("alleles", "sign"),
    [
        (("A", "AT"), 1),
        (("AT", "A"), -1),
        (("T", "TA"), 0),  # an insertion after T is not one after A
        (("TA", "T"), 0),
        (("A", "G"), 0),
    ],
)
def test_insertions_have_no_other_strand(alleles, sign):
    loci, second = pair(effect_allele=alleles[0], other_allele=alleles[1])
    found = replicate(loci.assign(other_allele="AT"), second)
    assert found.n_tested == abs(sign)
    assert found.table["beta2"].dropna().tolist() == [sign * 0.1] * abs(sign)


def test_a_lead_without_an_effect_is_not_a_lead_of_another_sign():
    loci, second = pair()
    found = replicate(loci.assign(beta=np.nan), second)
    assert found.n_tested == 0
    assert found.reasons == {replication.NO_EFFECT: 1}
    both = pd.concat([loci, loci.assign(beta=np.nan)], ignore_index=True)
    assert replicate(both, second).n_same_sign == replicate(both, second).n_tested == 1


@settings(max_examples=80)
@given(
    st.sampled_from(["AT", "TA", "CG", "GC"]),
    st.floats(0.01, 0.99),
    st.floats(-0.02, 0.02),
    st.booleans(),
    st.booleans(),
)
def test_ambiguous_alleles_go_by_frequency_or_not_at_all(
    alleles, af, drift, turn, flip
):
    """The second GWAS counts the other allele (turn), on the other strand (flip)."""
    other = alleles[::-1] if turn else alleles
    if flip:
        other = "".join(STRAND[base] for base in other)
    moved = float(np.clip(af + drift, 0, 1))
    loci, second = pair(
        effect_allele=other[0],
        other_allele=other[1],
        beta=-0.1 if turn else 0.1,
        af=1 - moved if turn else moved,
    )
    loci = loci.assign(effect_allele=alleles[0], other_allele=alleles[1], af=af)
    found = replicate(loci, second)
    clear = min(af, 1 - af) <= 0.4 and min(moved, 1 - moved) <= 0.4
    if found.n_tested:
        assert clear or abs(min(moved, 1 - moved) - 0.4) < 1e-9
        assert found.table["beta2"].iloc[0] == 0.1
    else:
        assert found.reasons == {replication.AMBIGUOUS: 1}
        assert max(min(af, 1 - af), min(moved, 1 - moved)) > 0.4 - 1e-9
    without = replicate(loci.drop(columns="af"), second)
    assert without.reasons == {replication.AMBIGUOUS: 1}


def test_those_not_tested_are_counted_with_a_reason():
    loci, second = pair()
    many = pd.concat([loci] * 5, ignore_index=True)
    many["lead_pos"] = [5, 6, 7, 8, 9]
    many["chrom"] = [1, 1, 1, 1, 2]
    rows = pd.concat([second] * 6, ignore_index=True)
    # a row of other alleles comes first at 5; 7 has only such; 8 has no p
    rows["pos"] = [5, 5, 7, 8, 9, 4]
    rows["other_allele"] = ["C", "G", "C", "G", "G", "G"]
    rows["log10p"] = [1.0, 20.0, 20.0, np.nan, 20.0, 20.0]
    found = replicate(many, rows)
    assert found.n_tested == found.n_replicated == 1
    assert found.table["reason"].tolist() == [
        replication.FOUND,
        replication.ABSENT,
        replication.DIFFERENT,
        replication.UNTESTED,
        replication.ABSENT,
    ]
    assert found.reasons == {
        replication.ABSENT: 2, replication.DIFFERENT: 1, replication.UNTESTED: 1,
    }  # fmt: skip
    assert found.table["same_sign"].isna().tolist() == [False, *[True] * 4]
    assert found.threshold == pytest.approx(-np.log10(0.05))
    shuffled = replicate(many, rows.iloc[::-1])
    pd.testing.assert_frame_equal(found.table, shuffled.table)


def test_nothing_tested_says_so():
    loci, second = pair(pos=6)
    found = replicate(loci, second)
    assert np.isnan(found.threshold) and np.isnan(found.sign_log10p)
    assert (found.n_tested, found.n_replicated) == (0, 0)
    assert replicate(loci.iloc[:0], second).table.empty


def test_sign_and_threshold_are_scipys_and_hold_under_the_null():
    rng = np.random.default_rng(0)
    k = 40
    loci = pd.DataFrame(
        {"chrom": 1, "lead_pos": np.arange(1, k + 1), "effect_allele": "A",
         "other_allele": "C", "beta": rng.normal(size=k)}
    )  # fmt: skip
    any_replicated, signs = 0, []
    for _ in range(200):
        z = rng.normal(size=k)
        second = pd.DataFrame(
            {"chrom": 1, "pos": np.arange(1, k + 1), "effect_allele": "A",
             "other_allele": "C", "beta": z * 0.1, "se": 0.1,
             "log10p": -np.log10(2 * stats.norm.sf(np.abs(z)))}
        )  # fmt: skip
        found = replicate(loci, second)
        same = int((np.sign(loci["beta"]) == np.sign(z)).sum())
        test = stats.binomtest(same, k, 0.5, alternative="greater")
        assert found.n_same_sign == same
        assert 10**-found.sign_log10p == pytest.approx(test.pvalue, rel=1e-9)
        any_replicated += found.n_replicated > 0
        signs.append(test.pvalue < 0.05)
    # half of 5 %, since the sign has to agree: 5 of 200 expected
    assert stats.binomtest(any_replicated, 200, 0.025).pvalue > 0.001
    assert np.mean(signs) < 0.1


def test_missing_columns_are_named():
    loci, second = pair()
    with pytest.raises(InputError, match="loci has no column beta; it has chrom"):
        replicate(loci.drop(columns="beta"), second)
    with pytest.raises(InputError, match="second GWAS has no column se, log10p"):
        replicate(loci, second.drop(columns=["se", "log10p"]))
