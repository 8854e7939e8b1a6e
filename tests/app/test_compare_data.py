"""What the screen Compare may tell of planes, pairs and people elsewhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from app import data, recipes
from app.compare import (
    data as compare_data,
)
from app.compare import (
    people as compare_people,
)
from app.compare import (
    picks as compare_picks,
)
from app.compare.people import POOLED, Who
from app.compare.picks import Pick
from app.groups import kept as groups
from app.groups.kept import Rule
from app.state import Choice
from edp_core.crossed import hide_crossed
from edp_core.errors import InputError
from edp_core.outline import Polygon

LIVER, KIDNEY = Choice("liver", "mae", "I10", 0), Choice("kidney", "mae", "I10", 0)
FEW = range(1, 5)


@pytest.fixture(autouse=True)
def study(monkeypatch, done_study):
    monkeypatch.setenv(data.STUDY_VARIABLE, str(done_study))
    return data.study()


def pick(spec, name="x"):
    return Pick(name, spec, data.phenotype(spec))


@pytest.fixture
def chosen():
    return [
        pick(recipes.component(LIVER, 1), "liver PC1"),
        pick(recipes.component(KIDNEY, 1), "kidney PC1"),
        pick(recipes.classifier(LIVER, "I10"), "classifier"),
        pick(recipes.column("bmi"), "bmi"),
        pick(recipes.code_itself("I10"), "I10"),
    ]


@pytest.mark.parametrize("ranked", [False, True])
def test_correlations_are_those_of_the_scores(chosen, ranked):
    table, order = compare_data.correlations(chosen, ranked=ranked, held_fixed=False)
    assert sorted(order) == sorted(p.name for p in chosen)
    assert len(table) == 10
    values = {p.name: p.score.values for p in chosen}
    peer = scipy.stats.spearmanr if ranked else scipy.stats.pearsonr
    for row in table.itertuples():
        x, y = values[row.first], values[row.second]
        both = np.isfinite(x) & np.isfinite(y)
        assert row.r == pytest.approx(peer(x[both], y[both]).statistic, abs=6e-4)
        assert row.low <= row.r <= row.high


def test_held_fixed_a_factor_has_no_correlation_of_its_own(chosen):
    plain, _ = compare_data.correlations(chosen, ranked=False, held_fixed=False)
    given, _ = compare_data.correlations(chosen, ranked=False, held_fixed=True)
    own = (plain["first"] == "bmi") | (plain["second"] == "bmi")
    assert given.loc[own, "r"].isna().all()
    assert given.loc[~own, "r"].notna().all()
    assert not np.allclose(given.loc[~own, "r"], plain.loc[~own, "r"])


def test_counts_of_pairs_that_nearly_equal_another_are_hidden(chosen):
    table, _ = compare_data.correlations(chosen, ranked=False, held_fixed=False)
    told = table["n"].dropna().astype(int).tolist()
    sizes = {data.seen("liver", "mae"), data.seen("kidney", "mae")}
    sizes.add(len(data.inputs().participants))
    for one in told:
        assert not any(abs(one - other) in FEW for other in [*told, *sizes])


def test_two_codes_with_a_small_cell_have_no_correlation(monkeypatch):
    rng = np.random.default_rng(0)
    n = len(data.inputs().participants)
    one = (np.arange(n) < 30).astype(float)
    made = {}
    for joint in (3, 12):
        two = np.zeros(n)
        two[:joint] = 1
        two[60 : 60 + 15] = 1
        base = data.phenotype(recipes.code_itself("I10"))
        first, second = (replace(base, values=v) for v in (one, two))
        made[joint] = compare_data._tells(first, second)
        score = replace(base, values=rng.normal(size=n), kind="quantitative")
        assert not compare_data._tells(first, score)
        rare = np.where(np.arange(n) < joint, 1.0, 0.0)
        assert compare_data._tells(replace(base, values=rare), score) == (joint == 3)
    assert made == {3: True, 12: False}


def test_a_column_of_few_values_is_as_a_code():
    rng = np.random.default_rng(1)
    n = len(data.inputs().participants)
    base = data.phenotype(recipes.column("bmi"))
    score = replace(base, values=rng.normal(size=n))
    for ones in (3, 20):
        flag = replace(base, values=(np.arange(n) < ones).astype(float))
        assert compare_data._tells(score, flag) == (ones == 3)
    # two columns of three values have nine cells
    third = replace(base, values=np.arange(n) % 3.0)
    same = replace(base, values=np.where(np.arange(n) == 0, 1.0, np.arange(n) % 3.0))
    assert compare_data._tells(third, same)
    assert not compare_data._tells(third, third)
    assert not compare_data._tells(third, score)


def test_a_plane_tells_no_count_and_its_figures_are_those_of_the_scores(chosen):
    x, y = chosen[0], chosen[3]
    found = compare_data.plane(x, y)
    assert "count" not in found.cells
    assert "n" not in found.means
    both = np.isfinite(x.score.values) & np.isfinite(y.score.values)
    a, b = x.score.values[both], y.score.values[both]
    assert found.figures["pearson"][0] == pytest.approx(
        scipy.stats.pearsonr(a, b).statistic, abs=6e-4
    )
    assert found.figures["spearman"][0] == pytest.approx(
        scipy.stats.spearmanr(a, b).statistic, abs=6e-4
    )
    area = (found.cells["right"] - found.cells["left"]) * (
        found.cells["top"] - found.cells["bottom"]
    )
    shares = found.cells["density"] * area
    assert shares.sum() == pytest.approx(1, abs=0.03)
    assert (shares * both.sum() > 4.4).all()  # to two digits
    # the means of y along x
    cut = np.array_split(np.argsort(a, kind="stable"), len(found.means))
    assert found.means["mean"].tolist() == pytest.approx([b[c].mean() for c in cut])


def test_the_shared_top_of_a_score_with_itself_and_its_opposite():
    line = np.arange(200.0)
    assert compare_data._top(line, 3 * line, 5)[0] == 1.0
    assert compare_data._top(line, -line, 5)[0] == 0.0
    shuffled = line.copy()
    shuffled[-3:] = -1  # three of the top are not in the other
    assert np.isnan(compare_data._top(line, shuffled, 5)[0])
    ends = compare_data._top(line, np.roll(line, 10), 5)
    peer = scipy.stats.binomtest(round(ends[0] * 20), 20).proportion_ci(method="wilson")
    assert ends[1:] == pytest.approx((peer.low, peer.high), abs=2e-3)


# ---- the same people elsewhere -----------------------------------------------------
def raw(who, pair):
    """Counts that nobody may see: members and others by cluster, and without."""
    given = data.inputs(*pair)
    labels, seen = np.asarray(given.clusters), np.asarray(given.seen)
    members = who.members[seen]
    return (
        np.bincount(labels[members], minlength=labels.max() + 1),
        np.bincount(labels),
        int(who.members.sum() - members.sum()),
    )


def people():
    """Groups of many kinds: clusters, ends of scores, halves."""
    found = [
        compare_people.cluster(Choice("liver", "mae", None, number))
        for number in range(4)
    ]
    for spec in (recipes.component(LIVER, 1), recipes.column("bmi")):
        found += [compare_people.end_of(pick(spec), top=end) for end in (True, False)]
    seen = np.asarray(data.inputs("liver", "mae").seen)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        labels = np.full(len(data.inputs().participants), -1)
        labels[seen] = rng.random(len(seen)) < [0.5, 0.2][seed % 2]
        found.append(Who(f"half {seed}", ("liver", "mae"), labels.astype(int), 1))
    return [who for who in found if who is not None]


def test_no_small_count_is_told_of_people_elsewhere():
    told = 0
    for who in people():
        found = compare_people.elsewhere(who, ("kidney", "mae"))
        both, sizes, without = raw(who, ("kidney", "mae"))
        table = found.table
        clear = table[table["cluster"] != POOLED]
        told += len(clear)
        at = clear["cluster"].astype(int).to_numpy()
        assert clear["n_both"].tolist() == both[at].tolist()
        assert not set(table["n_both"].dropna()) & set(FEW)
        assert not set((table["n_cluster"] - table["n_both"]).dropna()) & set(FEW)
        # of a cluster as large as it is elsewhere, or smaller by many
        gap = sizes[at] - clear["n_cluster"].to_numpy(int)
        assert not set(gap.tolist()) & set(FEW)
        rest = int(both.sum()) - int(clear["n_both"].sum())
        hidden = np.setdiff1d(np.arange(len(sizes)), at)
        assert len(hidden) != 1 or without in FEW or without == 0
        if len(hidden):
            assert rest not in FEW or pd.isna(table["n_both"].iloc[-1])
        if without in FEW:
            assert isinstance(found.n[1], str)
    assert told > 10


def test_what_is_lit_is_what_the_table_shows():
    for who in people():
        found = compare_people.elsewhere(who, ("kidney", "mae"))
        labels = np.asarray(data.inputs("kidney", "mae").clusters)
        clear = found.table[found.table["cluster"] != POOLED]
        shown = np.bincount(labels[found.shown], minlength=labels.max() + 1)
        at = clear["cluster"].astype(int).to_numpy()
        assert shown[at].tolist() == clear["n_both"].astype(int).tolist()
        assert shown.sum() == clear["n_both"].sum()


def test_clusters_of_one_organ_are_looked_at_together():
    """What the rows of all clusters show does not give a hidden cell away."""
    given = data.inputs("liver", "mae")
    kidney = data.inputs("kidney", "mae")
    parts = np.full(len(given.participants), -1)
    parts[np.asarray(given.seen)] = np.asarray(given.clusters)
    counts = compare_people._crossed(
        parts, np.asarray(kidney.clusters), seen=np.asarray(kidney.seen)
    )
    hidden = hide_crossed(counts, 5)
    for number in range(int(parts.max()) + 1):
        who = compare_people.cluster(Choice("liver", "mae", None, number))
        if who is None:
            continue
        table = compare_people.elsewhere(who, ("kidney", "mae")).table
        shown = {int(c) for c in table["cluster"] if c != POOLED}
        assert not shown & set(np.flatnonzero(hidden[number, :-1]).tolist())


def test_a_planted_group_gathers_and_a_random_one_does_not():
    kidney = data.inputs("kidney", "mae")
    labels = np.full(len(kidney.participants), -1)
    seen = np.asarray(kidney.seen)
    labels[seen] = np.asarray(kidney.clusters) == 0
    found = compare_people.elsewhere(
        Who("planted", None, labels.astype(int), 1), ("kidney", "mae")
    )
    assert found.together.log10p > 10
    rng = np.random.default_rng(1)
    small = 0
    for seed in range(60):
        labels[seen] = rng.random(len(seen)) < 0.5
        who = Who(f"half {seed}", None, labels.copy(), 1)
        found = compare_people.elsewhere(who, ("kidney", "mae"))
        small += found.together.log10p > -np.log10(0.05)
    assert small <= 9  # 3 expected


def test_targets_are_the_other_embeddings():
    assert compare_people.targets(("liver", "mae")) == ["kidney/mae"]
    assert sorted(compare_people.targets(None)) == ["kidney/mae", "liver/mae"]


def test_a_score_that_leaves_people_out_tells_its_n_to_the_nearest_ten(chosen):
    told = compare_picks.shared([chosen[0].score, chosen[3].score], 60)
    assert told == 60
    near = data.seen("liver", "mae") - 2
    assert isinstance(compare_picks.shared([chosen[0].score], near), str)


# ---- groups drawn on a map ---------------------------------------------------------
@pytest.fixture
def drawn(monkeypatch, own_study):
    """Nested groups of the leftmost people of the liver's map, saved."""
    monkeypatch.setenv(data.STUDY_VARIABLE, str(own_study))
    given = data.inputs("liver", "mae")
    x = np.sort(np.asarray(given.umap, float)[:, 0])
    atlas = data.store().ref("atlas/liver/mae")
    for count in (82, 74, 66, 58, 50, 42, 34, 26):
        edge = (x[count - 1] + x[count]) / 2
        outline = Polygon(vertices=((-99, -99), (edge, -99), (edge, 99), (-99, 99)))
        try:
            found = groups.look(Rule("liver", "mae", atlas, outline))
        except InputError:  # it would itself tell of few, beside the clusters
            continue
        groups.store().add(f"left {count}", found.asked, found.n)
    found = groups.entries(LIVER)
    assert len(found) > 1
    return found


def test_nested_groups_tell_no_small_difference_elsewhere(drawn):
    shown = {}
    for entry in drawn:
        who = compare_people.group(entry)
        assert who.members.sum() == entry.n
        table = compare_people.elsewhere(who, ("kidney", "mae")).table
        clear = table[table["cluster"] != POOLED]
        both = raw(who, ("kidney", "mae"))[0]
        at = clear["cluster"].astype(int).to_numpy()
        assert clear["n_both"].tolist() == both[at].tolist()
        shown[entry.n] = dict(zip(at.tolist(), both[at].tolist(), strict=True))
    assert any(shown.values())
    for outer, inner in combinations(shown.values(), 2):
        for cluster in set(outer) & set(inner):
            assert outer[cluster] - inner[cluster] not in FEW


def test_one_group_by_two_names_is_moved_alike(drawn):
    first = drawn[0]
    groups.store().add("the same", first.asked, first.n)
    again = next(e for e in groups.entries(LIVER) if e.name == "the same")
    assert compare_people.group(first).key == compare_people.group(again).key
    assert compare_people.group(first).key != compare_people.group(drawn[1]).key


def test_a_group_beside_the_clusters_within_it_tells_no_small_rest(drawn):
    """What is left of a group's count less those of the clusters it holds."""
    given = data.inputs("liver", "mae")
    labels = np.asarray(given.clusters)
    cells = {}
    for number in range(int(labels.max()) + 1):
        who = compare_people.cluster(Choice("liver", "mae", None, number))
        if who is not None:
            cells[number] = shown_of(who)
    for entry in drawn:
        members = groups.members(entry)
        here = shown_of(compare_people.group(entry))
        inside = [n for n in cells if members[labels == n].all()]
        for column, count in here.items():
            held = [cells[n][column] for n in inside if column in cells[n]]
            assert count - sum(held) not in FEW or len(held) < len(inside)
            for n in inside:
                if column in cells[n]:
                    assert count - cells[n][column] not in FEW


def shown_of(who):
    """Cluster of the kidneys → members, where it is shown."""
    table = compare_people.elsewhere(who, ("kidney", "mae")).table
    clear = table[table["cluster"] != POOLED]
    return dict(zip(clear["cluster"], clear["n_both"].astype(int), strict=True))
