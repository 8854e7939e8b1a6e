"""Diagnoses: whatever their layout, the same people have the same codes."""

import gzip
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edp_core.errors import InputError
from edp_core.people.assemble import build_phenome
from edp_core.people.cohort import clean_participants
from edp_core.people.diagnoses import prevalent, read_diagnoses
from edp_core.people.first_occurrences import FIRST, codes
from edp_core.people.headers import layout_of
from edp_core.settings.people import Diagnoses

FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
EIDS = np.array(["1", "2", "3", "4"])
ISO, BRITISH = "{0:04d}-{1:02d}-{2:02d}", "{2:02d}/{1:02d}/{0:04d}"


def read(folder, text, *, name="d.csv", hesin=None, **said):
    (folder / name).write_text(text)
    path = None
    if hesin is not None:
        path = folder / "hesin.txt"
        path.write_text(hesin)
    return read_diagnoses(folder / name, Diagnoses(table=name, **said), episodes=path)


def rows(found):
    """(eid, code, date) of every row, missing as an empty text, sorted."""
    table = found.rows.astype("object").fillna("")
    return sorted(map(tuple, table.itertuples(index=False)))


# ---- each layout -----------------------------------------------------------------
TWO = [("1", "E113", "2001-02-03"), ("1", "I10", "1900-01-01"), ("3", "M2556", "")]


@pytest.mark.parametrize(
    "names",
    [
        "eid,41270-0.0,41270-0.1,41280-0.0,41280-0.1",
        "f.eid,f.41270.0.0,f.41270.0.1,f.41280.0.0,f.41280.0.1",
        "eid,x41270_0_0,x41270_0_1,x41280_0_0,x41280_0_1",
        "participant.eid,participant.p41270_a0,participant.p41270_a1,"
        "participant.p41280_a0,participant.p41280_a1",
    ],
)
def test_wide(tmp_path, names):
    text = f"{names}\n1,E113,I10,2001-02-03,1900-01-01\n2,,,,\n3,,M2556,1999-01-01,\n"
    assert rows(read(tmp_path, text, prevalent_only=True)) == TWO
    undated = [(eid, code, "") for eid, code, _ in TWO]
    assert rows(read(tmp_path, text)) == undated, "dates are read only when needed"


@pytest.mark.parametrize(
    "cell", ["E113|I10", '"[""E113"",""I10""]"', "\"['E113', 'I10']\"", '"E113,I10"',
             '"E11.3 Type 2, with eyes|I10 Essential, primary"',
             '"[""E113 Type 2, with eyes"", ""I10 X""]"', "|".join(["E113", "I10", ""])]
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "participant."])
def test_platform(tmp_path, cell, prefix):
    names = ["eid", "p41270", "p41280_a0", "p41280_a1"]
    header = ",".join(prefix + name for name in names)
    text = f"{header}\n1,{cell},2001-02-03,1900-01-01\n2,,,\n3,M2556,,2004-01-01\n"
    found = [(e, c.replace(".", ""), d) for e, c, d in
             rows(read(tmp_path, text, prevalent_only=True))]  # fmt: skip
    assert found == TWO


def test_platform_pairs_by_place_also_beside_a_gap(tmp_path):
    text = "eid,p41270,p41280_a0,p41280_a1,p41280_a2\n1,E113||I10,a,b,c\n2,K76,d,,\n"
    found = rows(read(tmp_path, text, prevalent_only=True))
    assert found == [("1", "E113", "a"), ("1", "I10", "c"), ("2", "K76", "d")]


def test_one_code_with_a_comma_in_its_meaning_is_one(tmp_path):
    found = read(tmp_path, 'eid,p41270\n1,"E11.9 Type 2, without, more"\n')
    assert rows(found) == [("1", "E11.9", "")]


HESIN_DIAG = (
    "eid\tins_index\tarr_index\tlevel\tdiag_icd9\tdiag_icd9_nb\tdiag_icd10\n"
    "1\t0\t0\t1\t\t\tE113\n1\t1\t0\t2\t\t\tI10\n3\t0\t0\t1\t\t\tM2556\n"
    "3\t0\t1\t2\t250\t\t\n"
)
HESIN = (
    "eid\tins_index\tepistart\tepiend\tadmidate\n"
    "1\t0\t03/02/2001\t\t01/02/2001\n1\t1\t\t\t1900-01-01\n3\t7\t01/01/2010\t\t\n"
)


def test_hesin_with_its_episodes(tmp_path):
    found = read(tmp_path, HESIN_DIAG, hesin=HESIN, prevalent_only=True)
    dates = [("1", "E113", "03/02/2001"), ("1", "I10", "1900-01-01")]
    assert rows(found) == [*dates, ("3", "M2556", "")]
    assert found.notes == {
        "diagnosis row: no ICD-10 code": 1,
        "diagnosis row: no such episode, date not known": 1,
    }


def test_hesin_without_dates_needs_no_episodes(tmp_path):
    assert len(rows(read(tmp_path, HESIN_DIAG))) == 3
    with pytest.raises(InputError, match=r"needs dates, which d\.csv lacks") as caught:
        read(tmp_path, HESIN_DIAG, prevalent_only=True)
    assert "episodes" in caught.value.hint


def test_of_two_rows_of_one_episode_the_earlier_counts(tmp_path):
    doubled = HESIN + "1\t0\t01/01/1999\t\t\n1\t0\t01/01/2015\t\t\n"
    lines = doubled.splitlines()
    for text in (lines, [lines[0], *lines[:0:-1]]):
        found = read(
            tmp_path, HESIN_DIAG, hesin="\n".join(text) + "\n", prevalent_only=True
        )
        assert ("1", "E113", "01/01/1999") in rows(found)


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "", "1e99", "99999999999999"])
def test_a_number_that_is_no_episodes_has_no_date(tmp_path, number):
    diag = f"eid,ins_index,diag_icd10\n1,{number},E113\n"
    held = f"eid,ins_index,epistart\n1,{number},2001-01-01\n1,0,2002-01-01\n"
    found = read(tmp_path, diag, hesin=held, prevalent_only=True)
    assert rows(found) == [("1", "E113", "")]


def test_first_occurrences(tmp_path):
    text = (
        "eid,130708-0.0,130709-0.0,131286-0.0,131287-0.0,130991-0.0,21003-2.0\n"
        "1,2001-02-03,30,1903-03-03,40,,55\n2,,,,,50,60\n3,,,,,,50\n"
    )
    found = read(tmp_path, text, prevalent_only=True)
    assert rows(found) == [
        ("1", "E11", "2001-02-03"), ("1", "I10", "1903-03-03"), ("2", "F99", "")
    ]  # fmt: skip


LONG = "eid,icd10,when,level\n1,E113,2001-02-03,1\n1,I10,,2\n3,M2556,x,Main\n"


def test_long(tmp_path):
    found = read(tmp_path, LONG, date="when", prevalent_only=True)
    assert rows(found) == [
        ("1", "E113", "2001-02-03"), ("1", "I10", ""), ("3", "M2556", "x")
    ]  # fmt: skip


# ---- main diagnoses --------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "main"),
    [
        (LONG, ["E113", "M2556"]),
        (HESIN_DIAG, ["E113", "M2556"]),
        ("eid,41270-0.0,41270-0.1,41202-0.0\n1,E113,I10,I10\n", ["I10"]),
        ("eid,p41270,p41202\n1,E113|I10,I10\n", ["I10"]),
    ],
)
def test_main_diagnoses_only(tmp_path, text, main):
    found = rows(read(tmp_path, text, level="main"))
    assert [code for _, code, _ in found] == main


def test_an_older_extract_has_main_and_secondary_diagnoses_apart(tmp_path):
    text = "eid,41202-0.0,41204-0.0,41262-0.0\n1,E113,I10,2001-02-03\n"
    found = rows(read(tmp_path, text, prevalent_only=True))
    assert found == [("1", "E113", "2001-02-03"), ("1", "I10", "")]


# ---- what the header shows -------------------------------------------------------
@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (["eid", "icd10"], "long"),
        (["eid", "41270-0.0"], "wide"),
        (["eid", "41270-0.0", "130708-0.0"], "wide"),
        (["participant.eid", "participant.p41270"], "platform"),
        (["eid", "p41270", "p41280_a0"], "platform"),
        (["eid", "p41202"], "platform"),
        (["eid", "p130708"], "first_occurrences"),
        (["eid", "130709-0.0"], "first_occurrences"),
        (["eid", "ins_index", "diag_icd10"], "hesin"),
        (["hesin_diag.eid", "hesin_diag.diag_icd10"], "hesin"),
        (["eid", "41280-0.0"], "long"),
    ],
)
def test_the_layout_is_seen_in_the_header(names, layout):
    assert layout_of(names) == layout


@pytest.mark.parametrize(
    ("text", "said", "options"),
    [
        ("eid,age\n1,2\n", r"no column 'icd10'", {}),
        ("id,icd10\n1,I10\n", r"no column 'eid'", {}),
        ("eid,icd10\n1,I10\n", "no column 'level'", {"level": "main"}),
        ("eid,41270-0.0\n1,I10\n", "no column '41202'", {"level": "main"}),
        ("eid,p130708\n1,x\n", "have no main diagnoses", {"level": "main"}),
        ("eid,icd10\n1,I10\n", "needs dates", {"prevalent_only": True}),
        ("eid,icd10\n1,I10\n", "no column 'on'",
         {"prevalent_only": True, "date": "on"}),
        ("eid,41270-0.0\n1,I10\n", "needs dates", {"prevalent_only": True}),
        ("eid,p41270\n1,I10\n", "needs dates", {"prevalent_only": True}),
        ("eid,icd10\n1,I10\n", "no column '41270'", {"layout": "wide"}),
        ("eid,icd10\n1,I10\n", "no column 'diag_icd10'",
         {"layout": "hesin", "code": "code"}),
        ("eid,icd10\n1,I10\n", "no column '130708'", {"layout": "first_occurrences"}),
        ("eid,41270-0.0,f.41270.0.0,41280-0.0,f.41280.0.0\n1,I10,I10,,\n",
         "two columns for the same values of field 41280", {"prevalent_only": True}),
        ("eid,130708-0.0,f.130708.0.0\n1,a,b\n", "two columns .* field 130708", {}),
        ("eid,41270-0.0,41270-0.1\n1,I10,E11\n", "two columns .* field 41270",
         {"layout": "platform"}),
    ],
)  # fmt: skip
def test_a_table_that_lacks_what_is_asked_is_named(tmp_path, text, said, options):
    with pytest.raises(InputError, match=said) as caught:
        read(tmp_path, text, **options)
    assert "d.csv" in caught.value.message and caught.value.hint


# ---- before imaging --------------------------------------------------------------
def people(**columns):
    return clean_participants(pd.DataFrame(columns).astype("string")).participants


def test_only_what_came_before_imaging(tmp_path):
    text = (
        "eid,icd10,date\n1,A010,2016-06-30\n1,A020,2016-07-01\n1,A030,01/07/2016\n"
        "1,A040,2016-07-02\n1,A050,\n1,A060,1902-02-02\n1,A070,2016-02-30\n"
        "2,A080,2020-01-01\n9,A090,2030-01-01\n2.0,A010,\n"
    )
    found = read(tmp_path, text, date="date", prevalent_only=True)
    cohort = people(eid=["1", "2"], imaging_date=["2016-07-01", None])
    kept = prevalent(found, cohort)
    assert [code for _, code, _ in rows(kept)] == [
        "A010", "A020", "A030", "A050", "A060", "A070", "A080", "A010", "A090"
    ]  # fmt: skip
    assert kept.notes == {
        "diagnosis after the day of imaging, left out": 1,
        "diagnosis date that cannot be read, taken as not known": 1,
        "diagnosis without a known date, counted as before imaging": 4,
        "diagnosis of a participant without a day of imaging, kept": 1,
    }


@pytest.mark.parametrize("column", [{}, {"imaging_date": ["soon", "late"]}])
def test_without_a_day_of_imaging_nothing_is_before_it(tmp_path, column):
    found = read(tmp_path, LONG, date="when", prevalent_only=True)
    cohort = people(eid=["1", "2"], **column)
    if column:
        assert prevalent(found, cohort).notes
        return
    with pytest.raises(InputError, match="needs the day of imaging") as caught:
        prevalent(found, cohort)
    assert 'imaging_date = "53"' in caught.value.hint


# ---- any table, every layout -----------------------------------------------------
ENDINGS = ("csv", "tsv", "csv.gz", "parquet")
DIAGNOSES = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "4", "9"]),
        st.sampled_from(["K76", "K760", "M2556", "I10", "E113", "A010"]),
        st.sampled_from([(1990, 1, 31), (2016, 7, 1), (2016, 7, 2), (1903, 3, 3)]),
    ),
    max_size=12,
)


def save(folder, frame, ending):
    path = folder / f"d.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
    else:
        text = frame.to_csv(index=False, sep="\t" if ending == "tsv" else ",")
        data = text.encode()
        path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    return path


def by_person(held, order):
    return {eid: [(c, d) for e, c, d in held if e == eid] for eid in order}


def as_wide(held, order, naming, *, style=None):
    """One row a person; `style` writes all codes in one cell."""
    persons = by_person(held, order)
    most = max(1, *(len(items) for items in persons.values()))
    frame = {naming["eid"]: order}
    if style is not None:
        frame[naming["list"]] = [style([c for c, _ in persons[e]]) for e in order]
    for j in range(most):
        cells = [persons[e][j] if j < len(persons[e]) else (None, None) for e in order]
        if style is None:
            frame[naming["code"].format(j)] = [code for code, _ in cells]
        frame[naming["date"].format(j)] = [d and ISO.format(*d) for _, d in cells]
    return pd.DataFrame(frame, dtype="object")


NAMINGS = [
    {"eid": "eid", "code": "41270-0.{}", "date": "41280-0.{}"},
    {"eid": "f.eid", "code": "f.41270.0.{}", "date": "f.41280.0.{}"},
    {"eid": "eid", "code": "x41270_0_{}", "date": "x41280_0_{}"},
]
PLATFORMS = [
    {"eid": "eid", "list": "p41270", "date": "p41280_a{}"},
    {
        "eid": "participant.eid",
        "list": "participant.p41270",
        "date": "participant.p41280_a{}",
    },
]
STYLES = [
    lambda held: "|".join(held) or None,
    lambda held: json.dumps(held) if held else None,
    lambda held: ",".join(held) or None,
    lambda held: "|".join(f"{code[:3]}.{code[3:]} Some, name" for code in held) or None,
]


def layouts_of(held, order):
    """(table, hesin) in every layout that holds whole codes."""
    yield (
        pd.DataFrame(held, columns=["eid", "icd10", "date"]).assign(
            date=[ISO.format(*d) for *_, d in held]
        ),
        None,
    )
    for naming in NAMINGS:
        yield as_wide(held, order, naming), None
    for naming, style in itertools.product(PLATFORMS, STYLES):
        yield as_wide(held, order, naming, style=style), None
    diag = pd.DataFrame(
        [(e, str(k), "0", "1", c) for k, (e, c, _) in enumerate(held)],
        columns=["eid", "ins_index", "arr_index", "level", "diag_icd10"],
    )
    hesin = pd.DataFrame(
        [(e, str(k), BRITISH.format(*d)) for k, (e, _, d) in enumerate(held)],
        columns=["eid", "ins_index", "epistart"],
    )
    yield diag, hesin


COHORT = pd.DataFrame({"eid": EIDS, "imaging_date": [2016 + 182 / 366] * 4})


def phenome_of(folder, frame, hesin, *, ending, dated):
    path = save(folder, frame, ending)
    episodes = None
    if hesin is not None:
        episodes = folder / "hesin.txt"
        hesin.to_csv(episodes, index=False, sep="\t")
    said = Diagnoses(table=path.name, date="date", prevalent_only=dated)
    found = read_diagnoses(path, said, episodes=episodes)
    if dated:
        found = prevalent(found, COHORT)
    phenome, _ = build_phenome(found.rows, EIDS)
    return phenome


def same(one, two):
    pd.testing.assert_frame_equal(one.traits, two.traits)
    np.testing.assert_array_equal(one.starts, two.starts)
    np.testing.assert_array_equal(one.rows, two.rows)


@FEW
@given(DIAGNOSES, st.booleans(), st.sampled_from(ENDINGS), st.randoms())
def test_every_layout_gives_the_same_phenome(tmp_path, held, dated, ending, random):
    order = ["1", "2", "3", "4", "9"]
    counted = [(e, c) for e, c, d in held if not dated or d != (2016, 7, 2)]
    truth, _ = build_phenome(
        pd.DataFrame(counted, columns=["eid", "icd10"]).astype("string"), EIDS
    )
    for frame, hesin in layouts_of(held, order):
        mixed = frame.sample(frac=1, random_state=random.randrange(2**32))
        for table in (frame, mixed):
            same(phenome_of(tmp_path, table, hesin, ending=ending, dated=dated), truth)


@FEW
@given(DIAGNOSES, st.booleans(), st.sampled_from(ENDINGS), st.booleans())
def test_first_occurrences_give_the_phenome_of_three_characters(
    tmp_path, held, dated, ending, platform
):
    first: dict = {}
    for eid, code, date in sorted(held, key=lambda row: row[2]):
        first.setdefault((eid, code[:3]), date)
    frame = {"eid": ["1", "2", "3", "4", "9"]}
    for code in {code for _, code in first} | {"A00"}:
        field = FIRST + 2 * codes().index(code)
        name = f"p{field}" if platform else f"{field}-0.0"
        dates = [first.get((eid, code)) for eid in frame["eid"]]
        frame[name] = [date and ISO.format(*date) for date in dates]
    counted = [k for k, date in first.items() if not dated or date != (2016, 7, 2)]
    truth, _ = build_phenome(
        pd.DataFrame(counted, columns=["eid", "icd10"]).astype("string"), EIDS
    )
    table = pd.DataFrame(frame, dtype="object")
    same(phenome_of(tmp_path, table, None, ending=ending, dated=dated), truth)


CELL = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["I10", "E11|I10", "[", '["I10"]', "2016-01-01", "1", "NA", ","]),
)
HEADERS = [
    "eid,icd10,date", "eid,41270-0.0,41280-0.0", "eid,p41270,p41280_a0",
    "eid,130708-0.0,131286-0.0", "eid,diag_icd10,ins_index",
]  # fmt: skip


@FEW
@given(
    st.lists(st.tuples(CELL, CELL, CELL), max_size=6),
    st.sampled_from(HEADERS),
    st.booleans(),
)
def test_any_text_in_the_cells_is_read(tmp_path, cells, header, dated):
    lines = [
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells
    ]
    (tmp_path / "d.csv").write_text("\n".join([header, *lines]) + "\n", newline="")
    (tmp_path / "h.csv").write_text(
        "\n".join(["eid,epistart,ins_index", *lines]) + "\n", newline=""
    )
    said = Diagnoses(table="d.csv", date="date", prevalent_only=dated)
    found = read_diagnoses(tmp_path / "d.csv", said, episodes=tmp_path / "h.csv")
    kept = prevalent(found, COHORT) if dated else found
    phenome, notes = build_phenome(kept.rows, EIDS)
    assert phenome.starts[-1] == len(phenome.rows)
    assert (notes["count"] <= len(kept.rows)).all()
    cases = (kept.rows["eid"] == "1") & (kept.rows["icd10"] == "I10")
    if cases.any():
        assert phenome.cases("I10")[0]
