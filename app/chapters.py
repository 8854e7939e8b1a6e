"""Chapters of codes: one colour and sign for each, whatever the vocabulary.

ICD-10 numbers its chapters, phecodes name categories; "IX Diseases of the circulatory
system" and "circulatory system" are one subject here and look the same on every screen.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
PINK, SKY, PURPLE, BROWN = "#CC79A7", "#56B4E9", "#8763C5", "#A0865B"
HUES = (BLUE, ORANGE, GREEN, PINK, SKY, PURPLE, BROWN)
"""Okabe and Ito's colours but vermilion, which is for the chosen code, and two more.

No seven colours become twenty that everybody tells apart: signs tell the rest.
"""
GREY = "#7F8C98"
SIGNS = ("circle", "square", "triangle-up")


@dataclass(frozen=True)
class Subject:
    """What a chapter is about, and how its codes are drawn."""

    name: str
    colour: str
    sign: str


def _subjects() -> dict[str, Subject]:
    # neighbours in the list, and the commonest of them, differ in colour
    names = (
        "circulatory", "digestive", "endocrine", "genitourinary", "respiratory",
        "musculoskeletal", "neoplasms",
        "nervous", "mental", "eye", "skin", "infections", "blood", "symptoms",
        "injuries", "ear", "pregnancy", "congenital", "perinatal", "external causes",
        "health services",
    )  # fmt: skip
    return {
        name: Subject(name, HUES[i % len(HUES)], SIGNS[i // len(HUES)])
        for i, name in enumerate(names)
    }


SUBJECTS = _subjects()
OTHER = Subject("other", GREY, "diamond")
ICD = {
    "I": "infections", "II": "neoplasms", "III": "blood", "IV": "endocrine",
    "V": "mental", "VI": "nervous", "VII": "eye", "VIII": "ear", "IX": "circulatory",
    "X": "respiratory", "XI": "digestive", "XII": "skin", "XIII": "musculoskeletal",
    "XIV": "genitourinary", "XV": "pregnancy", "XVI": "perinatal",
    "XVII": "congenital", "XVIII": "symptoms", "XIX": "injuries",
    "XX": "external causes", "XXI": "health services",
}  # fmt: skip
"""Number of an ICD-10 chapter → its subject."""
PHECODES = {
    "infectious diseases": "infections",
    "neoplasms": "neoplasms",
    "endocrine/metabolic": "endocrine",
    "hematopoietic": "blood",
    "mental disorders": "mental",
    "neurological": "nervous",
    "sense organs": "eye",  # and the ear: phecodes have one category for both
    "circulatory system": "circulatory",
    "respiratory": "respiratory",
    "digestive": "digestive",
    "genitourinary": "genitourinary",
    "pregnancy complications": "pregnancy",
    "dermatologic": "skin",
    "musculoskeletal": "musculoskeletal",
    "congenital anomalies": "congenital",
    "symptoms": "symptoms",
    "injuries & poisonings": "injuries",
}
"""Category of a phecode → its subject."""
ORGANS: dict[str, tuple[str, ...]] = {
    "liver": ("digestive", "endocrine"),
    "kidney": ("genitourinary",),
    "heart": ("circulatory",),
    "lung": ("respiratory",),
    "spleen": ("blood", "digestive"),
    "brain": ("mental", "nervous"),
    "bone": ("musculoskeletal",),
    "retina": ("eye",),
}
"""Organ → subjects of the chapters its diseases stand in.

Where to look first, no more: the heart's scan may well find diabetes. An organ of
another name has none.
"""


def subject(chapter: str) -> Subject:
    """What a chapter is about; a table of the study is a subject of its own name."""
    number = re.match(r"([IVX]+) ", chapter)
    name = ICD.get(number[1]) if number else PHECODES.get(chapter)
    if name is not None:
        return SUBJECTS[name]
    if number or chapter in ("", "Not listed", "(not listed in ICD-10)"):
        return OTHER
    # by its name, so that it stays the same when other tables come and go
    return Subject(chapter, HUES[zlib.crc32(chapter.encode()) % len(HUES)], "diamond")


def of_organ(organ: str, preset: str | None = None) -> tuple[str, ...]:
    """Subjects of an organ's diseases, found by its name or by its preset's.

    >>> of_organ("left_kidney"), of_organ("abdomen", "liver"), of_organ("skin")
    (('genitourinary',), ('digestive', 'endocrine'), ())
    """
    for name in (organ, preset or ""):
        for known, subjects in ORGANS.items():
            if known in name.lower():
                return subjects
    return ()
