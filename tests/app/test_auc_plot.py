"""AUC–pval plot: what it draws, how it is coloured, and labels that stay apart."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from app import chapters
from app.plots import auc_plot
from app.plots.charts import HEIGHT


def scan() -> pd.DataFrame:
    """A disclosed scan: one code was not tested, one is hidden."""
    return pd.DataFrame(
        {
            "code": ["I10", "K760", "K746", "E119", "drugs:x"],
            "name": ["a", "b", "c", "d", "x"],
            "chapter": ["IX x", "XI " + "y" * 90, "XI " + "y" * 90, "IV z", "drugs"],
            "n_cases": pd.array([27, 120, 8, pd.NA, 40], dtype="Int64"),
            "n_controls": pd.array([82, 480, 592, pd.NA, 500], dtype="Int64"),
            "auc": [0.55, 0.94, np.nan, np.nan, 0.4],
            "auc_low": [0.4, 0.9, np.nan, np.nan, 0.3],
            "auc_high": [0.7, 0.97, np.nan, np.nan, 0.5],
            "log10p": [0.2, 40.0, np.nan, np.nan, 2.0],
            "baseline_auc": [0.5, 0.6, np.nan, np.nan, 0.5],
            "reason": ["", "", "fewer than 20 cases", "", ""],
        }
    )


def plot(code=None, table=None, **more):
    """The specification, validated by altair."""
    given_one = scan() if table is None else table
    drawn = auc_plot.auc_plot(given_one, code, **{"n_tested": 3} | more)
    return json.loads(drawn.to_json())


def points(spec):
    """The layer of the points."""
    return next(la for la in spec["layer"] if "color" in la.get("encoding", {}))


def rows_of(spec):
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.parametrize("code", ["K760", "K746", None, 'quote"d'])
@pytest.mark.parametrize("rows", [5, 1, 0])
def test_it_is_vega_lite_that_draws(code, rows):
    text = json.dumps(plot(code, scan().iloc[:rows]))
    assert "NaN" not in text
    svg = vl_convert.vegalite_to_svg(text)
    assert svg.startswith("<svg") and "NaN" not in svg


def test_hidden_and_untested_codes_are_not_sent():
    rows = rows_of(plot("K746", related=("digestive",), baseline="age + sex"))
    assert {r["code"] for r in rows if "code" in r} == {"I10", "K760", "drugs:x"}
    assert {r["label"] for r in rows if "label" in r} <= {"I10", "K760"}
    assert not {"eid", "iid", "index", "restricted"} & {k for r in rows for k in r}


def test_the_line_is_bonferroni_over_the_codes_that_were_tested():
    for n_tested in (3, 1000):
        lines = [row["at"] for row in rows_of(plot(n_tested=n_tested)) if "at" in row]
        assert min(abs(np.array(lines) + np.log10(0.05 / n_tested))) < 1e-9


def test_a_click_picks_the_code_and_the_legend_a_chapter():
    params = {p["name"]: p for p in plot()["params"]}
    assert params["pick"]["select"]["fields"] == ["code"]
    assert params["chapter"]["select"]["fields"] == ["subject"]
    assert params["chapter"]["bind"] == "legend"


def test_a_chapter_keeps_its_colour_whatever_stands_beside_it():
    whole, part = plot(), plot(table=scan().iloc[:2])
    for channel, look in (("color", "colour"), ("shape", "sign")):
        for spec in (whole, part):
            scale = points(spec)["encoding"][channel]["scale"]
            subjects = [chapters.SUBJECTS.get(n) for n in scale["domain"]]
            for found, subject in zip(scale["range"], subjects, strict=True):
                assert subject is None or found == getattr(subject, look)
    domain = points(whole)["encoding"]["color"]["scale"]["domain"]
    assert domain == ["circulatory", "digestive", "drugs"]


def test_one_chapter_alone_has_no_legend():
    assert points(plot(table=scan().iloc[4:]))["encoding"]["color"]["legend"] is None
    assert points(plot())["encoding"]["color"]["legend"] is not None


def test_the_organ_s_chapters_are_larger():
    spec = plot(related=("digestive",))
    rows = {r["code"]: r for r in rows_of(spec) if "code" in r}
    assert rows["K760"]["related"] and not rows["I10"]["related"]
    scale = points(spec)["encoding"]["size"]["scale"]
    assert scale["domain"] == [True, False]
    assert scale["range"][0] > scale["range"][1]


def test_the_baseline_is_called_what_it_is():
    titles = [t["title"] for t in points(plot(baseline="sex"))["encoding"]["tooltip"]]
    assert "AUC of sex" in titles
    plain = [t["title"] for t in points(plot())["encoding"]["tooltip"]]
    assert not any("AUC of" in title for title in plain)


def test_more_codes_than_altair_takes_by_itself():
    many = pd.concat([scan().iloc[[0]]] * 6000).assign(
        code=[f"A{i}" for i in range(6000)], auc=0.6
    )
    assert len(rows_of(plot(table=many))) > 6000


CODES = st.lists(
    st.tuples(st.floats(0.41, 1), st.floats(0, 50), st.integers(1, 12)),
    min_size=1,
    max_size=40,
)


@given(found=CODES, chosen=st.integers(0, 50), most=st.integers(1, 12))
def test_labels_lie_on_no_other_and_on_no_point(found, chosen, most):
    shown = pd.DataFrame(
        [(f"{i:0{width}}", auc, p) for i, (auc, p, width) in enumerate(found)],
        columns=["code", "auc", "log10p"],
    ).drop_duplicates("code")
    code = str(shown["code"].iloc[chosen]) if chosen < len(shown) else None
    ends = (0.4, 1.08 * max(3.0, shown["log10p"].max()))
    labels = auc_plot.place(shown, code, ends=ends, most=most)
    assert len(labels) <= most + 1
    assert labels["chosen"].sum() == (code is not None), "the chosen one is named"
    boxes = []
    for row in labels.itertuples():
        x = (row.auc - 0.4) / 0.6 * auc_plot.WIDTH
        y = row.log10p / ends[1] * HEIGHT
        box = auc_plot.SIDES[row.side].box(x, y, 7.0 * len(row.label))
        free = [one for one in boxes if apart(one, box)]
        assert row.chosen or len(free) == len(boxes)
        boxes.append(box)
        inside = [
            box[0] < (auc - 0.4) / 0.6 * auc_plot.WIDTH < box[1]
            and box[2] < p / ends[1] * HEIGHT < box[3]
            for auc, p in zip(shown["auc"], shown["log10p"], strict=True)
        ]
        assert row.chosen or not any(inside)


def apart(one, other):
    """Whether two boxes (left, right, bottom, top) do not meet."""
    return (
        one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2]
        or other[3] <= one[2]
    )  # fmt: skip


def test_labels_name_the_strongest_and_none_below_chance():
    shown = pd.DataFrame(
        {"code": list("abcd"), "auc": [0.9, 0.8, 0.45, 0.6], "log10p": [30, 20, 40, 1]}
    )
    labels = auc_plot.place(shown, None, ends=(0.4, 50), most=2)
    assert list(labels["label"]) == ["a", "b"]
    assert list(auc_plot.place(shown, "c", ends=(0.4, 50), most=1)["label"]) == [
        "c", "a",
    ]  # fmt: skip
