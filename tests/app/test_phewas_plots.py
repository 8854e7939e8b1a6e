"""Plots of a PheWAS: who is drawn, where the lines are, names that do not meet."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from app.phewas.forest import forest, odds_of
from app.phewas.marks import DOWN, LABELLED, NEITHER, UP, Lines, named
from app.phewas.plots import NO_P, grouped, volcano
from app.plots import labels

GROUPS = [
    "IX Diseases of the circulatory system", "digestive", "endocrine/metabolic",
    "measurements", "a table's own name",
]  # fmt: skip
LINES = Lines(3.0, 2.0)


def rows(n: int, seed: int = 0) -> pd.DataFrame:
    """Rows of a PheWAS as they may be shown."""
    rng = np.random.default_rng(seed)
    beta, se = rng.normal(0, 0.2, n), rng.uniform(0.02, 0.2, n)
    odds = np.arange(n) % 4 > 0
    ends = {"or_": beta, "or_low": beta - 1.96 * se, "or_high": beta + 1.96 * se}
    # rounded by themselves, as in the table: not those of the effects beside them
    ratios = {k: np.where(odds, np.exp(v).round(1), np.nan) for k, v in ends.items()}
    return pd.DataFrame(
        {
            "outcome": [f"A{i:03d}" for i in range(n)],
            "name": [f"Disease number {i} of the list" for i in range(n)],
            "group": [GROUPS[i % len(GROUPS)] for i in range(n)],
            "vocabulary": np.where(odds, "icd10", ""),
            "kind": np.where(odds, "binary", "linear"),
            "n": pd.array(np.full(n, 500), "Int64"),
            "n_cases": pd.array(rng.integers(5, 90, n), "Int64"),
            "beta": beta,
            "se": se,
            "low": beta - 1.96 * se,
            "high": beta + 1.96 * se,
            **ratios,
            "log10p": rng.exponential(2, n),
            "tested": True,
            "circular": np.where(np.arange(n) == 1, "made the phenotype", ""),
        }
    )


def points(plot: Any) -> pd.DataFrame:
    """What is drawn as points, whole."""
    return next(
        pd.DataFrame(values)
        for values in plot.to_dict()["datasets"].values()
        if "direction" in values[0]
    )


def parts(plot: Any) -> list[dict[str, Any]]:
    """Every layer, nested ones too."""
    found, left = [], [plot.to_dict()]
    while left:
        one = left.pop()
        left += one.get("layer", [])
        found += [] if "layer" in one else [one]
    return found


def texts(plot: Any) -> list[str]:
    sets = plot.to_dict()["datasets"].values()
    return [row["label"] for values in sets for row in values if "label" in row]


@pytest.mark.parametrize("draw", [volcano, grouped])
def test_every_row_with_figures_is_drawn_once_and_can_be_picked(draw):
    table = rows(80)
    table.loc[3, ["beta", "log10p"]] = np.nan
    plot = draw(table, "A005", lines=LINES)
    shown = points(plot)
    assert sorted(shown["code"]) == sorted(set(table["outcome"]) - {"A003"})
    by = table.set_index("outcome").loc[shown["code"]]
    assert (shown["direction"] == np.where(by["beta"] >= 0, UP, DOWN)).all()
    assert shown.set_index("code")["marked"]["A001"]
    assert shown["marked"].sum() == 1
    picks = [p for p in plot.to_dict()["params"] if p["name"] == "pick"]
    assert picks and picks[0]["select"]["fields"] == ["code"]
    rings = [p for p in parts(plot) if "A005" in json.dumps(p.get("transform", ""))]
    assert len(rings) == 1
    assert vl_convert.vegalite_to_svg(plot.to_json()).startswith("<svg")


@pytest.mark.parametrize("draw", [volcano, grouped])
def test_lines_are_where_they_are_said_to_be(draw):
    sets = draw(rows(30), None, lines=LINES).to_dict()["datasets"].values()
    at = sorted(v[0]["at"] for v in sets if list(v[0]) == ["at"])
    assert at == [2.0, 3.0]
    sets = draw(rows(30), None, lines=Lines(3.0, None)).to_dict()["datasets"].values()
    assert [v[0]["at"] for v in sets if list(v[0]) == ["at"]] == [3.0]


@pytest.mark.parametrize("draw", [volcano, grouped])
def test_p_of_zero_stands_on_top_and_is_written(draw):
    table = rows(20)
    table.loc[7, "log10p"] = np.inf
    plot = draw(table, None, lines=LINES)
    shown = points(plot).set_index("code")
    assert shown["y"].idxmax() == "A007"
    assert shown.loc["A007", "p"] == NO_P
    assert "Infinity" not in plot.to_json() and "NaN" not in plot.to_json()
    table["log10p"] = np.inf
    assert np.isfinite(points(draw(table, None, lines=LINES))["y"]).all()


def test_groups_stand_apart_and_every_one_is_named_on_the_axis():
    plot = grouped(rows(50), None, lines=LINES)
    shown = points(plot)
    spans = shown.groupby("subject")["at"].agg(["min", "max"]).sort_values("min")
    assert (spans["min"].to_numpy()[1:] > spans["max"].to_numpy()[:-1]).all()
    assert shown["at"].between(0, 1).all()
    axis = next(p for p in parts(plot) if "shape" in p["encoding"])["encoding"]["x"]
    for subject in spans.index:
        assert subject.replace("'", "\\'") in axis["axis"]["labelExpr"]


def test_a_level_is_drawn_by_its_effect_and_the_whole_by_its_p():
    table = rows(6)
    table.loc[4, ["outcome", "kind"]] = ["centre", "multinomial"]
    table.loc[4, ["beta", "se", "low", "high"]] = np.nan
    table.loc[5, ["outcome", "kind", "tested"]] = ["centre#b", "multinomial", False]
    by_effect, by_group = (
        set(points(draw(table, None, lines=LINES))["code"])
        for draw in (volcano, grouped)
    )
    assert "centre#b" in by_effect - by_group
    assert "centre" in by_group - by_effect
    drawn = points(grouped(table, None, lines=LINES)).set_index("code")
    assert drawn.loc["centre", "direction"] == NEITHER


def test_only_codes_have_an_axis_of_odds():
    table = rows(40)
    titles = []
    for shown in (table, table[table["kind"] == "binary"]):
        drawn = parts(volcano(shown, None, lines=LINES))
        axis = next(part for part in drawn if "shape" in part["encoding"])
        titles.append(axis["encoding"]["x"]["title"])
    assert "log odds ratio" in titles[0] and titles[1].startswith("Odds ratio per SD")


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 60), st.integers(0, 9999))
def test_names_are_of_the_chosen_and_the_strongest_each_once(n, seed):
    table = rows(n, seed).rename(columns={"outcome": "code"})
    table["y"] = table["log10p"]
    table.loc[0, "name"] = table.loc[1, "name"]
    chosen = f"A{seed % n:03d}"
    at = named(table, chosen, 3.0)
    assert at[0] == seed % n
    assert len(at) <= LABELLED
    said = table["name"].iloc[at]
    assert said.is_unique
    assert (table["y"].iloc[at[1:]] >= 3.0).all()
    assert table["y"].iloc[at[1:]].is_monotonic_decreasing


def test_names_do_not_cover_points_or_each_other(monkeypatch):
    asked = []
    lift = labels.lift

    def spy(*args, **kwargs):
        asked.append((args, kwargs, lift(*args, **kwargs)))
        return asked[-1][2]

    monkeypatch.setattr(labels, "lift", spy)
    table = rows(300, 5)
    table["log10p"] *= 3
    plot = grouped(table, "A010", lines=LINES)
    (words, x, _), given_, placed = asked[0][0], asked[0][1], asked[0][2]
    assert 3 <= len(placed) == len(texts(plot))
    boxes = []
    for one in placed:
        wide = len(words[one.item]) * labels.LETTER
        shift = {"left": 0.0, "center": wide / 2, "right": wide}[one.align]
        boxes.append((x[one.item] - shift, x[one.item] - shift + wide, one.bottom))
    for i, (left, right, low) in enumerate(boxes):
        for other_left, other_right, other_low in boxes[i + 1 :]:
            apart = left > other_right - 4 or other_left > right - 4
            assert apart or abs(low - other_low) >= labels.LINE - 0.5
    assert given_["points"] is not None


# ---- forest ----------------------------------------------------------------------
def test_an_estimate_of_a_forest_can_be_picked():
    table = rows(6)
    plot = forest(table, None, odds=True)
    (pick,) = [p for p in plot.to_dict()["params"] if p["name"] == "pick"]
    assert pick["select"]["fields"] == ["code"]
    sent = [v for v in plot.to_dict()["datasets"].values() if "code" in v[0]]
    assert [row["code"] for row in sent[0]] == table["outcome"].tolist()


@pytest.mark.parametrize("odds", [True, False])
def test_a_forest_has_a_line_each_with_its_interval_written(odds):
    table = rows(12)
    table = table[odds_of(table) == odds]
    table.loc[table.index[1], "name"] = table["name"].iloc[0]
    plot = forest(table, table["outcome"].iloc[2], odds=odds)
    sets = plot.to_dict()["datasets"].values()
    drawn = next(pd.DataFrame(v) for v in sets if "text" in v[0])
    assert len(drawn) == len(table) == drawn["outcome"].nunique()
    for row, told in zip(table.itertuples(), drawn["text"], strict=True):
        ends = [row.or_, row.or_low, row.or_high] if odds else [
            row.beta, row.low, row.high
        ]  # fmt: skip
        said = f"{ends[0]:.2f} ({ends[1]:.2f} to {ends[2]:.2f})"
        assert told == said.replace("-", "−")
    assert drawn["chosen"].tolist() == [i == 2 for i in range(len(table))]
    assert vl_convert.vegalite_to_svg(plot.to_json()).startswith("<svg")


def test_a_vast_interval_does_not_hide_the_others():
    table = rows(8)
    table = table[odds_of(table)]
    table.loc[table.index[0], ["low", "high"]] = [-40.0, 40.0]
    table.loc[table.index[0], ["or_low", "or_high"]] = np.exp([-40.0, 40.0])
    sets = forest(table, None, odds=True).to_dict()["datasets"].values()
    drawn = next(pd.DataFrame(v) for v in sets if "text" in v[0])
    reach = 4 * table["beta"].abs().max()
    assert drawn["high"].max() <= reach + 1e-3
    assert drawn["text"].str.contains("(0.00 to 2e+17)", regex=False).any()
