"""Charts are valid Vega-Lite, name their axes, and hold only what was disclosed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert

from app.plots import charts
from app.plots.percentage_plot import percentage_plot


def enrichment() -> pd.DataFrame:
    """A disclosed table of one cluster: two cells are hidden."""
    return pd.DataFrame(
        {
            "cluster": 0,
            "code": ["I10", "K760", "K746", "E119"],
            "name": ["a", "b", "c", "d"],
            "chapter": ["IX x", "XI y", "XI y", "IV z"],
            "n_cluster": 100,
            "n_cases": [27, 120, 8, 9],
            "n_both": pd.array([7, 60, pd.NA, pd.NA], dtype="Int64"),
            "share_of_cluster": [0.07, 0.6, np.nan, np.nan],
            "share_of_cases": [0.26, 0.5, np.nan, np.nan],
            "odds_ratio": [0.8, 12.0, np.nan, np.nan],
            "log10p": [0.1, 20.0, np.nan, np.nan],
        }
    )


def bar_table(*groups: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "left": [0.0, 1.0] * len(groups),
            "right": [1.0, 2.0] * len(groups),
            "count": [5, 9] * len(groups),
            "density": [0.4, 0.6] * len(groups),
            "group": np.repeat(groups, 2),
        }
    )


def correlations() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "column": ["age", "sex"],
            "r": [0.2, np.nan],
            "low": [0.1, np.nan],
            "high": [0.3, np.nan],
            "n": pd.array([600, pd.NA], dtype="Int64"),
        }
    )


LOSS = pd.DataFrame({"epoch": [1, 2], "loss": [0.9, 0.5]})
RATES = np.array([0, 0.3, 1.0])
ALL: dict[str, Any] = {
    "percentage": lambda: percentage_plot(
        enrichment(), "I10", share="share_of_cluster"
    ),
    "percentage of cases": lambda: percentage_plot(
        enrichment(), None, share="share_of_cases"
    ),
    "percentage, all hidden": lambda: percentage_plot(
        enrichment().iloc[2:], "K746", share="share_of_cluster"
    ),
    "one group": lambda: charts.bars(bar_table("all"), x_title="Score"),
    "two groups": lambda: charts.bars(bar_table("a", "b"), x_title="Score"),
    "no bars": lambda: charts.bars(bar_table("a").iloc[:0], x_title="Score"),
    "roc": lambda: charts.roc_plot(RATES, RATES**0.5),
    "intervals": lambda: charts.intervals(correlations()),
    "loss": lambda: charts.loss_plot(LOSS),
}


def encodings(node: Any) -> list[dict[str, Any]]:
    """Every encoding of a specification."""
    if isinstance(node, list):
        return [found for item in node for found in encodings(item)]
    if not isinstance(node, dict):
        return []
    here = [node["encoding"]] if "encoding" in node else []
    return here + [e for value in node.values() for e in encodings(value)]


def rows_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Every row of data a specification carries."""
    return [row for rows in spec.get("datasets", {}).values() for row in rows]


@pytest.mark.parametrize("name", ALL)
def test_it_is_vega_lite_that_draws(name):
    text = ALL[name]().to_json()  # altair validates against the schema
    spec = json.loads(text)
    assert "vega-lite" in spec["$schema"]
    assert "NaN" not in text
    svg = vl_convert.vegalite_to_svg(text)
    assert svg.startswith("<svg")
    assert "NaN" not in svg


@pytest.mark.parametrize("name", ALL)
def test_every_axis_of_numbers_has_a_title(name):
    spec = ALL[name]().to_dict()
    titled = {axis: False for axis in ("x", "y")}
    for encoding in encodings(spec):
        for axis in titled:
            channel = encoding.get(axis, {})
            titled[axis] |= bool(channel.get("title")) or (
                channel.get("type") == "nominal"
            )
    assert all(titled.values()), titled


@pytest.mark.parametrize("name", ALL)
def test_no_column_of_ids_is_sent(name):
    for row in rows_of(ALL[name]().to_dict()):
        assert not {"eid", "iid", "fid", "participant", "index"} & {
            key.lower() for key in row
        }


def test_hidden_rows_are_not_sent():
    for share in ("share_of_cluster", "share_of_cases"):
        plot = percentage_plot(enrichment(), "K746", share=share)
        rows = rows_of(plot.to_dict())
        assert {row["code"] for row in rows if "code" in row} == {"I10", "K760"}


def test_points_can_be_picked_by_code():
    for plot in (ALL["percentage"](),):
        spec = plot.to_dict()
        picks = [p for p in spec["params"] if p.get("name") == "pick"]
        assert len(picks) == 1
        assert picks[0]["select"]["fields"] == ["code"]


def test_percentages_are_percent_and_depletion_is_told_from_enrichment():
    rows = rows_of(ALL["percentage"]().to_dict())
    found = {row["code"]: row for row in rows if "code" in row}
    assert found["K760"]["percentage"] == pytest.approx(60)
    assert found["K760"]["direction"] == "enriched"
    assert found["I10"]["direction"] == "depleted"
