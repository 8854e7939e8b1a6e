"""What each statistic on the screens is: meaning, formula, reference.

`help` makes the text of a help bubble, wherever a figure or a column stands; the
glossary shows all of them. The entries stand in ``explained.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import streamlit as st


@dataclass(frozen=True)
class Entry:
    """One statistic.

    Attributes
    ----------
    name
        As a reader knows it.
    meaning
        What it says, in Markdown.
    formula
        LaTeX without dollar signs; empty for a count.
    reference
        Where it comes from; empty where there is nothing to cite.
    """

    name: str
    meaning: str
    formula: str = ""
    reference: str = ""

    def told(self, also: str = "") -> str:
        """As Markdown: meaning, what is ``also`` to be said here, formula, reference.

        A formula of several parts is set part by part: a bubble is narrow.
        """
        parts = [f"{self.meaning} {also}".strip()]
        parts += [f"$$\n{part}\n$$" for part in self.formula.split(r",\qquad ") if part]
        parts += [f"*{self.reference}*"] if self.reference else []
        return "\n\n".join(parts)


def _read() -> Mapping[str, Entry]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return MappingProxyType(
        {key: Entry(**given) for key, given in tomllib.loads(text).items()}
    )


ENTRIES = _read()
"""Every statistic by its key, in the order of the glossary."""


def help(key: str, also: str = "") -> str:
    """Text of the help bubble of a statistic.

    Parameters
    ----------
    key
        Of `ENTRIES`.
    also
        What is to be said of it here: of whom, adjusted for what.

    Raises
    ------
    KeyError
        Where there is no such entry: one is written before a statistic is shown.
    """
    return ENTRIES[key].told(also)


def glossary() -> None:
    """All of them, those with the words that are sought."""
    sought = st.text_input("Search", key="glossary_sought", placeholder="odds ratio")
    words = (sought or "").lower().split()
    found = [
        entry
        for key, entry in ENTRIES.items()
        if all(word in f"{key} {entry.name} {entry.meaning}".lower() for word in words)
    ]
    if not found:
        st.caption("No statistic is called so.")
    for entry in found:
        st.markdown(f"**{entry.name}**  \n{entry.told()}")
