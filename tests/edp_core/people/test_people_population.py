"""Populations: whoever is left out is counted with the rule that left them out."""

import numpy as np
import pandas as pd
import pytest

from edp_core.errors import InputError
from edp_core.people.cohort import Cohort
from edp_core.people.population import apply_population
from edp_core.settings.people import Population, Rule


@pytest.fixture
def cohort() -> Cohort:
    people = pd.DataFrame(
        {
            "eid": [str(i) for i in range(1, 7)],
            "age_years": [40.0, 50.0, 60.0, 70.0, np.nan, 55.0],
            "genetic": pd.array(["1", "1", "0", "1", "1", None], "string"),
        }
    )
    nobody = pd.DataFrame({"eid": [""], "reason": ["empty eid"]})
    return Cohort(people, nobody, pd.DataFrame({"reason": [], "count": []}))


def kept(cohort, *rules, withdrawn=()):
    return apply_population(cohort, Population(rules=rules), withdrawn=withdrawn)


def reasons(cohort):
    return cohort.exclusions["reason"].value_counts().to_dict()


def test_without_rules_everybody_stays(cohort):
    out = kept(cohort)
    pd.testing.assert_frame_equal(out.participants, cohort.participants)
    assert out.listed == cohort.listed


def test_bounds_are_inclusive_and_missing_fails(cohort):
    out = kept(cohort, Rule(column="age_years", at_least=50, at_most=60))
    assert out.participants["eid"].tolist() == ["2", "3", "6"]
    assert out.participants.index.tolist() == [0, 1, 2]
    assert reasons(out) == {
        "empty eid": 1,
        "population: age_years outside the rule": 2,
        "population: age_years is missing": 1,
    }
    assert out.listed == cohort.listed


@pytest.mark.parametrize("allowed", [("1",), (1,), (1.0,)])
def test_a_category_may_be_written_as_number_or_text(cohort, allowed):
    out = kept(cohort, Rule(column="genetic", one_of=allowed))
    assert out.participants["eid"].tolist() == ["1", "2", "4", "5"]


@pytest.mark.parametrize("allowed", [(50, 70), ("50", "70.0")])
def test_a_number_may_be_written_as_number_or_text(cohort, allowed):
    out = kept(cohort, Rule(column="age_years", one_of=allowed))
    assert out.participants["eid"].tolist() == ["2", "4"]


def test_all_rules_must_hold_and_the_first_broken_one_is_counted(cohort):
    out = kept(
        cohort,
        Rule(column="age_years", at_least=45),
        Rule(column="genetic", one_of=("1",)),
        withdrawn=["2", "999"],
    )
    assert out.participants["eid"].tolist() == ["4"]
    assert reasons(out) == {
        "empty eid": 1,
        "population: age_years outside the rule": 1,
        "population: age_years is missing": 1,
        "population: genetic outside the rule": 1,
        "population: genetic is missing": 1,
        "withdrew consent": 1,
    }
    assert out.listed == cohort.listed


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(column="ancestry", at_least=1), "'ancestry', which the participants"),
        (Rule(column="genetic", at_least=1), "'genetic', which is text"),
        (Rule(column="age_years", one_of=("old",)), "numbers, with text"),
        (Rule(column="age_years", at_least=200), "Nobody of 6 participants"),
    ],
)
def test_rules_that_cannot_be_applied(cohort, rule, said):
    with pytest.raises(InputError, match=said) as caught:
        kept(cohort, rule)
    assert caught.value.hint


def test_all_withdrawn(cohort):
    with pytest.raises(InputError, match="All 6 participants withdrew"):
        kept(cohort, withdrawn=cohort.participants["eid"])


def test_what_must_not_be_lets_the_missing_pass(cohort):
    out = kept(cohort, Rule(column="genetic", none_of=("0",)))
    assert out.participants["eid"].tolist() == ["1", "2", "4", "5", "6"]
    assert reasons(out) == {
        "empty eid": 1, "population: genetic outside the rule": 1
    }  # fmt: skip
    both = kept(cohort, Rule(column="genetic", none_of=("0",), one_of=("0", "1")))
    assert "6" not in both.participants["eid"].tolist(), "one_of wants a value"


def test_rules_may_name_a_field_of_uk_biobank(cohort):
    people = cohort.participants.assign(
        white_british=[1.0, 1, 1, 1, np.nan, 1],
        sex_aneuploidy=[np.nan, 1, np.nan, np.nan, np.nan, np.nan],
        kinship=[0.0, 0, -1, 10, 0, 1],
    )
    ready = Cohort(people, cohort.exclusions, cohort.notes)
    for names in (
        ("22006", "22019", "22021"),
        ("p22006", "22019-0.0", "kinship"),
        ("white_british", "sex_aneuploidy", "participant.p22021"),
    ):
        out = kept(
            ready,
            Rule(column=names[0], one_of=(1,)),
            Rule(column=names[1], none_of=(1,)),
            Rule(column=names[2], one_of=(0, 1)),
        )
        assert out.participants["eid"].tolist() == ["1", "6"]
        assert out.listed == ready.listed
    with pytest.raises(InputError, match="names the column '22027'"):
        kept(ready, Rule(column="22027", one_of=(1,)))


def people(**columns) -> Cohort:
    size = len(next(iter(columns.values())))
    frame = pd.DataFrame({"eid": [str(1000001 + i) for i in range(size)], **columns})
    texts = frame.select_dtypes(["object", "string"]).columns
    nothing = pd.DataFrame({"reason": [], "count": []})
    return Cohort(
        frame.astype(dict.fromkeys(texts, "string")), nothing.copy(), nothing.copy()
    )


@pytest.mark.parametrize(
    ("name", "cells", "rule"),
    [
        ("sex", ["F", "M"], {"column": "31", "none_of": ["1"]}),
        ("sex", ["F", "M"], {"column": "sex", "one_of": ["female"]}),
        ("centre", ["Reading", "Cheadle"], {"column": "54", "none_of": [11025]}),
        ("batch", ["2.0", "1.0"], {"column": "batch", "none_of": [1]}),
        ("batch", ["2", "1"], {"column": "batch", "one_of": ["2.0"]}),
        ("kinship", [0.0, 1.0], {"column": "22021", "one_of": ["No kinship found"]}),
        ("array", ["Axiom", "BiLEVE"], {"column": "array", "one_of": ["Axiom"]}),
    ],
)
def test_values_of_a_rule_are_read_as_the_cells_are(name, cells, rule):
    out = kept(people(**{name: cells * 3}), Rule.model_validate(rule))
    assert out.participants["eid"].tolist() == ["1000001", "1000003", "1000005"]
    assert out.notes.empty


def test_a_batch_is_not_taken_for_its_whole_array():
    cohort = people(array=["Axiom", "BiLEVE"] * 3)
    with pytest.raises(InputError, match="names -5; array holds Axiom, BiLEVE"):
        kept(cohort, Rule(column="array", one_of=(-5,)))
    assert len(kept(cohort, Rule(column="array", none_of=(-5,))).participants) == 6


def test_a_value_that_no_cell_holds_is_an_error_or_counted():
    cohort = people(sex=["F", "M", "F", "M"])
    with pytest.raises(InputError, match="names 7; sex holds F, M"):
        kept(cohort, Rule(column="sex", one_of=(7,)))
    out = kept(cohort, Rule(column="31", none_of=(7, 8, "F")))
    assert out.participants["eid"].tolist() == ["1000002", "1000004"]
    assert out.notes.to_dict("records") == [
        {"reason": "population: value of none_of that no cell of 31 holds", "count": 2}
    ]


@pytest.mark.parametrize("column", ["eid", "code"])
def test_values_of_single_people_are_not_listed(column):
    cohort = people(code=["S1", "S2", "S3", "S4"])
    with pytest.raises(InputError, match="1 values, none of which") as error:
        kept(cohort, Rule(column=column, one_of=("7654321",)))
    said = f"{error.value} {error.value.hint}"
    assert not any(value in said for value in ("7654321", "100000", "S1"))


def test_everybody_withdrew_is_said_so():
    with pytest.raises(InputError, match="All 2 participants withdrew consent"):
        kept(people(sex=["F", "M"]), withdrawn=["1000001", "1000002"])
