"""Tables of relatives, read strictly; families as scipy finds connected components."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from edp_core.errors import InputError
from edp_core.people.relatedness import (
    families,
    parse_relatedness,
    read_relatedness,
)

UKB = "ID1 ID2 HetHet IBS0 Kinship\n"


@given(
    st.integers(2, 40).flatmap(
        lambda n: st.lists(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60
        )
    )
)
def test_families_are_connected_components(edges):
    edges = [(a, b) for a, b in edges if a != b]
    named = [(f"p{a}", f"p{b}") for a, b in edges]
    found = families(named)
    assert set(found) == {person for pair in named for person in pair}
    if not edges:
        return
    rows, columns = np.array(edges).T
    n = int(max(rows.max(), columns.max())) + 1
    _, label = connected_components(
        coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n)), directed=False
    )
    for one in found:
        for two in found:
            together = label[int(one[1:])] == label[int(two[1:])]
            assert (found[one] == found[two]) == together
        family = [p for p in found if label[int(p[1:])] == label[int(one[1:])]]
        assert found[one] == min(family)


def test_a_long_chain_is_one_family():
    pairs = [(f"{i:06d}", f"{i + 1:06d}") for i in range(20_000)]
    rng = np.random.default_rng(0)
    found = families([pairs[i] for i in rng.permutation(len(pairs))])
    assert set(found.values()) == {"000000"}


def test_the_key_does_not_depend_on_the_order_of_the_table():
    one = parse_relatedness(UKB + "5 3 0.1 0 0.25\n3 9 0.1 0 0.05\n")
    two = parse_relatedness("ID2,Kinship,ID1\r\n9,0.0500,3\r\n\r\n3,2.5e-1,5\r\n")
    assert one.pairs == two.pairs == (("3", "5"), ("3", "9"))
    assert one.key == two.key
    assert one.key != parse_relatedness(UKB + "5 3 0.1 0 0.25\n").key


def test_the_third_degree_counts_and_more_distant_pairs_do_not():
    text = UKB + "1 2 0 0 0.0442\n3 4 0 0 0.0441\n5 6 0 0 -0.3\n7 7 0 0 0.5\n"
    found = parse_relatedness(text)
    assert found.pairs == (("1", "2"),)
    assert (found.n_rows, found.n_distant, found.n_self) == (4, 2, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("eid1 eid2 kin\n1 2 0.3\n", "no column ID1, ID2, Kinship"),
        ("ID1,ID2\n1,2\n", "no column Kinship"),
        ("ID1 ID1 ID2 Kinship\n1 1 2 0.3\n", "ID1"),
        (UKB + "1 2 0.1 0\n", "Line 2 .* has 4 cells instead of 5"),
        (UKB + "1 2 0.1 0 0.3\n\n1 3 0 0 high\n", "Line 4 .* no kinship"),
        (UKB + "1 2 0.1 0 nan\n", "Line 2"),
        (UKB + "1 2 0.1 0 1_0\n", "Line 2"),
        (UKB + "1 2 0.1 0 12\n", "at most 0.5"),
        ("ID1,ID2,Kinship\n,2,0.3\n", "empty id"),
    ],
)
def test_malformed_tables_are_named_without_ids(text, said):
    with pytest.raises(InputError, match=said) as caught:
        parse_relatedness(text)
    assert caught.value.hint


def test_a_file_that_is_none_is_told(tmp_path):
    with pytest.raises(InputError, match=r"rel\.dat cannot be read"):
        read_relatedness(tmp_path / "rel.dat")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="cannot be read"):
        read_relatedness(tmp_path / "bytes")
    (tmp_path / "good").write_text("\ufeff" + UKB + "1 2 0 0 0.3\n")
    assert read_relatedness(tmp_path / "good").pairs == (("1", "2"),)
