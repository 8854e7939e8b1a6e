"""Counts that leave: none small, none to be worked out; and the grouping of traits."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edp_core.export import counts, regenie, rules, runs
from edp_core.export.counts import HIDDEN, Ledger
from edp_core.export.runs import MAX_MISSING, group_traits
from edp_core.people import samples


@pytest.mark.parametrize("module", [counts, regenie, rules, runs, samples])
def test_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 60), max_size=20), st.integers(1, 12))
def test_shown_counts_differ_by_none_or_many(
    numbers: list[int], threshold: int
) -> None:
    ledger = Ledger(threshold)
    shown = [ledger.show(n) for n in numbers]
    exact = [n for n in shown if isinstance(n, int) and n]
    assert all(n >= threshold for n in exact)
    assert all(abs(a - b) >= threshold for a in exact for b in exact if a != b)
    for n, text in zip(numbers, shown, strict=True):
        if isinstance(text, str) and text.startswith("about"):
            assert abs(int(text.split()[1]) - n) <= threshold


@given(st.integers(1, 60), st.data(), st.integers(1, 12))
def test_parts_of_a_total(total: int, data: st.DataObject, threshold: int) -> None:
    cases = data.draw(st.integers(0, total))
    small = any(1 <= n < threshold for n in (cases, total - cases))
    for before in (0, total + 1):
        ledger = Ledger(threshold)
        ledger.show(before)
        known = [isinstance(n, int) for n in ledger.split(total, cases).values()]
        # two of the three give the third away
        assert not small or sum(known) <= 1
        assert known[0] or not (known[1] and known[2])


def test_figures() -> None:
    ledger = Ledger(5)
    ledger.show(998)
    told = ledger.figures(
        {"n": 1000, "n_cases": 203, "n_controls": 797, "auc": np.float64(1) / 3,
         "prevalence": 0.203, "p": np.nan, "folds": 3, "log10p": 3.0, "ok": True,
         "text": "x", "steps": [0.5, 0.25], "sizes": {"a": 997}}
    )  # fmt: skip
    assert told == {
        "n": "about 1000", "n_cases": 203, "n_controls": "about 800", "auc": 0.3333333,
        "prevalence": HIDDEN, "p": None, "folds": 3, "log10p": 3.0, "ok": True,
        "text": "x", "steps": [0.5, 0.25], "sizes": HIDDEN,
    }  # fmt: skip
    small = Ledger(5).figures({"n": 1000, "n_cases": 3, "n_controls": 997, "auc": 0.9})
    assert small == {
        "n": "about 1000", "n_cases": "<5", "n_controls": "about 1000", "auc": HIDDEN,
    }  # fmt: skip
    clear = {"n": 1000, "n_cases": 200, "n_controls": 800, "sizes": [20, 30]}
    assert Ledger(5).figures(clear) == clear


masks = st.integers(1, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.booleans(), min_size=30, max_size=30).map(
            lambda m: np.array([True, *m])
        ),
        min_size=k, max_size=k,
    )
)  # fmt: skip


@given(masks)
def test_groups_miss_little(known: list[np.ndarray]) -> None:
    traits = {f"t{i}": mask for i, mask in enumerate(known)}
    groups = group_traits(traits)
    assert sorted(name for group in groups for name in group) == sorted(traits)
    for group in groups:
        rows = np.logical_or.reduce([traits[name] for name in group])
        for name in group:
            assert 1 - traits[name].sum() / rows.sum() < MAX_MISSING


def one_by_one(known: dict[str, np.ndarray], limit: float) -> list[tuple[str, ...]]:
    """The rule as it is written down, each trait held against every group."""
    order = {name: i for i, name in enumerate(known)}
    groups: list[list[str]] = []
    for name in sorted(known, key=lambda n: (-int(known[n].sum()), order[n])):
        for group in groups:
            held = [known[other] for other in [*group, name]]
            rows = int(np.logical_or.reduce(held).sum())
            if all(rows - int(values.sum()) < limit * rows for values in held):
                group.append(name)
                break
        else:
            groups.append([name])
    ordered = [tuple(sorted(group, key=order.__getitem__)) for group in groups]
    return sorted(ordered, key=lambda group: order[group[0]])


@given(st.data())
def test_traits_of_one_pattern_are_grouped_as_one_by_one(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    row = st.lists(st.booleans(), min_size=n, max_size=n)
    patterns = data.draw(st.lists(row, min_size=1, max_size=5))
    picked = data.draw(st.lists(st.sampled_from(patterns), min_size=1, max_size=12))
    known = {f"t{i}": np.array([True, *values]) for i, values in enumerate(picked)}
    limit = data.draw(st.sampled_from([0.15, 0.3, 0.5]))
    assert group_traits(known, limit=limit) == one_by_one(known, limit)
