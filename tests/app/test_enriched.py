"""Codes of clusters as they may be shown: rounded, masked, or left as they are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.clusters.enriched import (
    ADJUSTED,
    DERIVED,
    RAW,
    _in_sets,
    _significant,
    disclosed,
    q_line,
)
from edp_core.people.assemble import build_phenome
from edp_core.people.phecodes import Phecode, PhecodeMap
from edp_core.people.phenome import Phenome
from edp_core.people.side import cases_in_sets
from edp_core.scoring.enrichment import enrichment

T = 5
LIVER = ((570.0, 573.99),)
MAP = PhecodeMap(
    {"K760": ("571.5",), "K754": ("571.6",), "I10": ("401.1",), "K73": ("573",)},
    {
        **{
            c: Phecode(c, "digestive", "", LIVER)
            for c in ("571", "571.5", "571.6", "573")
        },
        **{c: Phecode(c, "circulatory", "", ()) for c in ("401", "401.1")},
    },
)
NAMED = ["571.5", "571.6", "573", "401.1"]


def study(seed: int, n: int = 600) -> tuple[Phenome, np.ndarray]:
    """A phenome whose liver codes exclude each other's cases, and clusters."""
    rng = np.random.default_rng(seed)
    eids = np.array([f"{i:05d}" for i in range(n)])
    labels = rng.choice(4, n, p=[0.5, 0.3, 0.15, 0.05]).astype(np.int32)
    rates = {"K760": 0.15, "K754": 0.05, "I10": 0.3, "K73": 0.2}
    rows = [
        (eid, code)
        for code, rate in rates.items()
        for eid in eids[rng.random(n) < rate * (1 + (labels == 1))]
    ]
    table = pd.DataFrame(rows, columns=["eid", "icd10"]).astype("string")
    return build_phenome(table, eids, phecodes=MAP, tables=[])[0], labels


def raw_of(phenome: Phenome, labels: np.ndarray, **more: object) -> pd.DataFrame:
    """The table as the store holds it."""
    cases = phenome.matrix(NAMED)
    found = enrichment(labels, cases, eligible=phenome.eligibility(NAMED), **more)
    codes = [NAMED[i] for i in found.pop("trait")]
    return found.assign(code=codes, name="", chapter="")


def shown_of(phenome: Phenome, labels: np.ndarray, **more: object) -> pd.DataFrame:
    return disclosed(
        raw_of(phenome, labels, **more),
        phenome,
        labels=labels,
        seen=np.arange(len(labels)),
        codes=NAMED,
        threshold=T,
    )


@pytest.mark.parametrize("seed", range(4))
def test_figures_of_codes_with_exclusions_are_those_of_the_numbers_shown(seed):
    phenome, labels = study(seed)
    raw, shown = raw_of(phenome, labels), shown_of(phenome, labels)
    whole = raw.groupby("code")["n"].first()
    assert set(shown.loc[shown["restricted"], "code"]) == set(NAMED) - {"401.1"}
    seen = shown[shown["restricted"] & shown["n_both"].notna()]
    assert len(seen) >= 6
    moved = 0
    for row in seen.itertuples():
        a, r, c = int(row.n_both), int(row.n_cluster), int(row.n_cases)
        assert row.share_of_cluster == pytest.approx(a / r)
        # nobody outside the set has a case of these codes: what is rounded is r − a
        whole_cluster = (labels == row.cluster).sum()  # there can be no more
        assert (r - a) % (2 * T) == 0 or r == whole_cluster
        n = c + 2 * T * round((whole[row.code] - c) / (2 * T))
        table = [[a, r - a], [c - a, n - r - c + a]]
        p = stats.fisher_exact(table).pvalue
        assert 10**-row.log10p == pytest.approx(p, rel=1e-6)
        (a, b), (d, e) = np.array(table) + 0.5
        assert row.odds_ratio == pytest.approx(a * e / (b * d))
        true = raw[(raw["cluster"] == row.cluster) & (raw["code"] == row.code)].iloc[0]
        moved += true["n_cluster"] != r
        assert abs(true["n_cluster"] - r) <= T
        assert abs(np.log(row.odds_ratio / true["odds_ratio"])) < 0.5
    assert moved


@pytest.mark.parametrize("seed", range(4))
def test_who_does_not_count_cannot_be_told_to_the_person(seed):
    """One to three people more in the set: nearly always the very same table."""
    phenome, labels = study(seed)
    free = ~phenome.dense(NAMED).any(axis=1)
    free[phenome.excluded_rows] = False
    more = np.flatnonzero(free & (labels == 0))[:3]
    tables = []
    for count in range(4):
        rows = np.sort(np.append(phenome.excluded_rows, more[:count]))
        wider = replace(
            phenome,
            excluded_rows=rows.astype(phenome.excluded_rows.dtype),
            excluded_starts=phenome.excluded_starts
            + np.array([0] + [count] * (len(phenome.excluded_starts) - 1), np.int64),
        )
        tables.append(shown_of(wider, labels).to_csv())
    assert len(phenome.excluded_starts) == 2, "one set, so that it can be widened so"
    assert len(set(tables)) <= 3  # rounding the cluster and the whole: one step each
    assert sum(a == b for a, b in pairwise(tables)) >= 1


@pytest.mark.parametrize("seed", range(4))
def test_codes_without_exclusions_stay_exact(seed):
    phenome, labels = study(seed)
    raw, shown = raw_of(phenome, labels), shown_of(phenome, labels)
    keys = ["cluster", "code"]
    both = shown.merge(raw, on=keys, suffixes=("", "_true"))
    both = both[~both["restricted"] & both["n_both"].notna()]
    assert len(both)
    for name in [*RAW, "n_both", "n_cluster", "share_of_cluster"]:
        assert both[name].astype(float).to_numpy() == pytest.approx(
            both[f"{name}_true"].to_numpy(float)
        )


@pytest.mark.parametrize("seed", range(4))
def test_a_hidden_row_tells_nothing_not_even_why_it_is_not_adjusted(seed):
    phenome, labels = study(seed)
    ages = np.round(np.random.default_rng(seed).uniform(40, 70, (len(labels), 1)))
    raw = raw_of(phenome, labels, covariates=ages, least=T)
    shown = shown_of(phenome, labels, covariates=ages, least=T)
    assert set(DERIVED) <= set(shown.columns)
    hidden = shown["n_both"].isna() | shown["n_cluster"].isna()
    assert hidden.any()
    assert shown.loc[hidden, DERIVED].isna().all().all()
    assert shown.loc[hidden & shown["restricted"], "n_cluster"].isna().all()
    # the reasons of what is hidden would have told which of them are small
    true = raw.set_index(["cluster", "code"])["adjusted_reason"]
    keys = list(zip(shown["cluster"], shown["code"], strict=True))
    assert (true[keys].to_numpy()[hidden] == f"fewer than {T} people").any()
    fitted = shown[~hidden & shown["adjusted_or"].notna()]
    assert len(fitted)
    assert (fitted["adjusted_reason"] == "").all()
    for name in ADJUSTED:
        values = fitted[name].to_numpy(float)
        assert [float(f"{v:.3g}") for v in values] == pytest.approx(values)


def test_a_code_that_is_not_listed_still_counts_among_the_tests():
    phenome, labels = study(0)
    raw = raw_of(phenome, labels)
    few = disclosed(raw, phenome, labels=labels, seen=np.arange(len(labels)),
                    codes=NAMED[:2], threshold=T)  # fmt: skip
    all_ = shown_of(phenome, labels)
    assert set(few["code"]) == set(NAMED[:2])
    both = few.merge(all_, on=["cluster", "code"]).dropna(subset=["log10q_x"])
    both = both.dropna(subset=["log10q_y"])
    assert len(both)
    # as a test with p = 1: q is no smaller than with the code, nor than p·m/rank
    assert (both["log10q_x"] <= both["log10q_y"] + 1e-12).all()
    strongest = few["log10p"].max()
    assert few["log10q"].max() == pytest.approx(strongest - np.log10(len(raw)))


@pytest.mark.parametrize("seed", range(4))
def test_q_is_of_what_is_shown_and_only_larger_than_the_whole_tables(seed):
    phenome, labels = study(seed)
    raw, shown = raw_of(phenome, labels), shown_of(phenome, labels)
    known = shown["log10p"].notna()
    assert 0 < known.sum() < len(raw)
    p = np.ones(len(raw))
    p[: known.sum()] = 10 ** -shown.loc[known, "log10p"].to_numpy(float)
    expected = stats.false_discovery_control(p)[: known.sum()]
    found = 10 ** -shown.loc[known, "log10q"].to_numpy(float)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert shown.loc[~known, "log10q"].isna().all()
    exact = known & ~shown["restricted"]
    both = shown[exact].merge(raw, on=["cluster", "code"], suffixes=("", "_true"))
    assert len(both)


@pytest.mark.parametrize("seed", range(4))
def test_q_tells_nothing_of_the_p_that_are_hidden(seed):
    phenome, labels = study(seed)
    raw, shown = raw_of(phenome, labels), shown_of(phenome, labels)
    keys = ["cluster", "code"]
    hidden = raw.merge(shown, on=keys, suffixes=("", "_shown"))["log10q_shown"].isna()
    assert hidden.any()
    tables = []
    for strong in (0.0, 50.0, np.nan):
        other = raw.copy()
        other.loc[hidden.to_numpy(), ["log10p", "log10q"]] = strong
        tables.append(
            disclosed(other, phenome, labels=labels, seen=np.arange(len(labels)),
                      codes=NAMED, threshold=T)
        )  # fmt: skip
    for table in tables:
        pd.testing.assert_frame_equal(table, shown)


def test_a_shown_code_that_all_have_has_no_figure_and_is_no_test():
    labels = np.repeat([0, 1], 100).astype(np.int32)
    phenome, _ = study(0, n=200)
    raw = raw_of(phenome, labels)
    at = raw["code"] == "401.1"
    size = raw.loc[at, "n_cluster"]
    raw.loc[at, "n_cases"] = raw.loc[at, "n"]
    raw.loc[at, "n_both"] = size
    raw.loc[at, [*RAW, "log10q"]] = np.nan
    kwargs = {"labels": labels, "seen": np.arange(200), "threshold": T}
    shown = disclosed(raw, phenome, codes=NAMED, **kwargs)
    here = shown["code"] == "401.1"
    assert (shown.loc[here, "n_both"] == 100).all()
    assert shown.loc[here, [*RAW, "log10q"]].isna().all(axis=None)
    without = disclosed(raw[~at], phenome, codes=NAMED, **kwargs)
    assert shown[~here].reset_index(drop=True).equals(without)


@given(st.floats(-1e12, 1e12, allow_nan=False).filter(lambda v: abs(v) > 1e-12))
def test_three_significant_digits(value):
    found = float(_significant(np.array([value]))[0])
    assert found == pytest.approx(value, rel=0.0051)
    assert float(f"{found:.3g}") == pytest.approx(found, rel=1e-12)


def test_zero_and_what_is_missing_have_no_digits_to_lose():
    found = _significant(np.array([0.0, np.nan, np.inf]))
    assert found[0] == 0
    assert np.isnan(found[1])
    assert np.isinf(found[2])


def test_the_line_of_q_parts_those_that_reach_it_from_the_others():
    table = pd.DataFrame(
        {"log10p": [9.0, 3.0, 2.0, 0.1, np.nan], "log10q": [7.0, 1.4, 1.2, 0, np.nan]}
    )
    line = q_line(table)
    assert line == pytest.approx(2.5)
    assert q_line(table.iloc[:2]) == 3
    assert q_line(table.iloc[2:]) is None
    assert q_line(table.iloc[:0]) is None


@pytest.mark.parametrize("seed", range(3))
def test_cases_in_sets_are_those_of_each_cluster(seed):
    phenome, labels = study(seed)
    rng = np.random.default_rng(seed)
    seen = np.sort(rng.choice(len(labels), 400, replace=False))
    found = _in_sets(phenome, NAMED, labels=labels[seen], seen=seen)
    for cluster in range(4):
        here = seen[labels[seen] == cluster]
        true = cases_in_sets(phenome, NAMED, seen=here)
        assert np.array_equal(found[cluster], np.maximum(true, 0))
    assert found.sum() > 0
