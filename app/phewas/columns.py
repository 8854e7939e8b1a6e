"""Columns of the table of a PheWAS, and what each of them says."""

from __future__ import annotations

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import widgets
from app.explained import help as explained

ORDER = (
    "outcome", "name", "group", "n", "n_cases", "n_controls", "or_", "or_low",
    "or_high", "beta", "se", "low", "high", "log10p", "log10q", "converged", "method",
    "circular", "reason", "kind", "vocabulary",
)  # fmt: skip

ABOUT_Q = (
    "Here of every test shown that is not circular; what is hidden is no test, since "
    "counts alone decide on it."
)


def columns() -> dict[str, ColumnConfig | str | None]:
    """Names and help of the table's columns."""
    text, number = st.column_config.TextColumn, widgets.figure_column
    count = widgets.count_column
    return {
        "outcome": text("Outcome", help="Code, or column of the participants table."),
        "name": text("Name", width="medium"),
        "group": text("Group", help="Chapter, category or kind of field."),
        "n": count("N", explained("n", "Of a level: who has it or the reference.")),
        "n_cases": count("Cases", explained("n_cases")),
        "n_controls": count("Controls", explained("n_controls")),
        "or_": number("OR per SD", "%.3g", explained("or_per_sd")),
        "or_low": number("OR 95 % from", "%.3g", explained("interval")),
        "or_high": number("to ", "%.3g", explained("interval")),
        "beta": number("β per SD", "%.3g", explained("beta_per_sd")),
        "se": number("SE", "%.3g", explained("se")),
        "low": number("β 95 % from", "%.3g", explained("interval")),
        "high": number("to", "%.3g", explained("interval")),
        "log10p": number("−log₁₀ p", "%.2f", explained("log10p")),
        "log10q": number("−log₁₀ q", "%.2f", explained("q", ABOUT_Q)),
        "converged": st.column_config.CheckboxColumn(
            "Converged", help=explained("converged")
        ),
        "method": text("Fitted by", help=explained("firth")),
        "circular": text(
            "Circular", help="Why the row says nothing new; empty where it may."
        ),
        "reason": text("No figures because", help="Empty where there are figures."),
        "kind": text("Kind", help="How the outcome is modelled: PHESANT's rules."),
        "vocabulary": text("Vocabulary", help="Empty for a column."),
    }
