"""Runs gathered into families, and the paper's tables made of their loci."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gwas import files as gwas_files
from app.gwas import sets as gwas_sets
from edp_core.gwas.compare import counts

FAR = 3_000_000


def loci(places):
    """Loci at whole numbers, each 3 Mb from the next."""
    at = np.array(sorted(places), np.int64)
    return pd.DataFrame(
        {
            "locus": np.arange(len(at)),
            "chrom": np.full(len(at), 1, np.int8),
            "start": at * FAR + 1,
            "end": at * FAR + 1000,
            "lead_pos": at * FAR + 500,
            "log10p": 9.0,
            "n_variants": 3,
        }
    )


places = st.sets(st.integers(0, 30), max_size=8)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from(list("abcdef")), places, min_size=1))
def test_counts_are_those_of_sets(runs):
    tables = {name: loci(held) for name, held in runs.items()}
    base = next(iter(runs))
    sets = {name: [name] for name in runs}
    found = gwas_sets.counted(sets, tables, baseline=base).set_index("set")
    for name, held in runs.items():
        others = set().union(*(v for k, v in runs.items() if k != name))
        row = found.loc[name]
        assert row["loci"] == len(held)
        assert row["unique"] == len(held - others)
        assert row["shared"] == len(held & runs[base])
        assert row["new"] == len(held - runs[base])
        assert row["missed"] == len(runs[base] - held)
    # and those of the science room
    known = counts(tables, baseline=base).set_index("run")
    names = ["loci", "unique", "shared", "new", "missed"]
    assert (found[names] == known[names]).all().all()


@settings(max_examples=20, deadline=None)
@given(st.lists(places, min_size=2, max_size=5), places)
def test_a_family_has_the_union_of_its_axes(axes, other):
    runs = {f"liver-mae-PC{i + 1}": held for i, held in enumerate(axes)}
    tables = {name: loci(held) for name, held in (runs | {"volume": other}).items()}
    sets = gwas_sets.gathered({name: name for name in tables}, families=True)
    assert sets == {"liver-mae-PC*": list(runs), "volume": ["volume"]}
    found = gwas_sets.counted(sets, tables, baseline="volume").set_index("set")
    union = set().union(*axes)
    assert found.loc["liver-mae-PC*", "loci"] == len(union)
    assert found.loc["liver-mae-PC*", "runs"] == len(axes)
    assert found.loc["liver-mae-PC*", "shared"] == len(union & other)
    told, both = gwas_sets.paired(sets["liver-mae-PC*"], ["volume"], tables)
    assert told["both"] == len(both) == len(union & other)
    assert told["either"] == len(union | other)
    assert told["only first"] == len(union - other)
    assert told["only second"] == len(other - union)


def test_left_and_right_are_two_families():
    names = [f"retina-mae-PC{i}-{side}" for i in (1, 2) for side in ("left", "right")]
    sets = gwas_sets.gathered({n: n for n in names}, families=True)
    assert list(sets) == ["retina-mae-PC*-left", "retina-mae-PC*-right"]
    apart = gwas_sets.gathered({n: n for n in names}, families=False)
    assert list(apart) == names


@pytest.mark.parametrize(
    "name", ["K760", "liver-K760-noPC1", "T2D", "PC", "PC12b3", "liver_ml", "UDIP4"]
)
def test_what_is_no_single_axis_has_no_family(name):
    family = gwas_sets.family_of(name)
    assert family is None or name.startswith("PC12")


def test_one_of_a_family_alone_keeps_its_name():
    sets = gwas_sets.gathered({"a-PC1": "a-PC1", "b": "b"}, families=True)
    assert sets == {"a-PC1": ["a-PC1"], "b": ["b"]}


def test_the_tables_of_the_paper_fill_themselves():
    tables = {
        "cls": loci({1, 2}),
        "clu": loci({2, 3, 4}),
        "clu2": loci({4, 5}),
        "code": loci(set()),
        "ml": loci({1}),
        "whole": loci({2, 9}),
    }
    about = pd.DataFrame(
        [
            ("cls", "K76", "liver", "mae", "classifier"),
            ("clu", "K76", "liver", "mae", "cluster"),
            ("clu2", "I10", "liver", "mae", "cluster"),
            ("code", "K76", "—", "—", "code"),
            ("ml", "liver_ml", "liver", "volume", "volume"),
        ],
        columns=["run", "of", "organ", "encoder", "method"],
    )
    first = gwas_sets.crossed(
        about, tables, rows="of", columns="method", baseline=["whole"]
    )
    assert first.loc["K76", "classifier"] == 2
    assert first.loc["K76", "cluster"] == 3
    assert first.loc["K76", "cluster ∩ baseline"] == 1
    assert first.loc["K76", "code"] == 0
    assert pd.isna(first.loc["I10", "classifier"])
    second = gwas_sets.crossed(about, tables, rows="encoder", columns="organ")
    assert second.loc["mae", "liver"] == 5  # classifier and clusters together
    assert second.loc["volume", "liver"] == 1


# ---- files -----------------------------------------------------------------------
class Place:
    """What `groups` needs of a study."""

    def __init__(self, folder):
        self.folder = folder
        self.disclosure = type("D", (), {"export_dir": "exports"})()

    def path(self, relative):
        return (self.folder / relative).resolve()


def test_files_of_a_run_are_one_line_and_nothing_outside_is_listed(tmp_path):
    home, outside = tmp_path / "study", tmp_path / "secret.txt"
    outside.write_text("x")
    results = home / "results"
    results.mkdir(parents=True)
    for chrom in [*range(1, 23), "X"]:
        (results / f"qt_chr{chrom}_liver-PC1.regenie.gz").write_text("x")
    (results / "qt_chr1_liver-PC1.log").write_text("x")
    (results / "qt_step1_pred.list").write_text("x")
    (results / "bmi.glm.linear").write_text("xx")
    (results / "leak.txt").symlink_to(outside)
    more = home / "exports/export-1/results"
    more.mkdir(parents=True)
    (more / "K760.txt").write_text("x")
    found = {g.shown: g for g in gwas_files.groups(Place(home))}
    assert set(found) == {
        "results/qt_chr*_liver-PC1.regenie.gz",
        "results/bmi.glm.linear",
        "exports/export-1/results/K760.txt",
    }
    assert len(found["results/qt_chr*_liver-PC1.regenie.gz"].files) == 23
    assert found["results/bmi.glm.linear"].n_bytes == 2


def test_a_suggested_name_is_the_phenotypes_and_free():
    shown = "results/qt_chr*_liver-PC1.regenie.gz"
    name = gwas_files.suggested(shown, traits=["PC1", "liver-PC1"], taken=[])
    assert name == "liver-PC1"
    again = gwas_files.suggested(shown, traits=["liver-PC1"], taken=["liver-PC1"])
    assert again == "liver-PC1-2"
    assert gwas_files.suggested("results/.a b(1).txt", traits=[], taken=[]) == "a_b_1"
