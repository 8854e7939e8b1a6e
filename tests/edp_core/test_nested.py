"""Traits of several vocabularies side by side: no small count follows from them."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from edp_core.nested import (
    Side,
    coarse_controls,
    hide_related,
    hide_related_within,
    near_pairs,
)
from edp_core.partition import hide_nested, is_small
from edp_core.people.assemble import build_phenome
from edp_core.people.items import Items
from edp_core.people.phecodes import Phecode, PhecodeMap
from edp_core.people.side import (
    cases_in_sets,
    names_of,
    near_each_other,
    side_of,
    superfluous,
)

T = 5
LIVER = ((570.0, 573.99),)
MAP = PhecodeMap(
    {
        "K760": ("571.5",), "K741": ("571.5",), "K746": ("571.51",), "K754": ("571.6",),
        "E11": ("250.2",), "E119": ("250.2",), "I10": ("401.1",),
    },
    {
        **{c: Phecode(c, "digestive", "", LIVER) for c in ("571", "571.5", "571.51")},
        "571.6": Phecode("571.6", "digestive", "", LIVER),
        **{c: Phecode(c, "endocrine", "", ()) for c in ("250", "250.2")},
        **{c: Phecode(c, "circulatory", "", ()) for c in ("401", "401.1")},
    },
)  # fmt: skip
FULL = ["K760", "K741", "K746", "K754", "E11", "E119", "I10", "Z951"]


def phenome_of(people, drugs=()):
    """A phenome of people given as sets of codes, and of drugs as sets of rows."""
    eids = np.array([f"{i:05d}" for i in range(len(people))])
    rows = [(e, c) for e, held in zip(eids, people, strict=True) for c in sorted(held)]
    table = pd.DataFrame(rows, columns=["eid", "icd10"]).astype("string")
    names = [f"drug{k}" for k in range(len(drugs))]
    who = [np.array(sorted(rows), np.int32) for rows in drugs]
    nobody = [np.zeros(0, np.int32)] * len(names)
    items = Items("meds", names, names, who, nobody, {})
    return build_phenome(table, eids, phecodes=MAP, tables=[items])[0]


def shown_of(phenome, threshold=T):
    codes = phenome.traits["code"].tolist()
    everyone = np.arange(len(phenome.eids))
    near = near_each_other(phenome, codes, seen=everyone, threshold=threshold)
    counts = phenome.traits["n_cases"].to_numpy()
    hidden = hide_related(side_of(phenome, codes), counts, threshold, near=near)
    return [code for code, hide in zip(codes, hidden, strict=True) if not hide]


def check(phenome, shown):
    """Everything a reader who knows the map can subtract."""
    cases = {code: set(phenome.cases(code).nonzero()[0]) for code in shown}
    assert all(len(held) >= T for held in cases.values())
    for one, two in itertools.permutations(shown, 2):
        lacks, more = cases[one] - cases[two], cases[two] - cases[one]
        if not lacks:  # nested, whatever the codes are called
            assert not is_small(len(more), T), (one, two)
        assert (len(lacks) >= T or len(more) >= T) or cases[one] == cases[two]
    codes = phenome.traits["code"].tolist()
    parts = {code: set() for code in shown}
    for a, b in phenome.within:
        if codes[a] in cases and codes[b] in cases:
            parts[codes[b]].add(codes[a])
    family = dict(zip(codes, side_of(phenome, codes).families, strict=True))
    for whole, below in parts.items():
        for own in ("", "phecode"):
            held = {c for c in below if family[c] == own}
            if not held:
                continue
            deepest = [c for c in held if not parts[c] & held]
            widest = [c for c in held if not any(c in parts[o] for o in held - {c})]
            for level in (deepest, widest):
                gap = abs(len(cases[whole]) - sum(len(cases[c]) for c in level))
                assert not is_small(gap, T), (whole, level)


def test_a_study_that_tempts():
    people = [{"K760"}] * 98 + [{"K741"}] * 3 + [{"E119"}] * 60 + [{"I10"}] * 40
    people += [set()] * 99
    drugs = [
        set(range(101, 159)),  # 58 of the 60 with diabetes: who are the other two?
        set(range(103, 161)) | {200, 201},  # the same, and two without
        set(range(20)),
    ]
    phenome = phenome_of(people, drugs)
    shown = shown_of(phenome)
    # 571.5 has 101 cases, K760 98: three people have another liver disease
    counts = phenome.traits.set_index("code")["n_cases"]
    assert counts["571.5"] == 101 and counts["K760"] == 98 and counts["K741"] == 3
    assert "K760" in shown and "571.5" not in shown and "571" not in shown
    # equal people on both sides give nothing away
    assert {"E119", "250.2", "401.1", "I10"} <= set(shown)
    assert "meds:drug0" not in shown and "meds:drug1" not in shown
    assert "meds:drug2" in shown
    check(phenome, shown)


def test_the_parts_of_a_phecode_add_up_to_nearly_all_of_it():
    """571 is no small step from any one code, but from their sum."""
    people = [{"K760"}] * 50 + [{"K746"}] * 40 + [{"K754"}] * 2 + [set()] * 50
    shown = shown_of(phenome_of(people))
    assert {"K760", "K746"} <= set(shown) and "571" not in shown
    check(phenome_of(people), shown)


GROUPS = st.lists(
    st.tuples(
        st.sets(st.sampled_from([*FULL, "d0", "d1"]), max_size=3), st.integers(1, 14)
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(GROUPS)
def test_nothing_small_follows(groups):
    people = [held for held, times in groups for _ in range(times)]
    drugs = [{i for i, held in enumerate(people) if d in held} for d in ("d0", "d1")]
    phenome = phenome_of([{c for c in held if c in FULL} for held in people], drugs)
    shown = shown_of(phenome)
    check(phenome, shown)
    # phecodes and tables hide no code that would be shown without them, and near codes
    # of different branches but one
    icd = [c for c in phenome.traits["code"] if c[0].isalpha() and ":" not in c]
    alone = hide_nested(icd, np.array([phenome.cases(c).sum() for c in icd]), T)
    everyone = np.arange(len(people))
    near = near_each_other(phenome, icd, seen=everyone, threshold=T)
    side = side_of(phenome, icd)
    counts = np.array([phenome.cases(c).sum() for c in icd])
    apart = hide_related(side, counts, T, near=near)
    assert [c for c, h in zip(icd, apart, strict=True) if not h] == [
        c for c in shown if c in icd
    ]
    assert (apart >= alone).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(0, 12), st.integers(3, 8), st.integers(0, 10**6))
def test_near_pairs_by_brute_force(n, m, threshold, seed):
    rng = np.random.default_rng(seed)
    base = rng.random((n, max(m // 3, 1))) < rng.random(max(m // 3, 1))
    flags = base[:, rng.integers(0, base.shape[1], m)] ^ (rng.random((n, m)) < 0.04)
    found = near_pairs(sparse.csc_array(flags), threshold)
    expected = set()
    for i, j in itertools.combinations(range(m), 2):
        a, b = flags[:, i], flags[:, j]
        if min(a.sum(), b.sum()) < threshold:
            continue
        lacks, more = (a & ~b).sum(), (b & ~a).sum()
        if max(lacks, more) < threshold and lacks + more:
            expected.add(frozenset((i, j)))
    assert {frozenset(pair) for pair in found.tolist()} == expected
    assert len(found) == len(expected)
    sizes = flags.sum(axis=0)
    assert (sizes[found[:, 0]] <= sizes[found[:, 1]]).all()


@pytest.mark.parametrize("m", [300, 700])
def test_near_pairs_across_chunks(m):
    rng = np.random.default_rng(m)
    flags = rng.random((400, m)) < 0.3
    flags[:, 1::50] = flags[:, ::50]
    flags[0, 1::50] ^= True
    found = {frozenset(p) for p in near_pairs(sparse.csc_array(flags), T).tolist()}
    assert found == {frozenset((k, k + 1)) for k in range(0, m, 50)}


def test_within_clusters_as_well():
    """In the study 50 more have 571.5 than K760; in cluster 1 two."""
    people = [{"K760"}] * 60 + [{"K741"}] * 50 + [{"K760"}] * 30 + [{"K741"}] * 2
    people += [set()] * 40
    phenome = phenome_of(people)
    assert {"571.5", "K760", "K741"} <= set(shown_of(phenome))
    cluster = np.array([0] * 110 + [1] * 72)
    codes = ["571.5", "K741", "K760"]
    dense = phenome.dense(codes)
    rows = [(c, k, dense[cluster == c, k].sum()) for c in (0, 1) for k in range(3)]
    groups, traits, counts = map(np.array, zip(*rows, strict=True))
    hidden = hide_related_within(
        groups, side_of(phenome, codes), traits=traits, counts=counts, threshold=T
    )
    named = {(c, codes[k]) for (c, k, _), h in zip(rows, hidden, strict=True) if h}
    assert named == {(1, "571.5")}


# ---- controls --------------------------------------------------------------------
@settings(max_examples=300)
@given(
    st.integers(60, 400),
    st.integers(6, 50),
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
)
def test_controls_do_not_count_who_is_left_out(total, size, gaps):
    """Traits of one exclusion set, whose cases are in it: |set − cases| stays open."""
    cases = np.array([max(size - gap, 1) for gap in gaps])

    def published(excluded):
        controls = np.full(len(cases), total - excluded)
        return coarse_controls(
            cases, controls, in_set=cases, total=total, threshold=T
        ).tolist()

    seen = published(size)
    possible = [s for s in range(int(cases.max()), total) if published(s) == seen]
    assert size in possible
    for held in cases[cases >= T]:
        # where a trait is the whole set, `near_pairs` has taken the nearly whole away
        if is_small(size - held, T) and cases.max() < size:
            assert len(possible) > 1
            assert {s - held for s in possible} != {size - held}


def test_controls_are_exact_where_there_is_no_set():
    cases, controls = np.array([30, 31]), np.array([70, 60])
    found = coarse_controls(
        cases, controls, in_set=np.array([-1, 0]), total=100, threshold=T
    )
    assert found.tolist() == [70, 59], "9 of unknown answer: 91 are known, or about 90"


def test_cases_in_sets_and_names():
    people = [{"K760"}] * 9 + [{"K746"}] * 7 + [{"I10"}] * 6 + [set()] * 9
    phenome = phenome_of(people)
    seen = np.arange(0, len(people), 2)
    codes = phenome.traits["code"].tolist()
    found = cases_in_sets(phenome, codes, seen=seen)
    for code, count in zip(codes, found, strict=True):
        at = phenome.traits["exclusion"].iat[phenome.at([code])[0]]
        start, end = phenome.excluded_starts[at : at + 2] if at >= 0 else (0, 0)
        held = set(phenome.excluded_rows[start:end]) & set(seen)
        inside = held & set(phenome.cases(code).nonzero()[0])
        assert count == (len(inside) if at >= 0 else -1)
    assert names_of(phenome)["571.6" if "571.6" in codes else "571"]


def test_the_same_people_again():
    side = Side(
        ["250", "250.2", "K74", "K746", "K7460", "m:25", "m:2"],
        ["phecode", "phecode", "icd10-3", "icd10", "icd10", "m", "m"],
        np.zeros((0, 2), int),
    )
    assert superfluous(side, np.array([9, 9, 8, 8, 8, 9, 9])).tolist() == [
        True, False, False, True, False, False, False,
    ]  # fmt: skip
