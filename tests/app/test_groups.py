"""What of a drawn group may be told, held against the data by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from app import data
from app.groups import kept as groups
from app.groups import rules as group_rules
from app.groups.kept import Rule
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
