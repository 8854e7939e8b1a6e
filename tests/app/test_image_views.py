"""What the images on the screens are of: the right people, enough of them, no ids."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from crawl import counts, crawl, small, told
from hypothesis import given, settings
from hypothesis import strategies as st

from app import data
from app.images import (
    clusters as image_clusters,
)
from app.images import (
    gate as images,
)
from app.images import (
    groups as image_groups,
)
from app.images import (
    mean as image_mean,
)
from app.images import (
    strip as image_strip,
)
from app.images.groups import Members
from app.state import Choice
from edp_core.appraisal.matching import matched
from edp_core.errors import InputError
from edp_core.phenotype import ColumnSpec
from edp_core.pixels import Mean
from edp_core.store import Store, read_array, read_table

HERE = Choice("liver", "mae", "I10", 0)


@pytest.fixture
def opened(monkeypatch, done_study):
    monkeypatch.setenv("EDP_STUDY", str(done_study))
    return Store(done_study / "store")


@pytest.fixture
def thumbnails(opened):
    """Thumbnail of each of the seen, found from the files alone."""
    rows = read_table(opened.at("images/liver"), "rows")
    pixels = read_array(opened.at("thumbnails/liver"), "thumbnails")
    inputs = data.inputs("liver", "mae")
    eids = inputs.eids[np.asarray(inputs.seen)]
    first = rows.reset_index().sort_values("instance").groupby("eid")["index"].first()
    return np.asarray(pixels)[first.loc[eids].to_numpy()].astype(float)


# ---- the mean image --------------------------------------------------------------
def test_the_mean_is_of_the_group_and_of_controls_like_it(thumbnails):
    inputs = data.inputs("liver", "mae")
    inside = np.asarray(inputs.clusters) == 0
    found = image_mean.compared(HERE, image_groups.cluster(HERE, 0))
    people = inputs.participants.iloc[np.asarray(inputs.seen)]
    pairs = matched(
        inside, ~inside, age=people["age_years"], sex=people["sex"],
        ratio=image_mean.RATIO, caliper_years=image_mean.CALIPER,
    )  # fmt: skip
    paired = np.flatnonzero(inside)[(pairs >= 0).any(axis=1)]
    assert (found.group.n, found.lacking) == (len(paired), (inside.sum() - len(paired)))
    assert np.allclose(found.group.image, thumbnails[paired].mean(axis=0), atol=1e-3)
    spread = thumbnails[paired].std(axis=0, ddof=1)
    assert np.allclose(found.group.sd, spread, atol=0.01)
    # each member's controls are averaged first, so that every member counts once
    each = [thumbnails[row[row >= 0]].mean(axis=0) for row in pairs if (row >= 0).any()]
    assert found.controls.n == (pairs >= 0).sum()
    assert np.allclose(found.controls.image, np.mean(each, axis=0), atol=1e-3)
    table = found.table.set_index("who")
    assert abs(table.loc["controls", "age_smd"]) < 0.25
    sexes = [name for name in table if name.startswith("share_")]
    assert sexes
    theirs = table.loc["matched group", sexes].to_numpy(float)
    assert np.allclose(table.loc["controls", sexes].to_numpy(float), theirs)


def test_a_difference_is_in_percent_of_the_range_or_in_standard_deviations():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 255, (2, 5, 5, 3)).astype(np.float32)
    sd = np.full((2, 5, 5, 3), 10, np.float32)
    sd[:, 0, 0] = 0.2  # outside the organ
    found = image_mean.Compared(
        Mean(a, sd[0], n=50, effective=50), Mean(b, sd[1], n=90, effective=80),
        lacking=0, table=pd.DataFrame(),
    )  # fmt: skip
    share = image_mean.differences(found, in_sd=False)
    assert np.allclose(share, (a.astype(float) - b) / 255 * 100)
    units = image_mean.differences(found, in_sd=True)
    assert np.isnan(units[0, 0]).all()
    assert np.allclose(units[1:], ((a.astype(float) - b) / 10)[1:])
    swapped = image_mean.Compared(
        found.controls, found.group, lacking=0, table=found.table
    )
    assert np.allclose(image_mean.differences(swapped, in_sd=False), -share)


@pytest.mark.parametrize(("lacking", "told_as"), [
    (0, ("57", "228")), (3, ("about 60", "about 230")), (5, ("57", "228")),
])  # fmt: skip
def test_how_many_have_no_control_does_not_follow(opened, lacking, told_as):
    """Four controls each: their number, exact, would tell the group's."""
    blank = np.zeros((2, 2, 3), np.float32)
    found = image_mean.Compared(
        Mean(blank, blank, n=57, effective=57), Mean(blank, blank, n=228, effective=99),
        lacking=lacking, table=pd.DataFrame(),
    )  # fmt: skip
    assert image_mean.counts(found) == told_as


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(5, 60), women=st.integers(0, 60), others=st.integers(5, 400),
    threshold=st.sampled_from([5, 10]),
)  # fmt: skip
def test_the_shares_of_the_sexes_count_nobody(n, women, others, threshold):
    women = min(women, n)
    share = women / n
    table = pd.DataFrame(
        {
            "who": ["group", "pool", "matched group", "controls"],
            "n": [n, others, n, 4 * n],
            "age_mean": 60.0, "age_sd": 5.0, "age_smd": 0.1,
            "share_F": [share, 0.5, share, share],
            "share_M": [1 - share, 0.5, 1 - share, 1 - share],
        }
    )  # fmt: skip
    blank = np.zeros((2, 2, 3), np.float32)
    mean = Mean(blank, blank, n=n, effective=n)
    found = image_mean.Compared(mean, mean, lacking=0, table=table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_mean.figures, "least", lambda: threshold)
        shown = image_mean.balance_table(found)
    hidden = "share_F" not in shown
    cells = [women, n - women, round(others / 2)]
    assert hidden == any(1 <= cell < threshold for cell in cells)
    assert hidden == ("share_M" not in shown)


def test_a_mean_of_few_is_refused(opened):
    few = np.zeros(data.seen("liver", "mae"), bool)
    few[:4] = True
    with pytest.raises(InputError, match="at least 5"):
        image_mean.compared(HERE, Members("few", few, ~few))


def test_a_group_that_leaves_no_controls_is_refused(opened):
    most = np.ones(data.seen("liver", "mae"), bool)
    most[:3] = False
    with pytest.raises(InputError, match="control"):
        image_mean.compared(HERE, Members("most", most, ~most))


# ---- who is offered --------------------------------------------------------------
def test_groups_are_offered_whose_size_may_be_shown(opened):
    inputs = data.inputs("liver", "mae")
    sizes = np.bincount(np.asarray(inputs.clusters))
    offered = image_groups.offered(HERE, None)
    shown = {int(name.split()[1]) for name in offered if name.startswith("Cluster")}
    assert shown
    assert all(sizes[number] >= 5 for number in shown)
    for name, make in offered.items():
        members = make()
        assert members.members.sum() >= 5, name
        assert not (members.members & members.pool).any()


def test_the_ends_of_a_phenotype_hold_a_tenth_of_it(opened):
    spec = ColumnSpec(
        name="age", column="age_years", population=data.study().population,
        cohort=data.inputs().keys["cohort"],
    )  # fmt: skip
    score = data.phenotype(spec)
    offered = image_groups.offered(HERE, score)
    values = score.values[np.asarray(data.inputs("liver", "mae").seen)]
    for name, better in (("Top", np.greater_equal), ("Bottom", np.less_equal)):
        members = offered[f"{name} tenth of the phenotype"]().members
        assert 0.08 < members.mean() < 0.15
        end = values[members].min() if name == "Top" else values[members].max()
        assert np.array_equal(members, better(values, end))


def test_cases_are_averaged_and_never_shown_singly(screen, done_study):
    at = screen("phenotype", done_study, code="I10", method="Code", look="Images")
    heads = [head for head, _ in crawl(at).galleries]
    assert any("Cases of I10" in head["title"] for head in heads)
    assert not any("along" in head["name"] for head in heads)
    assert "no percentiles" in told(at)


# ---- the strip, the page of a cluster, the point ---------------------------------
def test_the_strip_holds_people_in_the_order_of_their_scores(screen, done_study):
    at = screen("phenotype", done_study, code="I10", look="Images")
    seen = crawl(at)
    (strip,) = [head for head, _ in seen.galleries if "along" in head["name"]]
    assert [group["title"] for group in strip["groups"]] == [
        "1st percentile", "10th percentile", "50th percentile", "90th percentile",
        "99th percentile",
    ]  # fmt: skip
    values = [float(group["note"].split()[-1].replace("−", "-").replace(",", ""))
              for group in strip["groups"]]  # fmt: skip
    assert values == sorted(values)
    assert all(len(group["tiles"]) == 4 for group in strip["groups"])
    alts = [tile["alt"] for group in strip["groups"] for tile in group["tiles"]]
    assert len(set(alts)) == len(alts), "each image has a text of its own"
    assert not small(counts(seen))


def test_no_id_is_in_anything_told_of_images(screen, done_study):
    store = Store(done_study / "store")
    eids = read_table(store.at("cohort"), "participants")["eid"].astype(str)
    at = screen("clusters", done_study, organ="liver", code="I10")
    at.session_state["_picked"] = ("liver", "mae", 1.0, 2.0)
    at.run()
    for name in ("clusters", "phenotype"):
        if name == "phenotype":
            at = screen(name, done_study, organ="kidney", code="I10", look="Images")
        seen = crawl(at)
        assert seen.galleries
        together = seen.everything
        assert not [eid for eid in eids if eid in together]
        assert not small(counts(seen))


def test_a_clicked_point_shows_whoever_is_nearest(opened, monkeypatch):
    umap = np.asarray(data.atlas_array("liver", "mae", "umap"), float)
    for row in (0, 7, len(umap) - 1):
        assert image_clusters.nearest(HERE, (umap[row, 0], umap[row, 1])) == row
    assert image_clusters.nearest(HERE, (np.nan, 0.0)) is None
    assert image_clusters.nearest(HERE, (np.inf, 0.0)) is None
    assert image_clusters.nearest(HERE, (1e300, -1e300)) is not None


def test_the_cluster_of_a_clicked_point_becomes_the_choice(opened, monkeypatch):
    umap = np.asarray(data.atlas_array("liver", "mae", "umap"), float)
    labels = np.asarray(data.atlas_array("liver", "mae", "clusters"))
    chosen: list[str] = []
    monkeypatch.setattr(image_clusters.state, "choice", lambda: HERE)
    monkeypatch.setattr(image_clusters.state, "pick_cluster", chosen.append)
    monkeypatch.setattr(image_groups, "shown_clusters", lambda choice: [1])
    for number in (0, 1):
        row = int(np.flatnonzero(labels == number)[0])
        image_clusters.picked(umap[row, 0], umap[row, 1])
    assert chosen == ["1"], "a cluster whose size is hidden is not chosen"


def test_a_point_of_another_map_shows_nothing(screen, done_study):
    at = screen("clusters", done_study, organ="liver", code="I10")
    at.session_state["_picked"] = ("kidney", "mae", 1.0, 2.0)
    at.run()
    assert "Behind the point" not in told(at)
    at.session_state["_picked"] = ("liver", "mae", 1.0, 2.0)
    at.run()
    assert "Behind the point" in told(at)


def test_who_is_in_a_small_cluster_is_not_told_which(opened, monkeypatch):
    monkeypatch.setattr(image_groups, "shown_clusters", lambda choice: [1])
    monkeypatch.setattr(image_clusters, "percentiles", lambda choice: None)
    labels = np.asarray(data.atlas_array("liver", "mae", "clusters"))
    rows = np.array([np.flatnonzero(labels == n)[0] for n in (0, 1)])
    assert image_clusters.described(HERE, rows) == ["small cluster", "cluster 1"]


def test_a_page_is_spread_over_the_whole_group_and_seeded(opened):
    members = np.ones(data.seen("liver", "mae"), bool)
    first = image_clusters.sample(HERE, members, seed=0)
    assert np.array_equal(first, image_clusters.sample(HERE, members, seed=0))
    second = image_clusters.sample(HERE, members, seed=1)
    assert len(first) == len(set(first.tolist())) == image_clusters.COUNT
    assert set(first.tolist()) != set(second.tolist())
    vectors = np.asarray(data.inputs("liver", "mae").vectors)
    far = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
    assert (np.diff(far[first]) >= 0).all(), "from the middle to the rim"
    place = np.argsort(np.argsort(far))[first] / len(far)
    assert np.abs(place - (np.arange(24) + 0.5) / 24).max() < 2 / 24


def test_maps_of_parts_tell_of_how_many_and_how_well(screen, done_study):
    at = screen("phenotype", done_study, code="I10", look="Images")
    heads = {head["name"].split("-")[0]: head for head, _ in crawl(at).galleries}
    parts, carried = heads["parts"], heads["carried"]
    people = len(np.unique(read_array(
        Store(done_study / "store").at("occlusion/liver/mae"), "rows")))  # fmt: skip
    for head in (parts, carried):
        assert f"N = {people}" in head["said"]
        assert head["scale"]["middle"] == "0"
        assert head["scale"]["colours"][0] == "#00639C"
    assert "R² = " in parts["said"]
    titles = [group["title"] for group in parts["groups"]]
    assert titles[:2] == ["Mean", "1st percentile"]
    assert all("strongest at" in g["tiles"][0]["alt"] for g in parts["groups"])


# ---- words -----------------------------------------------------------------------
@given(st.floats(-1e9, 1e9).filter(lambda v: v == 0 or abs(v) > 1e-9))
def test_a_value_is_told_to_two_digits(value):
    text = image_strip.number(value)
    assert "-" not in text
    back = float(text.replace("−", "-").replace(",", ""))
    assert back == pytest.approx(value, rel=0.051, abs=1e-12)


def test_where_images_are_off_none_is_read(monkeypatch, opened):
    off = SimpleNamespace(disclosure=SimpleNamespace(images=False))
    monkeypatch.setattr(data, "study", lambda: off)
    for read in (
        lambda: images.sample("liver", 3),
        lambda: images.left_out("liver"),
        lambda: images.pixels(HERE),
        lambda: images.looked("x", organ="liver", count=1),
    ):
        with pytest.raises(InputError, match="not shown"):
            read()
