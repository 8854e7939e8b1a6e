"""Controls of traits some of whose cases lie in the exclusion set and some do not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.nested import coarse_controls

T = 5


@settings(max_examples=60, deadline=None)
@given(
    st.integers(120, 400),
    st.integers(6, 40),
    st.tuples(st.integers(1, T - 1), st.integers(5, 30)),
    st.booleans(),
)
def test_controls_do_not_count_cases_on_one_side_of_the_set(total, size, sides, few_in):
    """A of few cases outside S, or few inside, beside a trait that lies within S."""
    few, many = sides
    inside, outside = (few, many) if few_in else (many, few)
    size, cases = max(size, inside), few + many

    def published(s, out):
        controls = [total - s, total - s - out]
        return coarse_controls(
            np.array([6, cases]), np.array(controls),
            in_set=np.array([6, cases - out]), total=total, threshold=T,
        ).tolist()  # fmt: skip

    seen = published(size, outside)
    assert seen[1] % (2 * T) == 0 and seen[1] <= total - cases
    ways = range(1, cases)  # not 0 and not all, which are no small counts
    alone = {
        o for o in ways for s in range(cases - o, total - cases)
        if published(s, o)[1] == seen[1]
    }  # fmt: skip
    assert alone == set(ways), "by itself it says nothing"
    if not few_in:
        beside = {
            o for o in ways for s in range(max(6, cases - o), total - cases)
            if published(s, o) == seen
        }  # fmt: skip
        assert beside > {outside}, "whoever knows S to 2t values has several left"


def test_controls_of_a_trait_half_in_its_set():
    found = coarse_controls(
        np.array([30, 30, 30]), np.array([163, 133, 160]),
        in_set=np.array([30, 0, 27]), total=200, threshold=T,
    )  # fmt: skip
    assert found.tolist() == [160, 130, 160], "not 157, of which 3 could be read"
    most = coarse_controls(
        np.array([4]), np.array([96]), in_set=np.array([2]), total=100, threshold=T
    )
    assert most.tolist() == [90], "not 96, which says that all others are controls"
