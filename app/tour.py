"""What the guided tour says: about two minutes, from the study to its GWAS."""

from __future__ import annotations

import streamlit as st

from app import explained, routes
from app.guide import Step, guide

STEPS = (
    Step(
        "overview",
        "Welcome",
        "The studio turns organ images into phenotypes for a GWAS. This tour takes two "
        "minutes and moves between the screens; everything goes on working beside it.",
    ),
    Step(
        "overview",
        "What the study holds",
        "Participants, codes and clusters of the organ chosen. A ? beside a figure "
        "says what it is, by which formula and from whom. A dash hides a small count.",
        '.stMain [data-testid="stMetric"]',
    ),
    Step(
        "overview",
        "The choice",
        "Organ, encoder, code and cluster are chosen here, for every screen at once. "
        "Press / anywhere to search for a code by its name.",
        ".st-key-code_box",
        sidebar=True,
    ),
    Step(
        "diseases",
        "Find a disease",
        "One point a code: to the right the embedding separates its cases better, "
        "upwards more surely. Click a point, and its code is the choice everywhere.",
        ".st-key-auc_plot",
    ),
    Step(
        "diseases",
        "The same codes as a table",
        "Sort it, click a row's left edge to choose its code, take it along as CSV. "
        "Plot and table follow each other.",
        ".st-key-scan_table",
    ),
    Step(
        "clusters",
        "Where people gather",
        "The map of the embedding. Move, zoom, or draw a lasso around people to make "
        "them a named group; colour it by cluster, code, score or a covariate.",
        ".st-key-scatter",
    ),
    Step(
        "clusters",
        "What gathers there",
        "Codes of the chosen cluster, and below of a group: how common they are, and "
        "how surely they are more common than elsewhere.",
        ".st-key-percentage_plot",
    ),
    Step(
        "phenotype",
        "Design a phenotype",
        "A classifier, a cluster, an island, a group, an axis. What is on the right "
        "follows every change; where the study has genotypes, a live GWAS too.",
        ".st-key-method",
    ),
    Step(
        "phenotype",
        "Is it any good?",
        "What else explains the score, how many labels it needs, the power it has, "
        "and the images behind it. Only the open tab is computed.",
        ".st-key-look",
    ),
    Step(
        "phenotype",
        "Keep it",
        "The recipe goes into the basket, which lasts longer than this browser "
        "window. The button Link, above, gives the whole view to somebody else.",
        '.stMain [data-testid="stForm"]',
    ),
    Step(
        "phewas",
        "PheWAS",
        "The phenotype against every trait and every other field of the study, with "
        "the covariates you choose. What is circular says so.",
        ".st-key-phewas_volcano",
    ),
    Step(
        "compare",
        "Compare",
        "Phenotypes of the basket beside each other, and the same people in another "
        "organ.",
        ".st-key-picked",
    ),
    Step(
        "export",
        "Export",
        "Ticked phenotypes become files that regenie takes as they are, with a script, "
        "a methods paragraph and cards that give the same files again.",
    ),
    Step(
        "gwas",
        "Results come home",
        "Results of regenie and others are read here: loci, genes, replication, and "
        "all of them in one table. The tour can be had again from the sidebar.",
    ),
)


def buttons() -> None:
    """Tour, keys and glossary in the sidebar."""
    with st.sidebar:
        guide(STEPS, first=next(iter(routes.SCREENS)))
        if st.button(
            "What the statistics are",
            key="glossary",
            type="tertiary",
            icon=":material/menu_book:",
        ):
            _glossary()


@st.dialog("What the statistics are", width="large")
def _glossary() -> None:
    explained.glossary()
