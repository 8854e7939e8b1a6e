"""Values of known columns as UK Biobank codes them, in our words.

The research platform exports either codes or their meanings; both read alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

SEX = {
    "F": "F", "f": "F", "0": "F", "female": "F", "Female": "F", "FEMALE": "F",
    "M": "M", "m": "M", "1": "M", "male": "M", "Male": "M", "MALE": "M",
}  # fmt: skip
"""Spellings of sex; 0 and 1 are UK Biobank's coding 9."""
CENTRES = {
    "11025": "Cheadle",
    "11026": "Reading",
    "11027": "Newcastle",
    "11028": "Bristol",
}
"""Imaging centres of coding 10; the centres of other visits keep their number."""
KINSHIP = {
    "Participant excluded from kinship inference process": "-1",
    "No kinship found": "0",
    "At least one relative identified": "1",
    "Ten or more third-degree relatives identified": "10",
}
"""Field 22021 in words → its code."""
LEVELS = 10
"""More batches than this are UK Biobank's 106, not a category of somebody else's."""


def whole(text: pd.Series) -> pd.Series:
    """Text with ``1.0`` written ``1``; other cells as they are."""
    return text.str.replace(r"^(-?[0-9]+)\.0+$", r"\1", regex=True)


def _coded(meanings: Mapping[str, str]) -> Callable[[pd.Series], pd.Series]:
    """Replaces meanings by codes and leaves other cells; ``1.0`` is also ``1``."""

    def spelt(text: pd.Series) -> pd.Series:
        mapped = whole(text).map(meanings).astype("string")
        return mapped.where(mapped.notna(), text)

    return spelt


def _centre(text: pd.Series) -> pd.Series:
    return _coded(CENTRES)(text.str.replace(r" \(imaging\)$", "", regex=True))


def _array(text: pd.Series) -> pd.Series:
    """Batches (field 22000): below zero the UK BiLEVE array, else UK Biobank Axiom.

    Numbers that look like somebody's own category stay as they are.
    """
    named = text.replace(r"^UKBiLEVE.*$", "BiLEVE", regex=True)
    named = named.replace(r"^Batch_.*$", "Axiom", regex=True)
    batch = named.str.fullmatch(r"-?[0-9]{1,4}(\.0+)?").fillna(False).astype(bool)
    below = named.str.startswith("-").fillna(False).astype(bool)
    if not batch.any() or not (below.any() or named[batch].nunique() > LEVELS):
        return named
    named[batch & below] = "BiLEVE"
    named[batch & ~below] = "Axiom"
    return named


SPELLINGS: Mapping[str, tuple[Callable[[pd.Series], pd.Series], frozenset[str]]] = {
    "sex": (_coded(SEX), frozenset("FM")),
    "genetic_sex": (_coded(SEX), frozenset("FM")),
    "centre": (_centre, frozenset()),
    "array": (_array, frozenset()),
    "white_british": (_coded({"Caucasian": "1"}), frozenset()),
    "sex_aneuploidy": (_coded({"Yes": "1"}), frozenset()),
    "used_in_pca": (_coded({"Yes": "1"}), frozenset()),
    "kinship": (_coded(KINSHIP), frozenset()),
}
"""Our name → how its cells are spelt, and the values there are (empty: any)."""
