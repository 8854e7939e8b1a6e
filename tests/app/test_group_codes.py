"""What is told of codes in a drawn group, held against the data by brute force."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from scipy.stats import fisher_exact

from app import data
from app.groups import kept as groups
from app.groups.kept import Rule
from edp_core.outline import Polygon

pytestmark = pytest.mark.slow

LEAST = 5
PARTICIPANTS = 1000
QUICK = """
[analysis]
stability_repeats = 0
resolutions = []
oversampling = "none"
folds = 2
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study of vectors, large enough that counts of its groups may be told."""
    from precompute.cli import run_study
    from precompute.demo import write_demo

    folder = tmp_path_factory.mktemp("groups") / "study"
    write_demo(folder, participants=PARTICIPANTS, vectors_only=True)
    text = (folder / "study.toml").read_text().replace("[organs.kidney]\n", "")
    before, _, after = text.partition("[genotypes]")
    after = after[after.index("[disclosure]") :]
    (folder / "study.toml").write_text(before + after + QUICK)
    run_study(folder, quiet=True)
    return folder


@pytest.fixture
def inputs(done, tmp_path, monkeypatch):
    """Its inputs; no group was drawn yet."""
    study = tmp_path / "study"
    shutil.copytree(done, study)
    monkeypatch.setenv("EDP_STUDY", str(study))
    return data.inputs("liver", "given")


def left_of(inputs, count, *, on=None, **changes):
    """Rule of the ``count`` people furthest left on the map."""
    x = np.sort(np.asarray(inputs.umap, float)[:, 0])
    edge = (x[count - 1] + x[count]) / 2
    box = ((-99, -99), (edge, -99), (edge, 99), (-99, 99))
    atlas = data.store().ref("atlas/liver/given")
    return Rule("liver", "given", atlas, Polygon(vertices=box, **changes), on)


def of(inputs, code):
    return inputs.phenome.cases(code)[inputs.seen]


def test_what_is_told_of_codes_is_fisher_s_test_on_the_members(inputs):
    found = groups.look(left_of(inputs, 400))
    table = groups.codes(found)
    shown = table[table["n_both"].notna() & ~table["restricted"]]
    assert len(shown) > 20
    for row in shown.itertuples():
        ill = of(inputs, row.code)
        both = int((ill & found.members).sum())
        assert (row.n_both, row.n_cases, row.n_group) == (both, ill.sum(), 400)
        cells = [[both, ill.sum() - both],
                 [400 - both, (~ill & ~found.members).sum()]]  # fmt: skip
        expected = fisher_exact(cells).pvalue
        assert row.log10p == pytest.approx(-np.log10(expected), abs=1e-9)
    order = table["log10p"].dropna().to_numpy()
    assert (np.diff(order) <= 0).all()


def test_no_count_of_a_code_is_small_nor_are_those_beside_it(inputs):
    """Every code of several nested groups, held against each other and the clusters."""
    told = {}
    for count in (500, 490, 482, 440, 330):
        found = groups.look(left_of(inputs, count))
        table = groups.codes(found)
        shown = table[table["n_both"].notna()]
        for row in shown.itertuples():
            ill = of(inputs, row.code)
            inside, outside = ill & found.members, ill & ~found.members
            for number in (inside.sum(), outside.sum(),
                           (~ill & found.members).sum()):  # fmt: skip
                assert number == 0 or number >= LEAST, (count, row.code)
            for earlier in told.get(row.code, []):
                gap = int((ill & (found.members ^ earlier)).sum())
                rest = int((~ill & (found.members ^ earlier)).sum())
                assert gap == 0 or gap >= LEAST, (count, row.code)
                assert rest == 0 or rest >= LEAST, (count, row.code)
            told.setdefault(row.code, []).append(found.members)
    assert sum(map(len, told.values())) > 10, "something is shown"
    assert any(len(held) < 5 for held in told.values()), "and something hidden for it"


def test_what_an_earlier_group_shows_does_not_change_with_a_later_one(inputs):
    first = groups.look(left_of(inputs, 400))
    before = groups.codes(first).copy()
    groups.codes(groups.look(left_of(inputs, 380)))
    assert groups.codes(first).equals(before)


def test_codes_a_group_was_drawn_on_are_circular(inputs):
    found = groups.look(left_of(inputs, 400, on="K760", coloured_by="code"))
    assert {"K760", "K76"} <= groups.circular(found)
    assert "I10" not in groups.circular(found)
    assert groups.circular(groups.look(left_of(inputs, 330))) == set()
