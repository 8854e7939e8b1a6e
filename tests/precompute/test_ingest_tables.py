"""Ingest of tables: the whole way from files to cohort and phenome."""

import pandas as pd
import pytest

from edp_core.artifacts import is_stale, read_cohort, read_phenome
from edp_core.errors import AlignmentError, InputError
from edp_core.people.cohort import clean_participants
from edp_core.store import Store, read_table
from edp_core.study import load_study
from precompute.ingest_tables import ingest_cohort, ingest_phenome
from precompute.jobs import Jobs
from precompute.steps import do

STUDY = """\
name = "Tables"
[participants]
table = "people.csv"
{people}
[organs.eye]
images = "images/{{eid}}.png"
[encoders.mae]
method = "mae"
{end}
"""
DIAGNOSES = '[diagnoses]\ntable = "codes.csv"\n'


@pytest.fixture
def study(tmp_path):
    """Maker of a study of two people, without images."""
    (tmp_path / "people.csv").write_text("eid,age_years\n101,50\n102,51\n")

    def make(people="", end=""):
        text = STUDY.format(people=people, end=end)
        (tmp_path / "study.toml").write_text(text)
        return load_study(tmp_path)

    return make


def ingest(study):
    store = Store(study.store_path)
    jobs = Jobs(study, store)
    for slot in ("cohort", "phenome"):
        do(jobs, jobs.make(slot), report=lambda *_: None)
    return store


def notes(store, slot):
    table = read_table(store.at(slot), "notes")
    return dict(zip(table["reason"], map(int, table["count"]), strict=True))


# ---- participants ----------------------------------------------------------------
def test_all_columns_are_kept_where_none_are_named(study, tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    ingest_cohort(study(), folder)
    assert list(read_table(folder, "participants")) == ["eid", "age_years"]


MAIN = """\
f.eid,f.31.0.0,f.21003.2.0,f.53.2.0,f.22006.0.0,f.22019.0.0,f.22021.0.0,\
f.41270.0.0,f.41270.0.1,f.41280.0.0,f.41280.0.1
1000001,0,60,2016-07-01,1,,0,K760,I10,2016-07-01,2016-07-02
1000002,1,61,2016-07-01,1,1,0,K760,,2010-01-01,
1000003,1,62,2016-07-01,,,0,K760,,2010-01-01,
1000004,1,63,2016-07-01,1,,10,K760,,2010-01-01,
1000005,1,64,2016-07-01,1,,1,M2556,E119,1901-01-01,
1000006,1,12,2016-07-01,1,,1,K760,,2010-01-01,
"""
GENETICS = """\
prevalent_only = {prevalent}
[populations.everyone]
withdrawals = "gone.csv"
rules = [
  {{column = "22006", one_of = [1]}},
  {{column = "22019", none_of = [1]}},
  {{column = "kinship", one_of = [0, 1]}},
]
"""


def test_one_main_table_of_uk_biobank_from_end_to_end(study, tmp_path):
    (tmp_path / "people.csv").write_text(MAIN)
    (tmp_path / "gone.csv").write_text("1000006\n")
    diagnoses = '[diagnoses]\ntable = "people.csv"\n'
    made = study(end=diagnoses + GENETICS.format(prevalent="true"))
    store = ingest(made)
    cohort, phenome = read_cohort(store), read_phenome(store)
    assert cohort.participants["eid"].tolist() == ["1000001", "1000005"]
    assert cohort.exclusions["reason"].value_counts().to_dict() == {
        "population: 22019 outside the rule": 1,
        "population: 22006 is missing": 1,
        "population: kinship outside the rule": 1,
        "withdrew consent": 1,
    }
    assert cohort.listed == 6
    assert notes(store, "cohort") == {
        "column of a field without a word of ours, not read": 4,
        "age_years: outside 37 to 90, set missing": 1,
    }
    assert phenome.traits["code"].tolist() == [
        "E11", "E119", "K76", "K760", "M25", "M255", "M2556"
    ]  # fmt: skip
    assert notes(store, "phenome") == {
        "diagnosis row: participant is not in the cohort": 4,
        "diagnosis after the day of imaging, left out": 1,
        "diagnosis without a known date, counted as before imaging": 2,
    }
    with_later = study(end=diagnoses + GENETICS.format(prevalent="false"))
    assert is_stale(with_later, store, "phenome")
    assert not is_stale(with_later, store, "cohort")
    assert "I10" in read_phenome(ingest(with_later)).traits["code"].tolist()


def test_a_mended_day_of_imaging_makes_the_phenome_anew(study, tmp_path):
    diagnoses = '[diagnoses]\ntable = "people.csv"\nprevalent_only = true\n'
    (tmp_path / "people.csv").write_text(MAIN)
    before = ingest(study(end=diagnoses)).ref("phenome")
    codes = tmp_path / "codes.csv"
    codes.write_text(MAIN)
    diagnoses = diagnoses.replace("people", "codes")
    assert ingest(study(end=diagnoses)).ref("phenome") == before, "by content"
    (tmp_path / "people.csv").write_text(MAIN.replace("60,2016-07-01", "60,2016-07-02"))
    store = ingest(study(end=diagnoses))
    assert store.ref("phenome") != before
    assert "I10" in read_phenome(store).traits["code"].tolist()


def test_episodes_are_an_input(study, tmp_path):
    (tmp_path / "people.csv").write_text("eid,53-2.0\n101,2016-07-01\n102,2016-07-01\n")
    (tmp_path / "codes.csv").write_text(
        "eid,ins_index,level,diag_icd10\n101,0,1,I10\n102,0,2,E119\n"
    )
    end = DIAGNOSES + 'prevalent_only = true\nepisodes = "hesin.tsv"\n'
    with pytest.raises(InputError, match=r"There is no file hesin\.tsv"):
        ingest(study(end=end))
    hesin = tmp_path / "hesin.tsv"
    hesin.write_text("eid\tins_index\tepistart\n101\t0\t02/07/2016\n102\t0\t\n")
    store = ingest(study(end=end))
    assert read_phenome(store).traits["code"].tolist() == ["E11", "E119"]
    before = store.ref("phenome")
    hesin.write_text("eid\tins_index\tepistart\n101\t0\t01/07/2016\n102\t0\t\n")
    store = ingest(study(end=end))
    assert store.ref("phenome") != before
    assert "I10" in read_phenome(store).traits["code"].tolist()


def test_prevalent_only_without_a_day_of_imaging_says_so(study, tmp_path):
    (tmp_path / "codes.csv").write_text("eid,icd10,date\n101,I10,2001-01-01\n")
    end = DIAGNOSES + 'prevalent_only = true\ndate = "date"\n'
    with pytest.raises(InputError, match="needs the day of imaging") as caught:
        ingest(study(end=end))
    assert "study.toml" in caught.value.hint


# ---- diagnoses -------------------------------------------------------------------
def phenome_of(study, folder):
    cohort = clean_participants(pd.DataFrame({"eid": ["101", "102"]}, dtype="string"))
    folder.mkdir()
    ingest_phenome(study, cohort, folder)
    return read_table(folder, "traits")


def test_without_diagnoses_there_are_no_traits(study, tmp_path):
    assert not len(phenome_of(study(), tmp_path / "a"))
    (tmp_path / "codes.csv").write_text("eid,icd10\n")
    assert not len(phenome_of(study(end=DIAGNOSES), tmp_path / "b"))


@pytest.mark.parametrize(
    "text",
    ["eid,icd10\n999,I10\n", "eid,41270-0.0\n999,I10\n", "eid,p41270\n999,I10\n"],
)
def test_diagnoses_of_nobody_stop_the_run(study, tmp_path, text):
    (tmp_path / "codes.csv").write_text(text)
    said = r"codes\.csv: none of its rows, from line 2 on, is about one"
    with pytest.raises(AlignmentError, match=said) as caught:
        phenome_of(study(end=DIAGNOSES), tmp_path / "a")
    assert "[diagnoses]" in caught.value.hint


def test_codes_that_are_none_are_counted_and_the_run_goes_on(study, tmp_path):
    (tmp_path / "codes.csv").write_text("eid,icd10\n101,nothing\n102,\n")
    assert not len(phenome_of(study(end=DIAGNOSES), tmp_path / "a"))
    notes = read_table(tmp_path / "a", "notes").set_index("reason")["count"]
    assert notes["diagnosis row: no ICD-10 code"] == 2


def test_one_reason_is_one_note(study, tmp_path):
    (tmp_path / "codes.csv").write_text(
        "eid,ins_index,diag_icd9,diag_icd10\n101,0,250,\n101,0,,nothing\n101,0,,I10\n"
    )
    phenome_of(study(end=DIAGNOSES), tmp_path / "a")
    notes = read_table(tmp_path / "a", "notes")
    assert notes.to_numpy().tolist() == [["diagnosis row: no ICD-10 code", 2]]


def test_a_table_of_diagnoses_without_rows_is_noted(study, tmp_path):
    (tmp_path / "codes.csv").write_text("eid,icd10\n")
    phenome_of(study(end=DIAGNOSES), tmp_path / "a")
    notes = read_table(tmp_path / "a", "notes")
    assert notes.to_numpy().tolist() == [["diagnoses table without rows", 1]]


def test_everyone_is_there_beside_other_populations(study, tmp_path):
    made = study(end='[populations.old]\nrules = [{column = "x", at_least = 1}]\n')
    (tmp_path / "cohort").mkdir()
    ingest_cohort(made, tmp_path / "cohort")
    assert len(read_table(tmp_path / "cohort", "participants")) == 2


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ("ranges = {age_year = [0, 9]}", "`ranges` .* names 1 columns .*: age_year "),
        ('categories = ["sex", "ages"]', "`categories` .* names 1 columns .*: ages "),
    ],
)
def test_settings_of_a_column_that_is_not_there(study, tmp_path, people, said):
    with pytest.raises(InputError, match=said) as caught:
        ingest_cohort(study(people), tmp_path)
    assert caught.value.hint == "did you mean age_years?"


def test_an_episode_without_a_date_is_told_from_none(study, tmp_path):
    (tmp_path / "people.csv").write_text("eid,imaging_date\n101,2016\n102,2016\n")
    codes = "eid,ins_index,diag_icd10\n101,0,I10\n102,0,I10\n102,7,E119\n"
    (tmp_path / "codes.csv").write_text(codes)
    episodes = "eid\tins_index\tepistart\n101\t0\t02/07/2012\n102\t0\t\n"
    (tmp_path / "hesin.tsv").write_text(episodes)
    end = DIAGNOSES + 'prevalent_only = true\nepisodes = "hesin.tsv"\n'
    found = notes(ingest(study(end=end)), "phenome")
    assert found["diagnosis row: episode without a date"] == 1
    assert found["diagnosis row: no such episode, date not known"] == 1


# ---- phecodes, names, other tables -----------------------------------------------
MAP = "ICD10,PheCode,Phenotype,Excl. Phecodes,sex\nI10,401.1,Hypertension,401-405.99,\n"
NAMES = (
    "coding\tmeaning\tnode_id\tparent_id\tselectable\n"
    "Chapter IX\tChapter IX Of the heart\t9\t0\tN\n"
    "Block I10-I15\tI10-I15 Pressure\t10\t9\tN\n"
    "I10\tI10 High pressure\t11\t10\tY\n"
    "I109\tI10.9 Highest pressure\t12\t11\tY\n"
)
ALL = """\
[diagnoses]
table = "codes.csv"
phecodes = "map.csv"
names = "names.tsv"
[traits.drugs]
table = "drugs.csv"
"""


@pytest.fixture
def files(study, tmp_path):
    """The folder of the study, its tables in all vocabularies."""
    study()  # it writes participants of its own
    (tmp_path / "people.csv").write_text("eid,sex\n101,F\n102,M\n103,\n")
    (tmp_path / "codes.csv").write_text("eid,icd10\n101,I10.9\n103,E119\n")
    (tmp_path / "map.csv").write_text(MAP)
    (tmp_path / "names.tsv").write_text(NAMES)
    (tmp_path / "drugs.csv").write_text("eid,statin\n101,0\n102,1\n")
    return tmp_path


@pytest.mark.usefixtures("files")
def test_all_vocabularies_lie_side_by_side(study):
    store = ingest(study(end=ALL))
    phenome = read_phenome(store)
    shown = phenome.traits.set_index("code")[["name", "chapter", "vocabulary"]]
    assert shown.T.to_dict("list") == {
        "401": ["Hypertension (401)", "circulatory system", "phecode"],
        "401.1": ["Hypertension", "circulatory system", "phecode"],
        "E11": [shown.loc["E11", "name"], shown.loc["E11", "chapter"], "icd10-3"],
        "E119": [shown.loc["E119", "name"], shown.loc["E119", "chapter"], "icd10"],
        "I10": ["High pressure", "IX Of the heart", "icd10-3"],
        "I109": ["Highest pressure", "IX Of the heart", "icd10"],
        "drugs:statin": ["statin", "drugs", "drugs"],
    }
    assert shown.loc["E11", "chapter"].startswith("IV "), "not in the file: ICD-10's"
    assert phenome.eligible("drugs:statin").tolist() == [True, True, False]
    assert not phenome.rows.flags.writeable, "read through a memory map"
    assert notes(store, "phenome") == {
        "codes without a phecode": 1,
        "diagnosis row: its code has no phecode": 1,
    }


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("map.csv", MAP.replace("401.1", "402"), "402"),
        ("names.tsv", NAMES.replace("High pressure", "Tension"), "I10"),
        ("drugs.csv", "eid,aspirin\n101,0\n102,1\n", "drugs:aspirin"),
        ("people.csv", "eid,sex\n101,F\n102,M\n103,F\n", "401"),
    ],
)
def test_what_a_file_holds_is_part_of_the_key(study, files, name, text, code):
    made = study(end=ALL)
    before = ingest(made).ref("phenome")
    later = files / "copy" / name
    later.parent.mkdir()
    later.write_text((files / name).read_text())
    later.replace(files / name)
    assert ingest(made).ref("phenome") == before, "touched, and the same"
    (files / name).write_text(text)
    store = ingest(made)
    assert store.ref("phenome") != before
    assert code in read_phenome(store).traits["code"].tolist()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "line", ['phecodes = "map.csv"\n', 'names = "names.tsv"\n', "[traits.drugs]"]
)
def test_a_vocabulary_more_or_less_is_seen_in_the_study_file(study, line):
    store = ingest(study(end=ALL))
    fewer = ALL.partition(line)[0] if "[" in line else ALL.replace(line, "")
    assert is_stale(study(end=fewer), store, "phenome")
    assert not is_stale(study(end=ALL), store, "phenome")


def test_tables_may_not_take_the_name_of_a_vocabulary(study):
    with pytest.raises(InputError, match="phecode is a vocabulary already"):
        study(end='[traits.phecode]\ntable = "a.csv"\n')


def test_names_that_are_none(study, files):
    (files / "names.tsv").write_text("coding\tmeaning\nBlock A\tSome\n")
    with pytest.raises(InputError, match="none of its 1 rows names an ICD-10 code"):
        ingest(study(end=ALL))
