"""GWAS plots: what they draw, how few marks, and names that stay apart."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from app.plots import genome, labels, log10p_axis
from app.plots.manhattan import alone, manhattan, miami
from app.plots.qq_plot import qq_plot
from app.plots.region_plot import pack, region_plot
from edp_core.gwas.genome import LENGTHS
from edp_core.gwas.inflation import band, lambdas, qq
from edp_core.gwas.loci import find_loci
from edp_core.gwas.thinning import thin

LINE = -np.log10(5e-8)


def results(n=60_000, *, seed=0, peaks=6, strongest=30.0, chroms=range(1, 23)):
    """Variants of a null GWAS with a few peaks."""
    rng = np.random.default_rng(seed)
    lengths = np.array([LENGTHS["GRCh37"][c] for c in chroms])
    chrom = np.sort(rng.choice(list(chroms), n, p=lengths / lengths.sum()))
    pos = (rng.random(n) * [LENGTHS["GRCh37"][int(c)] for c in chrom]).astype(int) + 1
    order = np.lexsort((pos, chrom))
    chrom, pos = chrom[order], pos[order]
    log10p = rng.exponential(1 / np.log(10), n)
    for at in rng.choice(n, min(peaks, n), replace=False):
        near = (chrom == chrom[at]) & (np.abs(pos - pos[at]) < 3e5)
        log10p[near] += rng.random(near.sum()) * 6
        log10p[at] = rng.uniform(9, strongest)
    return chrom, pos, log10p


def parts(*, facts=True, **more):
    """Thinned plot and loci of `results`."""
    chrom, pos, log10p = results(**more)
    loci = find_loci(chrom, pos, log10p)
    loci["gene"] = [f"GENE{number}" for number in loci["locus"]]
    thinned = thin(chrom, pos, log10p, keep=loci["lead"])
    if facts:
        thinned.points["id"] = "rs1"
        thinned.points["n"] = 45_714
    return thinned, loci


def spec_of(chart):
    """The specification, validated by altair."""
    return json.loads(chart.to_json())


def rows_of(spec):
    return [row for rows in spec["datasets"].values() for row in rows]


def draws(spec):
    text = json.dumps(spec)
    assert "NaN" not in text and "Infinity" not in text
    svg = vl_convert.vegalite_to_svg(text)
    assert svg.startswith("<svg") and "NaN" not in svg
    return svg


def scale_of(spec, channel):
    """The one scale all layers of a channel share."""
    found = {
        json.dumps(layer["encoding"][channel].get("scale"), sort_keys=True)
        for layer in spec["layer"]
        if channel in layer["encoding"] and layer["encoding"][channel].get("scale")
    }
    assert len(found) == 1
    return json.loads(found.pop())


# ---- Manhattan -------------------------------------------------------------------
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"strongest": 300.0},
        {"peaks": 0},
        {"chroms": [7]},
        {"chroms": [1, 2, 23]},
        {"n": 1},
    ],
)
def test_it_is_vega_lite_that_draws(more):
    thinned, loci = parts(**more)
    chart = manhattan(thinned, loci, title="liver", threshold=LINE, study_wide=9.0)
    svg = draws(spec_of(chart))
    assert "Chromosome" in svg and "liver" in svg


def test_every_variant_lies_on_a_mark():
    chrom, pos, log10p = results()
    loci = find_loci(chrom, pos, log10p).assign(gene="")
    spec = spec_of(manhattan(thin(chrom, pos, log10p), loci, title="", threshold=LINE))
    marks = pd.DataFrame(rows_of(spec))
    marks = marks[marks["shade"].notna()]
    shown = genome.genome(chrom)
    x = shown.at(chrom, pos)
    low = marks["y"].to_numpy(float)
    high = marks["y2"].fillna(marks["y"]).to_numpy(float)
    at = marks["x"].to_numpy(float)
    rng = np.random.default_rng(1)
    for one in rng.choice(len(x), 400, replace=False):
        column = np.abs(at - x[one]) <= 1.5 + 1e-3
        step = 0.05 if log10p[one] < 20 else 0.1
        held = (low - step <= log10p[one]) & (log10p[one] <= high + step)
        assert (column & held).any()


def test_a_million_variants_are_a_few_thousand_marks_of_little_size():
    chrom, pos, log10p = results(1_100_000)
    thinned = thin(chrom, pos, log10p)
    thinned.points["id"] = "rs123456789"
    loci = find_loci(chrom, pos, log10p).assign(gene="A")
    spec = spec_of(manhattan(thinned, loci, title="", threshold=LINE))
    rows = rows_of(spec)
    assert 1000 < len(rows) < 6000
    assert len(json.dumps(rows)) < 700_000


def test_only_variants_speak_of_themselves_not_the_middles_of_bins():
    thinned, loci = parts(n=300_000, peaks=40)
    spec = spec_of(manhattan(thinned, loci, title="", threshold=LINE))
    points = thinned.points
    told = [row for row in rows_of(spec) if "id" in row and "shade" in row]
    known = points[(points["row"] >= 0) & (points["log10p"] >= 3)]
    assert len(told) == len(known) > 0
    places = {
        genome.place_of(c, p) for c, p in zip(known["chrom"], known["pos"], strict=True)
    }
    assert {row["place"] for row in told} == places


def test_lines_stand_at_the_thresholds_and_the_scale_is_one():
    thinned, loci = parts()
    chart = manhattan(thinned, loci, title="", threshold=LINE, study_wide=9.5)
    spec = spec_of(chart)
    at = sorted(row["at"] for row in rows_of(spec) if "at" in row)
    assert at == pytest.approx([LINE, 9.5])
    scale_of(spec, "x")
    scale_of(spec, "y")


def test_a_click_on_a_peak_picks_its_locus():
    thinned, loci = parts()
    spec = spec_of(manhattan(thinned, loci, title="", threshold=LINE))
    (pick,) = [p for p in spec["params"] if p["name"] == "pick"]
    assert pick["select"]["fields"] == ["locus"]
    leads = [row for row in rows_of(spec) if "locus" in row]
    assert {row["locus"] for row in leads} == set(loci["locus"])
    lead = max(leads, key=lambda row: row["log10p"])
    best = loci.loc[loci["log10p"].idxmax()]
    assert lead["place"] == genome.place_of(best["chrom"], best["lead_pos"])


def test_without_a_peak_the_selection_is_still_there():
    """A page that listens for clicks raises where a chart has none."""
    thinned, loci = parts(peaks=0)
    assert loci.empty
    spec = spec_of(manhattan(thinned, loci, title="", threshold=LINE))
    assert [p["name"] for p in spec["params"]] == ["pick"]


def test_neighbouring_chromosomes_have_the_two_shades_in_turn():
    shown = genome.genome(range(1, 24))
    shades = shown.shade(np.arange(1, 24))
    assert (np.diff(shades) != 0).all()
    gap = genome.genome([1, 3, 7])  # neighbours, though both are odd
    assert list(gap.shade(np.array([1, 3, 7]))) == [0, 1, 0]


# ---- Miami -----------------------------------------------------------------------
def test_miami_is_mirrored_and_tells_what_only_one_side_has():
    (top, above), (bottom, below) = parts(seed=1), parts(seed=1, peaks=3)
    chart = miami(
        top,
        bottom,
        loci=(above, below),
        titles=("after", "before"),
        threshold=LINE,
        words=("gained", "lost"),
    )
    spec = spec_of(chart)
    svg = draws(spec)
    assert "after" in svg and "before" in svg
    domain = scale_of(spec, "y")["domain"]
    assert domain == [-v for v in domain[::-1]]
    leads = pd.DataFrame([row for row in rows_of(spec) if "kind" in row])
    upper, lower = leads[leads["y"] > 0], leads[leads["y"] < 0]
    assert len(upper) == len(above) and len(lower) == len(below)
    assert (upper["kind"] == "gained").sum() == alone(above, below).sum() > 0
    assert (lower["kind"] == "lost").sum() == alone(below, above).sum()
    assert set(upper["kind"]) <= {"gained", "in both"}
    shades = {json.dumps(la["encoding"].get("color")) for la in spec["layer"]}
    assert not any("kind" in shade for shade in shades)


def test_loci_are_alone_where_no_other_is_near():
    def table(chrom, start):
        rows = {"chrom": chrom, "start": start, "end": np.add(start, 10)}
        more = {"lead_pos": start, "log10p": 9.0, "locus": range(len(start))}
        return pd.DataFrame(rows | more)

    one = table([1, 1, 2], [10, 9_000_000, 10])
    other = table([1], [200_000])
    assert list(alone(one, other)) == [False, True, True]
    assert list(alone(one, other.iloc[:0])) == [True] * 3
    assert not len(alone(one.iloc[:0], other))


# ---- axes and labels -------------------------------------------------------------
@given(
    strongest=st.floats(0, 5000),
    pixels=st.integers(120, 600),
    labelled=st.booleans(),
)
def test_the_axis_holds_what_it_shows_and_can_be_undone(strongest, pixels, labelled):
    up = log10p_axis.upward(strongest, pixels=pixels, labelled=labelled)
    assert up.top >= strongest
    assert up.folded == (strongest > log10p_axis.FOLDED_FROM)
    values = np.linspace(0, up.top, 50)
    there = up.pixel(values)
    assert (np.diff(there) > 0).all() and there[-1] == pytest.approx(pixels)
    assert up.value(there) == pytest.approx(values, abs=1e-6 * max(up.top, 1))
    assert 2 <= len(up.ticks) <= 14 and max(up.ticks) <= max(strongest, 1) + 1e-6
    assert (np.diff(up.ticks) > 0).all()
    if up.folded:
        assert up.pixel(np.array([20.0]))[0] == pytest.approx(pixels / 2)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), height=st.integers(100, 500))
def test_no_name_stands_on_another_nor_leaves_the_plot(seed, n, height):
    rng = np.random.default_rng(seed)
    x, y = rng.random(n) * 900, np.sort(rng.random(n))[::-1] * height
    texts = ["G" * int(k) for k in rng.integers(0, 12, n)]
    placed = labels.lift(texts, x, y, size=(900, height), most=40)
    boxes = []
    for label in placed:
        wide = len(texts[label.item]) * labels.LETTER
        left = (
            x[label.item]
            - {"center": wide / 2, "left": 3, "right": wide - 3}[label.align]
        )
        assert left >= -1e-9 and left + wide <= 900 + 1e-9
        assert y[label.item] < label.bottom <= height - labels.LINE + 0.5
        boxes.append((left, left + wide, label.bottom, label.bottom + labels.LINE))
    for i, one in enumerate(boxes):
        inside = (x > one[0]) & (x < one[1]) & (y > one[2]) & (y < one[3])
        assert not inside.any(), "a name on a point"
        for two in boxes[:i]:
            apart = one[0] >= two[1] or two[0] >= one[1]
            assert apart or one[2] >= two[3] or two[2] >= one[3]
    assert len(placed) <= 40 and all(texts[label.item] for label in placed)


def test_the_strongest_are_named_first():
    x = np.full(30, 450.0)
    placed = labels.lift(["A"] * 30, x, np.arange(300.0, 0, -10), size=(900, 340))
    assert placed[0].item == 0


@given(st.sets(st.integers(1, 26), min_size=1))
def test_chromosomes_stand_in_order_side_by_side(chroms):
    shown = genome.genome(chroms)
    starts = list(shown.starts.values())
    assert list(shown.starts) == sorted(shown.starts)
    assert (np.diff(starts) > 0).all() if len(starts) > 1 else starts == [0.0]
    autosomes = chroms & set(range(1, 23))
    if len(autosomes) >= 11:
        assert set(range(1, 23)) <= set(shown.starts)
    ends = shown.at(
        np.array(sorted(chroms)), np.array([1 for _ in chroms], dtype=np.int64)
    )
    assert np.isfinite(ends).all() and (ends <= shown.end).all()


# ---- QQ and region ---------------------------------------------------------------
def test_qq_draws_every_stratum_with_its_variants_and_lambda():
    rng = np.random.default_rng(0)
    log10p, af = rng.exponential(1 / np.log(10), 20_000), rng.random(20_000)
    table = qq(log10p, af)
    spec = spec_of(qq_plot(table, band(5000), lambdas(log10p)))
    svg = draws(spec)
    for stratum in set(table["stratum"]):
        assert stratum.split(" (")[0] in svg
    assert f"{lambdas(log10p)[0.5]:.3f}" in svg
    draws(spec_of(qq_plot(qq(log10p[:3]), band(3), lambdas(log10p[:3]))))


def region(n=500, *, r2=True):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "chrom": 22,
            "pos": np.sort(rng.integers(43_824_727, 44_824_727, n)),
            "id": [f"rs{i}" for i in range(n)],
            "log10p": rng.exponential(1, n),
            "beta": 0.1,
        }
    )
    if r2:
        table["r2"] = np.where(rng.random(n) < 0.2, np.nan, rng.random(n))
    return table


GENES = pd.DataFrame(
    {
        "gene": ["PNPLA3", "SAMM50", "PARVB", "EDGE"],
        "start": [44_319_619, 44_351_301, 44_395_091, 44_800_000],
        "end": [44_360_368, 44_392_412, 44_568_836, 45_900_000],
        "strand": ["+", "+", "+", "-"],
    }
)


@pytest.mark.parametrize("r2", [True, False])
@pytest.mark.parametrize("genes", [GENES, GENES.iloc[:0], GENES.drop(columns="strand")])
def test_a_region_shows_variants_lead_and_genes(r2, genes):
    table = region(r2=r2)
    span = (43_824_727, 44_824_727)
    chart = region_plot(
        table, genes, lead="rs7", span=span, threshold=LINE, title="PNPLA3"
    )
    spec = spec_of(chart)
    svg = draws(spec)
    assert ("r² with the lead" in svg) == r2
    assert all(gene in svg for gene in genes["gene"])
    scale_of(spec, "y")
    drawn = [row for row in rows_of(spec) if "lead" in row]
    assert {row["id"] for row in drawn if row["lead"]} == {"rs7"}


def test_a_crowded_region_keeps_its_strongest_variants():
    table = region(20_000)
    chart = region_plot(
        table,
        GENES,
        lead=table.loc[table["log10p"].idxmax(), "id"],
        span=(43_824_727, 44_824_727),
        threshold=LINE,
        title="",
    )
    drawn = {row["id"] for row in rows_of(spec_of(chart)) if "lead" in row}
    assert len(drawn) < 3200
    assert set(table.nlargest(1000, "log10p")["id"]) <= drawn


@given(st.integers(0, 1000), st.integers(0, 60))
def test_genes_in_a_row_do_not_meet(seed, n):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 900_000, n)
    genes = pd.DataFrame(
        {
            "gene": [f"G{i}" for i in range(n)],
            "start": start,
            "end": start + rng.integers(1, 200_000, n),
            "strand": "+",
        }
    )
    packed = pack(genes, (100_000, 800_000))
    for _, row in packed.groupby("row"):
        ordered = row.sort_values("start")
        assert (ordered["start"].iloc[1:].to_numpy() > ordered["end"].iloc[:-1]).all()
    assert len(packed) <= n
