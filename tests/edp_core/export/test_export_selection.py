"""Who is exported, who is left out and counted, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import AlignmentError, InputError
from edp_core.export.bundle import render
from edp_core.export.regenie import read_back
from edp_core.phenotype import ColumnSpec, Phenotype


def report(files: dict[str, bytes]) -> dict[str, Any]:
    return json.loads(files["report.json"])


def with_cells(people: pd.DataFrame, column: str, cells: list[object]) -> pd.DataFrame:
    values = [*cells, *[people[column].iloc[i] for i in range(len(cells), len(people))]]
    return people.assign(**{column: values})


# ---- who is left out ---------------------------------------------------------------
def test_withdrawn_people_are_nowhere(make: SimpleNamespace) -> None:
    gone = frozenset(make.eids()[:7])
    files = render(make.request(make.classifier(), make.code(), withdrawn=gone))
    for name, content in files.items():
        assert not any(eid.encode() in content for eid in gone), name
    assert report(files)["dropped"] == {"withdrawn": 7}
    assert report(files)["participants"] == make.n - 7


def test_missing_covariates_are_counted(make: SimpleNamespace) -> None:
    people = with_cells(make.people(), "bmi", [math.nan] * 6)
    people = with_cells(people, "sex", [pd.NA, "", "NA", None, "nan", *["F"] * 5])
    people = with_cells(people, "pc3", [0.1] * 8 + [math.nan] * 10)
    files = render(make.request(participants=people))
    # sex comes before bmi in the file, so those missing both count for sex
    assert report(files)["dropped"] == {
        "missing covariate: bmi": "<5",
        "missing covariate: pc3": "hidden",
        "missing covariate: sex": "hidden",
    }
    assert report(files)["participants"] == "about 100"  # exact, it would tell "<5"
    assert b"NA" not in files["covariates.tsv"]


def test_people_outside_the_participants_table(make: SimpleNamespace) -> None:
    files = render(make.request(participants=make.people().iloc[9:]))
    assert report(files)["dropped"] == {"not in the participants table": 9}


def test_covariates_nobody_has_or_everybody_shares(make: SimpleNamespace) -> None:
    people = make.people().assign(bmi=np.nan, pc4=1.5, sex="F")
    files = render(make.request(participants=people))
    columns = report(files)["covariates"]["columns"]
    assert not {"bmi", "pc4", "sex"} & set(columns)
    assert "bmi: left out, nobody exported has a value" in report(files)["notes"]
    assert "sex: left out, it is the same" in " ".join(report(files)["notes"])


def test_no_covariates_at_all(make: SimpleNamespace) -> None:
    files = render(make.request(make.code(), participants=make.people()[["eid"]]))
    assert "covariates.tsv" not in files
    assert "covar" not in files["run_regenie.sh"].decode().split("step2()")[1]
    assert len(read_back(files["phenotypes_bt.tsv"]).iids) == make.n


def test_covariates_can_be_chosen(make: SimpleNamespace) -> None:
    files = render(make.request(make.code(), covariates=("age", "sex")))
    assert report(files)["covariates"]["columns"] == ["age", "sex"]
    with pytest.raises(InputError, match="no covariate shoe_size"):
        render(make.request(covariates=("age", "shoe_size")))


# ---- genotype files ----------------------------------------------------------------
def fam(eids: list[str], family: str = "F") -> str:
    return "".join(f"{family}{eid} {eid} 0 0 1 -9\n" for eid in eids)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("", "F{0} {0} 0 0 2 -9\n"),
        ("#FID\tIID\tSEX\n", "F{0}\t{0}\t1\n"),
        ("##x=1\n#FID IID\n", "F{0} {0}\n"),
        ("ID_1 ID_2 missing sex\n0 0 0 D\n", "F{0} {0} 0 1\n"),
    ],
)
def test_family_ids_come_from_the_genotype_file(
    make: SimpleNamespace, head: str, row: str
) -> None:
    text = head + "".join(row.format(eid) for eid in [*make.eids()[10:], "5", "-1"])
    files = render(make.request(genotypes=text))
    for name in ("phenotypes_qt.tsv", "covariates.tsv"):
        table = read_back(files[name])
        assert table.iids == tuple(make.eids()[10:])
        assert table.fids == tuple(f"F{eid}" for eid in make.eids()[10:])
    assert files["keep.tsv"].startswith(b"F1000011\t1000011\n")
    assert report(files)["dropped"] == {"not genotyped": 10}


def test_psam_without_families(make: SimpleNamespace) -> None:
    text = "#IID SEX\n" + "".join(f"{eid} 1\n" for eid in make.eids())
    files = render(make.request(genotypes=text))
    assert read_back(files["keep.tsv"], header=False).fids == tuple(make.eids())
    assert "no FID column" in " ".join(report(files)["notes"])


def test_no_overlap(make: SimpleNamespace) -> None:
    with pytest.raises(AlignmentError, match=r"None of 120 .* lists <5"):
        render(make.request(genotypes=fam(["7", "8"])))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("1 1 0 0 2\n", "Line 1 .* 5 columns instead of the 6 of a .fam"),
        ("#FID SEX\n1 1\n", "IID does not follow"),
        ("ID_1 ID_2 missing\n1 1 0\n", "does not begin with 0 0 0"),
        ("ID_1 ID_2 missing\n0 0 0\n", "lists no participant"),
        ("#FID IID\n1 1\n2 2 2\n", "Line 3 .* 3 columns instead of the 2"),
    ],
)
def test_bad_genotype_files(make: SimpleNamespace, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        render(make.request(genotypes=text))


def test_twice_in_the_genotype_file(make: SimpleNamespace) -> None:
    listed = [*make.eids(), make.eids()[0]]
    with pytest.raises(InputError, match="participants of the export twice") as caught:
        render(make.request(genotypes=fam(listed)))
    assert make.eids()[0] not in str(caught.value)
    # rows of others may repeat: redacted participants do
    assert render(make.request(genotypes=fam([*make.eids(), "-1", "-1"])))


def test_family_ids_that_are_not_ascii(make: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="family ids with characters"):
        render(make.request(genotypes=fam(list(make.eids()), "é")))


# ---- refusals ----------------------------------------------------------------------
def test_nothing_chosen(make: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="No phenotype was chosen"):
        render(replace(make.request(), phenotypes=()))


def test_threshold(make: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="threshold is below 1"):
        render(make.request(threshold=0))


def named(phenotype: Phenotype, name: str) -> Phenotype:
    return replace(phenotype, spec=phenotype.spec.model_copy(update={"name": name}))


@pytest.mark.parametrize("name", ["age", "fold", "pc7", "FID", "a b", "a/b", "-a", ""])
def test_bad_names(make: SimpleNamespace, name: str) -> None:
    with pytest.raises(InputError, match="phenotype name"):
        render(make.request(named(make.code(), name), make.classifier()))


def test_a_name_is_free_where_its_covariate_is_left_out(make: SimpleNamespace) -> None:
    assert render(make.request(named(make.column(), "bmi"), covariates=("age", "sex")))


def test_names_that_differ_in_case(make: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="'h40' and 'H40'"):
        render(make.request(make.code("h40"), make.code("H40")))


@pytest.mark.parametrize(
    ("eids", "message"),
    [
        (["1", "1", "3"], "eids more than once"),
        (["1", "", "3"], "empty eids"),
        (["1", "2 2", "3"], "empty eids, or eids with spaces"),
        (["1", "2\t", "3"], "empty eids, or eids with spaces"),
        ([1, 2, 3], "missing or numbers"),
        (["1", None, "3"], "missing or numbers"),
        ([], "has no eids"),
    ],
)
def test_bad_eids(make: SimpleNamespace, eids: list[Any], message: str) -> None:
    given = np.array(eids, object)
    phenotype = make.classifier(
        eids=given, values=np.arange(len(given)) * 1.0, folds=None
    )
    with pytest.raises(InputError, match=f"'H40_score' has .*|{message}"):
        render(make.request(phenotype))
    people = pd.DataFrame({"eid": eids}, dtype=object)
    with pytest.raises(InputError, match=message):
        render(make.request(participants=people))


def test_lengths(make: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="another number of values"):
        render(make.request(make.classifier(values=np.zeros(3))))
    with pytest.raises(InputError, match="another number of values or folds"):
        render(make.request(make.classifier(folds=np.zeros(3))))
    with pytest.raises(InputError, match="participants table has no eids"):
        render(make.request(participants=pd.DataFrame({"id": ["1"]})))


def test_infinite_and_constant_and_two_valued(make: SimpleNamespace) -> None:
    flat = np.ones(make.n)
    for values, message in [
        (np.where(np.arange(make.n) == 3, np.inf, np.arange(make.n)), "infinite"),
        (flat, "constant"),
        (np.arange(make.n) % 2 * 1.0, "two distinct values"),
    ]:
        with pytest.raises(InputError, match=f"'volume' .*{message}"):
            render(make.request(make.column(values=values)))
    with pytest.raises(InputError, match="'H40' is binary but all"):
        render(make.request(make.code(values=flat)))


def test_constant_only_after_leaving_people_out(make: SimpleNamespace) -> None:
    values = np.where(np.arange(make.n) < 30, 1.0, 0.0)
    gone = frozenset(make.eids()[:30])
    with pytest.raises(InputError, match=r"'H40' is binary but all .* controls"):
        render(make.request(make.code(values=values), withdrawn=gone))


def test_nobody_left(make: SimpleNamespace) -> None:
    with pytest.raises(InputError, match=r"No participant is left .* withdrawn"):
        render(make.request(withdrawn=frozenset(make.eids())))


def test_a_phenotype_that_is_a_covariate(make: SimpleNamespace) -> None:
    people = make.people()
    spec = ColumnSpec(
        name="body_mass", population="everyone", cohort="c" * 16, column="bmi"
    )
    given = Phenotype(spec, make.eids(), people["bmi"].to_numpy(), "quantitative")
    with pytest.raises(InputError, match=r"also the covariate bmi"):
        render(make.request(given))
    assert render(make.request(given, covariates=("age", "age2", "sex")))


def test_more_covariates_than_people(make: SimpleNamespace) -> None:
    values = np.where(np.arange(make.n) < 15, np.arange(make.n) * 1.0, np.nan)
    with pytest.raises(InputError, match="no more participants than the covariates"):
        render(make.request(make.column(values=values)))


def test_covariate_cells(make: SimpleNamespace) -> None:
    for cell, message in [
        ("tall", "not numbers"),
        (np.inf, "infinite"),
        (-999, "-999"),
    ]:
        people = with_cells(make.people(), "bmi", [cell])
        with pytest.raises(InputError, match=f"Column 'bmi' .*{message}"):
            render(make.request(participants=people))


# ---- categories --------------------------------------------------------------------
def test_one_number_is_one_level(make: SimpleNamespace) -> None:
    cells = [["1", "1.0", 1, 1.0, "2", 2.0][i % 6] for i in range(make.n)]
    people = make.people().assign(centre=pd.Series(cells, dtype=object))
    table = read_back(render(make.request(participants=people))["covariates.tsv"])
    assert set(table.columns["centre"]) == {"1", "2"}


def test_levels_with_spaces_are_coded(make: SimpleNamespace) -> None:
    cells = [["Cheadle (imaging)", "Reading", "Ärö"][i % 3] for i in range(make.n)]
    people = make.people().assign(centre=cells)
    files = render(make.request(participants=people))
    assert report(files)["covariates"]["level_codes"] == {
        "centre": {"L1": "Cheadle (imaging)", "L2": "Reading", "L3": "Ärö"}
    }
    assert read_back(files["covariates.tsv"]).columns["centre"][:3] == (
        "L1",
        "L2",
        "L3",
    )


def test_many_levels(make: SimpleNamespace) -> None:
    people = make.people().assign(centre=[f"c{i % 22}" for i in range(make.n)])
    script = render(make.request(participants=people))["run_regenie.sh"].decode()
    assert "--maxCatLevels 22" in script
    people = people.assign(centre=[f"c{i % 51}" for i in range(make.n)])
    with pytest.raises(InputError, match="'centre' has 51 levels"):
        render(make.request(participants=people))
    assert "--maxCatLevels" not in render(make.request())["run_regenie.sh"].decode()
