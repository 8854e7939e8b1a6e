"""The confounder radar of the screen Phenotype: what else explains the score."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, figures, widgets
from app.phenotype import appraisal_charts, verdict
from edp_core import disclosure
from edp_core.appraisal.radar import confounder_radar, radar_factors
from edp_core.phenotype import Phenotype
from edp_core.recipe import SPEC, ColumnSpec, Spec, VectorSpec

MUCH = 0.05
"""Partial R² from which a factor is warned of."""
_PARTIAL = explained.help("partial_r2")
COLUMNS: dict[str, ColumnConfig | str | None] = {
    "factor": "Factor",
    "score": "Score",
    "partial_r2": widgets.figure_column("Partial R²", "percent", _PARTIAL),
    "partial_adjusted_r2": widgets.figure_column(
        "adjusted", "percent", explained.help("adjusted_r2", "Drawn as the point.")
    ),
    "partial_low": widgets.figure_column("95 % from", "percent", _PARTIAL),
    "partial_high": widgets.figure_column("to", "percent", _PARTIAL),
    "partial_log10p": widgets.figure_column(
        "−log₁₀ p", "%.1f", explained.help("f_test")
    ),
    "marginal_r2": widgets.figure_column(
        "R² alone", "percent", explained.help("r2", "Of the factor by itself.")
    ),
    "n_known": widgets.count_column(
        "N known",
        "Participants with a score whose factor is known. Missing values take the "
        "mean and an indicator, so every row rests on the same participants.",
    ),
    "reason": "Note",
}


def draw(score: Phenotype, spec: Spec, name: str) -> None:
    """Warning, figure, table and downloads."""
    bare = before_of(spec)
    found = table(spec, bare)
    if found.empty:
        st.info(
            "Nothing to compare with: the study has no age, sex, BMI, centre, imaging "
            "date, genetic components or organ volume that may be shown for this "
            "phenotype.",
            icon=":material/info:",
        )
        return
    _warn(found, spec)
    widgets.figure(
        appraisal_charts.radar(found, much=MUCH),
        f"radar-{name}",
        alt_text="confounder radar: partial R² of the score with each factor",
    )
    sides = (
        "Grey: with nothing regressed out; blue: after the chosen adjustment. "
        if bare is not None
        else ""
    )
    st.caption(
        f"Share of the score each factor explains, given all the others, N = "
        f"{verdict.stated(score)}. {sides}Points: adjusted partial R²; "
        f"lines: 95 % intervals; dotted: {MUCH:.0%}. Linear regression "
        "with intercept; categories and the genetic components count as one factor "
        "each.",
        help=_PARTIAL,
    )
    with st.expander("Table of the radar", icon=":material/table:"):
        shown = found[list(COLUMNS)]
        st.dataframe(
            shown, hide_index=True, column_config=COLUMNS, placeholder=widgets.HIDDEN
        )
        widgets.hidden_note(shown, "n_known")
        settings = (
            f"N = {verdict.stated(score)}; {spec.model_dump_json(exclude={'name'})}"
        )
        widgets.table_download(shown, f"radar-{name}", settings=settings)


def before_of(spec: Spec) -> Spec | None:
    """The same recipe with nothing regressed out; `None` where that is itself."""
    if not isinstance(spec, VectorSpec):
        return None
    bare: dict[str, Any] = {
        "remove_pcs": (),
        "remove_covariates": (),
        "measured": {},
    }
    plain = spec.model_copy(update=bare)
    return None if plain == spec else plain


def table(spec: Spec, before: Spec | None) -> pd.DataFrame:
    """Disclosed radar of a score, beside that of ``before``; no row without factors."""
    recipes = tuple(
        SPEC.dump_json(s.model_copy(update={"name": "score"})).decode()
        for s in (spec, before)
        if s is not None
    )
    keys = tuple(sorted(data.store().refs().items()))
    rules = (figures.least(), str(data.study().store_path), keys)
    return _table(recipes, rules)


@st.cache_data(show_spinner="Regressing the score on its factors …", max_entries=64)
def _table(recipes: tuple[str, ...], rules: tuple[object, ...]) -> pd.DataFrame:
    spec, *bare = (SPEC.validate_json(recipe) for recipe in recipes)
    score = data.phenotype(spec)
    inputs = data.inputs()
    people = inputs.participants
    itself = spec.column if isinstance(spec, ColumnSpec) else None
    factors = {
        name: known
        for name, columns in radar_factors(people, volumes=inputs.measured).items()
        if (known := [c for c in columns if people[c].notna().any() and c != itself])
        and not (
            score.kind == "binary"
            and any(_tells_small_counts(score, people[c]) for c in known)
        )
    }
    if not factors:
        return pd.DataFrame(columns=[*COLUMNS, "columns"])
    before = data.phenotype(bare[0]).values if bare else None
    found = confounder_radar(score.values, people, factors, before=before)
    found["columns"] = [" ".join(factors[name]) for name in found["factor"]]
    # digits nobody needs would tell exact counts behind a share
    for name in map(str, found.columns):
        if name.endswith(("_r2", "_low", "_high")):
            found[name] = found[name].round(4)
    found["partial_log10p"] = found["partial_log10p"].round(1)
    everyone = int(found["n"].iloc[0])
    found = disclosure.disclose(
        found.drop(columns="n"),
        threshold=figures.least(),
        counts=["n_known"],
        totals={"n_known": everyone},
    )
    hidden = figures.is_coarse(found["n_known"]) | verdict.leaves_out(score)
    found["n_known"] = found["n_known"].mask(hidden)
    return found


def _tells_small_counts(score: Phenotype, column: pd.Series) -> bool:
    """Whether cases and controls by the levels of a factor hold a small count.

    A share of a 0/1 trait that a yes/no column explains is a table of four counts.
    """
    levels = column.notna()
    if not pd.api.types.is_numeric_dtype(column) and column.nunique() < len(column) / 2:
        levels = column.fillna("missing")
    cells = pd.crosstab(score.values, levels.to_numpy())
    return bool(disclosure.is_small(cells.to_numpy(), figures.least()).any())


def _warn(found: pd.DataFrame, spec: Spec) -> None:
    """Name what explains much, and offer to take it out."""
    now = found[found["score"] != "before"]
    much = now[now["partial_r2"] >= MUCH].sort_values("partial_r2", ascending=False)
    if much.empty:
        st.caption(
            f":material/check: No factor explains {MUCH:.0%} of the score or more, "
            "given the others."
        )
        return
    told = ", ".join(
        f"**{factor}** {share:.0%}"
        for factor, share in zip(much["factor"], much["partial_r2"], strict=True)
    )
    st.warning(
        f"Much of the score is explained by {told} ({MUCH:.0%} or more, given the "
        "other factors). A GWAS of it will find loci of these.",
        icon=":material/warning:",
    )
    if not isinstance(spec, VectorSpec):
        st.caption("regenie adjusts for covariates: give them to it at the export.")
        return
    offered = set(data.known_columns())
    left = [
        column
        for columns in much["columns"]
        for column in columns.split()
        if column in offered and column not in spec.remove_covariates
    ]
    if not left:
        st.caption(
            "All of them are regressed out of the axes already. What is left is not "
            "linear, or came in through the labels; regenie adjusts for covariates as "
            "well."
        )
        return
    st.button(
        f"Regress out {', '.join(much['factor'])}",
        key="regress_out",
        icon=":material/remove_circle:",
        on_click=_regress_out,
        args=(left,),
    )


def _regress_out(columns: list[str]) -> None:
    """Add columns to what is regressed out (before the widgets are drawn)."""
    held = list(st.session_state.get("covariates") or [])
    st.session_state["covariates"] = held + [c for c in columns if c not in held]
