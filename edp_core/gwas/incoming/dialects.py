"""Which program wrote a result file, told by its header, and which column is what.

A name of a file proves nothing, so only the header counts. What no program is known for
is read by common names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edp_core.errors import InputError
from edp_core.gwas.incoming.names import (
    BUILD,
    COMMON,
    KNOWN,
    PAIRS,
    UNSAID,
    WORDS,
    Dialect,
    Names,
)

NEEDED = ("chrom", "pos", "effect", "other", "p")
"""What a result must have; ``p`` may be a p value or −log10 of it."""


@dataclass(frozen=True)
class Layout:
    """Which column of one file is what.

    Attributes
    ----------
    dialect
        Name of the dialect.
    columns
        Our word → the column's number, counted from 0.
    trait
        The trait the file names for these columns, where it does.
    notes
        What was taken for granted.
    """

    dialect: str
    columns: Mapping[str, int]
    trait: str | None = None
    notes: tuple[str, ...] = field(default=())


def layout_of(
    path: Path,
    names: Sequence[str],
    *,
    trait: str | None = None,
    known: Mapping[str, str] | None = None,
) -> Layout:
    """Find out what each column of a result file is.

    Parameters
    ----------
    path
        The file, for messages.
    names
        Its columns as the header names them, without a leading ``#``.
    trait
        Which one to take where regenie wrote several into one file (``--no-split``):
        its name, or its suffix (``Y1``).
    known
        Suffix → name of the trait, regenie's ``.Ydict``.

    Raises
    ------
    InputError
        Where a column is missing that no result can do without, or the file has
        several traits and none was named.
    """
    at: dict[str, int] = {}
    for number, name in enumerate(names):
        at.setdefault(name.strip().lower(), number)
    found = next(
        (d for d in KNOWN if any(sign <= at.keys() for sign in d.signs)), COMMON
    )
    columns = _columns(found.columns, at)
    notes: list[str] = []
    said = None
    if found is COMMON:
        notes += _alleles(columns, at)
    if found.name == "regenie" and "log10p" not in columns:
        said = _one_trait(path, at, columns, trait=trait, known=known or {})
    if found.name == "plink2" and {"ref", "alt"} <= columns.keys():
        columns.setdefault("other", columns["ref"])  # settled row by row
    build = _columns({"build": BUILD}, at)
    missing = [
        word
        for word in NEEDED
        if word not in columns and not (word == "p" and "log10p" in columns)
    ]
    if missing:
        raise _lacks(path, names, missing, found=found, at=at)
    return Layout(found.name, columns | build, said, tuple(notes))


def _columns(wanted: Names, at: Mapping[str, int]) -> dict[str, int]:
    found = {}
    for word, names in wanted.items():
        for name in names:
            if name in at:
                found[word] = at[name]
                break
    return found


def _alleles(columns: dict[str, int], at: Mapping[str, int]) -> list[str]:
    """Put in the pair of alleles; what was taken for granted."""
    for effect, other in PAIRS:
        if effect in at and other in at:
            columns["effect"], columns["other"] = at[effect], at[other]
            if other in UNSAID:
                return [
                    f"file whose header does not say which allele the effect is of: "
                    f"{effect.upper()} was taken for it"
                ]
            return []
    return []


def _one_trait(
    path: Path,
    at: Mapping[str, int],
    columns: dict[str, int],
    *,
    trait: str | None,
    known: Mapping[str, str],
) -> str | None:
    """Put in the columns of one of several traits; its name."""
    suffixes = [name.removeprefix("log10p.") for name in at if "log10p." in name]
    if not suffixes:
        return None
    by_suffix = {suffix.lower(): name for suffix, name in known.items()}
    named = {by_suffix.get(suffix, suffix): suffix for suffix in suffixes}
    if trait is None and len(named) == 1:
        trait = next(iter(named))
    if trait is None:
        shown = ", ".join(list(named)[:8]) + (", …" if len(named) > 8 else "")
        raise InputError(
            f"{path.name} holds {len(named)} traits: {shown}",
            "say which one to read, for example --trait " + next(iter(named)),
        )
    suffix = named.get(trait, trait.lower())
    if suffix not in suffixes:
        shown = ", ".join(list(named)[:8]) + (", …" if len(named) > 8 else "")
        raise InputError(
            f"{path.name} holds no trait {trait!r}; it holds {shown}",
            "give one of them",
        )
    for word in ("beta", "se", "log10p"):
        if f"{word}.{suffix}" in at:
            columns[word] = at[f"{word}.{suffix}"]
    return next(name for name, held in named.items() if held == suffix)


def _lacks(
    path: Path,
    names: Sequence[str],
    missing: Sequence[str],
    *,
    found: Dialect,
    at: Mapping[str, int],
) -> InputError:
    """The error of a file without a column it must have, beside the nearest dialect."""
    nearest = found
    if found is COMMON:
        nearest = max(KNOWN, key=lambda d: _likeness(d, at))
        if _likeness(nearest, at) < 0.5:
            nearest = COMMON
    lacking = [f"{WORDS[word]}{_wanted(nearest, word)}" for word in missing]
    there = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    like = "" if nearest is COMMON else f" (it looks most like {nearest.name})"
    return InputError(
        f"{path.name} has no column of {' and of '.join(lacking)}{like}; "
        f"its columns are: {there}",
        "write the result with these columns, or name them in the first line",
    )


def _likeness(dialect: Dialect, at: Mapping[str, int]) -> float:
    """Share of our words for which the header has the name of this dialect."""
    words = dialect.columns.values()
    return sum(any(name in at for name in names) for names in words) / len(words)


def _wanted(dialect: Dialect, word: str) -> str:
    """Names a column may have, for a message."""
    names: Sequence[str] = dialect.columns.get(word, ())
    if word == "p":
        names = [*dialect.columns.get("log10p", ()), *names]
    if dialect is COMMON and word in ("effect", "other"):
        place = 0 if word == "effect" else 1
        names = list(dict.fromkeys(pair[place] for pair in PAIRS))
    return f" ({' or '.join(name.upper() for name in names[:4])})" if names else ""


def read_ydict(path: Path) -> dict[str, str]:
    """Suffix → trait of a ``--no-split`` result, from the ``.Ydict`` beside it.

    regenie writes ``<out>.regenie`` or ``<out>.regenie.gz`` and ``<out>.regenie.Ydict``
    with lines ``Y1 <trait>``. Without one the suffixes stand for themselves.
    """
    bare = path.with_name(re.sub(r"\.gz$", "", path.name))
    beside = bare.with_name(bare.name + ".Ydict")
    if not beside.is_file():
        return {}
    try:
        lines = beside.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{beside.name} cannot be read", "mend it or take it away"
        ) from error
    pairs = [line.split(None, 1) for line in lines if line.strip()]
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
