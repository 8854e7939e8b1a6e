"""Vocabularies apart from each other; chapters look the same in each of them."""

from __future__ import annotations

import pandas as pd
import pytest

from app import chapters, vocabulary
from edp_core.people.phecodes import CHAPTERS

KNOWN = {
    "I10": "icd10-3", "K74": "icd10-3", "K746": "icd10", "H269": "icd10",
    "H26": "icd10-3", "571.5": "phecode", "drugs:statin": "drugs",
    "answers:yes": "answers",
}  # fmt: skip


def scan(**reasons: str) -> pd.DataFrame:
    """A scan of some codes of every vocabulary; ``reasons`` of a vocabulary's codes."""
    return pd.DataFrame(
        {
            "code": list(KNOWN),
            "vocabulary": list(KNOWN.values()),
            "reason": [reasons.get(v.replace("-", "_"), "") for v in KNOWN.values()],
        }
    )


def codes(table: pd.DataFrame) -> dict[str, list[str]]:
    return {name: list(t["code"]) for name, t in vocabulary.split(table).items()}


def test_every_vocabulary_has_its_codes_in_the_order_of_the_table():
    assert codes(scan()) == {
        "icd10-3": ["I10", "K74", "H26"],
        "icd10": ["I10", "K746", "H269"],
        "phecode": ["571.5"],
        "answers": ["answers:yes"],
        "drugs": ["drugs:statin"],
    }
    assert codes(scan().iloc[::-1])["icd10"] == ["H269", "K746", "I10"]


def test_a_wider_code_is_a_full_one_where_no_longer_one_is_shown():
    held = codes(scan().query("code != 'K746'"))
    assert held["icd10"] == ["I10", "K74", "H269"]
    alone = codes(scan().query("vocabulary == 'icd10-3'"))
    assert list(alone) == ["icd10-3"], "no list that would say the same again"


def test_a_study_opens_on_the_first_vocabulary_of_which_a_code_was_tested():
    few = "fewer than 20 cases"
    assert list(codes(scan(icd10_3=few)))[:2] == ["icd10", "phecode"]
    assert next(iter(codes(scan(icd10_3=few, icd10=few, phecode=few)))) == "answers"
    assert next(iter(codes(scan(**dict.fromkeys(KNOWN.values(), few))))) == "icd10-3"
    assert codes(scan().iloc[:0]) == {}


def test_a_code_is_looked_at_in_the_vocabulary_of_now_or_its_own():
    held = codes(scan())
    assert vocabulary.holding("I10", held, "icd10") == "icd10"
    assert vocabulary.holding("I10", held, "phecode") == "icd10-3"
    assert vocabulary.holding("K746", held, "icd10-3") == "icd10"
    assert vocabulary.holding("Z999", held, "icd10-3") == ""
    assert vocabulary.holding("K746", {}, None) == ""


def test_every_category_of_phecodes_and_every_chapter_is_known():
    assert {name for _, name in CHAPTERS} <= set(chapters.PHECODES)
    assert set(chapters.PHECODES.values()) | set(chapters.ICD.values()) == set(
        chapters.SUBJECTS
    )
    looks = [(s.colour, s.sign) for s in chapters.SUBJECTS.values()]
    assert len(set(looks)) == len(looks), "two chapters look alike"


@pytest.mark.parametrize(
    ("icd", "phecode"),
    [
        ("IX Diseases of the circulatory system", "circulatory system"),
        ("XI Of the gut", "digestive"),
        ("V Mental and behavioural disorders", "mental disorders"),
    ],
)
def test_a_subject_looks_the_same_in_both_vocabularies(icd, phecode):
    assert chapters.subject(icd) == chapters.subject(phecode)
    assert chapters.subject(icd) != chapters.OTHER


def test_what_is_no_chapter_is_grey_and_a_table_has_a_colour_of_its_own():
    for none in ("", "Not listed", "XXII Codes for special purposes"):
        assert chapters.subject(none) == chapters.OTHER
    drugs = chapters.subject("drugs")
    assert (drugs.name, drugs.sign) == ("drugs", "diamond")
    assert drugs.colour in chapters.HUES


def test_organs_find_their_chapters_by_name_or_preset():
    assert chapters.of_organ("liver") == ("digestive", "endocrine")
    assert chapters.of_organ("kidney_left") == ("genitourinary",)
    assert chapters.of_organ("fundus", "retina") == ("eye",)
    assert chapters.of_organ("skin", None) == ()
    for subjects in chapters.ORGANS.values():
        assert set(subjects) <= set(chapters.SUBJECTS)
