"""Puts a phenome together: ICD-10, phecodes and tables of the study, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edp_core.errors import InputError
from edp_core.people.cohort import locate
from edp_core.people.items import Items
from edp_core.people.phecodes import PhecodeMap, Range, in_range
from edp_core.people.phenome import ICD, ICD3, PHECODE, Phenome
from edp_core.people.traits import Trait, assembled
from edp_core.people.vocabularies import CODE, UNKNOWN, Names, name_of

NO_SEX = "a phecode's case of the other sex or of unknown sex, left out of its cases"


@dataclass(frozen=True)
class Coded:
    """Rows of diagnoses that are about participants and hold a code.

    Attributes
    ----------
    codes, at
        (n_rows,) place in ``full`` and row of the participant.
    full
        The codes as they are held, each once, without dots.
    """

    codes: np.ndarray
    at: np.ndarray
    full: Sequence[str]


def build_phenome(
    diagnoses: pd.DataFrame,
    eids: np.ndarray,
    *,
    names: Names | None = None,
    phecodes: PhecodeMap | None = None,
    sex: np.ndarray | None = None,
    tables: Iterable[Items] = (),
) -> tuple[Phenome, pd.DataFrame]:
    """Make a phenome of a long table of diagnoses and of tables of items.

    Every code also counts for its prefixes down to three characters (M2556 → M255,
    M25), every phecode for those above it.

    Parameters
    ----------
    diagnoses
        Text columns ``eid`` and ``icd10`` (with or without a dot).
    eids
        Sorted ids of the cohort.
    names
        Names of codes that go before ICD-10's.
    phecodes
        Map from ICD-10; without it there are no phecodes.
    sex
        (n_participants,) F, M or anything else where it is not known; needed where a
        phecode somebody has is of one sex.
    tables
        Other binary tables.

    Returns
    -------
    phenome, notes
        ``notes`` has ``reason, count`` of rows left out.

    Raises
    ------
    InputError
        Where a phecode is of one sex and nobody's sex is known.
    """
    coded, notes = _coded(diagnoses, eids)
    traits, holds = _icd(coded, len(eids), names)
    unknown = sum(name_of(code, names)[0] == UNKNOWN for code in coded.full)
    notes["codes that ICD-10 does not list, kept without a name"] = unknown
    if phecodes is not None:
        made, held, said = _phecodes(coded, phecodes, sex=sex, size=len(eids))
        traits += made
        holds += held
        notes |= said
    for items in tables:
        own = [
            Trait(f"{items.table}:{code}", name, items.table, items.table, rows, "", no)
            for code, name, rows, no in zip(
                items.codes, items.names, items.cases, items.unknown, strict=True
            )
            if len(rows)
        ]
        traits += own
        holds += [np.zeros(0, np.int64)] * len(own)
        notes |= items.notes
    table = pd.DataFrame({"reason": list(notes), "count": list(notes.values())})
    shown = table.astype({"count": "int64"})[table["count"].astype(int) > 0]
    return assembled(traits, holds, eids), shown.reset_index(drop=True)


# ---- ICD-10 ----------------------------------------------------------------------
def _coded(diagnoses: pd.DataFrame, eids: np.ndarray) -> tuple[Coded, dict[str, int]]:
    at, decimals = locate(diagnoses["eid"], eids)
    codes, spellings = pd.factorize(diagnoses["icd10"])
    written = pd.Series(np.asarray(spellings, object), dtype="string")
    written = written.str.strip().str.upper().str.replace(".", "", regex=False)
    valid = written.str.fullmatch(CODE).fillna(False).to_numpy(bool)
    good = np.append(valid, False)[codes]  # −1, a missing cell, takes the last
    keep = good & (at >= 0)
    notes = {
        "diagnosis row: eid written as a decimal number": decimals,
        "diagnosis row: no ICD-10 code": int((~good).sum()),
        "diagnosis row: participant is not in the cohort": int((good & ~keep).sum()),
    }
    # one code has several spellings; text is only looked at spelling by spelling
    place, full = pd.factorize(written[valid])
    of_spelling = np.full(len(written), -1, np.int64)
    of_spelling[valid] = place
    chosen = of_spelling[codes[keep]]
    used = np.unique(chosen)
    new = np.full(len(full), -1, np.int64)
    new[used] = np.arange(len(used))
    return Coded(new[chosen], at[keep], [str(full[i]) for i in used]), notes


def _icd(
    coded: Coded, size: int, names: Names | None
) -> tuple[list[Trait], list[np.ndarray]]:
    targets = [[c[:n] for n in range(3, len(c) + 1)] for c in coded.full]
    cases, holds = _cases(coded, targets, size)
    traits = [
        Trait(code, *name_of(code, names), ICD3 if len(code) == 3 else ICD, rows)
        for code, rows in cases.items()
    ]
    return traits, [holds[code] for code in cases]


def _cases(
    coded: Coded, targets: Sequence[Sequence[str]], size: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Who has each trait, and which held codes make it.

    Parameters
    ----------
    targets
        For each held code the traits it stands for.

    Returns
    -------
    cases
        Trait → rows of participants, ascending, in the order of the codes.
    holds
        Trait → places in ``coded.full``.
    """
    order = sorted({one for several in targets for one in several})
    number = {code: i for i, code in enumerate(order)}
    found = []
    for turn in range(max(map(len, targets), default=0)):
        trait = np.array(
            [
                number[several[turn]] if turn < len(several) else -1
                for several in targets
            ],
            np.int64,
        )[coded.codes]
        have = trait >= 0
        found.append(_distinct(trait[have] * size + coded.at[have]))
    cells = _distinct(np.concatenate([np.zeros(0, np.int64), *found]))
    trait, rows = np.divmod(cells, max(size, 1))
    ends = np.searchsorted(trait, np.arange(len(order)), side="right")
    split = np.split(rows.astype(np.int32), ends[:-1]) if order else []
    holds: dict[str, list[int]] = {code: [] for code in order}
    for place, several in enumerate(targets):
        for one in several:
            holds[one].append(place)
    return (
        dict(zip(order, split, strict=True)),
        {code: np.array(held, np.int64) for code, held in holds.items()},
    )


def _distinct(values: np.ndarray) -> np.ndarray:
    """Sorted values, each once; numpy's `unique` hashes, ten times slower here."""
    ordered: np.ndarray = np.sort(values)
    kept: np.ndarray = ordered[np.append(True, np.diff(ordered) > 0)[: len(ordered)]]
    return kept


# ---- phecodes --------------------------------------------------------------------
def _phecodes(
    coded: Coded, known: PhecodeMap, *, sex: np.ndarray | None, size: int
) -> tuple[list[Trait], list[np.ndarray], dict[str, int]]:
    targets = [known.of(code) for code in coded.full]
    none = np.array([not several for several in targets], bool)
    cases, holds = _cases(coded, targets, size)
    of_sex = {letter: _are(sex, letter, size) for letter in ("F", "M")}
    sexed = sum(bool(known.phecodes[one].sex) for one in cases)
    if sexed and not (of_sex["F"].any() or of_sex["M"].any()):
        raise InputError(
            f"{sexed} of the phecodes are of one sex only, and nobody's sex is known",
            "name the column of sex under [participants.columns] in study.toml",
        )
    sets: dict[tuple[Range, str], np.ndarray] = {}
    traits = []
    dropped = 0
    for one, everyone in cases.items():
        about = known.phecodes[one]
        rows = everyone[of_sex[about.sex][everyone]] if about.sex else everyone
        dropped += len(everyone) - len(rows)
        key = (about.excluded, about.sex)
        if key not in sets:
            out = np.zeros(size, bool) if not about.sex else ~of_sex[about.sex]
            for other, held in cases.items():
                # a case of the wrong sex is an error somewhere, and no clean control
                if in_range(other, about.excluded):
                    out[held] = True
            sets[key] = np.flatnonzero(out).astype(np.int32)
        out_rows = sets[key]
        if len(rows):
            traits.append(
                Trait(
                    one, about.name, about.chapter, PHECODE, rows, about.sex, out_rows
                )
            )
    notes = {
        "codes without a phecode": int(none.sum()),
        "diagnosis row: its code has no phecode": int(none[coded.codes].sum()),
        NO_SEX: dropped,
    }
    return traits, [holds[trait.code] for trait in traits], notes


def _are(sex: np.ndarray | None, letter: str, size: int) -> np.ndarray:
    if sex is None:
        return np.zeros(size, bool)
    # a missing cell of pandas equals nothing and is not unequal either
    return pd.Series(sex, dtype=object).isin([letter]).to_numpy(bool)
