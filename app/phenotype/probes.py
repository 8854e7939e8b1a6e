"""Probes on the screen Phenotype: what the embedding knows of age and organ size."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import data, explained, figures, widgets
from app.phenotype import appraisal_charts
from app.state import Choice
from edp_core.disclosure import disclose
from edp_core.store import read_table

TOGETHER = "all organs together"
_METHOD = (
    "Ridge regression in nested cross-validation: everybody is predicted by models "
    "that did not see them, the penalty chosen within the training part by "
    "leave-one-out (Golub, Heath and Wahba 1979). The constant is the mean of the "
    "training participants."
)
COLUMNS: dict[str, ColumnConfig | str | None] = {
    "target_name": "Predicted",
    "predictor": "From",
    "mae": widgets.figure_column("Mean error", "%.2f", explained.help("mae")),
    "r2": widgets.figure_column("R²", "percent", explained.help("r2_out_of_fold")),
    "r": widgets.figure_column("r", "%.3f", explained.help("pearson")),
    "r_low": widgets.figure_column("95 % from", "%.3f", explained.help("pearson")),
    "r_high": widgets.figure_column("to", "%.3f", explained.help("pearson")),
    "n": widgets.count_column("N", explained.help("n")),
    "axes": widgets.count_column("Axes", explained.help("n_axes")),
    "reason": "Note",
}


def draw(choice: Choice) -> None:
    """Figure and table, or how they are computed."""
    slot = f"probes/{choice.organ}/{choice.encoder}"
    whole = f"probes/+/{choice.encoder}"
    refs = data.store().refs()
    if slot not in refs:
        st.info(
            "The probes of this embedding are not computed yet.",
            icon=":material/hourglass_empty:",
        )
        st.markdown("Run this, then reload the page:")
        st.code(data.command(), language="bash")
        return
    if whole in refs:
        which = st.segmented_control(
            "Embeddings",
            (choice.organ, TOGETHER),
            default=choice.organ,
            required=True,
            key=f"probed-{choice.organ}",
        )
        slot = whole if which == TOGETHER else slot
    found = table(slot)
    if found.empty:
        st.info(
            "The study has neither an age nor an organ volume to predict.",
            icon=":material/info:",
        )
        return
    name = slot.replace("/", "-").replace("+", "all")
    told = found[found["mae"].notna()]
    targets = {str(key): rows for key, rows in told.groupby("target", sort=False)}
    for column, (target, rows) in zip(
        st.columns(max(len(targets), 1), gap="large"), targets.items(), strict=False
    ):
        with column:
            widgets.figure(
                appraisal_charts.probe(rows),
                f"{name}-{target}",
                alt_text=f"mean error of predicting {rows['target_name'].iloc[0]}",
            )
    st.caption(
        "How well age and organ volume are predicted from the embedding, from volumes "
        "alone, and from nothing (the constant, dashed): shorter is better. An "
        "embedding that predicts age well will carry age into its phenotypes.",
        help=_METHOD,
    )
    st.dataframe(
        found,
        hide_index=True,
        column_order=list(COLUMNS),
        column_config=COLUMNS,
        placeholder=widgets.HIDDEN,
    )
    widgets.hidden_note(found, "n")
    settings = f"N in column n; ridge, nested cross-validation; {data.study().analysis}"
    widgets.table_download(found, name, settings=settings)


def table(slot: str) -> pd.DataFrame:
    """Disclosed probes of a slot; empty where there was nothing to predict."""
    found = read_table(data.store().at(slot), "probes")
    columns = ["mae", "rmse", "r2", "r", "r_low", "r_high"]
    found[columns] = found[columns].astype(float).round(3)
    found["target_name"] = [_named(target) for target in found["target"]]
    found = disclose(
        found, threshold=figures.least(), counts=["n"], derived=columns
    ).drop(columns=["folds", "penalty"])
    # they are numbers of a vector, not people
    found = found.rename(columns={"n_axes": "axes"})
    found["n"] = found["n"].mask(figures.is_coarse(found["n"]))
    return found


def _named(target: str) -> str:
    return "age (years)" if target == "age_years" else data.caption(target)
