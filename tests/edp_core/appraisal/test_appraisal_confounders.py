import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from edp_core.appraisal.confounders import associations
from edp_core.errors import InputError


def _people(seed=0, n=300):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.normal(60, 8, n),
            "centre": rng.choice(["a", "b", "c", "d"], n),
            "sex": rng.choice(["F", "M"], n),
            "smoker": rng.random(n) < 0.2,
            "same": "only",
        }
    )
    values = 0.03 * table["age"] + 0.5 * (table["centre"] == "b") + rng.normal(size=n)
    return values.to_numpy(copy=True), table


def test_numbers_equal_scipy():
    y, table = _people()
    y[:5] = np.nan
    table.loc[3:9, "age"] = np.nan
    row = associations(y, table, ["age", "smoker"]).iloc[0]
    peer = stats.pearsonr(y[10:], table["age"][10:])
    assert row["column"] == "age" and row["n"] == 290
    assert row["r"] == pytest.approx(peer.statistic)
    assert row["r2"] == pytest.approx(peer.statistic**2)
    assert (row["low"], row["high"]) == pytest.approx(peer.confidence_interval())
    assert row["log10p"] == pytest.approx(-np.log10(peer.pvalue))


def test_categories_equal_the_regression_on_their_levels():
    y, table = _people(1)
    table["y"] = y
    table.loc[:4, "centre"] = None
    found = associations(y, table, ["centre", "sex"]).set_index("column")
    for name in ("centre", "sex"):
        fit = smf.ols(f"y ~ C({name})", table.dropna()).fit()
        if name == "sex":
            fit = smf.ols("y ~ C(sex)", table).fit()
        assert found.loc[name, "r2"] == pytest.approx(fit.rsquared)
        assert found.loc[name, "r"] == pytest.approx(np.sqrt(fit.rsquared))
        assert found.loc[name, "log10p"] == pytest.approx(-np.log10(fit.f_pvalue))
        assert found.loc[name, "n"] == fit.nobs
    by_number = stats.pearsonr(y, table["sex"] == "M").statistic
    assert found.loc["sex", "r"] == pytest.approx(abs(by_number))


def test_interval_of_a_category_puts_f_at_its_percentiles():
    y, table = _people(2)
    row = associations(y, table, ["centre"]).iloc[0]
    f = row["r2"] / (1 - row["r2"]) * 296 / 3
    assert row["low"] < row["r"] < row["high"]
    for bound, percentile in ((row["low"], 0.975), (row["high"], 0.025)):
        noncentrality = 300 * bound**2 / (1 - bound**2)
        assert stats.ncf.cdf(f, 3, 296, noncentrality) == pytest.approx(percentile)


def test_interval_of_a_category_covers():
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(4), 40)
    shift = np.array([0.0, 0.3, 0.6, 0.9])[group]
    truth = np.sqrt(shift.var() / (shift.var() + 1))
    table = pd.DataFrame({"group": group.astype(str)})
    found = pd.concat(
        associations(shift + rng.normal(size=160), table, ["group"]) for _ in range(400)
    )
    covered = np.mean((found["low"] <= truth) & (truth <= found["high"]))
    assert 0.92 <= covered <= 0.98


def test_large_samples_do_not_underflow():
    rng = np.random.default_rng(4)
    group = rng.integers(0, 3, 40_000)
    table = pd.DataFrame({"g": group.astype(str), "x": group.astype(float)})
    found = associations(group + rng.normal(size=40_000), table, ["g", "x"])
    assert (found["log10p"] > 3000).all() and np.isfinite(found["log10p"]).all()
    assert (found["low"] < found["r"]).all() and (found["high"] > found["r"]).all()
    exact = associations(group, table, ["g"]).iloc[0]
    assert exact["r"] == pytest.approx(1) and exact["low"] == exact["high"] == 1


def test_what_does_not_vary_has_no_association():
    y, table = _people(5)
    found = associations(y, table, ["same"]).iloc[0]
    assert found["n"] == 300 and np.isnan(found["r"])
    still = associations(np.full(300, 0.1), table, ["age", "centre"])
    assert still["r"].isna().all()
    none = associations(np.full(300, np.nan), table, ["age", "centre"])
    assert (none["n"] == 0).all() and none["r"].isna().all()
    assert list(associations(y, table, []).columns)[:2] == ["column", "r"]


def test_refuses():
    y, table = _people(6)
    with pytest.raises(InputError, match="no column 'bmi'"):
        associations(y, table, ["bmi"])
    with pytest.raises(InputError, match="do not meet 300 participants"):
        associations(y[1:], table, ["age"])
    y[:2] = np.inf
    with pytest.raises(InputError, match="2 values of the phenotype are infinite"):
        associations(y, table, ["age"])
