"""The live GWAS beside the controls of *Phenotype*: it follows every change of them."""

from __future__ import annotations

import streamlit as st

from app import data, errors, explained, figures, widgets
from app.live import (
    bases,
    exact_view,
)
from app.live import (
    choice as live_choice,
)
from app.live import (
    rare as live_rare,
)
from app.live import (
    runs as live_runs,
)
from app.live.choice import LOCI, WHAT
from app.live.loci import (
    Shown,
    comparable,
    in_words,
    inflation,
    kind_of,
    share,
)
from app.live.runs import Asked, Panel
from app.phenotype import verdict
from app.plots import manhattan
from app.state import Choice
from edp_core.disclosure import about, near
from edp_core.errors import EdpError, MissingArtifactError
from edp_core.gwas.loci import GENOME_WIDE
from edp_core.phenotype import Phenotype
from edp_core.recipe import Spec

POOR = 0.8
"""R² of the projection below which a preview is warned of."""
WIDTH = 640
"""Pixels the figure has beside the controls in a window of common width."""
R2 = explained.help(
    "preview_r2",
    "Out-of-fold scores and ranks are not linear in the axes; an exact pass over all "
    "genotypes replaces the preview when it is done. Neither is a mixed model: the "
    "final run is regenie's.",
)


def draw(choice: Choice, score: Phenotype, *, spec: Spec, name: str) -> Shown | None:
    """Plot, figures and choices; `None` where there is no basis to draw it from."""
    pair = (
        getattr(spec, "organ", choice.organ),
        getattr(spec, "encoder", choice.encoder),
    )
    if not bases.there(*pair):
        st.caption(
            ":material/timeline: No genotypes yet, so no Manhattan plot follows the "
            "controls: see the tab *GWAS* for the one command that makes it."
        )
        return None
    st.subheader("Live GWAS", anchor=False)
    try:
        bases.basis(*pair)
    except MissingArtifactError as error:
        stale(error)
        return None
    if data.study().genotypes is not None and data.missing([f"basis/{'/'.join(pair)}"]):
        st.caption(
            ":material/update: [genotypes] has changed in the study file since the "
            f"products were made; run `{bases.command()}`"
        )
    plot = st.container()
    try:
        ask, against = live_choice.controls(spec, choice)
        now = live_runs.panel(ask)
    except EdpError as error:
        errors.tell(error)
        return None
    shown = Shown(ask, now, against)
    if against is not None:
        shown = _beside(shown)
    with plot:
        exact_view.follow(_wanted(shown))
        _plot(shown, name)
        _facts(shown, score)
    return shown


def stale(error: MissingArtifactError) -> None:
    """Say why the products cannot be used, and how new ones are made."""
    st.warning(
        f"{error.message}. Nothing is drawn until the genotypes' products are made "
        "again:",
        icon=":material/sync_problem:",
    )
    st.code(bases.command(), language="bash")


def _beside(shown: Shown) -> Shown:
    """Add what it is compared with, where that can be had now."""
    assert shown.against is not None
    try:
        before = live_runs.panel(shown.against.ask)
    except EdpError as error:
        st.caption(f":material/info: Not compared: {error.message}. {error.hint}")
        return Shown(shown.ask, shown.now)
    return Shown(shown.ask, shown.now, shown.against, before)


def _wanted(shown: Shown) -> list[tuple[str, Asked]]:
    """Exact passes that would tell more than what is shown."""
    found = [("the score", shown.ask)] if shown.now.waits else []
    if shown.against is not None and shown.before is not None and shown.before.waits:
        found.append((WHAT[shown.against.kind], shown.against.ask))
    return found


def _plot(shown: Shown, name: str) -> None:
    now, before, against = shown.now, shown.before, shown.against
    title = "now, " + kind_of(now)
    if before is None or against is None or not comparable(shown):
        chart = manhattan.manhattan(
            now.thinned, now.loci, title=title, threshold=GENOME_WIDE,
            width=WIDTH, height=300,
        )  # fmt: skip
        file = f"manhattan-{name}"
    else:
        chart = manhattan.miami(
            now.thinned,
            before.thinned,
            loci=(now.loci, before.loci),
            titles=(title, f"{against.title}, {kind_of(before)}"),
            threshold=GENOME_WIDE,
            words=LOCI[against.kind],
            width=WIDTH,
            height=220,
        )
        file = f"miami-{name}"
    if not now.exact:
        file = f"preview-{file}"
    widgets.figure(chart, file, alt_text="Manhattan plot of the score as designed now")


def _facts(shown: Shown, score: Phenotype) -> None:
    """Figures in one line, and what weakens them."""
    now = shown.now
    told = [
        f"**N** {stated(now, score)}",
        f"**variants** {now.n_variants:,}",
        f"**loci** {len(now.loci)}",
        f"**λ** {inflation(now)}",
        "**exact**" if now.exact else f"**R²** {share(now.r2)}",
    ]
    st.markdown(" · ".join(told), help=R2)
    if live_runs.yes_or_no(shown.ask):
        least = max(live_rare.FEWEST, data.study().fewest_copies)
        st.caption(
            "A linear model on 0 and 1, not regenie's logistic one. Left out: variants "
            f"with fewer than {least} copies expected among the cases, or "
            "the others where they are fewer."
        )
    changed = in_words(shown)
    if changed:
        st.markdown(changed)
    if not now.exact and now.r2 < POOR:
        st.warning(
            f"The axes hold only {now.r2:.0%} of this score: the preview is of that "
            "part. Wait for the exact pass.",
            icon=":material/warning:",
        )
    if now.n_filled:
        least = figures.least()
        st.caption(
            f"{about(now.n_filled, least)} of them have no value and were given the "
            "mean: until the exact pass leaves them out, β is too small by their share "
            "and power is lost."
        )


def stated(panel: Panel, score: Phenotype) -> str:
    """N of a GWAS as it may be told."""
    if verdict.leaves_out(score):
        return about(panel.n, figures.least())
    told = figures.people(panel.n)
    if isinstance(told, int):
        told = near(told, [int(score.figures["n"])], figures.least())
    return f"{told:,}" if isinstance(told, int) else told
