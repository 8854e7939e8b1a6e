"""Numbers of result files: every way to write one, and p below what a double holds."""

import math
from decimal import Decimal

import mpmath
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edp_core.gwas.incoming.numbers import (
    numbers,
    tail_of_p,
    tail_of_text,
    tail_of_z,
)

ODD = {
    "+1": 1.0, ".5": 0.5, "5.": 5.0, "1E-5": 1e-5, "1D-3": 1e-3, "1e400": math.inf,
    "inf": math.inf, "-Inf": -math.inf, "INFINITY": math.inf, " 7 ": 7.0, "-0": 0.0,
}  # fmt: skip
NONE = ["", "1,5", "0x1A", "abc", "1e", "e5", ".", "--1", "1 2", "٣", "1_000", "TRUE"]


def test_numbers_are_read_and_what_is_none_is_missing():
    np.testing.assert_array_equal(numbers(pa.array(list(ODD))), list(ODD.values()))
    assert np.isnan(numbers(pa.array([*NONE, None]))).all()


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.sampled_from("eEfgG"))
def test_numbers_are_those_python_reads(values, form):
    texts = [f"{v:.12{form}}" for v in values]
    np.testing.assert_array_equal(numbers(pa.array(texts)), [float(t) for t in texts])


@given(
    st.decimals(min_value="1e-9", max_value="9.999", places=9),
    st.integers(-2_000, -1),
    st.sampled_from(["e", "E", "d"]),
)
def test_log_p_of_text_is_that_of_exact_arithmetic(mantissa, exponent, letter):
    with mpmath.workdps(40):
        exact = -mpmath.log10(mpmath.mpf(str(mantissa))) - exponent
    found = tail_of_text(pa.array([f"{mantissa:f}{letter}{exponent}"]))[0]
    assert found == pytest.approx(float(exact), rel=1e-14, abs=1e-14)


@given(st.floats(1e-300, 1.0))
def test_log_p_of_text_and_of_the_number_agree(p):
    by_text = tail_of_text(pa.array([repr(p)]))[0]
    assert by_text == pytest.approx(tail_of_p(np.array([p]))[0], rel=1e-13, abs=1e-15)
    assert Decimal(repr(p)) > 0


def test_zero_has_an_infinite_one_and_what_is_no_p_has_none():
    assert np.isinf(tail_of_text(pa.array(["0", "0.00", "0e-400", ".0"]))).all()
    assert np.isnan(tail_of_text(pa.array(["-1e-400", "x", None, "1e-"]))).all()
    np.testing.assert_array_equal(
        tail_of_p(np.array([0, 1, 0.1, -0.1, 1.1, np.nan])),
        [math.inf, 0, 1, math.nan, math.nan, math.nan],
    )
    assert not np.signbit(tail_of_p(np.array([1.0])))[0]


@given(st.floats(-1e4, 1e4))
def test_tail_of_z_is_that_of_exact_arithmetic(z):
    with mpmath.workdps(30):
        exact = -mpmath.log10(mpmath.erfc(abs(mpmath.mpf(z)) / mpmath.sqrt(2)))
    assert tail_of_z(np.array([z]))[0] == pytest.approx(
        float(exact), rel=1e-9, abs=1e-12
    )
