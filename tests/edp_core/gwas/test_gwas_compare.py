"""Loci of runs side by side: beside plain loops, and as one run would join them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.gwas.compare import counts, gained_lost, intersection, overlap, union
from edp_core.gwas.loci import find_loci


def drawn(seed, count, reach):
    """Loci of a random run."""
    rng = np.random.default_rng(seed)
    chrom = rng.choice([5, 6], count)
    pos = 22_000_000 + rng.integers(1, reach, count)
    return find_loci(chrom, pos, rng.uniform(7.4, 30, count).round(2))


def in_mhc(row):
    return row.chrom == 6 and row.start <= 34_000_000 and row.end >= 25_000_000


def near(one, two, within, edges):
    """Whether two loci are at one place; the MHC's span what they span together."""
    if one.chrom != two.chrom:
        return False
    spans = [edges if in_mhc(row) else (row.start, row.end) for row in (one, two)]
    (a, b), (c, d) = spans
    return max(c - b, a - d) < max(within, 1)


def span_of_mhc(*tables):
    rows = [row for table in tables for row in table.itertuples() if in_mhc(row)]
    return (min((r.start for r in rows), default=0),
            max((r.end for r in rows), default=0))  # fmt: skip


spans = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(0, 30),
    st.sampled_from([2_000_000, 14_000_000, 60_000_000]),
)


@settings(max_examples=60, deadline=None)
@given(spans, spans, st.sampled_from([0, 250_000, 3_000_000]))
def test_pairs_gained_and_lost_are_those_of_loops(one, two, within):
    a, b = drawn(*one), drawn(*two)
    edges = span_of_mhc(a, b)
    expected = {
        (x.locus, y.locus)
        for x in a.itertuples()
        for y in b.itertuples()
        if near(x, y, within, edges)
    }
    found = overlap(a, b, within=within)
    assert set(zip(found["locus_a"], found["locus_b"], strict=True)) == expected
    assert len(found) == len(expected)
    back = overlap(b, a, within=within)
    assert set(zip(back["locus_b"], back["locus_a"], strict=True)) == expected
    assert (found["apart"] == (found["lead_pos_a"] - found["lead_pos_b"]).abs()).all()
    gained, lost = gained_lost(a, b, within=within)
    assert set(gained["locus"]) == set(b["locus"]) - {y for _, y in expected}
    assert set(lost["locus"]) == set(a["locus"]) - {x for x, _ in expected}


@settings(max_examples=30, deadline=None)
@given(st.lists(spans, min_size=1, max_size=4), st.sampled_from([0, 250_000]))
def test_the_union_is_the_components(given_spans, within):
    runs = {f"run {k}": drawn(*span) for k, span in enumerate(given_spans)}
    edges = span_of_mhc(*runs.values())
    nodes = [(name, row) for name, table in runs.items() for row in table.itertuples()]
    part = list(range(len(nodes)))
    for i, (_, x) in enumerate(nodes):
        for j, (_, y) in enumerate(nodes):
            if near(x, y, within, edges) and part[i] != part[j]:
                old, new = part[j], part[i]
                part = [new if number == old else number for number in part]
    expected = []
    for number in set(part):
        rows = [node for node, own in zip(nodes, part, strict=True) if own == number]
        cells = {}
        for name, row in rows:
            cells[name] = max(cells.get(name, 0), row.log10p)
        best = max(row.log10p for _, row in rows)
        chrom, low = rows[0][1].chrom, min(row.start for _, row in rows)
        high = max(row.end for _, row in rows)
        expected.append((chrom, low, high, best, len(cells), cells))
    table = union(runs, within=within)
    found = [
        (row["chrom"], row["start"], row["end"], row["log10p"], row["n_runs"],
         {name: row[name] for name in runs if not np.isnan(row[name])})
        for row in table.to_dict("records")
    ]  # fmt: skip
    assert sorted(found, key=lambda row: row[:4]) == (
        sorted(expected, key=lambda row: row[:4])
    )
    every = intersection(runs, within=within)
    assert len(every) == sum(row[4] == len(runs) for row in expected)
    for row in table.to_dict("records"):
        assert row[row["run"]] == row["log10p"]


@settings(max_examples=20, deadline=None)
@given(spans)
def test_a_run_beside_itself_has_nothing_new(span):
    run = drawn(*span)
    gained, lost = gained_lost(run, run)
    assert len(gained) == len(lost) == 0
    both = union({"left": run, "right": run})
    # as one run's loci are never near each other, the union is the run
    assert both[["start", "end"]].to_numpy().tolist() == (
        run[["start", "end"]].to_numpy().tolist()
    )
    assert (both["n_runs"] == 2).all()


def loci(*places, chrom=1):
    return find_loci([chrom] * len(places), list(places), np.full(len(places), 9.0))


def test_counts_are_those_of_the_papers_tables():
    runs = {
        "code": loci(1_000_000, 5_000_000),
        "classifier": loci(1_100_000, 9_000_000, 9_000_010),
        "cluster": loci(9_100_000, 20_000_000, 30_000_000),
    }
    table = counts(runs, baseline="code").set_index("run")
    assert table["loci"].tolist() == [2, 2, 3]
    assert table["variants"].tolist() == [2, 3, 3]
    assert table["unique"].tolist() == [1, 0, 2]
    assert table["shared"].tolist() == [2, 1, 0]
    assert table["new"].tolist() == [0, 1, 3]
    assert table["missed"].tolist() == [0, 1, 2]
    assert counts(runs).columns.tolist() == ["run", "loci", "variants", "unique"]


def test_no_locus_anywhere_is_empty_everywhere():
    none = find_loci([1], [5], [1.0])
    assert len(overlap(none, none)) == len(union({"a": none})) == 0
    assert union({"a": none}).columns[-1] == "a"
    assert counts({"a": none, "b": loci(5)}, baseline="a")["new"].tolist() == [0, 1]
    table = union({"a": none, "b": loci(5)})
    assert table["a"].isna().all() and table["b"].tolist() == [9.0]


def test_wrong_tables_are_named():
    with pytest.raises(InputError, match="no column locus, chrom"):
        overlap(pd.DataFrame({"x": [1]}), loci(5))
    with pytest.raises(InputError, match="cannot be called run"):
        union({"run": loci(5)})
    with pytest.raises(InputError, match="no run 'z'"):
        counts({"a": loci(5)}, baseline="z")
