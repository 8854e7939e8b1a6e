"""A study built to tempt: whatever a screen may not tell is there to be told.

Invented people with vectors in place of a trained encoder, so that it is quick. Codes
of one to four cases, codes that few people tell apart, clusters of three and four,
columns with levels of few, items of a table likewise, and organs that a few people
lack.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

PEOPLE = 260
NAME = "Zoe"
"""How every id begins."""
FEW = {"clusters": (3, 4), "levels": (1, 2, 3, 4)}

MARKED = "*Zed* $Zed$ <b>Zed</b> [Zed](https://zed.example)"
"""Markdown, a formula, HTML and a link, in names of a study."""
CREAM = f"cream {MARKED}"

STUDY = """\
name = "Tempting MARKED"
description = "Names are hostile."
simulated = true

[participants]
table = "participants.csv"
categories = ["sex", "centre", "shift", "shift MARKED"]
ranges = {age_years = [0, 120]}

[participants.columns]
sex = "sex"
age_years = "age_years"
bmi = "bmi"
centre = "centre"
shift = "shift"
"shift MARKED" = "hours"
answers = "answers"

[diagnoses]
table = "diagnoses.csv"
phecodes = "phecodes.csv"

[traits.medications]
table = "medications.csv"
code = "item"

[populations.everyone]
withdrawals = "withdrawn.txt"

[organs.retina]
images = "images/{eid}.png"
channel_names = ["red MARKED", "green", "blue"]
image_size = 16

[organs.liver]

[encoders.given]
method = "vectors"
vectors = "vectors/{organ}.csv"

[encoders.other]
method = "vectors"
organs = ["retina"]
vectors = "other/{organ}.csv"

[analysis]
min_cases = 5
folds = 3
pcs = 4
# of four neighbours a few people by themselves are a cluster
neighbours = 3
resolution = 0.02
stability_repeats = 2
resolutions = [0.05]

[disclosure]
threshold = 5
images = true
downloads = true
"""


def write(folder: Path, *, seed: int = 0) -> None:
    """Write every raw file of the study."""
    rng = np.random.default_rng(seed)
    eids = rng.choice(np.arange(1_000_000, 9_999_999), PEOPLE, replace=False)
    # nothing else on a screen is called so
    eids = np.array([f"{NAME}{number}" for number in np.sort(eids)])
    place = _places(rng)
    (folder / "images").mkdir(parents=True)
    (folder / "study.toml").write_text(STUDY.replace("MARKED", MARKED))
    (folder / "withdrawn.txt").write_text(f"{NAME}9999999\n")
    _participants(rng, eids).to_csv(folder / "participants.csv", index=False)
    held = _diagnoses(rng, place)
    pairs = [(eids[i], code) for code, who in held.items() for i in who]
    pd.DataFrame(pairs, columns=["eid", "icd10"]).to_csv(
        folder / "diagnoses.csv", index=False
    )
    items = _items(rng, held)
    pairs = [(eids[i], item) for item, who in items.items() for i in who]
    pd.DataFrame(pairs, columns=["eid", "item"]).to_csv(
        folder / "medications.csv", index=False
    )
    (folder / "phecodes.csv").write_text(PHECODES.replace("MARKED", MARKED))
    # three people have no retina, two others no liver, and one neither
    lacks = {"retina": [5, 6, 7, 8], "liver": [8, 9, 10]}
    for number, organ in enumerate(lacks):
        there = np.setdiff1d(np.arange(PEOPLE), lacks[organ])
        vectors = _vectors(place, seed=(seed, number))
        _write_vectors(folder / "vectors" / f"{organ}.csv", eids[there], vectors[there])
    there = np.setdiff1d(np.arange(PEOPLE), lacks["retina"])
    vectors = _vectors(place, seed=(seed, 9))[there]
    _write_vectors(folder / "other" / "retina.csv", eids[there], vectors)
    for i in there:
        shade = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(shade).save(folder / "images" / f"{eids[i]}.png")


PHECODES = """\
ICD10,PheCode,Phenotype,Excl. Phecodes
E11,250.2,Type 2 diabetes,249-250.99
E10,250.1,Type 1 diabetes,249-250.99
I10,401.1,Essential hypertension MARKED,401-401.99
I15,401.3,Other hypertension,401-401.99
K76,571.5,Other chronic nonalcoholic liver disease,570-573.99
K76.0,571.5,Other chronic nonalcoholic liver disease,570-573.99
H25,366.2,Senile cataract,366-366.99
"""


def _places(rng: np.random.Generator) -> np.ndarray:
    """Group of each person: four large ones, and one of three and one of four."""
    small = np.repeat([4, 5], FEW["clusters"])
    large = rng.integers(0, 4, PEOPLE - len(small))
    return rng.permutation(np.concatenate([large, small]))


def _vectors(place: np.ndarray, *, seed: tuple[int, int]) -> np.ndarray:
    """(PEOPLE, 6) vectors; groups lie far from each other."""
    rng = np.random.default_rng(seed)
    middles = 30 * np.eye(6)
    spread = np.where(place >= 4, 0.01, 1.0)[:, None]
    return middles[place] + spread * rng.normal(size=(len(place), 6))


def _write_vectors(path: Path, eids: np.ndarray, vectors: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    table = pd.DataFrame(vectors, columns=[f"axis_{i}" for i in range(1, 7)])
    table.insert(0, "eid", eids)
    table.to_csv(path, index=False, float_format="%.4f")


def _participants(rng: np.random.Generator, eids: np.ndarray) -> pd.DataFrame:
    n = len(eids)
    shift = np.full(n, "day", object)
    shift[n // 2 :] = "night"
    centre = np.where(np.arange(n) % 3 > 0, f"Reading {MARKED}", "Cheadle").astype(
        object
    )
    at = 0
    for size in FEW["levels"]:  # levels of one person to four
        shift[at : at + size] = f"shift {size}"
        centre[at + 20 : at + 20 + size] = f"town {size}"
        at += size
    bmi = np.round(rng.normal(27, 4, n), 1).astype(object)
    bmi[[30, 31, 32]] = ""  # N of whoever is adjusted for it is three less
    answers = np.repeat([0, 1, 2, 3], [n - 9, 2, 3, 4])
    return pd.DataFrame(
        {
            "eid": eids,
            "sex": rng.choice(["Female", "Male"], n),
            "age_years": np.round(rng.uniform(45, 80, n), 1),
            "bmi": bmi,
            "centre": centre,
            "shift": shift,
            "answers": rng.permutation(answers),
            "hours": np.where(shift == "day", f"day {MARKED}", "night"),
        }
    )


def _diagnoses(rng: np.random.Generator, place: np.ndarray) -> dict[str, np.ndarray]:
    """Code -> who has it."""

    def some(count: int, *, among: np.ndarray | None = None) -> np.ndarray:
        pool = np.arange(PEOPLE) if among is None else among
        return rng.choice(pool, count, replace=False)

    held: dict[str, np.ndarray] = {}
    for number, code in enumerate(("A01", "B02", "C34", "D50"), start=1):
        held[code] = some(number)  # of one to four cases
    first = np.flatnonzero(place == 0)
    held["I10"] = np.union1d(some(50), first[:25])
    # few people tell these from what holds them
    held |= _parts("K76", ("K760", "K769"), some(30), few=2)
    held |= _parts("E11", ("E119", "E112"), np.union1d(some(20), first[:30]), few=4)
    held |= _parts("M54", ("M545", "M542"), some(60), few=1)
    held |= _parts("J45", ("J450", "J459", "J451"), some(48), few=3)
    # as many have both of these, but for two each: neither is part of the other
    both = some(34)
    held["H250"], held["G473"] = both[2:], both[:-2]
    # in each cluster a few of a code that many have, and in one it is all but two
    second = np.flatnonzero(place == 1)
    held["N180"] = np.concatenate([first[:2], second[:3], second[4:24]])
    held["F320"] = first[:-2]
    held["E10"] = np.union1d(held["E119"][:3], some(12))
    held["I15"] = some(9)
    for number in range(8):
        held[f"L{20 + number}"] = some(12 + 9 * number)
    return held


def _parts(
    whole: str, codes: tuple[str, ...], who: np.ndarray, *, few: int
) -> dict[str, np.ndarray]:
    """Codes of four characters; the last but not the first of few people."""
    cuts = np.linspace(0, len(who) - few, len(codes)).astype(int)[1:]
    shares = np.split(who, cuts) if len(codes) > 2 else np.split(who, [len(who) - few])
    assert sum(map(len, shares)) == len(who), whole
    return dict(zip(codes, shares, strict=True))


def _items(
    rng: np.random.Generator, held: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Item of the table of medications -> who takes it."""
    rest = np.setdiff1d(np.arange(PEOPLE), held["I10"])
    items = {f"rare {n}": rng.choice(PEOPLE, n, replace=False) for n in (1, 2, 3, 4)}
    items[f"pressure {MARKED}"] = np.concatenate([held["I10"], rest[:3]])  # three more
    items["sugar"] = held["E119"][:-1]  # one less
    items[CREAM] = rng.choice(PEOPLE, 40, replace=False)
    return items
