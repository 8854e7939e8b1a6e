import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from edp_core.appraisal.radar import COLUMNS, confounder_radar, radar_factors
from edp_core.errors import InputError
from edp_core.scoring.adjust import design_matrix
from edp_core.stats.regression import residualise


def _people(seed=0, n=400):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "eid": np.arange(n).astype(str),
            "age_years": rng.normal(60, 8, n),
            "sex": rng.choice(["F", "M"], n),
            "centre": rng.choice(["a", "b", "c"], n),
            "pc2": rng.normal(size=n),
            "pc1": rng.normal(size=n),
            "liver_ml": rng.normal(1500, 200, n),
        }
    )
    table["bmi"] = 20 + 0.1 * table["age_years"] + rng.normal(0, 3, n)
    y = 0.1 * table["bmi"] + 0.4 * (table["centre"] == "b") + rng.normal(size=n)
    return y.to_numpy(copy=True), table


def _factors(table):
    return radar_factors(table, volumes={"liver_ml": "images/liver"})


def test_factors_are_what_the_table_has():
    _, table = _people()
    assert _factors(table) == {
        "age": ("age_years",), "sex": ("sex",), "BMI": ("bmi",), "centre": ("centre",),
        "genetic PCs": ("pc1", "pc2"), "liver volume": ("liver_ml",),
    }  # fmt: skip
    assert radar_factors(table[["eid"]]) == {}


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_regressions_of_statsmodels(seed):
    y, table = _people(seed)
    y[:7] = np.nan
    factors = _factors(table)
    found = confounder_radar(y, table, factors).set_index("factor")
    frame = table.assign(y=y)[7:]
    terms = {
        name: " + ".join(f"C({c})" if c in ("sex", "centre") else c for c in columns)
        for name, columns in factors.items()
    }
    full = smf.ols("y ~ " + " + ".join(terms.values()), frame).fit()
    assert (found["n"] == 393).all() and (found["reason"] == "").all()
    for name in factors:
        rest = " + ".join(text for other, text in terms.items() if other != name)
        less = smf.ols("y ~ " + rest, frame).fit()
        f, p, df = full.compare_f_test(less)
        row = found.loc[name]
        assert row["df"] == df and row["n_known"] == 393
        assert row["partial_r2"] == pytest.approx(1 - full.ssr / less.ssr, rel=1e-9)
        assert row["partial_log10p"] == pytest.approx(-np.log10(p), rel=1e-7)
        for bound, level in (("low", 0.975), ("high", 0.025)):
            share = row[f"partial_{bound}"]
            nc = 393 * share / (1 - share)
            below = stats.ncf.cdf(f, df, full.df_resid, nc)
            # a bound of 0 stands where even no noncentrality puts F above
            assert below == pytest.approx(level, abs=1e-6) or (
                share == 0 and below < level
            )
        alone = smf.ols("y ~ " + terms[name], frame).fit()
        assert row["marginal_r2"] == pytest.approx(alone.rsquared, rel=1e-9)
        assert row["marginal_log10p"] == pytest.approx(-np.log10(alone.f_pvalue))


def test_missing_cells_stay_with_an_indicator():
    y, table = _people(5)
    table.loc[:30, "bmi"] = np.nan
    found = confounder_radar(y, table, _factors(table)).set_index("factor")
    assert (found["n"] == 400).all()
    assert found.loc["BMI", "n_known"] == 369 and found.loc["BMI", "df"] == 2
    others = design_matrix(
        table, ["age_years", "sex", "centre", "pc1", "pc2", "liver_ml"]
    )
    own = design_matrix(table, ["bmi"])
    less, _ = residualise(y, others)
    full, _ = residualise(y, np.column_stack([others, own]))
    assert found.loc["BMI", "partial_r2"] == pytest.approx(
        1 - (full @ full) / (less @ less)
    )


def test_collinear_factors_have_a_reason_and_no_share():
    y, table = _people(6)
    table["born"] = 2020 - table["age_years"]
    factors = _factors(table) | {"birth": ("born",), "twice": ("pc1", "born")}
    found = confounder_radar(y, table, factors).set_index("factor")
    assert found.loc["birth", "reason"] == (
        "collinear with age_years: nothing is its own"
    )
    assert found.loc["age", "reason"] == "collinear with born: nothing is its own"
    assert np.isnan(found.loc[["age", "birth", "twice"], "partial_r2"]).all()
    assert found.loc["age", "marginal_r2"] == pytest.approx(
        found.loc["birth", "marginal_r2"]
    )
    assert found.loc["BMI", "reason"] == "" and found.loc["BMI", "partial_r2"] > 0
    plain = confounder_radar(y, table, _factors(table)).set_index("factor")
    assert found.loc["BMI", "partial_r2"] == pytest.approx(
        plain.loc["BMI", "partial_r2"]
    )
    table["same"] = 1.0
    table["pc3"] = table["pc1"] - table["pc2"]
    own = confounder_radar(y, table, {"none": ("same",), "PCs": ("pc1", "pc2", "pc3")})
    assert own["reason"].tolist() == [
        "it does not vary among the participants",
        "1 of its 3 columns are collinear with each other",
    ]
    assert own["df"].tolist() == [0, 2] and own["partial_r2"].notna().tolist() == [0, 1]


def test_before_and_after_stand_side_by_side():
    y, table = _people(7)
    factors = _factors(table)
    design = design_matrix(table, ["bmi", "centre"])
    after, _ = residualise(y, design)
    after[:3] = np.nan
    found = confounder_radar(after, table, factors, before=y)
    assert list(found.columns) == list(COLUMNS)
    assert found["score"].tolist() == ["before", "after"] * len(factors)
    assert (found["n"] == 397).all()
    pairs = found.pivot(index="factor", columns="score", values="marginal_r2")
    assert pairs.loc["BMI", "before"] > 0.05 and pairs.loc["BMI", "after"] < 1e-3
    y[:3] = np.nan
    alone = confounder_radar(y, table, factors)
    np.testing.assert_allclose(
        found.loc[found["score"] == "before", "partial_r2"], alone["partial_r2"]
    )


def test_units_and_order_of_participants_do_not_matter():
    y, table = _people(8)
    factors = _factors(table)
    found = confounder_radar(y, table, factors)
    order = np.random.default_rng(0).permutation(len(y))
    other = table.assign(liver_ml=table["liver_ml"] * 1e-6 + 5).iloc[order]
    again = confounder_radar(3 - 1e5 * y[order], other, factors)
    pd.testing.assert_frame_equal(found, again, rtol=1e-6)


def test_under_the_null_p_is_uniform_and_large_effects_do_not_underflow():
    _, table = _people(9, n=150)
    rng = np.random.default_rng(10)
    p = np.concatenate(
        [
            10
            ** -confounder_radar(rng.normal(size=150), table, _factors(table))[
                "partial_log10p"
            ]
            for _ in range(150)
        ]
    )
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    _, many = _people(11, n=20_000)
    far = confounder_radar(
        many["age_years"] + rng.normal(size=20_000), many, {"age": ("age_years",)}
    ).iloc[0]
    assert far["partial_log10p"] > 3000 and far["partial_low"] < far["partial_r2"]
    exact = confounder_radar(2 * many["bmi"], many, {"BMI": ("bmi",)}).iloc[0]
    assert exact["partial_r2"] == pytest.approx(1, abs=1e-12)


def test_the_adjusted_share_lies_within_its_interval_and_r2_need_not():
    outside = 0
    for seed in range(30):
        _, table = _people(seed, n=40)
        y = np.random.default_rng(1000 + seed).normal(size=len(table))
        found = confounder_radar(y, table, _factors(table)).dropna(
            subset=["partial_r2"]
        )
        adjusted = found["partial_adjusted_r2"]
        assert (adjusted >= found["partial_low"]).all()
        assert (adjusted <= found["partial_high"] + 1e-12).all()
        assert (adjusted <= found["partial_r2"]).all()
        outside += (found["partial_r2"] > found["partial_high"]).sum()
    assert outside > 0, "why the point drawn is the adjusted one"


def test_the_adjusted_share_is_that_of_statsmodels_for_one_factor():
    y, table = _people(3)
    row = confounder_radar(y, table, {"age": ("age_years",)}).iloc[0]
    fit = smf.ols("y ~ age_years", table.assign(y=y)).fit()
    known = table["age_years"].notna().all()
    assert known and row["partial_adjusted_r2"] == pytest.approx(
        max(0.0, fit.rsquared_adj), rel=1e-9
    )


def test_margins():
    y, table = _people(12)
    factors = _factors(table)
    still = confounder_radar(np.full(400, 0.1), table, factors)
    assert set(still["reason"]) == {"the score does not vary"}
    assert still[["partial_r2", "marginal_r2"]].isna().all(axis=None)
    none = confounder_radar(np.full(400, np.nan), table, factors)
    assert (none["n"] == 0).all() and (none["reason"] != "").all()
    few = np.full(400, np.nan)
    few[:6] = y[:6]
    short = confounder_radar(few, table, factors)
    assert short["partial_r2"].isna().all() and (short["reason"] != "").all()
    assert confounder_radar(y, table, {}).empty


def test_refuses():
    y, table = _people(13)
    with pytest.raises(InputError, match="no column 'x'"):
        confounder_radar(y, table, {"x": ("x",)})
    with pytest.raises(InputError, match="do not meet 400 participants"):
        confounder_radar(y[1:], table, _factors(table))
    y[:2] = np.inf
    with pytest.raises(InputError, match="2 values of the phenotype are infinite"):
        confounder_radar(y, table, _factors(table))
