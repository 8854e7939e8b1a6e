"""λ and QQ beside SciPy, mpmath and simulation."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edp_core.errors import InputError
from edp_core.gwas.inflation import band, chi2_of, lambdas, qq, smallest_stratum


def test_chi2_is_scipys_and_goes_on_where_p_underflows():
    log10p = np.r_[0.0, 1e-9, np.linspace(0.01, 300, 400)]
    np.testing.assert_allclose(
        chi2_of(log10p), stats.chi2.isf(10**-log10p, 1), rtol=1e-9, atol=1e-15
    )
    mpmath.mp.dps = 30
    for value in (500.0, 20_000.0):
        z = mpmath.sqrt(mpmath.mpf(float(chi2_of(value))))
        assert float(-mpmath.log10(mpmath.erfc(z / mpmath.sqrt(2)))) == (
            pytest.approx(value, rel=1e-12)
        )


@given(st.integers(0, 2**32 - 1), st.integers(1, 3000), st.floats(0.5, 3))
def test_lambda_is_the_ratio_of_quantiles(seed, count, inflation):
    rng = np.random.default_rng(seed)
    chi2 = inflation * rng.chisquare(1, count)
    log10p = -np.log10(stats.chi2.sf(chi2, 1))
    found = lambdas(np.r_[log10p, np.nan])
    for at, value in found.items():
        if count * at < 1:
            assert np.isnan(value)
        else:
            expected = np.quantile(chi2, 1 - at) / stats.chi2.isf(at, 1)
            assert value == pytest.approx(expected, rel=1e-7)


def test_lambda_is_what_chi2_was_multiplied_with():
    quantiles = stats.chi2.isf((np.arange(100_000) + 0.5) / 100_000, 1)
    for factor in (1.0, 1.3):
        found = lambdas(-stats.chi2.logsf(factor * quantiles, 1) / np.log(10))
        assert found[0.5] == pytest.approx(factor, rel=1e-4)
        assert found[0.001] == pytest.approx(factor, rel=1e-2)
    assert np.isnan(lambdas([])[0.5])
    with pytest.raises(InputError, match=r"0\.5, 1\.5"):
        lambdas([1.0], at=(0.5, 1.5))


def test_qq_keeps_order_tail_and_every_stratum():
    rng = np.random.default_rng(1)
    log10p = rng.exponential(1 / np.log(10), 40_000)
    log10p[:50] += 30
    log10p[100:110] = np.nan
    af = rng.beta(0.5, 0.5, 40_000)
    table = qq(log10p, af)
    maf = np.minimum(af, 1 - af)
    assert table["stratum"].nunique() == 4
    assert sum(part["n"].iloc[0] for _, part in table.groupby("stratum")) == 39_990
    edges = np.quantile(maf[~np.isnan(log10p)], [0, 0.25, 0.5, 0.75, 1])
    for k, (label, part) in enumerate(table.groupby("stratum", sort=False)):
        n = part["n"].iloc[0]
        members = log10p[
            (maf > (edges[k] if k else -1)) & (maf <= edges[k + 1]) & ~np.isnan(log10p)
        ]
        assert n == len(members) and f"({n:,} variants)" in label
        assert len(part) <= 500
        full = np.sort(members)[::-1]
        rank = np.round(10 ** -part["expected"] * n + 0.5).astype(int)
        np.testing.assert_array_equal(part["observed"], full[rank - 1])
        assert rank.tolist()[:100] == list(range(1, 101)) and rank.iloc[-1] == n
        # no gap on the expected axis is wide enough to be seen
        assert np.diff(part["expected"].iloc[99:]).min() > -0.02


def test_qq_without_frequencies_or_with_some_missing():
    log10p = np.array([1.0, 2.0, 3.0, np.nan])
    table = qq(log10p)
    assert table["stratum"].unique().tolist() == ["All (3 variants)"]
    np.testing.assert_allclose(table["expected"], -np.log10([0.5 / 3, 0.5, 2.5 / 3]))
    some = qq(log10p, np.array([0.1, np.nan, 0.1, 0.2]))
    assert some["stratum"].unique().tolist() == [
        "MAF 0.1–0.1 (2 variants)",
        "MAF not known (1 variants)",
    ]
    assert len(qq(np.array([np.nan]), np.array([0.1]))) == 0
    with pytest.raises(InputError, match="1 allele frequencies"):
        qq(log10p, np.array([0.1, 1.2, 0.1, 0.2]))
    with pytest.raises(InputError, match="one frequency for every p"):
        qq(log10p, np.array([0.1]))


def test_the_band_holds_its_share_of_chance():
    n = 800
    rng = np.random.default_rng(2)
    draws = np.sort(-np.log10(rng.random((2000, n))), axis=1)[:, ::-1]
    table = band(n)
    rank = np.round(10 ** -table["expected"] * n + 0.5).astype(int).to_numpy()
    inside = (draws[:, rank - 1] >= table["low"].to_numpy()) & (
        draws[:, rank - 1] <= table["high"].to_numpy()
    )
    share = inside.mean(axis=0)
    # 2,000 draws: standard error 0.005 at each rank
    assert abs(share.mean() - 0.95) < 0.005
    assert share.min() > 0.925 and share.max() < 0.975


def test_the_band_is_scipys_and_holds_at_ten_million():
    table = band(10_000_000)
    assert np.isfinite(table.to_numpy()).all()
    first = table.iloc[0]
    for column, share in (("high", 0.025), ("low", 0.975)):
        assert first[column] == pytest.approx(
            -np.log10(-np.expm1(np.log1p(-share) / 1e7)), rel=1e-9
        )
    assert (table["low"] <= table["expected"]).all()
    assert (table["high"] >= table["expected"]).all()
    with pytest.raises(InputError, match="no p"):
        band(0)


def test_the_band_is_of_one_stratum():
    """By chance 5 % of a stratum's points lie beyond it, and not a third."""
    rng = np.random.default_rng(4)
    n, beyond = 4000, []
    for _ in range(60):
        table = qq(-np.log10(rng.uniform(size=n)), rng.uniform(0.01, 0.5, n))
        drawn = band(smallest_stratum(table)).sort_values("expected")
        low, high = (
            np.interp(table["expected"], drawn["expected"], drawn[side])
            for side in ("low", "high")
        )
        observed = table["observed"]
        beyond.append(((observed < low) | (observed > high)).mean())
    assert 0.03 < np.mean(beyond) < 0.07


def test_a_few_of_unknown_frequency_do_not_set_the_band():
    rng = np.random.default_rng(5)
    frequency = np.r_[rng.uniform(0.01, 0.5, 400), [np.nan] * 3]
    table = qq(rng.exponential(size=403), frequency)
    assert smallest_stratum(table) == 100
    assert smallest_stratum(table.iloc[:0]) == 1
    assert smallest_stratum(qq([1.0, 2.0])) == 2
