"""What the rules of disclosure need to know of a phenome's traits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from edp_core.nested import Side, near_pairs
from edp_core.partition import same_people_as_longer
from edp_core.people.phenome import ICD, PHECODE, Phenome


def side_of(phenome: Phenome, codes: Sequence[str]) -> Side:
    """Some traits and which of them are part of which.

    Raises
    ------
    InputError
        Where nobody has one of the codes.
    """
    at = phenome.at(codes)
    place = np.full(len(phenome.traits), -1, np.int64)
    place[at] = np.arange(len(at))
    pairs = place[np.asarray(phenome.within, np.int64)].reshape(-1, 2)
    vocabularies = phenome.traits["vocabulary"].iloc[at].tolist()
    return Side(list(codes), vocabularies, pairs[(pairs >= 0).all(axis=1)])


def near_each_other(
    phenome: Phenome, codes: Sequence[str], *, seen: np.ndarray, threshold: int
) -> np.ndarray:
    """`near_pairs` of some traits among some participants, as places in ``codes``.

    Parameters
    ----------
    seen
        Row numbers of the participants.
    """
    return near_pairs(_among(phenome.matrix(codes), seen), threshold)


def superfluous(side: Side, counts: np.ndarray) -> np.ndarray:
    """(n_traits,) bool: same people as a longer code of its own vocabulary.

    K74 and K746 are never listed together: each has a list of its own.
    """
    out = np.zeros(len(counts), bool)
    for vocabulary in (ICD, PHECODE):
        own = [i for i, one in enumerate(side.vocabularies) if one == vocabulary]
        out[own] = same_people_as_longer([side.codes[i] for i in own], counts[own])
    return out


def cases_in_sets(
    phenome: Phenome, codes: Sequence[str], *, seen: np.ndarray
) -> np.ndarray:
    """(n_codes,) how many cases among some participants are in the code's set.

    −1 where the code has no exclusion set.

    Parameters
    ----------
    seen
        Row numbers of the participants.
    """
    eligibility = phenome.eligibility(codes)
    cases = _among(phenome.matrix(codes), seen).astype(np.int64)
    sets = _among(eligibility.excluded, seen).astype(np.int64)
    both = (sets.T @ cases).toarray()
    found = np.full(len(codes), -1, np.int64)
    has = eligibility.of >= 0
    found[has] = both[eligibility.of[has], np.flatnonzero(has)]
    return found


def names_of(phenome: Phenome) -> dict[str, str]:
    """Code → name of every trait."""
    traits: pd.DataFrame = phenome.traits
    return dict(zip(traits["code"], traits["name"], strict=True))


def _among(matrix: sparse.csc_array, seen: np.ndarray) -> sparse.csc_array:
    return sparse.csc_array(sparse.csr_array(matrix)[seen])
