"""Whole exports: what is written, what is refused, what is counted."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import InputError
from edp_core.export import card
from edp_core.export.bundle import ExportRequest, render, software_versions
from edp_core.export.regenie import read_back, validate_table
from edp_core.phenotype import AxisSpec, CodeSpec, ColumnSpec, Phenotype


def report(files: dict[str, bytes]) -> dict[str, Any]:
    return json.loads(files["report.json"])


def with_cells(people: pd.DataFrame, column: str, cells: list[object]) -> pd.DataFrame:
    values = [*cells, *[people[column].iloc[i] for i in range(len(cells), len(people))]]
    return people.assign(**{column: values})


def test_files_of_an_export(make: SimpleNamespace) -> None:
    files = render(make.request(make.classifier(), make.code(), make.column()))
    assert list(files) == sorted(
        ["README.txt", "cards/H40.json", "cards/H40_score.json", "cards/volume.json",
         "covariates.tsv", "keep.tsv", "methods.md", "phenotypes_bt.tsv",
         "phenotypes_qt_1.tsv", "phenotypes_qt_2.tsv", "report.json",
         "run_regenie.sh"]
    )  # fmt: skip
    scores = read_back(files["phenotypes_qt_1.tsv"])
    assert list(scores.columns) == ["H40_score"]
    np.testing.assert_allclose(
        scores.numbers("H40_score"), make.classifier().values, rtol=5e-7
    )
    assert files["keep.tsv"].count(b"\n") == make.n
    header = files["covariates.tsv"].split(b"\n")[0].decode().split("\t")
    assert header[2:] == [
        "age", "age2", "sex", "bmi", "array", "centre",
        *[f"pc{i}" for i in range(1, 11)], "fold",
    ]  # fmt: skip


def test_bytes_are_equal_twice_and_whatever_the_order_of_people(
    make: SimpleNamespace,
) -> None:
    first = render(make.request(make.classifier(), make.code()))
    assert render(make.request(make.classifier(), make.code())) == first
    shuffled = make.people().sample(frac=1, random_state=5).reset_index(drop=True)
    turned = make.classifier()
    turned = replace(
        turned, eids=turned.eids[::-1], values=turned.values[::-1],
        folds=turned.folds[::-1],
    )  # fmt: skip
    again = render(make.request(turned, make.code(), participants=shuffled))
    assert again == first


def test_reopened_cards_give_the_same_bytes(make: SimpleNamespace) -> None:
    phenotypes = make.classifier(), make.code(), make.column()
    first = render(make.request(*phenotypes))
    reopened = [
        replace(p, spec=card.read(first[f"cards/{p.spec.name}.json"]))
        for p in phenotypes
    ]
    assert render(make.request(*reopened)) == first


def test_text_is_lf_utf8_and_names_no_place_or_time(make: SimpleNamespace) -> None:
    files = render(make.request(make.classifier(), versions=software_versions()))
    for name, content in files.items():
        text = content.decode("utf-8")
        assert "\r" not in text and text.endswith("\n"), name
        assert not re.search(r"20\d\d-\d\d-\d\d|/root|/home", text), name
        if not name.endswith(".tsv"):
            assert not any(eid in text for eid in make.eids()), name


def test_age_squared_is_centred(make: SimpleNamespace) -> None:
    table = read_back(render(make.request())["covariates.tsv"])
    age = make.people()["age_years"].to_numpy()
    np.testing.assert_allclose(
        table.numbers("age2"), (age - age.mean()) ** 2, rtol=1e-6
    )


def test_batches_become_two_arrays(make: SimpleNamespace) -> None:
    table = read_back(render(make.request())["covariates.tsv"])
    assert set(table.columns["array"]) == {"BiLEVE", "Axiom"}


def test_fold_is_a_covariate_of_scores_with_folds_only(make: SimpleNamespace) -> None:
    folds = np.where(np.arange(make.n) < 20, -1, np.arange(make.n) % 10)
    values = np.where(folds < 0, np.nan, np.arange(make.n) * 1.1)
    score = make.classifier(folds=folds, values=values)
    files = render(make.request(score, make.code()))
    fold = read_back(files["covariates.tsv"]).columns["fold"]
    assert fold[:20] == ("NA",) * 20 and set(fold[20:]) == set("0123456789")
    told = report(files)["files"]
    assert "fold" in told["phenotypes_qt.tsv"]["covariates"]
    assert "fold" not in told["phenotypes_bt.tsv"]["covariates"]
    # people without an image still carry their diagnosis
    assert len(read_back(files["phenotypes_bt.tsv"]).iids) == make.n
    assert len(read_back(files["phenotypes_qt.tsv"]).iids) == make.n - 20
    assert told["phenotypes_qt.tsv"]["without_any_value"] == 20


def test_a_score_without_a_fold_is_missing(make: SimpleNamespace) -> None:
    folds = np.where(np.arange(make.n) < 20, -1, np.arange(make.n) % 10)
    files = render(make.request(make.classifier(folds=folds)))
    assert len(read_back(files["phenotypes_qt.tsv"]).iids) == make.n - 20
    assert report(files)["dropped"] == {"no value in any phenotype": 20}


def test_other_folds_are_refused(make: SimpleNamespace) -> None:
    other = make.classifier("other", folds=(np.arange(make.n) + 1) % 10)
    with pytest.raises(InputError, match="'other' was made with other folds"):
        render(make.request(make.classifier(), other))


def test_missing_values_make_files_of_their_own(make: SimpleNamespace) -> None:
    sparse = make.column("sparse")
    sparse.values[: make.n // 2] = np.nan
    few = make.column("few")
    few.values[:10] = np.nan
    files = render(make.request(make.column(), sparse, few))
    told = report(files)["files"]
    assert told["phenotypes_qt_1.tsv"]["traits"] == ["volume", "few"]
    assert told["phenotypes_qt_2.tsv"]["traits"] == ["sparse"]
    assert len(read_back(files["phenotypes_qt_2.tsv"]).iids) == make.n // 2
    assert b"\tNA\n" in files["phenotypes_qt_1.tsv"]


# ---- what the texts say ------------------------------------------------------------
def test_methods_name_what_was_done(make: SimpleNamespace) -> None:
    text = render(
        make.request(
            make.classifier(spec={"remove_pcs": (1, 2), "remove_covariates": ("bmi",)}),
            make.code(),
            simulated=True,
            encoders={"retina/mae": "a masked autoencoder, 30 epochs"},
            versions={"numpy": "2.1"},
        )
    )["methods.md"].decode()
    for words in [
        "Simulated data", "retina", "encoder mae", "10-fold", "PC1, PC2",
        "out of every axis: bmi",
        "participants 120", "cases 40, controls 80", "a masked autoencoder",
        "numpy 2.1", "doi:10.1038/s41588-021-00870-7", "(S_T + λI)⁻¹", "fold",
    ]:  # fmt: skip
        assert words in text, words


# ---- small counts ------------------------------------------------------------------
def small_numbers(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [n for item in value.values() for n in small_numbers(item)]
    if isinstance(value, list):
        return [n for item in value for n in small_numbers(item)]
    whole = isinstance(value, int) and not isinstance(value, bool)
    return [value] if whole and 1 <= value <= 4 else []


@pytest.mark.parametrize("few", [1, 2, 3, 4])
def test_small_counts_never_leave(make: SimpleNamespace, few: int) -> None:
    people = with_cells(make.people(), "bmi", [math.nan] * few)
    score = make.classifier(
        figures={"n": 120, "n_cases": 40, "n_controls": 80, "auc": 0.8,
                 "n_members": few, "prevalence": few / 120}
    )  # fmt: skip
    partly = make.column()
    partly.values[-few:] = np.nan
    files = render(
        make.request(
            score, partly, make.code(), participants=people,
            withdrawn=frozenset(make.eids()[20:28]),
        )
    )  # fmt: skip
    told = report(files)
    assert told["dropped"] == {"missing covariate: bmi": "<5", "withdrawn": "hidden"}
    shown = json.loads(files["cards/H40_score.json"])
    assert shown["figures"]["n_members"] == "<5"
    assert shown["figures"]["prevalence"] == shown["figures"]["auc"] == "hidden"
    assert small_numbers({k: shown[k] for k in ("counts", "figures")}) == []
    told.pop("disclosure_threshold"), told["covariates"].pop("most_levels")
    assert small_numbers(told) == []
    # no difference of two numbers that are shown is small either
    numbers = sorted(
        {n for n in (told["participants"],) if type(n) is int}
        | {n for p in told["phenotypes"].values() for n in p.values() if type(n) is int}
        | {n for n in shown["figures"].values() if type(n) is int}
    )
    assert all(b - a >= 5 for a, b in itertools.pairwise(numbers))


def test_few_controls(make: SimpleNamespace) -> None:
    values = np.where(np.arange(make.n) < 3, 0.0, 1.0)
    files = render(make.request(make.code(values=values)))
    assert report(files)["phenotypes"]["H40"] == {
        "kind": "binary", "participants": 120, "cases": "hidden", "controls": "<5",
    }  # fmt: skip


# ---- against real files ------------------------------------------------------------
@pytest.mark.data
def test_regenies_example_goes_round(data_dir: Path) -> None:
    folder = data_dir / "genetics/regenie-example"
    table = pd.read_csv(folder / "phenotype.txt", sep=" ", dtype={"IID": str})
    cases = pd.read_csv(folder / "phenotype_bin_wNA.txt", sep=" ", dtype={"IID": str})
    covariates = pd.read_csv(folder / "covariates.txt", sep=" ", dtype={"IID": str})
    keys = {"population": "all", "cohort": "c"}
    traits = [
        Phenotype(
            ColumnSpec(name=name, column=name, **keys), table["IID"].to_numpy(str),
            table[name].to_numpy(float), "quantitative",
        )
        for name in ("Y1", "Y2")
    ] + [
        Phenotype(
            CodeSpec(name=f"B{name}", trait="X", phenome="p", **keys),
            cases["IID"].to_numpy(str), cases[name].to_numpy(float), "binary",
        )
        for name in ("Y1", "Y2")
    ]  # fmt: skip
    people = pd.DataFrame({"eid": covariates["IID"], "bmi": covariates["V1"],
                           "pc1": covariates["V2"],
                           "pc2": covariates["V3"]})  # fmt: skip
    by_file = {}
    for listed in ("example.fam", "example.psam", "example_3chr.sample"):
        by_file[listed] = render(
            ExportRequest(
                traits, people, "regenie", genotypes=(folder / listed).read_text()
            )
        )
    for files in by_file.values():
        written = read_back(files["phenotypes_qt.tsv"])
        order = table.set_index("IID").loc[list(written.iids)]
        np.testing.assert_allclose(written.numbers("Y1"), order["Y1"], rtol=5e-7)
        np.testing.assert_allclose(written.numbers("Y2"), order["Y2"], rtol=5e-7)
        binary = read_back(files["phenotypes_bt.tsv"])
        order = cases.set_index("IID").loc[list(binary.iids)]
        np.testing.assert_array_equal(binary.numbers("BY2"), order["Y2"])
        given = read_back(files["covariates.tsv"])
        order = covariates.set_index("IID").loc[list(given.iids)]
        np.testing.assert_allclose(given.numbers("pc2"), order["V3"], rtol=5e-7)
    tables = [
        {n: c for n, c in f.items() if n.endswith(".tsv")} for f in by_file.values()
    ]
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.data
@pytest.mark.skipif(not shutil.which("plink2"), reason="plink2 is not installed")
def test_plink2_reads_the_same_numbers(
    make: SimpleNamespace, data_dir: Path, tmp_path: Path
) -> None:
    folder = data_dir / "genetics/regenie-example"
    eids = np.array([str(i) for i in range(1, make.n + 1)])
    people = make.people().assign(eid=eids)
    score = replace(make.column(), eids=eids)
    files = render(
        make.request(
            score, replace(make.code(), eids=eids), participants=people,
            genotypes=(folder / "example.fam").read_text(),
        )
    )  # fmt: skip
    for name in (
        "phenotypes_qt.tsv",
        "phenotypes_bt.tsv",
        "covariates.tsv",
        "keep.tsv",
    ):
        (tmp_path / name).write_bytes(files[name])
    subprocess.run(
        ["plink2", "--bfile", str(folder / "example"), "--keep", "keep.tsv",
         "--pheno", "phenotypes_qt.tsv", "--covar", "covariates.tsv", "--threads", "1",
         "--write-covar", "cols=maybefid,phenos", "--out", "read", "--silent"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    read = pd.read_csv(tmp_path / "read.cov", sep="\t", dtype={"IID": str})
    read = read.set_index("IID").loc[sorted(eids)]
    ours = validate_table(files["phenotypes_qt.tsv"], role="qt")
    np.testing.assert_allclose(read["volume"], ours.numbers("volume"), rtol=1e-5)
    given = read_back(files["covariates.tsv"])
    np.testing.assert_allclose(read["pc1"], given.numbers("pc1"), rtol=1e-5)
    assert list(read["centre"].astype(str).str.removeprefix("C")) == list(
        given.columns["centre"]
    )


def test_hundreds_of_axes_are_told_of_once(make: SimpleNamespace) -> None:
    rng = np.random.default_rng(0)
    spec = AxisSpec(
        name="axis", population="everyone", cohort="c" * 16, organ="retina",
        encoder="mae", embedding="e" * 16, of="axis", axis=1,
    )  # fmt: skip
    axes = [
        Phenotype(
            spec.model_copy(update={"name": f"axis{i:03d}", "axis": i}),
            make.eids(), rng.normal(size=make.n), "quantitative",
            figures={"n": make.n, "variance_explained": 0.01},
        )
        for i in range(1, 41)
    ]  # fmt: skip
    files = render(make.request(*axes, make.column()))
    methods = files["methods.md"].decode()
    assert methods.count("\n## ") < 8
    assert "## axis001 to axis040 (40 of them)" in methods
    assert "40 phenotypes were made alike, one for each of the axes 1–40" in methods
    assert "## volume" in methods
    script, readme = files["run_regenie.sh"].decode(), files["README.txt"].decode()
    for text in (script, readme):
        assert "axis001 to volume (41 of them)" in text and "axis007" not in text
    header = files["phenotypes_qt.tsv"].split(b"\n", 1)[0].decode().split("\t")
    assert header[2:] == [f"axis{i:03d}" for i in range(1, 41)] + ["volume"]
    assert len([name for name in files if name.startswith("cards/")]) == 41
    few = render(make.request(*axes[:3]))["methods.md"].decode()
    assert few.count("## axis00") == 3
