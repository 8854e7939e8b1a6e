"""The live GWAS of *Phenotype*: it follows the controls, and says what it is."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from crawl import broke, counts, crawl, small, table_with, told
from hypothesis import given, settings
from hypothesis import strategies as st

from app.live import (
    choice as live_choice,
)
from app.live import (
    loci as live_loci,
)
from app.live import (
    rare as live_rare,
)
from app.live import (
    table as live_table,
)
from app.live.choice import COMPARED, Against
from app.live.loci import Shown
from app.live.runs import Asked, Panel
from edp_core.artifacts import read_inputs, reopen_genotypes
from edp_core.gwas.basis_files import read_basis
from edp_core.gwas.preview import align, preview
from edp_core.phenotype import evaluate
from edp_core.recipe import SPEC, AxisSpec
from edp_core.store import Store
from edp_core.study import load_study

PC = {"method": "Axis or PC"}


def titles(at):
    """The charts of a screen, with what they are drawn of."""
    seen = crawl(at)
    charts = json.dumps(seen.charts, ensure_ascii=False)
    return "\n".join([charts, *(frame.to_csv() for frame in seen.frames)])


def forget(study, *slots):
    """Take slots out of a study."""
    file = study / "store/refs.json"
    refs = json.loads(file.read_text())
    kept = {slot: key for slot, key in refs.items() if not slot.startswith(slots)}
    assert len(kept) < len(refs)
    file.write_text(json.dumps(kept))


# ---- what is shown -----------------------------------------------------------------
def test_the_manhattan_plot_stands_beside_the_controls(screen, done_study):
    at = screen("phenotype", done_study, **PC)
    assert not broke(at)
    assert not at.error
    seen = crawl(at)
    assert "now, preview, R² 1.0000" in titles(at), "an axis is linear in the axes"
    facts = next(m.value for m in at.markdown if m.value.startswith("**N**"))
    for part in ("variants", "loci", "λ", "R²"):
        assert f"**{part}**" in facts
    assert "QQ by allele frequency" in titles(at)
    basis = read_basis(Store(done_study / "store"), "liver", "mae")
    assert f"{len(basis.variants):,}" in facts
    everything = seen.everything + titles(at)
    assert not [eid for eid in basis.eids if eid in everything]
    assert not small(counts(seen))


def test_it_follows_recipe_and_covariates(screen, done_study):
    at = screen("phenotype", done_study, **PC)
    drawn = [titles(at)]
    at.number_input(key="pc").set_value(2).run()
    drawn.append(titles(at))
    at.multiselect(key="gwas_covariates").set_value(["age", "sex"]).run()
    drawn.append(titles(at))
    assert not broke(at)
    assert not at.error
    assert len(set(drawn)) == 3
    other = screen(
        "phenotype", done_study, **PC, pc="2", gwas_covariates=["age", "sex"]
    )
    assert titles(other) == drawn[2], "the link restores the view"


@pytest.mark.parametrize("kind", [kind for kind in COMPARED if kind != "pinned"])
def test_every_comparison_is_drawn_or_says_why_not(screen, done_study, kind):
    at = screen("phenotype", done_study, code="I10", pcs=["PC1"], compare=kind)
    assert not broke(at)
    assert not at.error
    lower = {
        "before": "before: nothing regressed out",
        "code": "linear model on 0 and 1",
        "column": "volume (mL), preview",
        "all axes": "F-test",
        "nothing": "no lower half",
    }
    both = lower[kind] in titles(at)
    waits = any("Exact pass" in text for text in crawl(at).texts)
    # so few people have fewer degrees of freedom than the embedding has axes
    refused = any("Not compared" in c.value for c in at.caption)
    assert both or waits or refused or kind == "nothing"
    assert both or kind != "before"
    if both:
        assert any("in both" in m.value for m in at.markdown)


def test_a_pinned_state_is_in_the_link(screen, done_study):
    at = screen("phenotype", done_study, **PC)
    at.button(key="pin_it").click().run()
    assert at.selectbox(key="compare").value == "pinned"
    token = at.text_input(key="pin").value
    at.number_input(key="pc").set_value(2).run()
    assert not broke(at)
    assert "pinned, preview" in titles(at)
    link = screen("phenotype", done_study, **PC, pc="2", pin=token, compare="pinned")
    assert titles(link) == titles(at)
    at.button(key="unpin").click().run()
    assert at.selectbox(key="compare").value == "before"


@pytest.mark.parametrize("token", ["x", "eJyrVkrOT0lVslIqSC1KVagFACrfBRs", "AAAA" * 50])
def test_a_link_with_no_pinned_state_is_harmless(screen, done_study, token):
    at = screen("phenotype", done_study, **PC, pin=token, compare="pinned")
    assert not broke(at)
    assert any("cannot be read" in c.value for c in at.caption)


def test_a_pinned_state_of_another_study_is_not_drawn(screen, done_study):
    spec = AxisSpec(name="score", population="everyone", cohort="0" * 16, organ="liver",
                    encoder="mae", embedding="0" * 16, of="axis", axis=1)  # fmt: skip
    ask = Asked(SPEC.dump_json(spec).decode(), "liver", "mae", ("age",))
    at = screen(
        "phenotype", done_study, **PC, pin=live_choice.packed(ask), compare="pinned"
    )
    assert not broke(at)
    assert any("Not compared" in c.value for c in at.caption)
    assert "pinned" not in titles(at)


# ---- without products ------------------------------------------------------------
def test_without_products_the_command_is_told_and_nothing_else_lacks(screen, own_study):
    forget(own_study, "basis")
    at = screen("phenotype", own_study, code="I10")
    assert not broke(at)
    assert not at.error
    assert table_with(crawl(at), "factor", "partial_r2").shape[0], "the radar opens"
    at = screen("phenotype", own_study, code="I10", look="GWAS")
    assert any("precompute gwas-basis" in code.value for code in at.code)
    assert "Live GWAS" not in [s.value for s in at.subheader]


def test_products_of_another_embedding_are_not_drawn(screen, own_study):
    file = own_study / "store/refs.json"
    refs = json.loads(file.read_text())
    refs["basis/liver/mae"] = refs["basis/kidney/mae"]
    file.write_text(json.dumps(refs))
    at = screen("phenotype", own_study, **PC)
    assert not broke(at)
    assert any("another embedding" in w.value for w in at.warning)
    assert any("precompute gwas-basis" in code.value for code in at.code)
    assert "now, " not in titles(at)


def test_an_error_of_the_score_hides_no_tab_that_needs_none(screen, done_study):
    bad = {"code": "I10", "method": "Island", "reach": "0.01"}
    at = screen("phenotype", done_study, **bad, look="Probes")
    assert not broke(at)
    assert at.error
    assert "shorter is" in told(at)
    for tab in ("GWAS", "Confounder radar", "Power"):
        at = screen("phenotype", done_study, **bad, look=tab)
        assert not broke(at)
        assert "There is no score" in told(at)


# ---- numbers ------------------------------------------------------------------------
def test_the_file_of_all_variants_is_the_regression_on_the_genotypes(done_study):
    study = load_study(done_study)
    store = Store(study.store_path)
    basis = read_basis(store, "liver", "mae")
    inputs = read_inputs(study, store, organ="liver", encoder="mae")
    spec = AxisSpec(
        name="x", population=study.population, cohort=store.ref("cohort"), axis=1,
        organ="liver", encoder="mae", embedding=store.ref("embedding/liver/mae"),
        of="axis",
    )  # fmt: skip
    score = evaluate(spec, inputs)
    values = align(basis, score.eids, score.values)
    found = preview(basis, values, covariates=["age", "sex"])
    raw = live_table.written(basis.variants, found, n=found.n)
    table = pd.read_csv(pd.io.common.BytesIO(gzip.decompress(raw)), sep=" ")
    assert set(table["EXTRA"]) == {f"PREVIEW_R2={found.r2:.4f}"}
    assert len(table) == np.isfinite(found.log10p).sum()
    opened = reopen_genotypes(study, store)
    some = table.sample(20, random_state=1)
    rows = basis.variants.set_index("id").loc[some["ID"], "row"].to_numpy()
    dosages = opened.genotypes.read(rows, opened.people_rows(basis.eids)).astype(float)
    held = [basis.covariates[:, basis.columns[name]] for name in ("age", "sex")]
    for dosage, row in zip(dosages, some.itertuples(), strict=True):
        dosage = np.where(np.isnan(dosage), np.nanmean(dosage), dosage)
        design = np.column_stack([np.ones(len(values)), dosage, *held])
        beta, rss = np.linalg.lstsq(design, values, rcond=None)[:2]
        inverse = np.linalg.inv(design.T @ design)
        se = np.sqrt(rss[0] / (len(values) - design.shape[1]) * inverse[1, 1])
        assert pytest.approx(beta[1], rel=2e-4, abs=1e-6 * abs(se)) == row.BETA
        assert pytest.approx(se, rel=2e-4) == row.SE
        assert pytest.approx(dosage.mean() / 2, abs=2e-5) == row.A1FREQ


def test_a_code_of_few_cases_tells_nothing_of_rare_variants():
    af = np.array([0.01, 0.12, 0.5, 0.88, 0.99])
    flags = np.r_[np.ones(100), np.zeros(900), np.nan]
    # 2 · 0.12 · 100 = 24 copies expected among the cases
    expected = [True, False, False, False, True]
    np.testing.assert_array_equal(live_rare.too_rare(af, flags), expected)
    np.testing.assert_array_equal(live_rare.too_rare(af, 1 - flags), expected)


def test_a_column_of_two_values_is_treated_as_a_code():
    flags = np.r_[np.ones(100), np.zeros(900), np.nan]
    np.testing.assert_array_equal(live_rare.flags_of(1 + 2 * flags), flags)
    assert live_rare.flags_of(np.r_[flags, 0.5]) is None
    af = np.array([0.01, 0.12, 0.88, 0.99])
    for column in (flags, 1 - flags, 5 * flags - 2):
        rare = live_rare.untold(af, column, fewest=20)
        assert rare.tolist() == [True, False, False, True]


def test_an_allele_that_few_with_a_value_carry_is_not_told():
    column = np.r_[np.linspace(-1, 1, 200), np.full(1800, np.nan)]
    af = np.array([0.03, 0.05, 0.95, 0.97])  # 120 copies of all; 12 of those 200
    rare = live_rare.untold(af, column, fewest=20)
    assert rare.tolist() == [True, False, False, True]
    everybody = np.linspace(-1, 1, 2000)
    assert not live_rare.untold(af, everybody, fewest=200).any()


# ---- loci ---------------------------------------------------------------------------
def panel(places, *, exact=True):
    """A GWAS with loci at some places of chromosome 1, in Mb."""
    pos = np.array(sorted(places), np.int64) * 1_000_000
    size = len(pos)
    loci = pd.DataFrame(
        {
            "locus": np.arange(size), "chrom": np.ones(size, np.int8),
            "start": pos - 1000, "end": pos + 1000, "lead": np.arange(size),
            "lead_pos": pos, "log10p": np.linspace(8, 20, size),
            "n_variants": np.full(size, 3), "id": [f"rs{p}" for p in pos],
            "effect_allele": ["A"] * size, "other_allele": ["G"] * size,
            "af": np.full(size, 0.3), "gene": [f"G{p // 1_000_000}" for p in pos],
        }
    )  # fmt: skip
    empty = SimpleNamespace(points=pd.DataFrame(), extents=pd.DataFrame())
    return Panel(empty, loci, 1000, 1.0 if exact else 0.9, exact, 0, 10, 1.0)


def test_no_inflation_is_told_of_no_variant():
    assert live_loci.inflation(panel([1])) == "1.000"
    assert live_loci.inflation(replace(panel([1]), inflation=np.nan)) == "—"


places = st.sets(st.integers(1, 200).map(lambda n: 2 * n), max_size=12)


@settings(deadline=None, max_examples=25)
@given(places, places)
def test_every_locus_is_gained_lost_or_in_both(now, before):
    ask = Asked("", "liver", "mae", ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_loci.figures, "least", lambda: 5)
        shown = Shown(ask, panel(now), Against("before", ask, "b"), panel(before))
        table = live_loci.listed(shown)
        words = live_loci.in_words(shown)
    found = {
        state: {int(gene[1:]) for gene in part["gene"]}
        for state, part in table.groupby("state")
    }
    assert found.get("gained", set()) == now - before
    assert found.get("lost", set()) == before - now
    assert found.get("in both", set()) == now & before
    assert f"**{len(now - before)} gained**" in words
    assert f"**{len(before - now)} lost**" in words


def test_a_baseline_is_not_compared_before_it_is_exact():
    ask = Asked("", "liver", "mae", ())
    for exact in (False, True):
        against = Against("column", ask, "volume", measured=True)
        shown = Shown(ask, panel({2}), against, panel({4}, exact=exact))
        assert live_loci.comparable(shown) is exact


@given(st.floats(0, 1))
def test_r2_is_never_rounded_up_to_one(r2):
    said = live_loci.share(r2)
    assert (float(said) < 1) or r2 > 0.99995
    assert abs(float(said) - r2) <= 5.1e-4


@given(st.sets(st.sampled_from(["age", "sex", "bmi", "pc1"])), st.integers(1, 300))
def test_a_pinned_state_comes_back(covariates, axis):
    spec = AxisSpec(name="score", population="everyone", cohort="c" * 16, axis=axis,
                    organ="liver", encoder="mae", embedding="e" * 16,
                    of="axis")  # fmt: skip
    recipe = SPEC.dump_json(spec).decode()
    ask = Asked(recipe, "liver", "mae", tuple(sorted(covariates)))
    token = live_choice.packed(ask)
    assert live_choice.unpacked(token) == (spec, ask.covariates)
    assert len(token) < 600
