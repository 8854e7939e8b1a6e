"""Other binary tables: wide and long give the same traits; bad cells are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edp_core.errors import AlignmentError, InputError
from edp_core.people.assemble import build_phenome
from edp_core.people.items import read_items
from edp_core.settings.people import TraitTable

EIDS = np.array(["1", "2", "3", "4"])
LONG = {"code": "drug"}


def items_of(tmp_path, text, **settings_):
    path = tmp_path / "meds.csv"
    path.write_text(text)
    settings_ = TraitTable(table="meds.csv", **settings_)
    return read_items(path, settings_, table="meds", eids=EIDS)


def phenome_of(items):
    import pandas as pd

    nothing = pd.DataFrame({"eid": [], "icd10": []}, dtype="string")
    return build_phenome(nothing, EIDS, tables=[items])


def test_a_wide_table(tmp_path):
    text = "eid,statin,aspirin,note\n1,1,no,x\n2.0,0,YES,x\n3,,0.0,\n9,1,1,x\n"
    items = items_of(tmp_path, text, columns=("statin", "aspirin"))
    phenome, notes = phenome_of(items)
    traits = phenome.traits
    assert traits["code"].tolist() == ["meds:aspirin", "meds:statin"]
    assert set(traits["vocabulary"]) == set(traits["chapter"]) == {"meds"}
    assert phenome.cases("meds:statin").tolist() == [True, False, False, False]
    # 3 has no answer, 4 no row: neither is known not to take it
    assert phenome.eligible("meds:statin").tolist() == [True, True, False, False]
    assert phenome.eligible("meds:aspirin").tolist() == [True, True, True, False]
    assert dict(notes.to_numpy().tolist()) == {
        "meds row: eid written as a decimal number": 1,
        "meds row: participant is not in the cohort": 1,
    }


def test_a_long_table(tmp_path):
    text = (
        "eid,drug,label\n1,A10,Metformin\n1,A10,Metformin\n2,A10,metformin 500\n"
        "3,C07,\n4,,\n9,B01,x\n,A10,x\n"
    )
    phenome, notes = phenome_of(items_of(tmp_path, text, **LONG, name="label"))
    assert phenome.traits[["code", "name"]].to_numpy().tolist() == [
        ["meds:A10", "Metformin"], ["meds:C07", "C07"],
    ]  # fmt: skip
    assert phenome.cases("meds:A10").tolist() == [True, True, False, False]
    assert phenome.eligible("meds:A10").all(), "who is not listed does not take it"
    assert dict(notes.to_numpy().tolist()) == {
        "meds row: no eid": 1,
        "meds row: participant is not in the cohort": 1,
        "meds row: no item": 1,
    }


@pytest.mark.parametrize(
    ("text", "settings_", "said"),
    [
        ("eid,statin\n1,2\n2,maybe\n3,1\n", {}, "2 cells of 1 columns .*: statin"),
        ("eid,statin\n1,0\n1,1\n", {}, "rows of a participant contradict"),
        ("eid,statin\n1,0\n", {"columns": ("statine",)}, "no column 'statine'"),
        ("eid,statin\n1,0\n", LONG, "no column 'drug'"),
        ("eid,drug\n1,x\n", LONG | {"name": "label"}, "no column 'label'"),
        ("eid,drug\n1," + "x" * 81 + "\n", LONG, "1 cells of `code` are longer"),
        ("id,drug\n1,x\n", LONG, r"no column 'eid' \(for traits.meds.eid\)"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, settings_, said):
    with pytest.raises(InputError, match=said) as caught:
        items_of(tmp_path, text, **settings_)
    assert "maybe" not in str(caught.value), "no cell is shown"


def test_a_table_of_nobody(tmp_path):
    for text, settings_ in (("eid,a\n8,1\n9,0\n", {}), ("eid,drug\n8,1\n", LONG)):
        with pytest.raises(AlignmentError, match="none of its rows"):
            items_of(tmp_path, text, **settings_)


def test_a_wide_row_may_be_repeated_and_a_table_empty(tmp_path):
    items = items_of(tmp_path, "eid,a\n1,1\n1,1\n1,\n2,0\n")
    assert items.cases[0].tolist() == [0] and items.unknown[0].tolist() == [2, 3]
    phenome, _ = phenome_of(items_of(tmp_path, "eid,a\n"))
    assert not len(phenome.traits)
    phenome, _ = phenome_of(items_of(tmp_path, "eid,drug\n", **LONG))
    assert not len(phenome.traits)


@pytest.mark.parametrize(
    "wrong", [{"name": "x"}, {"code": "x", "columns": ("y",)}, {"codes": "x"}]
)
def test_settings_of_two_layouts(wrong):
    with pytest.raises(ValueError, match=r"name|code"):
        TraitTable(table="a.csv", **wrong)


CELLS = {True: ("1", "yes", "TRUE", "1.0"), False: ("0", "No", "f", "0.0")}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=4, max_size=4),
    st.randoms(use_true_random=False),
)
def test_wide_and_long_mean_the_same(tmp_path_factory, flags, random):
    folder = tmp_path_factory.mktemp("items")
    names = ["a", "b", "c"]
    order = random.sample(range(4), 4)
    wide = ["eid,a,b,c"] + [
        ",".join([EIDS[i], *(random.choice(CELLS[f]) for f in flags[i])]) for i in order
    ]
    long = [
        f"{EIDS[i]},{n}"
        for i in order
        for n, f in zip(names, flags[i], strict=True)
        if f
    ]
    one, _ = phenome_of(items_of(folder, "\n".join(wide) + "\n"))
    two, _ = phenome_of(items_of(folder, "\n".join(["eid,drug", *long]) + "\n", **LONG))
    expected = [f"meds:{n}" for k, n in enumerate(names) if any(f[k] for f in flags)]
    for phenome in (one, two):
        assert phenome.traits["code"].tolist() == expected
        for code in expected:
            assert phenome.cases(code).tolist() == [
                f[names.index(code[5:])] for f in flags
            ]
            assert phenome.eligible(code).all()
