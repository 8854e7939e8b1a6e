"""Vocabularies: which codes are offered, plotted and counted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from edp_core.people.phenome import ICD, ICD3, PHECODE, VOCABULARIES

NAMES = {
    ICD3: "ICD-10, 3 characters",
    ICD: "ICD-10, full codes",
    PHECODE: "Phecodes",
}
SEXES = {"F": "women only", "M": "men only"}


def name_of(vocabulary: str) -> str:
    """How a vocabulary is called; a table of the study by its own name."""
    return NAMES.get(vocabulary, vocabulary)


def split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of a scan by vocabulary; ours first, tables of the study after them by name.

    Where no code of a vocabulary was tested it comes last: a study opens on the first.
    Full ICD-10 codes are the finest that are shown: I10, below which ICD-10 has
    nothing, is one of them and of three characters too.

    Parameters
    ----------
    table
        ``code, vocabulary, reason``, disclosed: what is hidden takes no part.
    """
    own = table["vocabulary"]
    codes = table["code"].astype(str)
    wider = {code[:3] for code in codes[own == ICD]}
    fullest = (own == ICD) | ((own == ICD3) & ~codes.isin(wider))
    held = {ICD: table[fullest]} if (own == ICD).any() else {}
    others = sorted(set(own) - set(VOCABULARIES))
    for name in (ICD3, PHECODE, *others):
        if (own == name).any():
            held[name] = table[own == name]
    there = [name for name in (*VOCABULARIES, *others) if name in held]
    there.sort(key=lambda name: not (held[name]["reason"] == "").any())
    return {name: held[name] for name in there}


def holding(code: str, codes: Mapping[str, Sequence[str]], now: str | None) -> str:
    """Vocabulary a code is looked at in: the one looked at now, where it holds it.

    Empty where none does.
    """
    if now is not None and code in codes.get(now, ()):
        return now
    return next((name for name, held in codes.items() if code in held), "")


def label(code: str, names: Mapping[str, str]) -> str:
    """A code with its name; of a table of the study the name alone, where it is that.

    >>> label("K760", {"K760": "Fatty liver"}), label("drugs:statin", {})
    ('K760 Fatty liver', 'statin')
    """
    written, name = short(code), names.get(code, "")
    return written if name == written else f"{written} {name}".strip()


def plain(text: str) -> str:
    r"""A text as Markdown that says the same: names of a study are no markup.

    >>> plain("A*B")
    'A\\*B'
    """
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>#~$:|" else c for c in text)


def harmless(text: str) -> str:
    r"""A message as Markdown in which what somebody typed makes no link and no tag.

    Code in backticks stays code.

    >>> harmless("see `sides`; no <b>[x](y)")
    'see `sides`; no \\<b>\\[x](y)'
    """
    parts = text.split("`")
    for i in range(0, len(parts), 1 if len(parts) % 2 == 0 else 2):
        parts[i] = "".join(f"\\{c}" if c in "[<$*~" else c for c in parts[i])
    return "`".join(parts)


def short(code: str) -> str:
    """A code without the name of its table, for a label in a plot.

    >>> short("medication:statins"), short("K760")
    ('statins', 'K760')
    """
    return code.partition(":")[2] or code
