"""Percentage–pval plot: lines, signs of chapters, labels that do not meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from app import chapters
from app.plots.auc_plot import SIDES, WIDTH
from app.plots.charts import HEIGHT
from app.plots.percentage_plot import percentage_plot, place

CHAPTERS = [
    "IX Diseases of the circulatory system", "XI Diseases of the digestive system",
    "IV Endocrine, nutritional and metabolic diseases", "medications",
]  # fmt: skip


def codes(n: int, seed: int = 0) -> pd.DataFrame:
    """Disclosed codes of one cluster."""
    rng = np.random.default_rng(seed)
    both, size, cases = rng.integers(5, 90, n), 200, 400
    return pd.DataFrame(
        {
            "cluster": 3,
            "code": [f"A{i:03d}" for i in range(n)],
            "name": "a name",
            "chapter": [CHAPTERS[i % len(CHAPTERS)] for i in range(n)],
            "n_cluster": size,
            "n_cases": cases,
            "n_both": pd.array(both, dtype="Int64"),
            "share_of_cluster": both / size,
            "share_of_cases": both / cases,
            "odds_ratio": np.exp(rng.normal(size=n)),
            "adjusted_or": np.where(rng.random(n) < 0.5, np.nan, 1.2),
            "log10p": rng.exponential(3, n),
        }
    )


def layers(plot: Any) -> list[dict[str, Any]]:
    """Every layer of a plot, nested ones too."""
    found, left = [], [plot.to_dict()]
    while left:
        one = left.pop()
        left += one.get("layer", [])
        found += [] if "layer" in one else [one]
    return found


def rules(plot: Any) -> list[float]:
    """Where horizontal lines are drawn."""
    sets = plot.to_dict()["datasets"]
    names = [
        one["data"]["name"] for one in layers(plot) if one["mark"]["type"] == "rule"
    ]
    return sorted(sets[name][0]["at"] for name in names)


def test_lines_stand_at_p_and_at_q_where_any_code_gets_there():
    table = codes(40)
    p = -np.log10(0.05)
    assert rules(percentage_plot(table, None, share="share_of_cases")) == [p]
    plot = percentage_plot(table, "A001", share="share_of_cases", q_line=4.5)
    assert rules(plot) == [p, 4.5]
    tall = percentage_plot(table, None, share="share_of_cases", q_line=500.0)
    y = next(one for one in layers(tall) if "shape" in one["encoding"])["encoding"]["y"]
    assert y["scale"]["domain"][1] > 500, "the line is within the plot"


def test_chapters_look_as_on_every_screen_and_depleted_codes_are_hollow():
    plot = percentage_plot(codes(40), None, share="share_of_cluster")
    drawn = next(one for one in layers(plot) if "shape" in one["encoding"])["encoding"]
    for name, colour, sign in zip(
        drawn["fill"]["scale"]["domain"],
        drawn["fill"]["scale"]["range"],
        drawn["shape"]["scale"]["range"],
        strict=True,
    ):
        subject = next(
            chapters.subject(one)
            for one in CHAPTERS
            if chapters.subject(one).name == name
        )
        assert (colour, sign) == (subject.colour, subject.sign)
    svg = vl_convert.vegalite_to_svg(plot.to_json())
    table = codes(40)
    hollow = int((table["odds_ratio"] < 1).sum())
    assert 0 < hollow < 40
    assert svg.count('fill-opacity="0"') == hollow


@pytest.mark.parametrize("n", [0, 1, 600])
def test_few_and_many_codes_are_drawn(n):
    plot = percentage_plot(codes(n), "A000", share="share_of_cluster", q_line=2.0)
    assert "NaN" not in vl_convert.vegalite_to_svg(plot.to_json())


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 10_000))
def test_labels_lie_over_nothing(n, seed):
    shown = codes(n, seed).assign(percentage=lambda t: 100 * t["share_of_cluster"])
    ends = 1.08 * shown["percentage"].max(), 1.08 * max(shown["log10p"].max(), 1.3)
    labels = place(shown, "A000", ends=ends)
    assert labels["chosen"].sum() <= 1
    scale = np.array([WIDTH / ends[0], HEIGHT / ends[1]])
    points = shown[["percentage", "log10p"]].to_numpy() * scale
    boxes = []
    for row in labels.itertuples():
        x, y = np.array([row.percentage, row.log10p]) * scale
        box = SIDES[row.side].box(x, y, 7.0 * len(row.label))
        left, right, low, high = box
        over = (points > [left, low]) & (points < [right, high])
        assert not over.all(axis=1).any()
        assert left >= 0
        assert right <= WIDTH
        for other in boxes:
            assert (
                right <= other[0] or other[1] <= left
                or high <= other[2] or other[3] <= low
            )  # fmt: skip
        boxes.append(box)


def test_the_chosen_one_is_not_named_over_other_points():
    x, y = np.meshgrid(np.linspace(0.5, 99.5, 60), np.linspace(1.4, 9.9, 60))
    shown = pd.DataFrame({"percentage": x.ravel(), "log10p": y.ravel()})
    shown["code"] = [f"A{i:04d}" for i in range(len(shown))]
    assert place(shown, "A1830", ends=(100.0, 10.0)).empty, "points all around"
    alone = place(shown[shown["code"] == "A1830"], "A1830", ends=(100.0, 10.0))
    assert alone["chosen"].tolist() == [True]
