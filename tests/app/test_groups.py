"""What of a drawn group may be told, held against the data by brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app import data, maps
from app.groups import kept as groups
from app.groups import panel as group_panel
from app.groups import rules as group_rules
from app.groups.kept import Asked, Looked, Rule
from app.state import Choice
from edp_core.errors import InputError, MissingArtifactError
from edp_core.inputs import group_key
from edp_core.outline import Polygon

CHOICE = Choice("liver", "mae", "I10", 0, "icd10-3")


@pytest.fixture
def study(own_study, monkeypatch):
    """A study without groups."""
    monkeypatch.setenv("EDP_STUDY", str(own_study))
    return own_study


@pytest.fixture
def inputs(study):
    return data.inputs("liver", "mae")


def left_of(inputs, count, **changes):
    """Rule of the ``count`` people furthest left on the map."""
    x = np.sort(np.asarray(inputs.umap, float)[:, 0])
    edge = (x[count - 1] + x[count]) / 2
    return rule([(-99, -99), (edge, -99), (edge, 99), (-99, 99)], **changes)


def rule(vertices, *, on=None, **changes):
    atlas = data.store().ref("atlas/liver/mae")
    return Rule("liver", "mae", atlas, Polygon(vertices=vertices, **changes), on)


def accepted(inputs, counts):
    """The first group of so many people that may be told, and its size."""
    for count in counts:
        try:
            return groups.look(left_of(inputs, count)), count
        except groups.TooNear:
            continue
    pytest.fail("no group may be told")


# ---- lit on the map ----------------------------------------------------------------
@pytest.mark.parametrize("colour", ["cluster", "code"])
def test_groups_that_leave_somebody_out_are_lit_only_where_it_is_told(
    inputs, monkeypatch, colour
):
    whole, n = accepted(inputs, range(20, 60))
    shown = maps.the_map(CHOICE, colour)

    def lit(**changes):
        asked = Asked(0, left_of(inputs, n, on="I10", **changes), "")
        monkeypatch.setattr(
            group_panel, "current", lambda _: Looked(asked, whole.members)
        )
        return group_panel.lit(CHOICE, colour)(shown)

    assert lit() is not None
    assert lit(coloured_by="code", only="cases") is None
    assert lit(coloured_by="code", only="controls") is None
    # a map of clusters tells them; one whose points are moved does not
    assert (lit(without=(1,)) is None) == (colour == "code")


# ---- size --------------------------------------------------------------------------
def test_a_group_is_told_with_its_members_and_remembered(inputs):
    found, n = accepted(inputs, range(20, 60))
    x = np.asarray(inputs.umap)[:, 0]
    np.testing.assert_array_equal(found.members, x <= np.sort(x)[n - 1])
    assert found.n == n
    assert found.share == n / len(x)
    everyone = groups.of_everybody(found.asked.rule)
    assert found.asked.key == group_key(inputs.eids, everyone)
    np.testing.assert_array_equal(np.flatnonzero(everyone), inputs.seen[found.members])
    assert groups.store().asked(found.asked.rule.atlas) == [found.asked]
    assert groups.look(found.asked.rule).asked == found.asked


@pytest.mark.parametrize("count", [1, 4])
def test_few_inside_or_outside_are_not_told(inputs, count):
    with pytest.raises(InputError, match="Fewer than 5 people lie inside"):
        groups.look(left_of(inputs, count))
    with pytest.raises(InputError, match="Fewer than 5 people lie outside"):
        groups.look(left_of(inputs, len(inputs.seen) - count))
    assert groups.store().asked(data.store().ref("atlas/liver/mae")) == []


def test_nobody_inside_is_said(inputs):
    with pytest.raises(InputError, match="Nobody lies inside"):
        groups.look(rule([(200, 200), (201, 200), (201, 201)]))


def test_groups_that_few_people_tell_apart_are_not_both_told(inputs):
    first, n = accepted(inputs, range(20, 60))
    for count in (n - 4, n - 1, n + 1, n + 4):
        with pytest.raises(groups.TooNear, match="a group drawn before") as caught:
            groups.look(left_of(inputs, count))
        assert caught.value.known == first.asked
    assert accepted(inputs, range(n + 5, 80))[1] >= n + 5
    # and of a group that was removed
    entry = groups.store().add("a", first.asked, first.n)
    groups.store().remove(entry)
    with pytest.raises(groups.TooNear, match="a group drawn before"):
        groups.look(left_of(inputs, n + 2))


def test_a_cluster_without_a_few_is_not_told(inputs):
    """Left out by hiding clusters, the rest is one cluster, and a border cuts it."""
    labels = np.asarray(inputs.clusters)
    number = int(np.argmax(np.bincount(labels)))
    others = tuple(int(i) for i in range(labels.max() + 1) if i != number)
    x = np.sort(np.asarray(inputs.umap, float)[labels == number, 0])
    edge = float((x[2] + x[3]) / 2)
    box = [(edge, -99), (99, -99), (99, 99), (edge, 99)]
    with pytest.raises(groups.TooNear, match=f"cluster {number}"):
        groups.look(rule(box, without=others))
    whole = groups.look(rule([(-99, -99), (99, -99), (99, 99), (-99, 99)],
                             without=others))  # fmt: skip
    np.testing.assert_array_equal(whole.members, labels == number)


def test_cases_alone_do_not_tell_who_of_two_outlines_has_the_code(inputs):
    """An outline around all but one person, of cases alone, is refused whoever it is.

    Held against other groups of cases alone it would be told for each person without
    the code, and refused for each person with it.
    """
    places = np.asarray(inputs.umap, float)
    ill = inputs.phenome.cases("I10")[inputs.seen]
    how = {"on": "I10", "only": "cases", "coloured_by": "code"}
    whole = [(-99, -99), (99, -99), (99, 99), (-99, 99)]
    assert groups.look(rule(whole, **how)).n == ill.sum()
    for person in (*np.flatnonzero(ill)[:4], *np.flatnonzero(~ill)[:4]):
        x, y = places[person]
        # a slit from the left edge to a small box around them
        slit = [(-99, y), (x - 1e-3, y), (x - 1e-3, y + 1e-3), (x + 1e-3, y + 1e-3),
                (x + 1e-3, y - 1e-3), (x - 1e-3, y - 1e-3), (x - 1e-3, y - 2e-4),
                (-99, y - 2e-4)]  # fmt: skip
        with pytest.raises(InputError, match="Fewer than 5 people lie outside"):
            groups.look(rule([*whole, *slit], **how))
    asked = groups.store().asked(data.store().ref("atlas/liver/mae"))
    assert {one.rule.outline.only for one in asked} == {"everybody", "cases"}


def test_cases_alone_are_told_where_the_count_of_the_code_is(inputs):
    """And not where the table of everybody inside hides it."""
    labels = np.asarray(inputs.clusters)
    box = [(-99, -99), (99, -99), (99, 99), (-99, 99)]
    told = 0
    for number in range(labels.max() + 1):
        others = tuple(int(i) for i in range(labels.max() + 1) if i != number)
        table = groups.codes(groups.look(rule(box, without=others)))
        count = table.set_index("code")["n_both"].get("I10")
        part = rule(box, on="I10", only="cases", coloured_by="code", without=others)
        if count is None or pd.isna(count):
            with pytest.raises(InputError, match="may not be told"):
                groups.look(part)
        else:
            assert groups.look(part).n == count
            told += 1
    assert told


# ---- rules -------------------------------------------------------------------------
def test_what_is_hidden_in_the_legend_is_left_out(inputs):
    box = {"polygon": [[-99, -99], [99, -99], [99, 99], [-99, 99]], "tool": "box"}
    sizes = np.bincount(inputs.clusters)
    read = group_rules.read(CHOICE, box | {"hidden": ["0", "1"]})
    assert read.outline.without == (0, 1)
    assert groups.look(read).n == sizes[2:].sum()
    ill = inputs.phenome.cases("I10")[inputs.seen]
    for hidden, n in (("control", ill.sum()), ("case", (~ill).sum())):
        drawn = box | {"hidden": [hidden], "colour": "code", "code": "I10"}
        found = groups.look(group_rules.read(CHOICE, drawn))
        assert found.n == n
        assert found.asked.rule.drawn_on == "I10"
    aged = group_rules.read(CHOICE, box | {"colour": "age_years"})
    assert aged.outline.coloured_by == "age_years"
    assert aged.drawn_on is None


TRIANGLE = [[0, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        ({"polygon": [[0, i] for i in range(10_000)]}, "10,000 vertices"),
        ({"polygon": [[0, 0], [1, float("nan")], [1, 1]]}, "1 of 3 vertices"),
        ({"polygon": [[0, 0], [1e-9, 0], [0, 1e-9]]}, "fewer than three vertices"),
        ({"polygon": "<script>"}, "not a list"),
        ({}, "not a list"),
        ("<script>", "cannot be read"),
        ({"polygon": TRIANGLE, "hidden": "01"}, "cannot be read"),
        ({"polygon": TRIANGLE, "hidden": ["999"]}, "no such cluster"),
        ({"polygon": TRIANGLE, "colour": "eid"}, "no such colour"),
        ({"polygon": TRIANGLE, "colour": "sex", "hidden": ["F"]}, "cannot leave out"),
        ({"polygon": TRIANGLE, "colour": "code", "hidden": ["case", "control"]},
         "cannot leave out"),
    ],
)  # fmt: skip
def test_whatever_is_sent_is_told_where_it_is_no_outline(study, drawn, said):
    with pytest.raises(InputError, match=said) as caught:
        group_rules.read(CHOICE, drawn)
    assert caught.value.hint
    assert "<script>" not in str(caught.value)


def test_a_group_of_another_map_is_not_used(inputs):
    found, _ = accepted(inputs, range(20, 60))
    groups.store().add("old", found.asked, found.n)
    [entry] = groups.entries(CHOICE)
    assert groups.entries(CHOICE, outdated=True) == []
    outdated = Rule("liver", "mae", "0" * 16, found.asked.rule.outline)
    groups.store().add("older", groups.store().ask(outdated, "0" * 16), 12)
    assert [group.name for group in groups.entries(CHOICE)] == ["old"]
    assert [g.name for g in groups.entries(CHOICE, outdated=True)] == ["older"]
    with pytest.raises(MissingArtifactError, match="is no more"):
        groups.members(outdated)
    with pytest.raises(MissingArtifactError, match="drawn on liver"):
        groups.members(entry, Choice("kidney", "mae", None, 0))
