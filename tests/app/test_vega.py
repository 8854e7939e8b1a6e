"""Charts sent unchecked are the charts Altair would have checked and sent."""

from __future__ import annotations

import json

import altair as alt
import pandas as pd
import pytest
from crawl import crawl
from jsonschema import ValidationError

from app.plots.vega import spec_of


def valid(spec: dict) -> None:
    """Vega-Lite's own schema takes the chart; data named outside are no matter."""
    told = {k: v for k, v in spec.items() if k != "datasets"}
    kind = alt.LayerChart if "layer" in told else alt.Chart
    kind.from_dict(told, validate=True)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("diseases", {"code": "I10"}),
        ("clusters", {"cluster": "1", "code": "I10"}),
        ("phenotype", {"code": "I10", "look": "Confounder radar"}),
        ("phenotype", {"code": "I10", "look": "GWAS"}),
        ("phenotype", {"code": "I10", "look": "Power"}),
    ],
    ids=str,
)
def test_every_chart_of_a_screen_is_vega_lite(screen, done_study, name, query):
    drawn = crawl(screen(name, done_study, **query)).charts
    assert drawn
    for spec in drawn:
        valid(spec)


def test_the_check_finds_what_is_wrong():
    spec = spec_of(alt.Chart(pd.DataFrame({"a": [1]})).mark_point().encode(x="a:Q"))
    valid(json.loads(json.dumps({k: v for k, v in spec.items() if k != "datasets"})))
    spec["encoding"]["x"]["scale"] = {"zero": "perhaps"}
    with pytest.raises(ValidationError):
        valid(spec)


def test_tables_are_named_by_their_order_and_sent_once():
    one, two = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [3]})
    base = alt.Chart(one).encode(x=alt.X("a:Q"))
    chart = base.mark_point() + base.mark_rule() + alt.Chart(two).mark_rule()
    spec = spec_of(chart)
    assert set(spec["datasets"]) == {"table0", "table1"}
    assert {id(t) for t in spec["datasets"].values()} == {id(one), id(two)}
    again = alt.Chart(one.copy()).mark_point().encode(x=alt.X("a:Q"))
    first = alt.Chart(one).mark_point().encode(x=alt.X("a:Q"))
    bare = [
        {k: v for k, v in spec_of(chart).items() if k != "datasets"}
        for chart in (first, again)
    ]
    assert bare[0] == bare[1], "other data do not make another chart"
